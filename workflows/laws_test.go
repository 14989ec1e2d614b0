package workflows_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// writesThenFails lets Deploy write the phase's split and then end with an error.
func (s *stage) writesThenFails() {
	s.OnActivity("Deploy", mock.Anything, mock.Anything).Return(
		func(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
			if err := errors.Join(s.platform.Deploy(ctx, r.Work), s.platform.SetWeight(ctx, r.Work)); err != nil {
				return activities.StepResult{}, activities.Application(err)
			}
			return activities.StepResult{}, activities.Application(&rollout.Error{
				Op: "deploy", Kind: rollout.Failed, Err: errors.New("it crashed while requests moved"),
			})
		})
}

// last keeps the newest record that the rollout reported to its lane.
func (s *stage) last() *rollout.Record {
	record := new(rollout.Record)
	old := s.onSignal
	s.onSignal = func(id, signal string, arg any) error {
		if m, ok := arg.(rollout.Report); ok {
			*record = m.Record
		}
		return old(id, signal, arg)
	}
	return record
}

// then plays v3 after s on the same platform, cancels it after an hour, and returns its path.
func (s *stage) then(t *testing.T, predecessor rollout.Record) []string {
	t.Helper()
	n := newStageOn(t, s.platform, "v3")
	n.grant.Predecessor = &predecessor
	n.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	return path(n.run(t))
}

func serves(s *stage) string {
	splits := s.platform.Splits(service)
	if len(splits) == 0 {
		return rollout.Split{}.String()
	}
	return splits[len(splits)-1].String()
}

func has(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, part) })
}

// TestOurOwnWriteIsNoDrift: a write whose answer was lost, or whose step failed
// afterwards, is undone by a restore and settled by the next rollout.
func TestOurOwnWriteIsNoDrift(t *testing.T) {
	t.Parallel()
	cancel := rollout.Command{Actor: "ann"}
	for _, row := range []struct {
		name  string
		setup func(*stage)
		want  string // what serves in the end
	}{
		{"the answer of a shift is lost, then the platform denies", func(s *stage) {
			s.at(30*time.Minute, func() { s.platform.Lose("SetWeight"); s.platform.Fault("SetWeight", denied(), 1) })
			s.advance(time.Hour, "canary-50")
		}, "shop-v1 100%"},
		{"the step fails after it has written", (*stage).writesThenFails, "shop-v1 100%"},
		{"the answer of a settle is lost", func(s *stage) { s.platform.Lose("SetWeight") }, "shop-v1 75%, shop-v2 25%"},
		{"with hold the next rollout settles it", func(s *stage) {
			s.plan.OnFailure = rollout.OnFailureHold
			s.writesThenFails()
		}, "shop-v1 75%, shop-v2 25%"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.after()
			row.setup(s)
			s.command(2*time.Hour, rollout.CommandCancel, cancel)
			record := s.last()
			got := path(s.run(t))
			if has(got, "waits for person") || has(got, "restore failed") || serves(s) != row.want {
				t.Errorf("it serves %s: %q", serves(s), got)
			}
			if next := s.then(t, *record); has(next, "waits for person") {
				t.Errorf("the next rollout takes it for drift: %q", next)
			}
		})
	}
}

// TestAnIgnoredPromotionMakesNothingStable: SUCCEEDED alone does not make a revision the one
// that the next rollout settles on.
func TestAnIgnoredPromotionMakesNothingStable(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		setup func(*stage)
	}{
		{"the release never got a request", func(s *stage) {
			s.plan.Phases = s.plan.Phases[2:]
			s.platform.Fail("v2", "image not found")
		}},
		{"the release had half of them", func(s *stage) {
			s.plan.Phases = s.plan.Phases[1:]
			s.at(30*time.Minute, func() { s.platform.Fault("Promote", denied(), 1) })
			s.advance(time.Hour, "stable")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.after()
			row.setup(s)
			s.command(2*time.Hour, rollout.CommandIgnoreJob, rollout.Command{Phase: "stable", Job: rollout.JobDeploy, Actor: "ann"})
			record := s.last()
			if s.run(t).State != rollout.StateSucceeded || record.Promoted {
				t.Fatalf("%+v", record)
			}
			before := serves(s)
			next := s.then(t, *record)
			if !has(next, "waits for person: v2-to-prod-0001 stopped after its promotion had begun") || serves(s) != before {
				t.Errorf("it serves %s: %q", serves(s), next)
			}
		})
	}
}

// TestAFirstRolloutThatFailedInStableNeedsAPerson: it may serve everything, and be broken.
func TestAFirstRolloutThatFailedInStableNeedsAPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.grant.First = true
	s.platform.Fault("Remove", denied(), 1)
	s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
	record := s.last()
	s.run(t)
	if next := s.then(t, *record); !has(next, "waits for person: v2-to-prod-0001 stopped after its promotion had begun") {
		t.Errorf("%q", next)
	}
}

// TestAFirstRolloutThatNeverServedNeedsNobody: a wrong image in the first release of all is
// mended by the next one; there is no traffic to protect.
func TestAFirstRolloutThatNeverServedNeedsNobody(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.grant.First = true
	s.platform.Fail("v2", "image not found")
	s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
	record := s.last()
	s.run(t)
	if next := s.then(t, *record); serves(s) != "shop-v3 100%" {
		t.Errorf("it serves %s: %q", serves(s), next)
	}
}

