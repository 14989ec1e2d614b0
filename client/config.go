package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	temporalclient "go.temporal.io/sdk/client"

	"github.com/serin-dev/serin/rollout"
)

// Apply stores a multi-document YAML file and has the namespace take it over, all
// or nothing. The same file again changes nothing. Actor is who asks; it is
// recorded, not proven. At most a minute, unless ctx says less.
//
// Errors: Invalid, with file and line of every problem; those of the Store;
// Expired when no worker answers; Unreachable.
func (c *Client) Apply(ctx context.Context, yaml []byte, actor string) (rollout.ApplyResult, error) {
	in := call{op: "apply", on: "configuration", acts: true}
	if c.store == nil {
		return rollout.ApplyResult{}, in.fail(rollout.Invalid, errors.New("this client has no artifact store"), "give client.New or client.Dial one")
	}
	digest, err := c.store.Put(ctx, yaml)
	if err != nil {
		return rollout.ApplyResult{}, restore(in, err)
	}
	var result rollout.ApplyResult
	err = c.do(ctx, in, applyLimit, func(ctx context.Context) error {
		start := c.runs.NewWithStartWorkflowOperation(temporalclient.StartWorkflowOptions{
			ID:                       rollout.ConfigID,
			TaskQueue:                rollout.DefaultTaskQueue,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			StaticSummary:            "what is configured in this namespace",
		}, rollout.WorkflowConfig)
		return c.updateWithStart(ctx, start, temporalclient.UpdateWorkflowOptions{
			WorkflowID: rollout.ConfigID, UpdateName: rollout.UpdateApply,
			// Never the digest alone: applying A, then B, then A again would be
			// answered with the first result and change nothing.
			UpdateID: rollout.UpdateApply + "/" + digest + "/" + rand.Text(),
			Args:     []any{rollout.ApplyRequest{Documents: digest, Actor: actor}},
		}, &result)
	})
	return result, err
}

// updateWithStart sends an update to a workflow that may not run yet and decodes
// the answer into out.
func (c *Client) updateWithStart(
	ctx context.Context, start temporalclient.WithStartWorkflowOperation, update temporalclient.UpdateWorkflowOptions, out any,
) error {
	update.WaitForStage = temporalclient.WorkflowUpdateStageCompleted
	handle, err := c.runs.UpdateWithStartWorkflow(ctx, temporalclient.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start, UpdateOptions: update,
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, out) // a validator's refusal comes from here
}

// Abandon makes a release one that goes nowhere any more: no new rollout of it, and no
// rollback to it. It cannot be undone. What runs of it goes on. Abandoning it again
// changes nothing.
//
// Errors: NotFound if there is no such release; Expired when no worker answers; Unreachable.
func (c *Client) Abandon(ctx context.Context, a rollout.Abandon) error {
	const op = rollout.UpdateAbandon
	if err := given(op, "pipeline", a.Pipeline, "release", a.Release); err != nil {
		return err
	}
	in := call{
		op: op, on: a.Release, same: "abandon release " + a.Pipeline + "/" + a.Release,
		acts: true, missing: "nothing is configured in this namespace: serin apply",
	}
	return c.change(ctx, in, op, a, nil)
}

// Suspend suspends a pipeline, an automation or a deploy policy, or ends its suspension. The
// answer says what changed: an object that is so already is Unchanged. A later Apply
// decides anew.
//
// Errors: Invalid for another kind; NotFound, with what there is; Expired when no worker
// answers; Unreachable.
func (c *Client) Suspend(ctx context.Context, s rollout.Suspend) (rollout.ApplyResult, error) {
	op := rollout.UpdateSuspend
	if !s.Suspended {
		op = rollout.CommandResume
	}
	if err := given(op, "kind", s.Kind, "name", s.Name); err != nil {
		return rollout.ApplyResult{}, err
	}
	var result rollout.ApplyResult
	in := call{
		op: op, on: s.Kind + " " + s.Name, same: fmt.Sprintf("suspend %s %q", s.Kind, s.Name),
		acts: true, missing: "nothing is configured in this namespace: serin apply",
	}
	err := c.change(ctx, in, rollout.UpdateSuspend, s, &result)
	return result, err
}

// change sends what is asked of Config: it reads and stores a document, so it has as long
// as an apply. A nil out has no answer.
func (c *Client) change(ctx context.Context, in call, name string, payload, out any) error {
	nonce := requestID(ctx)
	return c.do(ctx, in, applyLimit, func(ctx context.Context) error {
		handle, err := c.asks.UpdateWorkflow(ctx, temporalclient.UpdateWorkflowOptions{
			WorkflowID: rollout.ConfigID, UpdateName: name, UpdateID: strings.Join([]string{in.op, in.on, nonce}, "/"),
			Args: []any{payload}, WaitForStage: temporalclient.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return err
		}
		return handle.Get(ctx, out)
	})
}

// Index returns a consistent snapshot of everything configured. Before the first
// apply it is empty.
func (c *Client) Index(ctx context.Context) (rollout.Index, error) {
	var index rollout.Index
	err := c.do(ctx, call{op: "read", on: "configuration"}, answerLimit, func(ctx context.Context) error {
		return c.query(ctx, rollout.ConfigID, rollout.QueryState, &index)
	})
	if absent(err) {
		return rollout.Index{}, nil
	}
	return index, err
}
