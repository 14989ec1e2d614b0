package workflows_test

import (
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// deployed is the path to the end of canary-25's deploy.
func deployed(more ...string) []string {
	return append([]string{
		"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
		"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
	}, more...)
}

const (
	cancelled = "cancelling by ann"
	ended     = "ended CANCELLED"
	asksAgain = "waits for lane: asks for its lane again"
	restored  = "restored (shop-v1 100%)"

	pastIgnored = "waits for advance: traffic was restored, and canary-25 ignored; canary-50 gives the release 50%"
	redeployed  = "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)"
)

// hears compares what jobs and webhooks were asked.
func (s *stage) hears(want ...string) {
	s.t.Cleanup(func() { equal(s.t, "asked", s.words.heard, want) })
}

func (s *stage) command25(d time.Duration, name string, job rollout.JobKind) {
	s.command(d, name, rollout.Command{Phase: "canary-25", Job: job, Actor: "ann"})
}

// jobRuns: the jobs of a phase beside its deploy.
func jobRuns() []pathRow {
	return []pathRow{
		{
			name: "every job of a phase runs in its order",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases = s.plan.Phases[1:]
				for _, ph := range []string{"canary-50", "stable"} {
					s.with(ph, rollout.Job{ID: rollout.JobPostdeploy}, rollout.Job{ID: rollout.JobAnalysis}, rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobPredeploy})
				}
				s.says(rollout.JobAnalysis, passes(4*time.Hour), passes(time.Hour))
				s.advance(5*time.Hour, "stable")
				s.hears("RunJob predeploy of canary-50 1", "RunJob verify of canary-50 1", "Analyze analysis of canary-50 1", "RunJob postdeploy of canary-50 1",
					"RunJob predeploy of stable 1", "RunJob verify of stable 1", "Analyze analysis of stable 1", "RunJob postdeploy of stable 1")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-50 predeploy started", "canary-50 predeploy succeeded",
				"canary-50 started", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded",
				"canary-50 verify started", "canary-50 verify succeeded", "canary-50 analysis started", "canary-50 analysis succeeded",
				"canary-50 postdeploy started", "canary-50 postdeploy succeeded", toStable, "stable advanced by ann",
				"stable predeploy started", "stable predeploy succeeded", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded",
				"stable verify started", "stable verify succeeded", "stable analysis started", "stable analysis succeeded",
				"stable postdeploy started", "stable postdeploy succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "a verify that fails restores, and its retry deploys and verifies again",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
				s.says(rollout.JobVerify, fails(time.Minute, "task-1 exited with 3"))
				s.command25(time.Hour, rollout.CommandRetryJob, rollout.JobVerify)
				s.cancels(2 * time.Hour)
				s.hears("RunJob verify of canary-25 1", "RunJob verify of canary-25 2")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed("canary-25 verify started", "canary-25 verify failed: task-1 exited with 3", restored, "failed",
				"canary-25 verify retried by ann", asksAgain, "granted", "canary-25 started (attempt 2)", redeployed, "canary-25 succeeded",
				"canary-25 verify started (attempt 2)", "canary-25 verify succeeded", toCanary50, cancelled, ended),
		},
		{
			name: "with hold the split stays, and the retry runs only the failed job and what follows",
			setup: func(s *stage) {
				s.after()
				s.plan.OnFailure = rollout.OnFailureHold
				s.with("canary-25", rollout.Job{ID: rollout.JobPredeploy}, rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobPostdeploy})
				s.says(rollout.JobVerify, fails(0, "task-1 exited with 3"))
				s.command25(time.Hour, rollout.CommandRetryJob, rollout.JobVerify)
				s.cancels(2 * time.Hour)
				s.hears("RunJob predeploy of canary-25 1", "RunJob verify of canary-25 1", "RunJob verify of canary-25 2", "RunJob postdeploy of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "canary-25 predeploy started", "canary-25 predeploy succeeded",
				"canary-25 started", redeployed, "canary-25 succeeded",
				"canary-25 verify started", "canary-25 verify failed: task-1 exited with 3", "failed", "canary-25 verify retried by ann", asksAgain, "granted",
				"canary-25 verify started (attempt 2)", "canary-25 verify succeeded", "canary-25 postdeploy started", "canary-25 postdeploy succeeded",
				toCanary50, cancelled, ended,
			},
		},
		{
			name: "an ignored verify shifts nothing, and nothing looks at requests that are gone",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobAnalysis})
				s.says(rollout.JobVerify, fails(0, "task-1 exited with 3"))
				s.command25(time.Hour, rollout.CommandIgnoreJob, rollout.JobVerify)
				s.cancels(2 * time.Hour)
				s.hears("RunJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed("canary-25 verify started", "canary-25 verify failed: task-1 exited with 3", restored, "failed",
				"canary-25 verify ignored by ann", asksAgain, "granted", pastIgnored, cancelled, ended),
		},
	}
}

