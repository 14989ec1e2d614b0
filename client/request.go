package client

import (
	"context"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// Promote asks for a rollout of r.Release to target, and returns once the lane has
// numbered it. Release is mandatory; Document is looked up when empty, and Request is
// the id of WithRequestID, or a new one. Destination says where a release goes next.
//
// Errors: NotFound if the release has no such target, or does not exist; Refused if it is
// abandoned, was rolled back there by a person, has an open rollout there, or if a policy
// or a suspended pipeline forbids it; Expired when no worker answers; Unreachable.
func (c *Client) Promote(ctx context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error) {
	const op = rollout.UpdatePromote
	if err := given(op, "pipeline", pipeline, "target", target, "release", r.Release); err != nil {
		return rollout.Created{}, err
	}
	if r.Document == "" {
		r.Document = rollout.DocumentName(pipeline, r.Release)
	}
	known, err := c.isStage(ctx, pipeline, r.Release, target)
	if err != nil {
		return rollout.Created{}, err
	}
	if !known { // only a lane that exists can tell: one is never started for a name that may be wrong
		made, failure := c.request(ctx, op, rollout.LaneStatus{Pipeline: pipeline, Target: target}, r)
		if absent(failure) { // no lane: neither is known
			failure = asking(op, pipeline, target).fail(rollout.NotFound,
				&remote{text: "release " + r.Release + " does not exist", err: failure}, "serin release list --pipeline "+pipeline)
		}
		return made, failure
	}
	if err = complete(ctx, op, &r); err != nil {
		return rollout.Created{}, err
	}
	var created rollout.Created
	in := asking(op, pipeline, target)
	in.acts = !r.DryRun
	err = c.do(ctx, in, answerLimit, func(ctx context.Context) error {
		return c.updateWithStart(ctx, c.laneStart(pipeline, target), update(op, pipeline, target, r), &created)
	})
	return created, err
}

// Rollback asks for a rollout of the release that was good on target before, from its
// phase stable on. Without Release it is computed from the lane's record: the newest
// release that SUCCEEDED there, or the one before it if that one is rolled back. With
// DryRun the answer is the goal, and nothing changes: show it, and send it again with
// Release, StartingPhase and the guard Rollout (RollbackOf of the answer) set, so that
// nothing else is rolled back than what was shown. It works for releases that have ended
// long ago.
//
// Errors: NotFound where nothing was ever rolled out; Refused if there is no goal, Rollout
// is not the newest that started, a rollout holds the lane (StopRunning cancels it), the
// goal is abandoned, or if a policy or a suspended pipeline forbids it; Expired when no
// worker answers; Unreachable.
func (c *Client) Rollback(ctx context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error) {
	return c.request(ctx, rollout.UpdateRollback, rollout.LaneStatus{Pipeline: pipeline, Target: target}, r)
}

// Redeploy asks for another rollout of the release that was sent to target last, from its
// first phase on. The latest rollout must be SUCCEEDED, FAILED or CANCELLED. DryRun as for
// Rollback.
//
// Errors: as Rollback.
func (c *Client) Redeploy(ctx context.Context, pipeline, target string, r rollout.Create) (rollout.Created, error) {
	return c.request(ctx, rollout.UpdateRedeploy, rollout.LaneStatus{Pipeline: pipeline, Target: target}, r)
}

// request sends r to a lane that exists.
func (c *Client) request(ctx context.Context, op string, l rollout.LaneStatus, r rollout.Create) (rollout.Created, error) {
	if err := given(op, "pipeline", l.Pipeline, "target", l.Target); err != nil {
		return rollout.Created{}, err
	}
	if err := complete(ctx, op, &r); err != nil {
		return rollout.Created{}, err
	}
	var created rollout.Created
	in := asking(op, l.Pipeline, l.Target)
	in.acts = !r.DryRun
	err := c.do(ctx, in, answerLimit, func(ctx context.Context) error {
		handle, err := c.asks.UpdateWorkflow(ctx, update(op, l.Pipeline, l.Target, r))
		if err != nil {
			return err
		}
		return handle.Get(ctx, &created)
	})
	return created, err
}

// complete names r's intent. A dry run has none: each is answered by what is recorded then.
func complete(ctx context.Context, op string, r *rollout.Create) error {
	if len(r.Override) > 0 && r.Reason == "" {
		return unexplained(op)
	}
	if r.DryRun {
		ctx = WithRequestID(ctx, "")
	}
	if r.Request == "" {
		r.Request = requestID(ctx)
	}
	return nil
}

func update(op, pipeline, target string, r rollout.Create) temporalclient.UpdateWorkflowOptions {
	parts := []string{op}
	for _, p := range []string{r.Release, r.StartingPhase, r.Request} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return temporalclient.UpdateWorkflowOptions{
		WorkflowID: rollout.LaneID(pipeline, target), UpdateName: op, UpdateID: strings.Join(parts, "/"), Args: []any{r},
		WaitForStage: temporalclient.WorkflowUpdateStageCompleted,
	}
}

// laneStart starts the lane as a release does that enqueues.
func (c *Client) laneStart(pipeline, target string) temporalclient.WithStartWorkflowOperation {
	return c.runs.NewWithStartWorkflowOperation(temporalclient.StartWorkflowOptions{
		ID:                       rollout.LaneID(pipeline, target),
		TaskQueue:                rollout.DefaultTaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "lane of " + pipeline + " on " + target,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributePipeline).ValueSet(pipeline),
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributeTarget).ValueSet(target),
		),
	}, rollout.WorkflowLane, rollout.LaneStatus{Pipeline: pipeline, Target: target})
}

// isStage reports whether target is known to be a stage of the release. It is not known
// when the namespace retains the release's workflow no more. The error names the stages
// that there are.
func (c *Client) isStage(ctx context.Context, pipeline, release, target string) (bool, error) {
	status, err := c.Release(ctx, pipeline, release)
	switch {
	case rollout.KindOf(err) == rollout.NotFound:
		return false, nil
	case err != nil:
		return false, err
	case len(status.Stages) == 0:
		return false, unplanned(status)
	}
	if !slices.Contains(stages(status), target) {
		return false, noStage(status, target)
	}
	return true, nil
}

// asking is a request to a lane, which calls itself so too.
func asking(op, pipeline, target string) call {
	in := onLane(op, pipeline, target)
	in.on = pipeline + "/" + target
	return in
}

// onLane is a call about a lane.
func onLane(op, pipeline, target string) call {
	return call{
		op: op, on: pipeline + " on " + target,
		missing: "nothing was ever rolled out there; serin target list --pipeline " + pipeline,
	}
}