// TestASettleThatFailedForgetsNothing: what the lane knew of the stable revision is
// worth more than what a rollout saw that has settled nothing.
func TestASettleThatFailedForgetsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.platform.Fault("SetWeight", denied(), 1)
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	record := s.last()
	if got := path(s.run(t)); !has(got, "canary-25 failed") || len(record.Mark.Split) > 0 {
		t.Errorf("mark %v: %q", record.Mark, got)
	}
}

// TestNothingIsSkippedBeforeSettleSucceeded: what made the canary needless may change until then.
func TestNothingIsSkippedBeforeSettleSucceeded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	w := activities.Work{Rollout: "x", Pipeline: "shop", Release: "v2", Target: s.plan.Target, CloudRun: s.plan.CloudRun, Weight: 100}
	if err := s.platform.Deploy(t.Context(), w); err != nil { // the release serves already
		t.Fatal(err)
	}
	real := activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: s.platform}, new(fake.Artifacts))
	first := true
	s.OnActivity("Settle", mock.Anything, mock.Anything).Return(
		func(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
			if first { // eve is faster
				s.platform.Drift(service, "eve", rollout.Split{{Revision: "shop-v1", Percent: 100}})
			}
			first = false
			return real.Settle(ctx, r)
		})
	s.command(time.Hour, rollout.CommandResume, rollout.Command{Accept: true, Actor: "ann"})
	s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	got := path(s.run(t))
	if serves(s) != "shop-v1 75%, shop-v2 25%" {
		t.Errorf("it serves %s: %q", serves(s), got)
	}
}

// TestABrokenStableCanBeReplaced: settle waits for readiness only where requests would shift.
func TestABrokenStableCanBeReplaced(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.platform.Fail("", "out of memory") // shop-v1, of no release of ours
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	if got := path(s.run(t)); !has(got, "canary-25 shifted 25%") {
		t.Errorf("%q", got)
	}
}

// TestCancelWithRestoreAfterARetry: an earlier restore says nothing of what was written since.
func TestCancelWithRestoreAfterARetry(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.plan.OnFailure = rollout.OnFailureRestore
	calls := 0
	s.OnActivity("Deploy", mock.Anything, mock.Anything).Return(
		func(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
			if calls++; calls == 2 {
				s.platform.Fault("Restore", denied(), 1)
				if err := errors.Join(s.platform.Deploy(ctx, r.Work), s.platform.SetWeight(ctx, r.Work)); err != nil {
					t.Error(err)
				}
			}
			return activities.StepResult{}, activities.Application(denied())
		})
	s.command(1*time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: "deploy", Actor: "ann"})
	s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
	if got := path(s.run(t)); serves(s) != "shop-v1 100%" {
		t.Errorf("it serves %s: %q", serves(s), got)
	}
}

// TestACancelEndsWhatCannotEndItself: a lane that is gone, a restore that hangs.
func TestACancelEndsWhatCannotEndItself(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		setup func(*stage)
	}{
		{"its lane is gone", func(s *stage) {
			s.plan.OnFailure = rollout.OnFailureHold
			s.platform.Fault("Deploy", denied(), 1)
			s.onSignal = func(string, string, any) error { return errors.New("not found") }
			s.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
		}},
		{"its restore hangs", func(s *stage) {
			s.platform.Fail("v2", "boom")
			s.OnActivity("Restore", mock.Anything, mock.Anything).After(23*time.Hour).Return(
				activities.StepResult{}, temporal.NewNonRetryableApplicationError("503", string(rollout.Transient), nil))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.after()
			row.setup(s)
			s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "bob"})
			var state rollout.State
			s.at(3*time.Hour, func() { state = s.state(t).State })
			s.at(100*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "x"}) })
			if s.run(t); state != "" && state != rollout.StateCancelled {
				t.Errorf("an hour after the cancel it is %s", state)
			}
		})
	}
}

// TestAGrantThatCrossesTheEndChangesNothing: CANCELLED is final.
func TestAGrantThatCrossesTheEndChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	crossed := false
	s.onSignal = func(_, _ string, arg any) error {
		if m, ok := arg.(rollout.Report); ok && m.Record.State == rollout.StateCancelled && !crossed {
			crossed = true
			s.give()
		}
		return nil
	}
	s.command(time.Second, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	s.ExecuteWorkflow(rollout.WorkflowRollout, rollout.Start{Rollout: "v2-to-prod-0001", Plan: s.plan})
	status := s.state(t)
	if n := strings.Count(strings.Join(path(status), "\n"), "ended"); n != 1 || status.State != rollout.StateCancelled {
		t.Errorf("%s: %q", status.State, path(status))
	}
}

// TestRetriesAreBounded, and with them the history.
func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.platform.Fault("Check", denied(), 150)
	for i := range 120 {
		s.command(time.Duration(i+1)*time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: "deploy"})
	}
	s.command(200*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	s.run(t)
	if len(s.refused) != 20 || s.refused[0] != "retryJob v2-to-prod-0001: it has had 100 attempts: make a new rollout" {
		t.Errorf("%d refused: %q", len(s.refused), s.refused)
	}
}