// TestOnlyAPersonAdvancesPastWhatIsIgnoredAfterARestore: the release has no requests, and the next phase
// would give it all of its share at once.
func TestOnlyAPersonAdvancesPastWhatIsIgnoredAfterARestore(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.plan.Phases[1].Advance, s.plan.Phases[2].Advance = rollout.Advance{Automatic: true}, rollout.Advance{Automatic: true}
	s.with("canary-50", rollout.Job{ID: rollout.JobAnalysis})
	s.says(rollout.JobAnalysis, fails(0, "errors 9 > 1"))
	s.command(time.Hour, rollout.CommandIgnoreJob, rollout.Command{Phase: "canary-50", Job: rollout.JobAnalysis, Actor: "ann"})
	s.advance(3*time.Hour, "stable")
	got := path(s.run(t))
	equal(t, "end of path", got[slices.Index(got, "canary-50 analysis ignored by ann")+1:], []string{
		asksAgain, "granted", "waits for advance: traffic was restored, and canary-50 ignored; stable gives the release 100%",
		"stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
	})
}

// jobFailures: what a failed job does, by where it is.
func jobFailures() []pathRow {
	return []pathRow{
		{
			name: "a predeploy that fails lets no request move",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobPredeploy})
				s.says(rollout.JobPredeploy, fails(0, "migrate exited with 1"))
				s.cancels(time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "canary-25 predeploy started",
				"canary-25 predeploy failed: migrate exited with 1", restored, "failed", cancelled, ended,
			},
		},
		{
			name: "a predeploy of stable comes before promotion, and restores",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases = s.plan.Phases[1:]
				s.with("stable", rollout.Job{ID: rollout.JobPredeploy})
				s.says(rollout.JobPredeploy, fails(0, "migrate exited with 1"))
				s.advance(time.Hour, "stable")
				s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"canary-50 started", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded", toStable, "stable advanced by ann",
				"stable predeploy started", "stable predeploy failed: migrate exited with 1", restored, "failed", "cancelling: restore by ann", ended,
			},
		},
		{
			name: "a postdeploy that fails in stable moves nothing back, and the release stays promoted",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases = s.plan.Phases[2:]
				s.with("stable", rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobPostdeploy})
				s.says(rollout.JobPostdeploy, fails(0, "announce exited with 1"))
				s.at(2*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
				record := s.last()
				s.t.Cleanup(func() {
					if !record.Promoted || record.Unsettled || record.StableManifest != "sha256:manifest-v2" {
						s.t.Errorf("the lane hears %+v", record)
					}
				})
			},
			want: rollout.StateFailed, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "stable started", "stable shifted 100% (shop-v2 100%)",
				"stable succeeded", "stable verify started", "stable verify succeeded", "stable postdeploy started",
				"stable postdeploy failed: announce exited with 1", "failed", "ended FAILED: v3-to-prod-0001 has started",
			},
		},
		{
			name: "a job whose activity fails is stopped, and fails like a deploy",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
				s.says(rollout.JobVerify, answer{err: denied()})
				s.cancels(time.Hour)
				s.hears("RunJob verify of canary-25 1", "StopJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed("canary-25 verify started", "canary-25 verify failed: fake: set weight prod/shop: no permission", restored, "failed", cancelled, ended),
		},
	}
}

