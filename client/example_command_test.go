package client_test

import (
	"context"
	"fmt"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// A service that approves what it has looked at: the approval holds for this digest and no
// other, and is given once however often the service runs.
func ExampleClient_Approve() {
	approve := func(ctx context.Context, c *client.Client, name string) error {
		r, err := c.Rollout(ctx, "shop", name)
		if err != nil || r.State != rollout.StatePendingApproval {
			return err
		}
		_, err = c.Approve(client.WithRequestID(ctx, "change-4711"), "shop", name, rollout.Command{
			Digest: r.Digest, Actor: "change-board", Reason: "change 4711",
		})
		return err // rollout.Refused: no approver, approved already, or expired
	}
	_ = approve
}

// A service that goes back to the release before: first it asks what that is, then it has
// exactly that done. It is refused if another rollout has started in between.
func ExampleClient_Rollback() {
	back := func(ctx context.Context, c *client.Client) (string, error) {
		goal, err := c.Rollback(ctx, "shop", "prod", rollout.Create{DryRun: true})
		if err != nil {
			return "", err // rollout.Refused: nothing to go back to, or a rollout has the lane
		}
		made, err := c.Rollback(client.WithRequestID(ctx, "incident-12"), "shop", "prod", rollout.Create{
			Release: goal.Release, StartingPhase: goal.StartingPhase, Rollout: goal.RollbackOf,
			Actor: "pager", Reason: "incident 12",
		})
		return made.Rollout, err
	}
	_ = back
}

// A service that takes a release to its next stage.
func ExampleClient_Promote() {
	promote := func(ctx context.Context, c *client.Client) error {
		next, err := c.Destination(ctx, "shop", "v2", "")
		if err != nil {
			return err // rollout.Refused: abandoned, superseded, or a rollout is IN_PROGRESS
		}
		if next.Again {
			return nil // it has arrived
		}
		_, err = c.Promote(client.WithRequestID(ctx, "v2-to-"+next.Target), "shop", next.Target, rollout.Create{
			Release: "v2", Actor: "delivery-service", Reason: "tests are green",
		})
		return err
	}
	_ = promote
}

// The rules of Destination are a pure function.
func ExamplePromoteTarget() {
	current := func(release string) rollout.LaneStatus {
		return rollout.LaneStatus{Succeeded: []rollout.Record{{Release: release, State: rollout.StateSucceeded}}}
	}
	release := rollout.ReleaseStatus{
		Release: "v2", Stages: []rollout.StageStatus{{Target: "test"}, {Target: "staging"}, {Target: "prod"}},
	}
	next, err := client.PromoteTarget(release, map[string]rollout.LaneStatus{"test": current("v2"), "staging": current("v1")}, "")
	fmt.Println(next.From, "to", next.Target, "where", next.Current, "is stable", err)
	// Output: test to staging where v1 is stable <nil>
}
