package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// pathRow is one rollout: what is set up, what people do and when, and every event until
// the end.
type pathRow struct {
	name    string
	setup   func(*stage)
	want    rollout.State
	path    []string
	refused []string
	splits  string // the last one
}

// TestPaths reads as the specification of a rollout.
func TestPaths(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(
		advances(), firsts(), failures(), cancels(), drifts(), predecessors(), refusals(),
		approvals(), rejections(), pauses(), starts(), automations(), windows(), overrides(), repairs(), repairEnds(), jobPaths(),
	) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			row.setup(s)
			status := s.run(t)
			equal(t, "path", path(status), row.path)
			equal(t, "refused", s.refused, row.refused)
			if status.State != row.want {
				t.Errorf("state %s, want %s", status.State, row.want)
			}
			splits := s.platform.Splits(service)
			if got := splits[len(splits)-1].String(); got != row.splits {
				t.Errorf("it serves %s, want %s", got, row.splits)
			}
		})
	}
}

// advances: how phases begin.
func advances() []pathRow {
	return []pathRow{
		{
			name: "a person advances each phase",
			setup: func(s *stage) {
				s.after()
				s.advance(1*time.Hour, "canary-50")
				s.advance(2*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann", "canary-50 started", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded",
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "phases advance by themselves, and a person may be faster",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true, Wait: 24 * time.Hour}
				s.plan.Phases[2].Advance = rollout.Advance{Automatic: true, Wait: 96 * time.Hour}
				s.advance(30*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for timer: advances to canary-50 by itself", "canary-50 advanced by automation",
				"canary-50 started", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded",
				"waits for timer: advances to stable by itself", "stable advanced by ann",
				"stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
	}
}

// firsts: first rollouts.
func firsts() []pathRow {
	return []pathRow{
		{
			name:  "a first rollout where nothing serves goes straight to stable",
			setup: func(s *stage) { s.grant.First = true },
			want:  rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline",
				"canary-25 skipped: nothing serves on prod yet", "canary-50 skipped: nothing serves on prod yet",
				"stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "a first rollout under Google's rule waits before stable",
			setup: func(s *stage) {
				s.grant.First = true
				s.plan.APIVersion = rollout.APIVersionGoogle
				s.platform.Serve(service, "shop-terraform")
				s.advance(time.Hour, "stable")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-terraform 100%)",
				"settled (shop-terraform 100%)",
				"canary-25 skipped: first rollout: no earlier release of this pipeline is on prod",
				"canary-50 skipped: first rollout: no earlier release of this pipeline is on prod",
				"waits for advance: canary-50 is skipped: first rollout: no earlier release of this pipeline is on prod; now shop-terraform 100% serves",
				"stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "a first rollout takes what serves already as its baseline",
			setup: func(s *stage) {
				s.grant.First = true
				s.platform.Serve(service, "shop-terraform")
				s.platform.Fail("v2", "container exited with 1")
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-terraform 100%",
			path: []string{
				"created", "granted", "baseline (shop-terraform 100%)", "settled (shop-terraform 100%)", "canary-25 started",
				"canary-25 failed: deploy shop-v2 to prod: container exited with 1 (mend what it names and retry the job, or make a new release)",
				"restored (shop-terraform 100%)", "failed", "cancelling by ann", "ended CANCELLED",
			},
		},
	}
}

// failures: failed jobs.
func failures() []pathRow {
	return []pathRow{
		{
			name: "a failure before promotion restores, and a retry begins the phase again",
			setup: func(s *stage) {
				s.after()
				s.at(30*time.Minute, func() { s.platform.Fault("SetWeight", denied(), 1) })
				s.advance(1*time.Hour, "canary-50")
				s.command(2*time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"})
				s.advance(3*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "canary-50 advanced by ann", "canary-50 started",
				"canary-50 failed: fake: set weight prod/shop: no permission", "restored (shop-v1 100%)", "failed",
				"canary-50 retried by ann", "waits for lane: asks for its lane again", "granted",
				"canary-50 started (attempt 2)", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded",
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "with hold a failure leaves the split, and an ignored job lets the next phase follow",
			setup: func(s *stage) {
				s.after()
				s.plan.OnFailure = rollout.OnFailureHold
				s.at(30*time.Minute, func() { s.platform.Fault("SetWeight", denied(), 1) })
				s.advance(1*time.Hour, "canary-50")
				s.command(2*time.Hour, rollout.CommandIgnoreJob, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"})
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann", Reason: "enough"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "canary-50 advanced by ann", "canary-50 started",
				"canary-50 failed: fake: set weight prod/shop: no permission", "failed",
				"canary-50 ignored by ann", "waits for lane: asks for its lane again", "granted",
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"cancelling by ann (enough)", "ended CANCELLED",
			},
		},
		{
			name: "a failure in stable moves nothing back",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases = s.plan.Phases[2:]
				s.platform.Fault("Promote", denied(), 1)
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
				s.at(2*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
			},
			want: rollout.StateFailed, splits: "shop-v1 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "stable started",
				"stable failed: fake: set weight prod/shop: no permission", "failed", "ended FAILED: v3-to-prod-0001 has started",
			},
			refused: []string{"cancel v2-to-prod-0001: promotion has begun: from there on only a new rollout moves traffic back"},
		},
		{
			name: "a preflight that finds a problem writes nothing, and a retry looks again",
			setup: func(s *stage) {
				s.after()
				s.platform.Fault("Check", denied(), 1)
				s.command(time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
				s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "canary-25 failed: fake: set weight prod/shop: no permission", "failed",
				"canary-25 retried by ann", "waits for lane: asks for its lane again", "granted",
				"baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED",
			},
		},
	}
}

// cancels: cancels.
func cancels() []pathRow {
	return []pathRow{
		{
			name: "cancel leaves the split where it is",
			setup: func(s *stage) {
				s.after()
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED",
			},
		},
		{
			name: "cancel with restore puts it back",
			setup: func(s *stage) {
				s.after()
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"cancelling: restore by ann", "restored (shop-v1 100%)", "ended CANCELLED",
			},
		},
		{
			name: "a cancellation by Temporal is a cancel",
			setup: func(s *stage) {
				s.after()
				s.at(time.Hour, s.CancelWorkflow)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by temporal", "ended CANCELLED",
			},
		},
	}
}

// drifts: drift in the middle of a rollout.
func drifts() []pathRow {
	return []pathRow{
		{
			name: "drift waits for a person, who accepts what is there",
			setup: func(s *stage) {
				s.after()
				s.at(30*time.Minute, func() {
					s.platform.Drift(service, "eve", rollout.Split{{Revision: "shop-hotfix", Percent: 100}})
				})
				s.advance(1*time.Hour, "canary-50")
				s.advance(90*time.Minute, "stable")
				s.command(2*time.Hour, rollout.CommandResume, rollout.Command{Accept: true, Actor: "ann"})
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-hotfix 100%",
			refused: []string{"advance v2-to-prod-0001: canary-50 is IN_PROGRESS, not SUCCEEDED or SKIPPED"},
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "canary-50 advanced by ann", "canary-50 started",
				"waits for person: check for drift on prod: eve changed the split to shop-hotfix 100%; it was shop-v1 75%, shop-v2 25%",
				"resumed: accepted what is observed by ann", "settled (shop-hotfix 100%)",
				"canary-50 shifted 50% (shop-hotfix 50%, shop-v2 50%)", "canary-50 succeeded",
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"cancelling: restore by ann", "restored (shop-hotfix 100%)", "ended CANCELLED",
			},
		},
		{
			name: "drift that was put right lets the rollout go on",
			setup: func(s *stage) {
				s.after()
				s.at(30*time.Minute, func() { s.platform.Drift(service, "eve", rollout.Split{{Revision: "shop-v1", Percent: 100}}) })
				s.advance(1*time.Hour, "canary-50")
				s.command(2*time.Hour, rollout.CommandResume, rollout.Command{Actor: "ann"}) // too early
				s.at(3*time.Hour, func() {
					s.platform.Drift(service, fake.Identity, rollout.Split{{Revision: "shop-v1", Percent: 75}, {Revision: "shop-v2", Percent: 25}})
				})
				s.command(4*time.Hour, rollout.CommandResume, rollout.Command{Actor: "ann"})
				s.advance(5*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "canary-50 advanced by ann", "canary-50 started",
				"waits for person: check for drift on prod: eve changed the split to shop-v1 100%; it was shop-v1 75%, shop-v2 25%",
				"resumed by ann",
				"waits for person: check for drift on prod: eve changed the split to shop-v1 100%; it was shop-v1 75%, shop-v2 25%",
				"resumed by ann", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded",
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
	}
}

// predecessors: what a rollout finds of the one before.
func predecessors() []pathRow {
	return []pathRow{
		{
			name: "somebody moved traffic between two rollouts",
			setup: func(s *stage) {
				s.after()
				s.platform.Drift(service, "eve", rollout.Split{{Revision: "shop-v0", Percent: 100}})
				s.advance(time.Minute, "canary-25")
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			refused: []string{"advance v2-to-prod-0001: canary-25 is the first phase, which begins by itself"},
			want:    rollout.StateCancelled, splits: "shop-v0 100%",
			path: []string{
				"created", "granted", "baseline (shop-v0 100%)",
				"waits for person: eve changed the split to shop-v0 100%; it was shop-v1 100% when v1-to-prod-0001 ended",
				"cancelling by ann", "ended CANCELLED",
			},
		},
		{
			name: "a predecessor that stopped after its promotion had begun needs a person",
			setup: func(s *stage) {
				s.after()
				s.grant.Predecessor.State, s.grant.Predecessor.PromotionBegun, s.grant.Predecessor.Promoted = rollout.StateFailed, true, false
				s.grant.Predecessor.Stable = "shop-v0"
				s.command(time.Hour, rollout.CommandResume, rollout.Command{Accept: true, Actor: "ann"})
				s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)",
				"waits for person: v1-to-prod-0001 stopped after its promotion had begun; now shop-v1 100% serves, before it was shop-v0",
				"resumed: accepted what is observed by ann", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED",
			},
		},
		{
			name: "an unsettled predecessor is settled first",
			setup: func(s *stage) {
				s.after()
				left := rollout.Split{{Revision: "shop-v1", Percent: 50}, {Revision: "shop-bad", Percent: 50}}
				s.platform.Drift(service, fake.Identity, left)
				s.grant.Predecessor = &rollout.Record{
					Rollout: "bad-to-prod-0001", State: rollout.StateCancelled, Stable: "shop-v1", Mark: rollout.Mark{Split: left},
				}
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-bad 50%, shop-v1 50%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED",
			},
		},
	}
}

// refusals: commands that the state does not allow.
func refusals() []pathRow {
	return []pathRow{
		{
			name: "gcloud's refusals",
			setup: func(s *stage) {
				s.after()
				s.advance(1*time.Minute, "stable")
				s.advance(2*time.Minute, "")
				s.advance(3*time.Minute, "canary-99")
				s.advance(4*time.Minute, "canary-25")
				s.command(5*time.Minute, rollout.CommandAdvance, rollout.Command{Phase: "canary-50", Digest: "sha256:other"})
				s.command(6*time.Minute, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy})
				s.command(7*time.Minute, rollout.CommandResume, rollout.Command{})
				s.command(8*time.Minute, rollout.CommandTerminate, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy})
				s.command(9*time.Minute, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
				"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED",
			},
			refused: []string{
				"advance v2-to-prod-0001: canary-50 comes before stable: no phase is passed over",
				"advance v2-to-prod-0001: phase is missing: name the phase that may begin",
				`find phase "canary-99" of v2-to-prod-0001: it does not exist: its phases are canary-25, canary-50, stable`,
				"advance v2-to-prod-0001: canary-25 is SUCCEEDED already",
				"advance v2-to-prod-0001: it is about release digest sha256:other, this rollout has sha256:v2",
				"retryJob v2-to-prod-0001: job deploy of canary-25 is SUCCEEDED, not FAILED",
				"resume v2-to-prod-0001: the rollout does not wait for a person",
				"terminateJobRun v2-to-prod-0001: job deploy of canary-25 has no job run in progress",
			},
		},
	}
}
