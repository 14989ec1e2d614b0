package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// TestWhatACustomRolloutLeaves: what its lane keeps of it, and that the next one begins without a
// person whatever that is.
func TestWhatACustomRolloutLeaves(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name                       string
		setup                      func(*stage)
		begun, promoted, unsettled bool
		weight                     rollout.Weight
	}{
		{"it has SUCCEEDED", func(s *stage) { s.advance(time.Hour, "stable") }, true, true, false, 100},
		{"it has FAILED in its canary", func(s *stage) {
			s.says(rollout.JobDeploy, fails(0, "boom"))
			s.cancels(time.Hour)
		}, false, false, true, -1},
		{"it was cancelled after its canary", func(s *stage) { s.cancels(time.Hour) }, false, false, true, 50},
		{"it has FAILED in its promotion", func(s *stage) {
			s.says(rollout.JobDeploy, passes(0), fails(0, "boom"))
			s.advance(time.Hour, "stable")
			s.cancels(2 * time.Hour)
		}, true, false, true, 50},
		{"it was cancelled before its first deploy", func(s *stage) {
			predeploy := rollout.Job{ID: rollout.JobPredeploy, Spec: "sha256:predeploy"}
			s.plan.Phases[0].Jobs = append([]rollout.Job{predeploy}, s.plan.Phases[0].Jobs...)
			s.says(rollout.JobPredeploy, answer{never: true})
			s.cancels(time.Hour)
		}, false, false, false, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newCustom(t)
			row.setup(s)
			record := s.last()
			status := s.run(t)
			if record.PromotionBegun != row.begun || record.Promoted != row.promoted || record.Unsettled != row.unsettled {
				t.Errorf("its lane keeps %+v", record)
			}
			weight := rollout.Weight(-1)
			if status.Weight != nil {
				weight = *status.Weight
			}
			if weight != row.weight {
				t.Errorf("weight %d, want %d", weight, row.weight)
			}
			n := newCustom(t)
			n.grant.Predecessor = record
			n.cancels(time.Hour)
			equal(t, "the next one", path(n.run(t)), halved(toStable, cancelled, ended))
		})
	}
}

// TestTheLaneHearsOfACustomPromotionAsItBegins: should the rollout be terminated then, it knows.
func TestTheLaneHearsOfACustomPromotionAsItBegins(t *testing.T) {
	t.Parallel()
	s := newCustom(t)
	s.plan.Phases = s.plan.Phases[1:]
	s.says(rollout.JobDeploy, passes(time.Hour))
	record := s.last()
	s.at(time.Minute, func() {
		if record.State != rollout.StateInProgress || !record.PromotionBegun || record.Promoted {
			t.Errorf("after a minute: %+v", record)
		}
	})
	s.run(t)
	if record.State != rollout.StateSucceeded || !record.Promoted {
		t.Errorf("in the end: %+v", record)
	}
}

// TestARepairRollsACustomTargetBack: the lane is asked for the rollback before it hears that it is free.
func TestARepairRollsACustomTargetBack(t *testing.T) {
	t.Parallel()
	s := newCustom(t)
	s.says(rollout.JobDeploy, fails(0, "boom"))
	s.rule(activities.TriggerRepair, "canary-50", rollout.Rule{ID: "mend", Repair: []rollout.Repair{{}}})
	s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v1-to-prod-0002"}) })
	s.run(t)
	equal(t, "sent", s.sent, []string{"rollback -> prod", "report -> prod FAILED"})
}

// TestWhatACustomDeployIsAsked: which spec of which attempt, on the target's task queue.
func TestWhatACustomDeployIsAsked(t *testing.T) {
	t.Parallel()
	s := newCustom(t)
	s.plan.Target.TaskQueue = "eu"
	s.plan.Phases[0].Jobs[0].Timeout = 2 * time.Hour
	s.says(rollout.JobDeploy, fails(0, "boom"))
	s.commandDeploy(time.Hour, rollout.CommandRetryJob)
	s.cancels(2 * time.Hour)
	s.run(t)
	for i, r := range s.words.work {
		if r.Spec != "sha256:deploy-canary-50" || r.Attempt != i+1 || r.Timeout != 2*time.Hour || r.Work.Weight != 50 ||
			r.Work.Target.TaskQueue != "eu" || r.Work.Manifest != "sha256:manifest-v2" || r.Work.Rollout != "v2-to-prod-0001" {
			t.Errorf("request %d: %+v", i, r)
		}
	}
	if len(s.words.work) != 2 {
		t.Errorf("%d requests", len(s.words.work))
	}
}

