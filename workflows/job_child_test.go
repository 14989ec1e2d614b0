package workflows_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/serin-dev/serin/rollout"
)

// TestTheJobsOfAChild: its controller hears what it waits for, and may give it up until it is promoted.
func TestTheJobsOfAChild(t *testing.T) {
	t.Parallel()
	fail := rollout.Direction{Seq: 5, Fail: "the failure budget of v2-to-all-0001 is 0, and 1 of 2 children failed"}
	gaveUp := "terminated: " + fail.Fail
	for _, row := range []struct {
		name   string
		setup  func(*stage)
		phases int
		path   []string
		splits string
	}{
		{
			name: "a job that runs is given up, and onFailure decides", phases: 2,
			setup: func(s *stage) {
				s.says(rollout.JobVerify, answer{never: true})
				s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalDirect, fail) })
			},
			path:   []string{"canary-50 verify started", "canary-50 verify " + gaveUp, restored, "failed"},
			splits: "shop-v1 100%",
		},
		{
			name: "a job that is held is given up", phases: 2,
			setup: func(s *stage) {
				s.says(rollout.JobVerify, unsure(0, unpulled))
				s.at(30*time.Minute, func() {
					s.words.mu.Lock()
					defer s.words.mu.Unlock()
					if w := s.words.waits; w == nil || w.For != rollout.WaitPerson {
						s.t.Errorf("the controller hears of %+v", w)
					}
				})
				s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalDirect, fail) })
			},
			path: []string{
				"canary-50 verify started", "canary-50 verify judged inconclusive: " + unpulled,
				"waits for person: verify of canary-50 is inconclusive: " + unpulled, "canary-50 verify " + gaveUp, restored, "failed",
			},
			splits: "shop-v1 100%",
		},
		{
			name: "what is promoted is not given up: its jobs run to their end", phases: 1,
			setup: func(s *stage) {
				s.says(rollout.JobVerify, passes(2*time.Hour))
				s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalDirect, fail) })
			},
			path:   []string{"stable verify started", "stable verify succeeded", "stable postdeploy started", "stable postdeploy succeeded", "ended SUCCEEDED"},
			splits: "shop-v2 100%",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newLed(t)
			s.plan.Phases = s.plan.Phases[3-row.phases:]
			s.with(s.plan.Phases[0].ID, rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobPostdeploy})
			s.onSignal = func(_, _ string, arg any) error {
				if m, ok := arg.(rollout.Report); ok && m.Child != nil {
					s.words.mu.Lock()
					defer s.words.mu.Unlock()
					s.words.waits = m.Child.Waiting
				}
				return nil
			}
			row.setup(s)
			s.at(9*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			got := path(s.lead(t))
			const deployed = 7 // created, granted, baseline, settled, started, shifted, succeeded
			if len(got) > 0 && got[len(got)-1] != "ended SUCCEEDED" {
				got = got[:len(got)-1] // closed
			}
			equal(t, "path", got[deployed:], row.path)
			if serves(s) != row.splits {
				t.Errorf("it serves %s, want %s", serves(s), row.splits)
			}
		})
	}
}

// TestEachJobCostsOneActivity, however long it takes, and no timer: the history budget is 6 events
// for each job, 3 of its activity and 3 of the workflow task that takes its result.
func TestEachJobCostsOneActivity(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	jobs := 0
	for _, ph := range s.plan.Phases {
		s.with(ph.ID, rollout.Job{ID: rollout.JobPredeploy}, rollout.Job{ID: rollout.JobVerify}, rollout.Job{ID: rollout.JobAnalysis, Timeout: 6 * time.Hour}, rollout.Job{ID: rollout.JobPostdeploy})
		s.says(rollout.JobAnalysis, passes(4*time.Hour))
		s.plan.Phases[1].Advance, s.plan.Phases[2].Advance = rollout.Advance{Automatic: true}, rollout.Advance{Automatic: true}
	}
	for _, ph := range s.plan.Phases {
		jobs += len(ph.Jobs)
	}
	started, timers := 0, 0
	s.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) { started++ })
	s.SetOnTimerScheduledListener(func(string, time.Duration) { timers++ })
	if got := s.run(t).State; got != rollout.StateSucceeded {
		t.Fatalf("%s", got)
	}
	const prepare = 2 // baseline and settle
	if started != prepare+jobs || timers != 0 {
		t.Errorf("%d activities and %d timers for %d jobs", started, timers, jobs)
	}
}
