package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
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
	drive  *drive.Driver
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
	s.drive = &drive.Driver{T: t, Ctx: ctx, World: w, Pipeline: c.Pipeline, Target: c.Target()}
	s.apply()
	return s
}

func (s *scene) apply() {
	s.t.Helper()
	s.drive.Apply(s.config.YAML())
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
	return s.drive.Release(name, files)
}

func (s *scene) create(name string, files map[string]string) (rollout.ReleaseStatus, error) {
	s.t.Helper()
	return s.drive.Create(name, files)
}

// live makes v1, which then serves.
func (s *scene) live() *scene {
	s.t.Helper()
	s.until(s.release("v1"), drive.In(rollout.StateSucceeded))
	return s
}

// until waits until the rollout satisfies done.
func (s *scene) until(name string, done func(client.Rollout) bool) client.Rollout {
	s.t.Helper()
	return s.drive.Until(name, done)
}

// advance waits until the rollout asks for the phase, and lets it begin.
func (s *scene) advance(name string, phases ...string) {
	s.t.Helper()
	s.drive.Advance(name, phases...)
}

// must ends the test if a command was refused.
func (s *scene) must(ack rollout.Ack, err error) {
	s.t.Helper()
	s.drive.Must(ack, err)
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
	for _, name := range s.drive.Names {
		rollouts = append(rollouts, s.drive.Read(name).Status)
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
	s.drive.Went(r, want...)
}
