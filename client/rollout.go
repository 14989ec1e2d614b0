package client

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"

	"github.com/serin-dev/serin/rollout"
)

// Rollout is where a rollout stands, with what its workers are doing right now.
type Rollout struct {
	rollout.Status

	// Open reports whether the rollout's workflow still runs. A FAILED rollout
	// that is open takes retryJob and ignoreJob.
	Open bool `json:"open"`
	// Progress is what is under way, and what stands in its way. Empty while the
	// rollout only waits.
	Progress []Progress `json:"progress,omitempty"`

	length int64 // of the history when the status was read
}

// Done reports whether the rollout has come to an end: SUCCEEDED, FAILED,
// CANCELLED or APPROVAL_REJECTED. A FAILED one may be revived as long as it is Open.
func (r Rollout) Done() bool { return r.State.Final() || r.State == rollout.StateFailed }

// Waits reports whether nothing happens until somebody acts: an advance, an
// approval, or a person's decision. A controller that is HALTED waits for one.
func (r Rollout) Waits() bool {
	if r.State == rollout.StateHalted {
		return true
	}
	if r.Done() || r.Waiting == nil {
		return false
	}
	switch r.Waiting.For {
	case rollout.WaitAdvance, rollout.WaitApproval, rollout.WaitPerson:
		return true
	case rollout.WaitLane, rollout.WaitWindow, rollout.WaitTimer, rollout.WaitWorker, rollout.WaitMetrics:
		return false
	default:
		return false
	}
}

// Rollout returns where the named rollout stands. At most 15 seconds, unless ctx says less.
//
// Errors: NotFound; Failed when the workflow's own code fails on a worker, with
// the cause; Expired when no worker answers; Unreachable.
func (c *Client) Rollout(ctx context.Context, pipeline, name string) (Rollout, error) {
	const op = "read rollout"
	if err := given(op, "pipeline", pipeline, "rollout", name); err != nil {
		return Rollout{}, err
	}
	var r Rollout
	in := onRollout(op, pipeline, name)
	err := c.do(ctx, in, answerLimit, func(ctx context.Context) error {
		id := rollout.RolloutID(pipeline, name)
		now, err := c.look(ctx, id)
		if err != nil {
			return err
		}
		r.Open, r.Progress, r.length = now.open, now.progress, now.length
		return now.because(in, c.query(ctx, id, rollout.QueryState, &r.Status))
	})
	return r, err
}

// onRollout is a call about a rollout.
func onRollout(op, pipeline, name string) call {
	return call{op: op, on: name, missing: "serin rollout list --pipeline " + pipeline}
}

// because gives a query's failure the reason that the server knows: the
// workflow's own code fails.
func (v view) because(in call, err error) error {
	var notReady *serviceerror.WorkflowNotReady
	if err == nil || !errors.As(err, &notReady) {
		return err
	}
	for _, p := range v.progress {
		if p.Activity == WorkflowTask {
			return in.fail(rollout.Failed, fmt.Errorf("its workflow task failed %d times: %s", p.Attempt-1, p.LastFailure),
				"deploy a worker that has the code this rollout began with; it goes on by itself")
		}
	}
	return err
}

// Plan returns everything that the named rollout does.
func (c *Client) Plan(ctx context.Context, pipeline, name string) (rollout.Plan, error) {
	const op = "read plan of"
	if err := given(op, "pipeline", pipeline, "rollout", name); err != nil {
		return rollout.Plan{}, err
	}
	var plan rollout.Plan
	err := c.do(ctx, onRollout(op, pipeline, name), answerLimit, func(ctx context.Context) error {
		return c.query(ctx, rollout.RolloutID(pipeline, name), rollout.QueryPlan, &plan)
	})
	return plan, err
}

// Lane returns the queue and record of a pipeline on a target.
//
// Errors: NotFound before the first release was sent there.
func (c *Client) Lane(ctx context.Context, pipeline, target string) (rollout.LaneStatus, error) {
	const op = "read lane"
	if err := given(op, "pipeline", pipeline, "target", target); err != nil {
		return rollout.LaneStatus{}, err
	}
	var lane rollout.LaneStatus
	in := onLane(op, pipeline, target)
	err := c.do(ctx, in, answerLimit, func(ctx context.Context) error {
		return c.query(ctx, rollout.LaneID(pipeline, target), rollout.QueryState, &lane)
	})
	return lane, err
}