// jobEnds: what ends a job run early, and what goes on between two.
func jobEnds() []pathRow {
	return []pathRow{
		{
			name: "a terminated job run is stopped; that it cannot be stopped stops nothing else",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
				s.says(rollout.JobVerify, answer{never: true})
				s.says(rollout.JobKind(activities.StopJob), answer{err: denied()})
				s.command25(30*time.Minute, rollout.CommandTerminate, rollout.JobVerify)
				s.cancels(time.Hour)
				s.hears("RunJob verify of canary-25 1", "StopJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed("canary-25 verify started", "canary-25 verify terminating by ann", "canary-25 verify terminated: terminated", restored, "failed", cancelled, ended),
		},
		{
			name: "terminated while no worker takes it, it does not wait for one",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
				s.away(1_000_000, "Observe")
				s.says(rollout.JobVerify, answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START})
				s.command25(30*time.Minute, rollout.CommandTerminate, rollout.JobVerify)
				s.cancels(time.Hour)
				s.hears("RunJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed("canary-25 verify started", "waits for worker: no worker polls task queue serin", "canary-25 verify terminating by ann",
				"canary-25 verify terminated: terminated", restored, "failed", cancelled, ended),
		},
		{
			name: "a cancel ends an analysis at once, and moves no traffic",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobAnalysis})
				s.says(rollout.JobAnalysis, answer{never: true})
				s.cancels(time.Hour)
				s.hears("Analyze analysis of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed("canary-25 analysis started", cancelled, ended),
		},
		{
			name: "a job run that takes too long fails, and is stopped",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify, Timeout: 10 * time.Minute})
				s.says(rollout.JobVerify, answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE})
				s.cancels(time.Hour)
				s.hears("RunJob verify of canary-25 1", "StopJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed("canary-25 verify started", "canary-25 verify failed: no answer in time (ScheduleToClose)", restored, "failed", cancelled, ended),
		},
		{
			name: "without a worker it says so, and goes on with the same run",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
				s.says(rollout.JobVerify, answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START})
				s.cancels(time.Hour)
				s.hears("RunJob verify of canary-25 1", "RunJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed("canary-25 verify started", "waits for worker: no worker polls task queue serin", "resumed: a worker polls serin",
				"canary-25 verify succeeded", toCanary50, cancelled, ended),
		},
		{
			name: "a pause holds the next job up, not the one that runs",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobAnalysis})
				s.says(rollout.JobVerify, passes(time.Hour))
				s.pause(30 * time.Minute)
				s.resume(2 * time.Hour)
				s.cancels(3 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed("canary-25 verify started", "paused by ann (lunch)", "canary-25 verify succeeded",
				"waits for person: paused by ann (lunch)", "resumed by bob", "canary-25 analysis started", "canary-25 analysis succeeded", toCanary50, cancelled, ended),
		},
		{
			name: "a cancel between two jobs ends the rollout there",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobAnalysis})
				s.says(rollout.JobVerify, passes(time.Hour))
				s.pause(30 * time.Minute)
				s.cancels(2 * time.Hour)
				s.hears("RunJob verify of canary-25 1")
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed("canary-25 verify started", "paused by ann (lunch)", "canary-25 verify succeeded",
				"waits for person: paused by ann (lunch)", cancelled, ended),
		},
		{
			name: "a failed analysis is repaired: everything of its phase again",
			setup: func(s *stage) {
				s.after()
				s.with("canary-25", rollout.Job{ID: rollout.JobAnalysis})
				s.says(rollout.JobAnalysis, fails(time.Minute, "errors 9 > 1"))
				s.rule(activities.TriggerRepair, "canary-25", rollout.Rule{ID: "mend", Repair: []rollout.Repair{{Attempts: 1}}})
				s.cancels(time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed("canary-25 analysis started", "canary-25 analysis failed: errors 9 > 1", restored,
				"canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 analysis",
				"canary-25 repair shop/auto/mend is IN_PROGRESS: canary-25 analysis, attempt 1 of 1",
				"canary-25 analysis retried by shop/auto/mend", "canary-25 started (attempt 2)", redeployed, "canary-25 succeeded",
				"canary-25 analysis started (attempt 2)", "canary-25 analysis succeeded",
				"canary-25 repair shop/auto/mend is SUCCEEDED: canary-25 analysis, attempt 1 of 1", toCanary50, cancelled, ended),
		},
	}
}

// jobPaths is every row about jobs, verdicts, webhooks and what goes back by itself.
func jobPaths() []pathRow {
	return slices.Concat(jobRuns(), jobFailures(), jobEnds(), verdicts(), analyses(), bakes(), unfounded(), gates(), goBacks(), debugs())
}

// TestAFailedAnalysisAndAnAdvanceInTheSameSecond never begin the next phase.
func TestAFailedAnalysisAndAnAdvanceInTheSameSecond(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
		s := newStage(t)
		s.after()
		s.with("canary-25", rollout.Job{ID: rollout.JobAnalysis})
		s.says(rollout.JobAnalysis, fails(time.Hour, "errors 9 > 1"))
		s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
		for i := range 20 { // before, at and after the answer
			s.advance(time.Hour+offset+time.Duration(i-10)*time.Millisecond, "canary-50")
		}
		s.cancels(3 * time.Hour)
		equal(t, "path", path(s.run(t)), deployed("canary-25 analysis started", "canary-25 analysis failed: errors 9 > 1", restored, "failed", cancelled, ended))
		if len(s.refused) != 20 {
			t.Errorf("%d of 20 advances were refused: %q", len(s.refused), s.refused)
		}
	}
}

// TestWhatAJobIsAsked: which run of which spec, at which deploy.
func TestWhatAJobIsAsked(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		onFailure rollout.OnFailure
		deploys   []int // Work.Attempt of each run
	}{
		{rollout.OnFailureHold, []int{1, 1}}, // the same canary
		{rollout.OnFailureRestore, []int{1, 2}},
	} {
		s := newStage(t)
		s.after()
		s.plan.OnFailure = row.onFailure
		s.with("canary-25", rollout.Job{ID: rollout.JobAnalysis})
		s.says(rollout.JobAnalysis, fails(time.Minute, "errors 9 > 1"), lost(time.Minute), back(time.Minute))
		s.command25(time.Hour, rollout.CommandRetryJob, rollout.JobAnalysis)
		s.cancels(2 * time.Hour)
		status := s.run(t)
		var deploys []int
		for i, r := range s.words.work {
			if r.Spec != "sha256:spec-analysis" || r.URL != status.URL || r.Work.Weight != 25 || r.Work.Stable != "shop-v1" || r.Work.Phase != "canary-25" {
				t.Errorf("request %d: %+v", i, r)
			}
			if r.Resume == "" {
				deploys = append(deploys, r.Work.Attempt)
			} else if r.Resume != "sha256:progress" || r.Attempt != 2 {
				t.Errorf("request %d goes on with %+v", i, r)
			}
		}
		if !slices.Equal(deploys, row.deploys) || len(s.words.work) != 4 {
			t.Errorf("with %s: %d requests, deploys %v, want %v", row.onFailure, len(s.words.work), deploys, row.deploys)
		}
	}
}
