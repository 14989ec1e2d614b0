package client

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	temporalclient "go.temporal.io/sdk/client"

	"github.com/serin-dev/serin/rollout"
)

// resultPoll bounds one long poll for a result. The server may lose the
// notification that a short workflow has ended; a new poll sees it at once.
const resultPoll = 2 * time.Second

// Observe has a worker look once at the plan's target and returns what serves
// there now. It changes nothing. At most 2 minutes, unless ctx says less.
//
// Errors: those of the platform, with their kind; Expired when no worker of the
// target's task queue answers; Unreachable.
func (c *Client) Observe(ctx context.Context, p rollout.Plan) (rollout.Observed, error) {
	const op = "observe"
	if err := given(op, "pipeline", p.Pipeline, "target", p.Target.Name); err != nil {
		return rollout.Observed{}, err
	}
	var seen rollout.Observed
	err := c.do(ctx, call{op: op, on: p.Target.Name}, workLimit, func(ctx context.Context) error {
		o := temporalclient.StartWorkflowOptions{
			ID:            "observe/" + p.Pipeline + "/" + p.Target.Name + "/" + strings.ToLower(rand.Text()),
			TaskQueue:     rollout.DefaultTaskQueue,
			StaticSummary: "what serves on " + p.Target.Name + " now",
		}
		if deadline, ok := ctx.Deadline(); ok { // nobody reads the answer later
			o.WorkflowExecutionTimeout = max(time.Until(deadline), time.Second)
		}
		run, err := c.runs.ExecuteWorkflow(ctx, o, rollout.WorkflowObserve, p)
		if err != nil {
			return err
		}
		return result(ctx, run, &seen)
	})
	return seen, err
}

func result(ctx context.Context, run temporalclient.WorkflowRun, out any) error {
	for {
		poll, cancel := context.WithTimeout(ctx, resultPoll)
		err := run.Get(poll, out)
		again := poll.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !again {
			return err
		}
	}
}
