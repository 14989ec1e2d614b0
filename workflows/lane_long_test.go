package workflows_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// ledger is what a long life of a lane has to come to, kept beside it.
type ledger struct {
	releases  int
	made      []string       // every rollout, in the order they were made
	grants    map[string]int // by rollout
	asked     map[string]int // answers by request
	succeeded []string       // releases, newest first
}

// TestALaneForgetsNothing sends 5,000 rollouts through one lane, which continues as new a hundred
// times, each time in the moment in which a report, two releases, a promotion, a refused rollback
// and the repetition of a request arrive.
func TestALaneForgetsNothing(t *testing.T) {
	t.Parallel()
	const total = 5000
	begin := time.Date(2030, 11, 22, 5, 0, 0, 0, time.UTC)
	status := rollout.LaneStatus{Pipeline: "shop", Target: "prod"}
	book := &ledger{grants: map[string]int{}, asked: map[string]int{}}
	for runs := 0; len(book.made) < total; runs++ {
		k := newTrack(t)
		k.SetStartTime(begin.Add(time.Duration(runs) * 3 * time.Hour))
		k.onSignal = func(id, signal string, _ any) error { // a rollout of an earlier run
			if signal == rollout.SignalGrant {
				k.say("grant %s", id[len("rollout/shop/"):])
			}
			return nil
		}
		last := book.life(k, runs)
		k.ExecuteWorkflow(rollout.WorkflowLane, status)
		var again *workflow.ContinueAsNewError
		if !errors.As(k.GetWorkflowError(), &again) {
			t.Fatalf("run %d ended: %v", runs, k.GetWorkflowError())
		}
		status = rollout.LaneStatus{}
		if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &status); err != nil {
			t.Fatal(err)
		}
		book.count(k)
		if status.Holder != last[0] || !slices.Equal(status.Queue, last[1:]) {
			t.Fatalf("run %d: holder %q, queue %q, want %q", runs, status.Holder, status.Queue, last)
		}
		book.check(t, status)
	}
	for _, name := range book.made[:len(book.made)-2] { // the last two queue
		if book.grants[name] != 1 {
			t.Errorf("%s was granted the lane %d times", name, book.grants[name])
		}
	}
	for request, n := range book.asked {
		if n != 1 {
			t.Errorf("request %s made %d rollouts", request, n)
		}
	}
	t.Logf("%d rollouts, %d requests, %d messages of the lane", len(book.made), len(book.asked), status.Sent)
}

// life plans the events of one run, and returns the rollouts that then have the lane and queue.
func (b *ledger) life(k *track, runs int) []string {
	const each = 10
	at := time.Minute
	tick := func() time.Duration { at += time.Second; return at }
	end := func(name string, state rollout.State) { k.at(tick(), func() { k.report(name, 1, state) }) }
	if runs > 0 { // what the run before has left
		left := b.made[len(b.made)-3:]
		k.ask(tick(), rollout.UpdatePromote, rollout.Create{Request: fmt.Sprint("promote-", runs-1), Release: "other", Actor: "again"})
		for _, name := range left {
			end(name, rollout.StateSucceeded)
			b.success(name[:len("v00000")])
		}
	}
	for i := range each {
		name := b.enqueue(k, tick())
		switch i % 5 {
		case 3:
			end(name, rollout.StateFailed)
			goal := b.succeeded[0]
			k.ask(tick(), rollout.UpdateRollback, rollout.Create{Request: "rollback-" + name, Actor: "ann"})
			back := rollout.Name(goal, "prod", 2+b.numbers(goal))
			b.made = append(b.made, back)
			end(back, rollout.StateSucceeded)
		case 4:
			end(name, rollout.StateCancelled)
		default:
			end(name, rollout.StateSucceeded)
			b.success(name[:len("v00000")])
		}
		for range 2 {
			name = b.enqueue(k, tick())
			end(name, rollout.StateSucceeded)
			b.success(name[:len("v00000")])
		}
	}
	holder := b.enqueue(k, tick())
	b.success(holder[:len("v00000")])
	k.at(tick(), func() { // all in one moment
		k.SetContinueAsNewSuggested(true)
		k.report(holder, 1, rollout.StateSucceeded)
	})
	first, second := b.enqueue(k, at), b.enqueue(k, at)
	third := b.next()
	b.made = append(b.made, third)
	c := rollout.Create{Request: fmt.Sprint("promote-", runs), Release: third[:len("v00000")], Actor: "ann"}
	k.ask(at, rollout.UpdatePromote, c)
	k.at(at, func() {
		k.SignalWorkflow(rollout.UpdateRollback, rollout.Create{Rollout: "v00000-to-prod-0001", Actor: "bob"})
	})
	k.ask(at, rollout.UpdatePromote, c)
	return []string{first, second, third}
}

// numbers returns how many rollouts beyond its first the release has had.
func (b *ledger) numbers(release string) (n int) {
	for _, name := range b.made {
		if name[:len("v00000")] == release {
			n++
		}
	}
	return n - 1
}

func (b *ledger) next() string {
	b.releases++
	return rollout.Name(fmt.Sprintf("v%05d", b.releases), "prod", 1)
}

func (b *ledger) enqueue(k *track, d time.Duration) string {
	name := b.next()
	b.made = append(b.made, name)
	k.release(d, name[:len("v00000")])
	return name
}

func (b *ledger) success(release string) {
	b.succeeded = append([]string{release}, b.succeeded[:min(1, len(b.succeeded))]...)
}

// count takes over what was said in a run.
func (b *ledger) count(k *track) {
	for _, line := range k.said {
		var name string
		if _, err := fmt.Sscanf(line, "grant %s", &name); err == nil {
			b.grants[name]++
		}
	}
	for _, in := range k.started {
		if in.Actor == "ann" && in.RollbackOf == "" {
			b.asked["promote of "+in.Plan.Release]++
		} else if in.RollbackOf != "" {
			b.asked["rollback of "+in.RollbackOf]++
		}
	}
}

// check compares the record with the ledger.
func (b *ledger) check(t *testing.T, s rollout.LaneStatus) {
	t.Helper()
	var kept []string
	for _, r := range s.Records {
		kept = append(kept, r.Rollout)
	}
	want := slices.Clone(b.made[len(b.made)-rollout.KeptRecords:])
	slices.Reverse(want)
	if !slices.Equal(kept, want) {
		t.Fatalf("records\n got %q\nwant %q", kept, want)
	}
	var succeeded []string
	for _, r := range s.Succeeded {
		succeeded = append(succeeded, r.Release)
	}
	if !slices.Equal(succeeded, b.succeeded) {
		t.Fatalf("succeeded %q, want %q", succeeded, b.succeeded)
	}
	if len(s.Notes) == 0 || len(s.Notes) > rollout.KeptRecords || s.Last == nil {
		t.Fatalf("notes %q, last %+v", s.Notes, s.Last)
	}
}
