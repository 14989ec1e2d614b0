package workflows_test

import (
	"testing"
	"time"

	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

func (s *stage) pause(d time.Duration) {
	s.command(d, rollout.CommandPause, rollout.Command{Actor: "ann", Reason: "lunch"})
}

func (s *stage) resume(d time.Duration) {
	s.command(d, rollout.CommandResume, rollout.Command{Actor: "bob"})
}

// pauses: nothing new begins until somebody resumes the rollout.
func pauses() []pathRow {
	return []pathRow{
		{
			name: "between two phases",
			setup: func(s *stage) {
				s.after()
				s.resume(1 * time.Minute)
				s.pause(1 * time.Hour)
				s.pause(2 * time.Hour)
				s.advance(3*time.Hour, "canary-50")
				s.command(4*time.Hour, rollout.CommandResume, rollout.Command{Actor: "bob", Accept: true})
				s.resume(5 * time.Hour)
				s.resume(6 * time.Hour)
				s.command(7*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: append(append([]string{"created"}, through()...), "waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"paused by ann (lunch)", "waits for person: paused by ann (lunch)", "resumed by bob",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED"),
			refused: []string{
				"resume v2-to-prod-0001: the rollout does not wait for a person",
				"pause v2-to-prod-0001: the rollout is paused by ann (lunch) already",
				"advance v2-to-prod-0001: the rollout is paused by ann (lunch): resume it first",
				"resume v2-to-prod-0001: the rollout is paused, and nothing is observed that could be accepted: resume it without accept",
				"resume v2-to-prod-0001: the rollout does not wait for a person",
			},
		},
		{
			name: "before the lane is granted",
			setup: func(s *stage) {
				s.needs(rollout.Approval{MinApprovals: 1})
				s.approve(time.Hour, "bob")
				s.pause(time.Hour + time.Minute) // the grant comes five minutes after the approval
				s.resume(2 * time.Hour)
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: append([]string{
				"created", "approved: 1 of 1 by bob", "waits for lane: waits for its lane", "paused by ann (lunch)",
				"granted", "waits for person: paused by ann (lunch)", "resumed by bob",
			}, through("waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED")[1:]...),
		},
		{
			name: "what the plan advances by itself is due again after the pause",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true, Wait: 24 * time.Hour}
				s.pause(12 * time.Hour)
				s.resume(13 * time.Hour)
				s.pause(20 * time.Hour)
				s.resume(30 * time.Hour)
				s.command(40*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: append(append([]string{"created"}, through()...), "waits for timer: advances to canary-50 by itself",
				"paused by ann (lunch)", "waits for person: paused by ann (lunch)", "resumed by bob",
				"waits for timer: advances to canary-50 by itself",
				"paused by ann (lunch)", "waits for person: paused by ann (lunch)", "resumed by bob",
				"canary-50 advanced by automation", "canary-50 started", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded",
				"waits for advance: canary-50 is done; stable gives the release 100%", "cancelling by ann", "ended CANCELLED"),
		},
		{
			name: "the last job that runs ends the rollout, paused or not",
			setup: func(s *stage) {
				s.onCluster()
				s.advance(time.Hour, "stable")
				s.pause(time.Hour + time.Minute)
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "waits for timer: the route change reaches every proxy",
				"canary-25 succeeded", "waits for advance: canary-25 is done; stable gives the release 100%",
				"stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)",
				"waits for timer: the route change reaches every proxy and requests leave the canary", "paused by ann (lunch)",
				"stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "one resume ends a pause and answers what a person was asked",
			setup: func(s *stage) {
				s.after()
				s.platform.Drift(service, "eve", rollout.Split{{Revision: "shop-v0", Percent: 100}})
				s.pause(time.Hour)
				s.command(2*time.Hour, rollout.CommandResume, rollout.Command{Actor: "bob", Accept: true})
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v0 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-v0 100%)",
				"waits for person: eve changed the split to shop-v0 100%; it was shop-v1 100% when v1-to-prod-0001 ended",
				"paused by ann (lunch)", "resumed: accepted what is observed by bob", "settled (shop-v0 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v0 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED",
			},
		},
		{
			name: "a failure in a pause restores, and is revived only after it",
			setup: func(s *stage) {
				s.onCluster()
				s.pause(30 * time.Second)
				s.command(40*time.Second, rollout.CommandTerminate, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
				s.command(1*time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
				s.resume(2 * time.Hour)
				s.command(3*time.Hour, rollout.CommandIgnoreJob, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
				s.command(4*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "canary-25 started",
				"canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "waits for timer: the route change reaches every proxy",
				"paused by ann (lunch)", "canary-25 terminating by ann", "canary-25 terminated: terminated", "restored (shop-v1 100%)", "failed",
				"resumed by bob", "canary-25 ignored by ann", "waits for lane: asks for its lane again", "granted",
				"waits for advance: traffic was restored, and canary-25 ignored; stable gives the release 100%", "cancelling by ann", "ended CANCELLED",
			},
			refused: []string{"retryJob v2-to-prod-0001: the rollout is paused by ann (lunch): resume it first"},
		},
	}
}

// stoppedPromotion makes v1 a rollout over v0 that FAILED in stable, with that split now.
func (s *stage) stoppedPromotion(now rollout.Split) {
	s.after()
	s.platform.Drift(service, fake.Identity, now)
	r := s.grant.Predecessor
	r.State, r.PromotionBegun, r.Promoted, r.Stable, r.Mark = rollout.StateFailed, true, false, "shop-v0", rollout.Mark{}
}

// starts: a rollout that begins at a later phase, as a rollback does.
func starts() []pathRow {
	return []pathRow{
		{
			name: "a rollback starts at stable, which begins by itself",
			setup: func(s *stage) {
				s.after()
				s.start.StartingPhase, s.start.RollbackOf, s.start.Actor, s.start.Reason = "stable", "v1-to-prod-0001", "ann", "bad"
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created: rolls back v1-to-prod-0001 by ann (bad)", "granted",
				"canary-25 skipped: starts at stable", "canary-50 skipped: starts at stable", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "the rollback of a promotion that stopped half way keeps the split until its release is ready",
			setup: func(s *stage) {
				s.stoppedPromotion(rollout.Split{{Revision: "shop-v0", Percent: 50}, {Revision: "shop-v1", Percent: 50}})
				s.start.StartingPhase, s.start.RollbackOf = "stable", "v1-to-prod-0001"
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created: rolls back v1-to-prod-0001", "granted", "canary-25 skipped: starts at stable", "canary-50 skipped: starts at stable",
				"baseline (shop-v0 50%, shop-v1 50%)",
				"settled (shop-v0 50%, shop-v1 50%): kept until v2 is ready: v1-to-prod-0001 stopped in its promotion",
				"stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "unless somebody else has moved traffic meanwhile",
			setup: func(s *stage) {
				s.stoppedPromotion(rollout.Split{{Revision: "shop-v0", Percent: 50}, {Revision: "shop-eve", Percent: 50}})
				s.start.StartingPhase, s.start.RollbackOf = "stable", "v1-to-prod-0001"
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-eve 50%, shop-v0 50%",
			path: []string{
				"created: rolls back v1-to-prod-0001", "granted", "canary-25 skipped: starts at stable", "canary-50 skipped: starts at stable",
				"baseline (shop-eve 50%, shop-v0 50%)",
				"waits for person: v1-to-prod-0001 stopped after its promotion had begun; now shop-eve 50%, shop-v0 50% serves, before it was shop-v0",
				"cancelling by ann", "ended CANCELLED",
			},
		},
		{
			name: "a rollout that starts in the middle goes on as usual",
			setup: func(s *stage) {
				s.after()
				s.start.StartingPhase = "canary-50"
				s.advance(time.Hour, "stable")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "canary-25 skipped: starts at canary-50", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-50 started", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded",
				"waits for advance: canary-50 is done; stable gives the release 100%", "stable advanced by ann",
				"stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "Google's first rollout does not wait where a person has named its start",
			setup: func(s *stage) {
				s.grant.First = true
				s.plan.APIVersion = rollout.APIVersionGoogle
				s.start.StartingPhase = "stable"
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "canary-25 skipped: starts at stable", "canary-50 skipped: starts at stable", "baseline",
				"stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "a start that the plan does not have fails before anything is written",
			setup: func(s *stage) {
				s.after()
				s.start.StartingPhase = "canary-10"
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: []string{
				"created", "granted",
				`canary-25 failed: find phase "canary-10" of v2-to-prod-0001: it does not exist: its phases are canary-25, canary-50, stable`,
				"failed", "cancelling by ann", "ended CANCELLED",
			},
		},
		{
			name: "a rollout hears that it is rolled back, once, while it is open",
			setup: func(s *stage) {
				s.after()
				s.platform.Fail("v2", "boom")
				back := func() { s.SignalWorkflow(rollout.SignalRolledBack, rollout.RolledBack{Seq: 7, By: "v1-to-prod-0002"}) }
				s.at(1*time.Hour, back)
				s.at(2*time.Hour, back)
				s.at(3*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v1-to-prod-0002"}) })
			},
			want: rollout.StateFailed, splits: "shop-v1 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "canary-25 started",
				"canary-25 failed: deploy shop-v2 to prod: boom (mend what it names and retry the job, or make a new release)",
				"restored (shop-v1 100%)", "failed", "rolled back by v1-to-prod-0002", "ended FAILED: v1-to-prod-0002 has started",
			},
		},
	}
}

// TestAPauseKeepsTheTimerVisible: resume does not hide what is still waited for.
func TestAPauseKeepsTheTimerVisible(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.onCluster()
	s.pause(10 * time.Second)
	s.resume(20 * time.Second)
	s.at(30*time.Second, func() {
		if w := s.state(t).Waiting; w == nil || w.For != rollout.WaitTimer || w.Until.IsZero() {
			t.Errorf("it waits for %+v", w)
		}
	})
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	s.run(t)
}
