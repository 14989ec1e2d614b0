package e2e_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// patience is how long a test goes without what it waits for.
const patience = 2 * time.Minute

// scene is one pipeline in a world, whose service has the pipeline's name.
type scene struct {
	t      *testing.T
	w      *world.World
	ctx    context.Context
	config world.Configuration
	names  []string // of the rollouts, oldest first
}

// newScene applies a pipeline with an automated canary in the shared world.
func newScene(t *testing.T, pipeline string, percentages []int, extra string) *scene {
	t.Helper()
	return stage(t, shared, world.Configuration{Pipeline: pipeline, Canary: world.Percentages(percentages, extra)})
}

// stage applies a configuration.
func stage(t *testing.T, w *world.World, c world.Configuration) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	if c.Endpoint == "" {
		c.Endpoint = w.Run.URL()
	}
	s := &scene{t: t, w: w, ctx: ctx, config: c}
	s.apply()
	return s
}

func (s *scene) apply() {
	s.t.Helper()
	if _, err := s.w.Client.Apply(s.ctx, s.config.YAML(), "ann"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) pipeline() string { return s.config.Pipeline }
func (s *scene) service() string  { return s.w.Service(s.config.Pipeline) }

// release makes a release of an image of the same name and returns its rollout's name.
func (s *scene) release(name string) string {
	s.t.Helper()
	return s.releaseOf(name, map[string]string{"service.yaml": world.Manifest(s.pipeline(), "img/"+name)})
}

// releaseOf is release from any files.
func (s *scene) releaseOf(name string, files map[string]string) string {
	s.t.Helper()
	if _, err := s.create(name, files); err != nil {
		s.t.Fatalf("release %s: %v", name, err)
	}
	var rolloutName string
	if err := s.patient(func() (err error) {
		rolloutName, err = s.w.Client.WaitRollout(s.ctx, s.pipeline(), name, s.config.Target())
		return err
	}); err != nil {
		s.t.Fatalf("rollout of %s: %v", name, err)
	}
	s.names = append(s.names, rolloutName)
	return rolloutName
}

func (s *scene) create(name string, files map[string]string) (rollout.ReleaseStatus, error) {
	s.t.Helper()
	source, err := s.w.Source(s.ctx, files)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.w.Client.CreateRelease(s.ctx, rollout.CreateRequest{Pipeline: s.pipeline(), Release: name, Source: source, Actor: "ann"})
}

// live makes v1, which then serves.
func (s *scene) live() *scene {
	s.t.Helper()
	s.until(s.release("v1"), in(rollout.StateSucceeded))
	return s
}

// patient asks again while nobody answers: the worker may just have been killed.
func (s *scene) patient(ask func() error) error {
	for {
		if err := ask(); rollout.KindOf(err) != rollout.Expired || s.ctx.Err() != nil {
			return err
		}
	}
}

// until waits until the rollout satisfies done.
func (s *scene) until(name string, done func(client.Rollout) bool) client.Rollout {
	s.t.Helper()
	var last client.Rollout
	enough := errors.New("enough")
	err := s.patient(func() error {
		return s.w.Client.Watch(s.ctx, s.pipeline(), name, func(r client.Rollout) error {
			if last = r; done(r) {
				return enough
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, enough) {
		s.t.Fatalf("watch %s: %v\nit is %s (%+v) %+v\n%s", name, err, last.State, last.Waiting, last.Progress, strings.Join(path(last), "\n"))
	}
	if !done(last) {
		s.t.Fatalf("%s is %s (%+v)\n%s", name, last.State, last.Waiting, strings.Join(path(last), "\n"))
	}
	return last
}

// advance waits until the rollout asks for the phase, and lets it begin.
func (s *scene) advance(name string, phases ...string) {
	s.t.Helper()
	for _, phase := range phases {
		s.until(name, asksFor(phase))
		s.must(s.w.Client.Advance(s.ctx, s.pipeline(), name, rollout.Command{Phase: phase, Actor: "ann"}))
	}
}

// must ends the test if a command was refused.
func (s *scene) must(_ rollout.Ack, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// refuses wants err to be of a kind and to contain each text.
func (s *scene) refuses(err error, kind rollout.Kind, texts ...string) {
	s.t.Helper()
	if rollout.KindOf(err) != kind {
		s.t.Errorf("got %q of kind %q, want %s", err, rollout.KindOf(err), kind)
		return
	}
	contains(s.t, err.Error(), texts...)
}

func contains(t *testing.T, got string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Errorf("%q does not say %q", got, text)
		}
	}
}

// serves wants the service's whole history of splits, tags aside, and holds it to the
// law of traffic.
func (s *scene) serves(want ...string) {
	s.t.Helper()
	got, err := s.w.Splits(s.ctx, s.pipeline())
	if err != nil {
		s.t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("it served\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	s.lawful()
}

// lawful holds the split history to the law of traffic.
func (s *scene) lawful() {
	s.t.Helper()
	var rollouts []rollout.Status
	for _, name := range s.names {
		var r client.Rollout
		if err := s.patient(func() (err error) {
			r, err = s.w.Client.Rollout(s.ctx, s.pipeline(), name)
			return err
		}); err != nil {
			s.t.Fatal(err)
		}
		rollouts = append(rollouts, r.Status)
	}
	breaches, err := s.w.Breaches(s.ctx, s.pipeline(), rollouts...)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, b := range breaches {
		s.t.Error(b)
	}
}

// went wants the rollout's events, one line each.
func (s *scene) went(r client.Rollout, want ...string) {
	s.t.Helper()
	if got := path(r); !slices.Equal(got, want) {
		s.t.Errorf("it went\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// path is every event of r without revisions, which are digests.
func path(r client.Rollout) []string {
	out := make([]string, len(r.Events))
	for i, e := range r.Events {
		e.Split = nil
		out[i] = e.String()
	}
	return out
}

// has reports whether a line of the rollout's path contains text.
func has(r client.Rollout, text string) bool {
	return slices.ContainsFunc(path(r), func(line string) bool { return strings.Contains(line, text) })
}

func waitsFor(what rollout.WaitFor) func(client.Rollout) bool {
	return func(r client.Rollout) bool { return r.Waiting != nil && r.Waiting.For == what }
}

func asksFor(phase string) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		next, _ := r.NextPhase()
		return waitsFor(rollout.WaitAdvance)(r) && next != nil && next.ID == phase
	}
}

func in(state rollout.State) func(client.Rollout) bool {
	return func(r client.Rollout) bool { return r.State == state }
}