// TestEachCustomJobCostsOneActivity, and nothing else does: the history budget of a phase is 12 events,
// 6 of them for its deploy.
func TestEachCustomJobCostsOneActivity(t *testing.T) {
	t.Parallel()
	s := newCustom(t)
	jobs := 0
	for i := range s.plan.Phases {
		s.plan.Phases[i].Jobs = append(s.plan.Phases[i].Jobs, rollout.Job{ID: rollout.JobVerify, Spec: "sha256:verify"})
		s.plan.Phases[i].Advance = rollout.Advance{Automatic: true}
		jobs += len(s.plan.Phases[i].Jobs)
	}
	s.says(rollout.JobDeploy, passes(59*time.Minute))
	started, timers := 0, 0
	s.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) { started++ })
	s.SetOnTimerScheduledListener(func(string, time.Duration) { timers++ })
	if got := s.run(t).State; got != rollout.StateSucceeded {
		t.Fatalf("%s", got)
	}
	const told = 2 // reports: the promotion begins, and the end
	if started != jobs || timers != 0 || len(s.sent) != told {
		t.Errorf("%d activities, %d timers for %d jobs; sent %q", started, timers, jobs, s.sent)
	}
}

// TestNothingOfACustomTargetIsObserved: a look is refused, not guessed.
func TestNothingOfACustomTargetIsObserved(t *testing.T) {
	t.Parallel()
	e := newEnv(t, "observe/shop/prod/1", func(e *env) { workflows.Register(e) })
	e.ExecuteWorkflow(rollout.WorkflowObserve, customPlan())
	kind, text := activities.Cause(e.GetWorkflowError())
	if want := "observe prod: only its containers know what serves on a custom target"; kind != rollout.Unsupported || text != want {
		t.Errorf("%s %q", kind, text)
	}
}

// TestAControllerOfCustomTargets leads its children as any other does.
func TestAControllerOfCustomTargets(t *testing.T) {
	t.Parallel()
	var w stage
	f := newFleetOf(t, func(e *env) {
		workflows.Register(e)
		w.env = e
		w.registerJobs(e)
	}, rollout.Child{Target: "asia"}, rollout.Child{Target: "eu"})
	f.plan.Phases = []rollout.Phase{{ID: "canary-50", Weight: 50}, {ID: "stable", Weight: 100}}
	f.OnActivity(activities.LoadPlan, mock.Anything, mock.Anything).Return(
		func(_ context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
			p := customPlan()
			p.Target.Name = r.Child
			return activities.LoadPlanResult{Plan: p}, nil
		})
	for name, result := range map[string]any{activities.Permit: activities.PermitResult{}, activities.Automations: activities.AutomationsResult{}} {
		f.OnActivity(name, mock.Anything, mock.Anything).Return(result, nil)
	}
	f.advance(time.Hour, "stable")
	s := f.runFleet(t)
	equal(t, "path", fleetPath(s), []string{
		"created", "granted", went("canary-50", "asia", "eu"), toStable, "stable advanced by ann", went("stable", "asia", "eu"), "ended SUCCEEDED",
	})
	slices.Sort(w.words.heard)
	equal(t, "asked", w.words.heard, []string{
		"RunJob deploy of canary-50 1", "RunJob deploy of canary-50 1", "RunJob deploy of stable 1", "RunJob deploy of stable 1",
	})
	last := f.reports[len(f.reports)-1]
	if !last.Promoted || last.Unsettled || len(last.Children) != 2 || !last.Children["eu"].Promoted {
		t.Errorf("its lane keeps %+v", last)
	}
}

// TestTheChildOfACustomTarget does what its controller says, but puts nothing back.
func TestTheChildOfACustomTarget(t *testing.T) {
	t.Parallel()
	restore := rollout.Direction{Seq: 5, Cancel: &rollout.Command{Actor: "ann", Restore: true}}
	fail := rollout.Direction{Seq: 5, Fail: "the failure budget is 0"}
	waits := "waits for advance: its controller v2-to-all-0001 lets stable begin in every child"
	for _, row := range []struct {
		order rollout.Direction
		setup func(*stage)
		path  []string
	}{
		{restore, func(*stage) {}, halved(waits, cancelled, "v2-to-all-0001 does not restore prod: nothing of a custom target can be put back", ended)},
		{fail, func(*stage) {}, halved(waits, "canary-50 failed: the failure budget is 0", "failed", "ended FAILED: v3-to-all-0001 has started")},
		{fail, func(s *stage) { s.says(rollout.JobDeploy, answer{never: true}) }, []string{
			"created", "granted", "canary-50 started", "canary-50 terminated: the failure budget is 0", "failed", "ended FAILED: v3-to-all-0001 has started",
		}},
	} {
		t.Run(fmt.Sprintf("%+v", row.order), func(t *testing.T) {
			t.Parallel()
			s := newLed(t)
			s.plan = customPlan()
			row.setup(s)
			s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalDirect, row.order) })
			s.at(9*time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			equal(t, "path", path(s.lead(t)), row.path)
		})
	}
}
