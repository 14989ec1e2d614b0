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
