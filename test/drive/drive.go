// Package drive takes the releases of one pipeline through their rollouts, as the people
// and services around a worker do.
package drive

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// Driver drives one pipeline with one target. What it cannot do ends the test.
type Driver struct {
	T        testing.TB
	Ctx      context.Context //nolint:containedctx // of the test, bounded by its patience
	World    *world.World
	Pipeline string
	Target   string
	Names    []string // of the rollouts, oldest first
}

// Apply applies configuration.
func (d *Driver) Apply(yaml []byte) {
	d.T.Helper()
	if _, err := d.World.Client.Apply(d.Ctx, yaml, "ann"); err != nil {
		d.T.Fatal(err)
	}
}

// Release makes a release from files, content by name, and returns its rollout's name.
func (d *Driver) Release(name string, files map[string]string) string {
	d.T.Helper()
	if _, err := d.Create(name, files); err != nil {
		d.T.Fatalf("release %s: %v", name, err)
	}
	var rolloutName string
	if err := d.Patient(func() (err error) {
		rolloutName, err = d.World.Client.WaitRollout(d.Ctx, d.Pipeline, name, d.Target)
		return err
	}); err != nil {
		d.T.Fatalf("rollout of %s: %v", name, err)
	}
	d.Names = append(d.Names, rolloutName)
	return rolloutName
}

// Create is Release up to the answer.
func (d *Driver) Create(name string, files map[string]string) (rollout.ReleaseStatus, error) {
	d.T.Helper()
	source, err := d.World.Source(d.Ctx, files)
	if err != nil {
		d.T.Fatal(err)
	}
	return d.World.Client.CreateRelease(d.Ctx, rollout.CreateRequest{Pipeline: d.Pipeline, Release: name, Source: source, Actor: "ann"})
}

// Patient asks again while nobody answers: the worker may just have been killed, and Temporal, which
// is in this process, may be as busy as it.
func (d *Driver) Patient(ask func() error) error {
	for {
		err := ask()
		if kind := rollout.KindOf(err); (kind != rollout.Expired && kind != rollout.Unreachable) || d.Ctx.Err() != nil {
			return err
		}
	}
}

// Read returns the rollout as it is now, also once it has ended.
func (d *Driver) Read(name string) (r client.Rollout) {
	d.T.Helper()
	if err := d.Patient(func() (err error) {
		r, err = d.World.Client.Rollout(d.Ctx, d.Pipeline, name)
		return err
	}); err != nil {
		d.T.Fatalf("read %s: %v", name, err)
	}
	return r
}

// Until waits until the rollout satisfies done.
func (d *Driver) Until(name string, done func(client.Rollout) bool) client.Rollout {
	d.T.Helper()
	var last client.Rollout
	enough := errors.New("enough")
	err := d.Patient(func() error {
		return d.World.Client.Watch(d.Ctx, d.Pipeline, name, func(r client.Rollout) error {
			if last = r; done(r) {
				return enough
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, enough) {
		d.T.Fatalf("watch %s: %v\nit is %s (%+v) %+v\n%s", name, err, last.State, last.Waiting, last.Progress, strings.Join(Path(last), "\n"))
	}
	if !done(last) {
		d.T.Fatalf("%s is %s (%+v)\n%s", name, last.State, last.Waiting, strings.Join(Path(last), "\n"))
	}
	return last
}

// Advance waits until the rollout asks for each phase, and lets it begin.
func (d *Driver) Advance(name string, phases ...string) {
	d.T.Helper()
	for _, phase := range phases {
		d.Until(name, AsksFor(phase))
		d.Must(d.World.Client.Advance(d.Ctx, d.Pipeline, name, rollout.Command{Phase: phase, Actor: "ann"}))
	}
}

// Must ends the test if a command was refused.
func (d *Driver) Must(_ rollout.Ack, err error) {
	d.T.Helper()
	if err != nil {
		d.T.Fatal(err)
	}
}

// Went wants the rollout's events, one line each.
func (d *Driver) Went(r client.Rollout, want ...string) {
	d.T.Helper()
	if got := Path(r); !slices.Equal(got, want) {
		d.T.Errorf("it went\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// Path is every event of r without revisions, which are digests.
func Path(r client.Rollout) []string {
	out := make([]string, len(r.Events))
	for i, e := range r.Events {
		e.Split = nil
		out[i] = e.String()
	}
	return out
}

// Has reports whether a line of the rollout's path contains text.
func Has(r client.Rollout, text string) bool {
	return slices.ContainsFunc(Path(r), func(line string) bool { return strings.Contains(line, text) })
}

// WaitsFor is a condition of Until.
func WaitsFor(what rollout.WaitFor) func(client.Rollout) bool {
	return func(r client.Rollout) bool { return r.Waiting != nil && r.Waiting.For == what }
}

// AsksFor is a condition of Until: the rollout waits for an advance to phase.
func AsksFor(phase string) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		next, _ := r.NextPhase()
		return WaitsFor(rollout.WaitAdvance)(r) && next != nil && next.ID == phase
	}
}

// In is a condition of Until.
func In(state rollout.State) func(client.Rollout) bool {
	return func(r client.Rollout) bool { return r.State == state }
}
