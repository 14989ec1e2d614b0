package workflows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// repair lets shop/auto/mend repair every failed job, and canary-25's deploy fail n times.
func (s *stage) repair(n int, phases ...rollout.Repair) {
	s.after()
	s.rule(activities.TriggerRepair, "", rollout.Rule{ID: "mend", Repair: phases})
	s.platform.Fault("Deploy", denied(), n)
}

const (
	broken  = "canary-25 failed: fake: set weight prod/shop: no permission"
	restore = "restored (shop-v1 100%)"
)

// attempt is what one failure and the wait for the next attempt look like.
func attempt(n, of int) []string {
	return []string{
		fmt.Sprintf("canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 deploy, attempt %d of %d", n, of),
		fmt.Sprintf("waits for timer: shop/auto/mend retries deploy of canary-25: attempt %d of %d", n, of),
	}
}

// failing is the path to the first failure, whose repair was found.
func failing(more ...[]string) []string {
	return append([]string{
		"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "canary-25 started", broken, restore,
		"canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 deploy",
	}, slices.Concat(more...)...)
}

func again(n int, more ...string) []string {
	return append([]string{"canary-25 retried by shop/auto/mend", fmt.Sprintf("canary-25 started (attempt %d)", n)}, more...)
}

// works is what a deploy of canary-25 looks like.
func works() []string {
	return []string{"canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded"}
}

