package workflows_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// TestALaneKnowsWhatATerminatedControllerLeaves: what its children say, and what the rollout
// before had left where a child never moved.
func TestALaneKnowsWhatATerminatedControllerLeaves(t *testing.T) {
	t.Parallel()
	k := &track{abandoned: map[string]bool{}}
	looks := 0
	k.env = newEnv(t, rollout.LaneID("shop", "prod"), func(e *env) {
		e.RegisterWorkflowWithOptions(workflows.Lane, workflow.RegisterOptions{Name: rollout.WorkflowLane})
		e.RegisterWorkflowWithOptions(k.rollout, workflow.RegisterOptions{Name: rollout.WorkflowRollout})
		e.RegisterActivityWithOptions(func(context.Context, activities.HolderRequest) (activities.HolderResult, error) {
			if looks++; looks < 3 {
				return activities.HolderResult{Running: true}, nil
			}
			return activities.HolderResult{
				Status: &rollout.Status{Children: []rollout.ChildStatus{{Target: "eu"}, {Target: "us"}, {Target: "asia"}}},
				Children: []rollout.Status{
					{Rollout: "v2-to-eu-0001", Target: "eu", Stable: "r1", Revision: "r2", Split: rollout.Split{{Revision: "r1", Percent: 75}, {Revision: "r2", Percent: 25}}},
					{Rollout: "v2-to-us-0001", Target: "us"}, // it had not settled
				},
			}, nil
		}, activity.RegisterOptions{Name: "Holder"})
	})
	k.release(1*time.Minute, "v1")
	k.at(2*time.Minute, func() {
		before := map[string]rollout.Record{}
		for _, target := range []string{"eu", "us", "asia"} {
			before[target] = rollout.Record{
				Rollout: "v1-to-" + target + "-0001", Release: "v1", Promoted: true, Revision: "r1", StableManifest: "sha256:v1",
				Mark: rollout.Mark{Split: rollout.Split{{Revision: "r1", Percent: 100}}},
			}
		}
		k.SignalWorkflow(rollout.SignalReport, rollout.Report{Rollout: "v1-to-prod-0001", Seq: 1, Record: rollout.Record{
			Rollout: "v1-to-prod-0001", Release: "v1", State: rollout.StateSucceeded, Promoted: true, Children: before,
		}})
	})
	k.release(3*time.Minute, "v2")
	k.release(4*time.Minute, "v3")
	_, s := k.run(t, 0)
	if s.Holder != "v3-to-prod-0001" || looks != 3 || s.Last == nil || s.Last.Rollout != "v2-to-prod-0001" {
		t.Fatalf("holder %q after %d looks, last %+v", s.Holder, looks, s.Last)
	}
	eu, us, asia := s.Last.Children["eu"], s.Last.Children["us"], s.Last.Children["asia"]
	if eu.Rollout != "v2-to-eu-0001" || eu.Stable != "r1" || eu.Mark.Split.Of("r2") != 25 || eu.StableManifest != "sha256:v1" || eu.State != rollout.StateFailed {
		t.Errorf("eu %+v", eu)
	}
	if us.Rollout != "v1-to-us-0001" || asia.Rollout != "v1-to-asia-0001" {
		t.Errorf("us %+v, asia %+v", us, asia)
	}
	if r := s.Record("v2-to-prod-0001"); r.Children != nil || !r.Unsettled {
		t.Errorf("record %+v", r)
	}
}

// TestARollbackQueuesAfterARolloutThatOnlyTidies: that has the lane for minutes and moves nothing. Once
// a person has retried it, it holds the lane as any.
func TestARollbackQueuesAfterARolloutThatOnlyTidies(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateFailed)
	ask := func(d time.Duration, seq int, tidy bool) {
		k.at(d, func() {
			k.SignalWorkflow(rollout.SignalAcquire, rollout.Acquire{Rollout: "v2-to-prod-0001", Seq: seq, Tidy: tidy})
		})
	}
	ask(10*time.Minute, 2, true)
	ask(11*time.Minute, 3, false)
	k.ask(12*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann"})
	k.at(13*time.Minute, func() { k.report("v2-to-prod-0001", 4, rollout.StateFailed) })
	ask(20*time.Minute, 5, true)
	k.ask(21*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann"})
	k.at(22*time.Minute, func() { k.report("v2-to-prod-0001", 6, rollout.StateFailed) })
	said, s := k.run(t, 10*time.Minute)
	heard(t, said, []string{
		"grant v2-to-prod-0001",
		"tell v2: v2-to-prod-0001 IN_PROGRESS",
		"answer Refused: rollback shop/prod: v2-to-prod-0001 has the lane, IN_PROGRESS (serin rollout cancel --pipeline shop --rollout v2-to-prod-0001, or roll back with --stop-running)",
		"tell v2: v2-to-prod-0001 FAILED",
		"grant v2-to-prod-0001",
		"tell v2: v2-to-prod-0001 IN_PROGRESS",
		"tell v1: v1-to-prod-0002 PENDING",
		"tell v2: v2-to-prod-0001 IN_PROGRESS rolled back by v1-to-prod-0002",
		"v2-to-prod-0001 is rolled back by v1-to-prod-0002",
		`answer rollback: "v1-to-prod-0002" to v1 at stable, PENDING, from "v1", of "v2-to-prod-0001", stopped "", cancelled [], notes []`,
		"tell v2: v2-to-prod-0001 FAILED",
		"close v2-to-prod-0001",
		"grant v1-to-prod-0002",
		"tell v1: v1-to-prod-0002 IN_PROGRESS",
	})
	if s.Holder != "v1-to-prod-0002" {
		t.Errorf("%s has the lane", s.Holder)
	}
}
