package activities

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// unanswered is how often an ended rollout is asked what it knew.
const unanswered = 3

// Temporal is the part of Temporal's client that entities need.
type Temporal interface {
	SignalWithStartWorkflow(ctx context.Context, id, signal string, arg any, options client.StartWorkflowOptions,
		workflow any, args ...any) (client.WorkflowRun, error)
	DescribeWorkflow(ctx context.Context, id, run string) (*client.WorkflowExecutionDescription, error)
	QueryWorkflow(ctx context.Context, id, run, query string, args ...any) (converter.EncodedValue, error)
}

// Entities are the activities that reach workflows which may not run.
type Entities struct{ temporal Temporal }

// NewEntities returns the entities over Temporal's client.
func NewEntities(temporal Temporal) *Entities { return &Entities{temporal: temporal} }

// Enqueue puts a release on a lane and starts the lane where there is none. The lane
// knows the message by its sequence number, so that sending it twice is harmless.
func (e *Entities) Enqueue(ctx context.Context, r EnqueueRequest) error {
	_, err := e.temporal.SignalWithStartWorkflow(ctx, rollout.LaneID(r.Pipeline, r.Target), rollout.SignalEnqueue, r.Enqueue,
		client.StartWorkflowOptions{
			TaskQueue:                rollout.DefaultTaskQueue,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "lane of " + r.Pipeline + " on " + r.Target,
			TypedSearchAttributes: temporal.NewSearchAttributes(
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributePipeline).ValueSet(r.Pipeline),
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributeTarget).ValueSet(r.Target),
			),
		}, rollout.WorkflowLane, rollout.LaneStatus{Pipeline: r.Pipeline, Target: r.Target})
	return err
}

// Holder tells whether a rollout's workflow still runs: one that was terminated
// could not tell its lane.
func (e *Entities) Holder(ctx context.Context, r HolderRequest) (HolderResult, error) {
	d, err := e.temporal.DescribeWorkflow(ctx, rollout.RolloutID(r.Pipeline, r.Rollout), "")
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return HolderResult{}, nil
	}
	if err != nil {
		return HolderResult{}, err
	}
	if d.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return HolderResult{Running: true}, nil
	}
	answer, err := e.temporal.QueryWorkflow(ctx, rollout.RolloutID(r.Pipeline, r.Rollout), "", rollout.QueryState)
	if err != nil && activity.GetInfo(ctx).Attempt < unanswered {
		return HolderResult{}, err
	}
	if err != nil { // it has ended, and cannot be replayed: nobody can tell more
		return HolderResult{}, nil
	}
	var s rollout.Status
	if err := answer.Get(&s); err != nil {
		return HolderResult{}, err
	}
	s.Events = nil
	return e.withChildren(ctx, r.Pipeline, HolderResult{Status: &s})
}

// withChildren adds what a controller's children say. One that runs is the answer.
func (e *Entities) withChildren(ctx context.Context, pipeline string, res HolderResult) (HolderResult, error) {
	for _, child := range res.Status.Children {
		if child.Rollout == "" { // it was never created
			continue
		}
		k, err := e.Holder(ctx, HolderRequest{Pipeline: pipeline, Rollout: child.Rollout})
		if err != nil || k.Running {
			return k, err
		}
		if k.Status != nil {
			res.Children = append(res.Children, *k.Status)
		}
	}
	return res, nil
}