// repairs: a failed job that an automation runs again.
func repairs() []pathRow {
	return []pathRow{
		{
			name: "the third attempt works, and the lane was held meanwhile",
			setup: func(s *stage) {
				s.repair(3, rollout.Repair{Attempts: 5, Wait: 10 * time.Minute})
				s.waits(10*time.Minute, 20*time.Minute, 30*time.Minute)
				s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: failing(attempt(1, 5), again(2, broken, restore), attempt(2, 5), again(3, broken, restore), attempt(3, 5), again(4, works()...),
				[]string{"canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 deploy, attempt 3 of 5", toCanary50, "cancelling by ann", "ended CANCELLED"}),
		},
		{
			name: "waits that double",
			setup: func(s *stage) {
				s.repair(3, rollout.Repair{Attempts: 3, Wait: 10 * time.Minute, Exponential: true})
				s.waits(10*time.Minute, 30*time.Minute, 70*time.Minute)
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: failing(attempt(1, 3), again(2, broken, restore), attempt(2, 3), again(3, broken, restore), attempt(3, 3), again(4, works()...),
				[]string{"canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 deploy, attempt 3 of 3", toCanary50, "cancelling by ann", "ended CANCELLED"}),
		},
		{
			name: "two repair phases one after another, without a wait",
			setup: func(s *stage) {
				s.repair(2, rollout.Repair{Attempts: 1}, rollout.Repair{Attempts: 1})
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: failing(attempt(1, 2)[:1], again(2, broken, restore), attempt(2, 2)[:1], again(3, works()...),
				[]string{"canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 deploy, attempt 2 of 2", toCanary50, "cancelling by ann", "ended CANCELLED"}),
		},
		{
			name: "a pause holds the attempt up",
			setup: func(s *stage) {
				s.repair(1, rollout.Repair{Attempts: 1, Wait: 30 * time.Minute})
				s.pause(10 * time.Minute)
				s.resume(20 * time.Minute)
				s.pause(25 * time.Minute)
				s.resume(2 * time.Hour)
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: failing(attempt(1, 1), []string{"paused by ann (lunch)", "waits for person: paused by ann (lunch)", "resumed by bob"},
				attempt(1, 1)[1:], []string{"paused by ann (lunch)", "waits for person: paused by ann (lunch)", "resumed by bob"}, again(2, works()...),
				[]string{"canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 deploy, attempt 1 of 1", toCanary50, "cancelling by ann", "ended CANCELLED"}),
		},
		{
			name: "an attempt waits for the window",
			setup: func(s *stage) {
				s.repair(1, rollout.Repair{Attempts: 1, Wait: 30 * time.Minute})
				s.forbid(rollout.CommandRetryJob, 24*time.Hour)
				s.at(12*time.Hour, func() { s.shows(rollout.WaitWindow, 24*time.Hour) })
				s.command(48*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: failing(attempt(1, 1), []string{"waits for window: policy freeze forbids retryJob"}, again(2, works()...),
				[]string{"canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 deploy, attempt 1 of 1", toCanary50, "cancelling by ann", "ended CANCELLED"}),
		},
		{
			name: "after promotion has begun, with nothing moved back",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases = s.plan.Phases[2:]
				s.rule(activities.TriggerRepair, "stable", rollout.Rule{ID: "mend", Repair: []rollout.Repair{{Attempts: 1}}})
				s.platform.Fault("Promote", denied(), 1)
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "stable started",
				"stable failed: fake: set weight prod/shop: no permission",
				"stable repair shop/auto/mend is IN_PROGRESS: stable deploy", "stable repair shop/auto/mend is IN_PROGRESS: stable deploy, attempt 1 of 1",
				"stable retried by shop/auto/mend", "stable started (attempt 2)", "stable shifted 100% (shop-v2 100%)", "stable succeeded",
				"stable repair shop/auto/mend is SUCCEEDED: stable deploy, attempt 1 of 1", "ended SUCCEEDED",
			},
		},
		{
			name: "a preflight that has failed is repaired as well",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerRepair, "", rollout.Rule{ID: "mend", Repair: []rollout.Repair{{Attempts: 1}}})
				s.platform.Fault("Check", denied(), 1)
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: slices.Concat([]string{"created", "granted", broken, "canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 deploy"},
				attempt(1, 1)[:1], []string{"canary-25 retried by shop/auto/mend"}, through()[1:],
				[]string{"canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 deploy, attempt 1 of 1", toCanary50, "cancelling by ann", "ended CANCELLED"}),
		},
	}
}

// repairEnds: what ends a repair.
func repairEnds() []pathRow {
	aborted := func(why string) string {
		return "canary-25 repair shop/auto/mend is ABORTED: canary-25 deploy, attempt 1 of 2: " + why
	}
	closed := func(s *stage) {
		s.at(9*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
	}
	retry := rollout.Repair{Attempts: 2, Wait: time.Hour}
	job := rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}
	return []pathRow{
		{
			name: "a manual retry is faster",
			setup: func(s *stage) {
				s.repair(1, retry)
				s.command(10*time.Minute, rollout.CommandRetryJob, job)
				s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: failing(attempt(1, 2), []string{aborted("canary-25 retried by ann"), "canary-25 retried by ann", "canary-25 started (attempt 2)"},
				works(), []string{toCanary50, "cancelling by ann", "ended CANCELLED"}),
		},
		{
			name: "a manual ignore",
			setup: func(s *stage) {
				s.repair(1, retry)
				s.command(10*time.Minute, rollout.CommandIgnoreJob, job)
				s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: failing(attempt(1, 2), []string{
				aborted("canary-25 ignored by ann"), "canary-25 ignored by ann", pastIgnored, "cancelling by ann", "ended CANCELLED",
			}),
		},
		{
			name: "a cancel",
			setup: func(s *stage) {
				s.repair(1, retry)
				s.command(10*time.Minute, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: failing(attempt(1, 2), []string{"cancelling by ann", aborted("the rollout is cancelled"), "ended CANCELLED"}),
		},
		{
			name: "the end of an attempt's job run",
			setup: func(s *stage) {
				s.onCluster()
				s.rule(activities.TriggerRepair, "", rollout.Rule{ID: "mend", Repair: []rollout.Repair{retry, {}}})
				s.platform.Fault("Deploy", denied(), 1)
				s.command(time.Hour+30*time.Second, rollout.CommandTerminate, job)
				closed(s)
			},
			want: rollout.StateFailed, splits: "shop-v1 100%",
			path: failing(attempt(1, 2), again(2, "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)",
				"waits for timer: the route change reaches every proxy", "canary-25 terminating by ann", "canary-25 terminated: terminated", restore,
				aborted("its job run was terminated"), "failed", "ended FAILED: v3-to-prod-0001 has started")),
		},
		{
			name: "an automation that was suspended",
			setup: func(s *stage) {
				s.repair(1, retry)
				s.permitted = func(q activities.PermitRequest) activities.PermitResult {
					return activities.PermitResult{Refused: map[bool]string{true: "automation shop/auto is suspended"}[q.Automation == "shop/auto"]}
				}
				closed(s)
			},
			want: rollout.StateFailed, splits: "shop-v1 100%",
			path: failing(attempt(1, 2), []string{
				"canary-25 repair shop/auto/mend is FAILED: canary-25 deploy, attempt 1 of 2: automation shop/auto is suspended",
				"failed", "ended FAILED: v3-to-prod-0001 has started",
			}),
		},
		{
			name: "no attempt is left",
			setup: func(s *stage) {
				s.repair(9, rollout.Repair{Attempts: 1})
				s.command(time.Hour, rollout.CommandRetryJob, job) // another failure, another repair
				closed(s)
			},
			want: rollout.StateFailed, splits: "shop-v1 100%",
			path: failing(attempt(1, 1)[:1], again(2, broken, restore,
				"canary-25 repair shop/auto/mend is FAILED: canary-25 deploy, attempt 1 of 1: no attempt is left", "failed",
				"canary-25 retried by ann", "waits for lane: asks for its lane again", "granted", "canary-25 started (attempt 3)", broken, restore,
				"canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 deploy"), attempt(1, 1)[:1], again(4, broken, restore,
				"canary-25 repair shop/auto/mend is FAILED: canary-25 deploy, attempt 1 of 1: no attempt is left",
				"failed", "ended FAILED: v3-to-prod-0001 has started")),
		},
	}
}

// waits compares when the job was retried with the given times after its first failure.
func (s *stage) waits(want ...time.Duration) {
	s.t.Cleanup(func() {
		var first time.Time
		var got []time.Duration
		for _, e := range s.state(s.t).Events {
			switch {
			case e.Kind == rollout.EventJobFailed && first.IsZero():
				first = e.Time
			case e.Kind == rollout.EventRetried:
				got = append(got, e.Time.Sub(first).Round(time.Minute))
			}
		}
		if !slices.Equal(got, want) {
			s.t.Errorf("retried after %v, want %v", got, want)
		}
	})
}

// TestARepairHoldsItsLane: nobody else begins on what is half done.
func TestARepairHoldsItsLane(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.repair(1, rollout.Repair{Attempts: 2, Wait: time.Hour})
	s.at(30*time.Minute, func() {
		s.shows(rollout.WaitTimer, time.Hour)
		got := s.state(t)
		equal(t, "commands", got.Waiting.Commands, []string{
			"serin rollout retry-job --pipeline shop --rollout v2-to-prod-0001 --phase canary-25 --job deploy",
			"serin rollout ignore-job --pipeline shop --rollout v2-to-prod-0001 --phase canary-25 --job deploy",
			"serin rollout cancel --pipeline shop --rollout v2-to-prod-0001",
		})
		if got.State != rollout.StateInProgress || len(s.sent) > 0 || got.Repair == nil || got.Repair.Attempt != 1 {
			t.Errorf("%s, sent %q, repair %+v", got.State, s.sent, got.Repair)
		}
	})
	s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	s.run(t)
}

// TestARepairEndsWithARollback: the rollout is FAILED and has given its lane back, then asks
// for one once, in an open window, and hears of it.
func TestARepairEndsWithARollback(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.repair(9, rollout.Repair{Attempts: 1}, rollout.Repair{StartingPhase: "stable", UnlessPending: true})
	s.forbid(rollout.UpdateRollback, 5*time.Hour)
	s.at(time.Hour, func() { s.shows(rollout.WaitWindow, 5*time.Hour) })
	var asked []rollout.Create
	s.onSignal = func(_, signal string, arg any) error {
		if c, ok := arg.(rollout.Create); ok && signal == rollout.UpdateRollback {
			asked = append(asked, c)
			s.at(time.Minute, func() { s.SignalWorkflow(rollout.SignalRolledBack, rollout.RolledBack{Seq: 3, By: "v1-to-prod-0002"}) })
		}
		return nil
	}
	s.at(9*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v1-to-prod-0002"}) })
	status := s.run(t)
	equal(t, "path", path(status), failing(attempt(1, 1)[:1], again(2, broken, restore, "failed",
		"waits for window: policy freeze forbids rollback",
		"canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 deploy, attempt 1 of 1, rollback asked for",
		"rolled back by v1-to-prod-0002", "canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 deploy, attempt 1 of 1, rollback asked for",
		"ended FAILED: v1-to-prod-0002 has started")))
	want := rollout.Create{
		Request: "v2-to-prod-0001/repair/1", Rollout: "v2-to-prod-0001", StartingPhase: "stable", UnlessPending: true,
		Automation: "shop/auto/mend", Actor: "shop/auto/mend", Reason: "fake: set weight prod/shop: no permission",
	}
	if len(asked) != 1 || fmt.Sprint(asked[0]) != fmt.Sprint(want) {
		t.Errorf("asked for %+v, want %+v", asked, want)
	}
	equal(t, "sent", s.sent, []string{"report -> prod FAILED", "rollback -> prod"})
	equal(t, "rolled back by", status.RolledBackBy, []string{"v1-to-prod-0002"})
}

// TestARepairsRollbackComesBeforeItsReport: nobody who queues begins in between.
func TestARepairsRollbackComesBeforeItsReport(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.repair(1, rollout.Repair{})
	s.at(9*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v1-to-prod-0002"}) })
	equal(t, "path", path(s.run(t)), failing([]string{
		"failed", "canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 deploy, rollback asked for",
		"canary-25 repair shop/auto/mend is ABORTED: canary-25 deploy, rollback asked for: v1-to-prod-0002 has started",
		"ended FAILED: v1-to-prod-0002 has started",
	}))
	equal(t, "sent", s.sent, []string{"rollback -> prod", "report -> prod FAILED"})
}

// TestAPersonIsFasterThanARepairsRollback: a retry while it waits for the window.
func TestAPersonIsFasterThanARepairsRollback(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.repair(1, rollout.Repair{})
	s.forbid(rollout.UpdateRollback, 5*time.Hour)
	s.command(time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
	s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	equal(t, "path", path(s.run(t)), failing([]string{
		"failed", "waits for window: policy freeze forbids rollback",
		"canary-25 repair shop/auto/mend is ABORTED: canary-25 deploy: canary-25 retried by ann",
		"canary-25 retried by ann", "waits for lane: asks for its lane again", "granted", "canary-25 started (attempt 2)",
	}, works(), []string{toCanary50, "cancelling by ann", "ended CANCELLED"}))
}

// TestAPersonIsFasterThanTheQuestionForARepair: while nobody answers what is configured.
func TestAPersonIsFasterThanTheQuestionForARepair(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.repair(1, rollout.Repair{Attempts: 1})
	s.silent = activities.Automations
	s.command(time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
	s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	got := path(s.run(t))
	if !has(got, "to repair canary-25 it asks again what is configured") || !has(got, "canary-25 retried by ann") ||
		has(got, "asks for its lane again") || !has(got, "canary-25 succeeded") {
		t.Errorf("%q, refused %q", got, s.refused)
	}
}

// TestRepairsAreBoundedByTheAttemptsOfAJob, and with them the history.
func TestRepairsAreBoundedByTheAttemptsOfAJob(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.repair(1000, slices.Repeat([]rollout.Repair{{Attempts: 10}}, 12)...)
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	status := s.run(t)
	if run := status.Job("canary-25", rollout.JobDeploy).Run; run.Attempt != 101 || status.Repair.State != rollout.RepairFailed {
		t.Errorf("attempt %d, repair %+v", run.Attempt, status.Repair)
	}
}
