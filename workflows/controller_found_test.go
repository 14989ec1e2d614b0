package workflows_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// What reviews have found, a row each: sequences that once ended otherwise.

func retryOf(phase string) rollout.Command {
	return rollout.Command{Phase: phase, Job: rollout.JobDeploy, Actor: "ann"}
}

// TestAChildInAnEarlierPhaseIsNotPassedOver: over the budget the children fail in different phases,
// and are retried one after the other.
func TestAChildInAnEarlierPhaseIsNotPassedOver(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		fails  string // asia's phase that fails; eu is given up in the one before
		before string
	}{
		{"asia fails in stable", "stable", "canary-50"},
		{"asia fails in canary-50", "canary-50", "canary-25"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			none := 0
			f := newFleet(t, waved()[:2]...)
			f.plan.Parallel.FailureBudget = &none
			if row.before != "canary-25" {
				f.advance(1*time.Hour, row.before)
			}
			f.at(2*time.Hour, func() { f.platform.FailAt("asia", "v2", "it exits with 1") })
			f.advance(3*time.Hour, row.fails)
			f.at(4*time.Hour, func() { f.platform.FailAt("asia", "v2", "") })
			f.child(5*time.Hour, "asia", rollout.CommandRetryJob, retryOf(row.fails))
			f.child(7*time.Hour, "eu", rollout.CommandRetryJob, retryOf(row.before))
			f.command(9*time.Hour, rollout.CommandAdvance, rollout.Command{Phase: "stable", Actor: "ann"})
			if s := f.runFleet(t); s.State != rollout.StateSucceeded || f.serves() != "asia shop-v2-2 100%; eu shop-v2 100%" {
				t.Errorf("%s, and it serves %s", s.State, f.serves())
			}
		})
	}
}

// TestACancelWithoutTheLaneWritesNothing: a FAILED controller asks for its lane to restore, and
// another rollout has been granted it meanwhile.
func TestACancelWithoutTheLaneWritesNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waved()[:2]...)
	f.plan.OnFailure = rollout.OnFailureHold
	f.at(1*time.Hour, func() { f.platform.FailAt("asia", "v2", "it exits with 1") })
	f.advance(2*time.Hour, "canary-50")
	f.onSignal = func(_, signal string, _ any) error {
		if signal == rollout.SignalAcquire {
			f.at(time.Second, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
		}
		return nil
	}
	before := ""
	f.at(3*time.Hour-time.Second, func() { before = f.serves() })
	f.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann", Restore: true})
	if s := f.runFleet(t); s.State != rollout.StateCancelled || before == "" || f.serves() != before {
		t.Errorf("%s, and it serves %s after %s", s.State, f.serves(), before)
	}
}

// TestAChildThatEndsByItself: somebody ends a child between two phases, by Temporal's own means.
func TestAChildThatEndsByItself(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"cancelled", "terminated"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f := newFleetOf(t, killable, three()...)
			f.plan.Phases[1].Advance = rollout.Advance{Automatic: true, Wait: 2 * time.Hour}
			f.at(1*time.Hour, func() {
				id := rollout.RolloutID("shop", "v2-to-eu-0001")
				if how == "cancelled" {
					f.CancelWorkflowByID(id, "")
				} else if err := f.SignalWorkflowByID(id, "kill", nil); err != nil {
					t.Error(err)
				}
			})
			f.at(5*time.Hour, func() {
				if s := f.state(t); s.State != rollout.StateHalted || strings.Contains(f.serves(), "50%") {
					t.Errorf("%s, and it serves %s", s.State, f.serves())
				}
			})
			f.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			if s := f.runFleet(t); s.State != rollout.StateCancelled {
				t.Errorf("%s", s.State)
			}
		})
	}
}

// killable runs children that end at once when they hear "kill", as if they were terminated.
func killable(e *env) { workflows.Register(killing{e}) }

type killing struct{ *env }

func (r killing) RegisterWorkflowWithOptions(w any, o workflow.RegisterOptions) {
	if o.Name == rollout.WorkflowRollout {
		w = func(ctx workflow.Context, in rollout.Start) (out rollout.Record, err error) {
			if in.Controller == "" {
				return workflows.Rollout(ctx, in)
			}
			done, killed := false, false
			workflow.Go(ctx, func(ctx workflow.Context) {
				out, err = workflows.Rollout(ctx, in)
				done = true
			})
			free, stop := workflow.NewDisconnectedContext(ctx)
			defer stop()
			workflow.Go(free, func(ctx workflow.Context) {
				workflow.GetSignalChannel(ctx, "kill").Receive(ctx, nil)
				killed = true
			})
			if workflow.Await(free, func() bool { return done || killed }) != nil || !done {
				return rollout.Record{}, errors.New("terminated")
			}
			return out, err
		}
	}
	r.env.RegisterWorkflowWithOptions(w, o)
}

// TestAControllerGivesUpWhileItsChildFails: what reaches the child in the middle of its own failure
// is forgotten with it.
func TestAControllerGivesUpWhileItsChildFails(t *testing.T) {
	t.Parallel()
	s := newLed(t)
	s.platform.Fail("v2", "it exits with 1")
	s.onSignal = func(_, _ string, arg any) error {
		if m, ok := arg.(rollout.Report); ok && m.Child != nil && m.Child.State == rollout.StateFailed {
			s.at(0, func() { s.SignalWorkflow(rollout.SignalDirect, rollout.Direction{Seq: 2, Fail: "over the budget"}) })
		}
		return nil
	}
	s.at(time.Hour, func() {
		s.SignalWorkflow(rollout.SignalDirect, rollout.Direction{Seq: 3, Cancel: &rollout.Command{Actor: "ann"}})
	})
	if got := s.lead(t); got.State != rollout.StateCancelled {
		t.Errorf("%s: %v", got.State, path(got))
	}
}
