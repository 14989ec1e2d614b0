package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/serin-dev/serin/rollout"
)

// stale is how long ago the last poll of a live worker can have begun: a poll
// lasts a minute, and the server lists pollers for five.
const stale = 75 * time.Second

// diagnosisLimit bounds the question why a call went unanswered.
const diagnosisLimit = 2 * time.Second

// do makes one call of which a worker is a part. It bounds f by limit unless ctx
// is bounded earlier, ends it when no worker is there, and explains its error.
func (c *Client) do(ctx context.Context, in call, limit time.Duration, f func(context.Context) error) error {
	in.via = c.via
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	watched, stop := context.WithCancelCause(bounded)
	defer stop(nil)
	timer := time.AfterFunc(patience, func() {
		if idle, err := c.idle(watched); err == nil && idle == noPollers {
			stop(in.fail(rollout.Expired, errors.New(idle), in.startWorker()))
		}
	})
	defer timer.Stop()

	err := f(watched)
	if err == nil {
		return nil
	}
	if cause := context.Cause(watched); rollout.KindOf(cause) != "" {
		return cause
	}
	if ctxErr := ctx.Err(); errors.Is(ctxErr, context.Canceled) {
		return fmt.Errorf("%s %s: %w", in.op, in.on, ctxErr)
	}
	return c.explain(ctx, in, err)
}

const noPollers = "no worker is polling task queue " + rollout.DefaultTaskQueue

func (c call) startWorker() string { return "start one with serin-worker" + c.later() }

// later warns that a command was handed over, although nobody has answered.
func (c call) later() string {
	if !c.acts {
		return ""
	}
	return "; the command may still be carried out then"
}

// explain finds out why a call was not answered: no Temporal, no worker, or a
// worker that has not come to it.
func (c *Client) explain(ctx context.Context, in call, err error) error {
	restored := restore(in, err)
	var precondition *serviceerror.FailedPrecondition // a query that no worker has polled for
	if rollout.KindOf(restored) != rollout.Unreachable && !errors.As(err, &precondition) {
		return restored
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diagnosisLimit)
	defer cancel()
	idle, unreachable := c.idle(ctx)
	switch {
	case rollout.KindOf(restore(in, unreachable)) == rollout.Unreachable:
		return restore(in, unreachable)
	case idle != "":
		return in.fail(rollout.Expired, &remote{text: idle, err: err}, in.startWorker())
	case serviceerror.ToStatus(err).Code().String() == "DeadlineExceeded":
		return in.fail(rollout.Expired, &remote{text: "no answer in time, although a worker polls", err: err},
			"it may be busy or failing: see its log"+in.later())
	}
	return in.fail(rollout.Transient, err, "")
}

// idle says that no worker polls the task queue of the workflows, or "" if one
// does. The error is Temporal's.
func (c *Client) idle(ctx context.Context) (string, error) {
	seen, err := c.views.DescribeTaskQueue(ctx, rollout.DefaultTaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return "", err
	}
	var last time.Time
	for _, p := range seen.GetPollers() {
		if t := p.GetLastAccessTime().AsTime(); t.After(last) {
			last = t
		}
	}
	switch {
	case last.IsZero():
		return noPollers, nil
	case time.Since(last) > stale:
		return fmt.Sprintf("no worker has polled task queue %s since %s", rollout.DefaultTaskQueue, last.UTC().Format(time.RFC3339)), nil
	}
	return "", nil
}

// query asks workflow id and decodes the answer into out. The server gives up on a
// question that it put to a worker which has stopped since, earlier than ctx does:
// asked again, it asks the workers that are there.
func (c *Client) query(ctx context.Context, id, name string, out any) error {
	const tries = 3
	for n := 1; ; n++ {
		answer, err := c.asks.QueryWorkflow(ctx, id, "", name)
		var late *serviceerror.DeadlineExceeded
		if errors.As(err, &late) && ctx.Err() == nil && n < tries {
			continue
		}
		if err != nil {
			return err
		}
		return answer.Get(out)
	}
}

// given refuses empty names: they would make the id of another workflow.
func given(op string, pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return &rollout.Error{Op: op, Kind: rollout.Invalid, Err: fmt.Errorf("no %s given", pairs[i])}
		}
	}
	return nil
}
