package client

import (
	"context"
	"crypto/rand"
	"errors"

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
