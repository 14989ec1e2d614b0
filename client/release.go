package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// CreateRelease starts a release and returns once it is planned: rendered, and
// every stage's plan stored. Its rollouts go on by themselves. The same request
// again returns the same release. At most 2 minutes, unless ctx says less; the
// release is planned even if nobody waits for it any more.
//
// While containers render it, which may take them an hour, it does not wait: RenderState is then
// IN_PROGRESS, and Release tells how far they are.
//
// A release whose planning failed may be created again under the same name.
//
// Errors: whatever planning refused, with its kind; Conflict if the name is
// taken by another request; Expired when no worker answers; Unreachable.
func (c *Client) CreateRelease(ctx context.Context, r rollout.CreateRequest) (rollout.ReleaseStatus, error) {
	const op = "create release"
	if err := given(op, "pipeline", r.Pipeline, "release", r.Release, "source", r.Source); err != nil {
		return rollout.ReleaseStatus{}, err
	}
	var status rollout.ReleaseStatus
	err := c.do(ctx, call{op: op, on: r.Release, acts: true}, workLimit, func(ctx context.Context) error {
		return c.updateWithStart(ctx, c.releaseStart(r), temporalclient.UpdateWorkflowOptions{
			WorkflowID: rollout.ReleaseID(r.Pipeline, r.Release), UpdateName: rollout.UpdatePlanned,
			// Never the digest alone: the answer of an earlier run that failed to
			// plan would be given again instead of starting a new one.
			UpdateID: rollout.UpdatePlanned + "/" + r.Digest() + "/" + rand.Text(),
			Args:     []any{r},
		}, &status)
	})
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) { // it has ended
		status, err = c.Release(ctx, r.Pipeline, r.Release)
	}
	if err != nil {
		return rollout.ReleaseStatus{}, err
	}
	if status.Digest != r.Digest() {
		return rollout.ReleaseStatus{}, &rollout.Error{
			Op: op, On: r.Release, Kind: rollout.Conflict, Fix: "choose another name",
			Err: fmt.Errorf("release %s exists with other content", r.Release),
		}
	}
	return status, nil
}

func (c *Client) releaseStart(r rollout.CreateRequest) temporalclient.WithStartWorkflowOperation {
	return c.runs.NewWithStartWorkflowOperation(temporalclient.StartWorkflowOptions{
		ID:                       rollout.ReleaseID(r.Pipeline, r.Release),
		TaskQueue:                rollout.DefaultTaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		StaticSummary:            fmt.Sprintf("release %s of %s", r.Release, r.Pipeline),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributePipeline).ValueSet(r.Pipeline),
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributeRelease).ValueSet(r.Release),
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributeState).ValueSet(string(rollout.StatePendingRelease)),
		),
	}, rollout.WorkflowRelease, r)
}

// Release returns where a release stands.
func (c *Client) Release(ctx context.Context, pipeline, release string) (rollout.ReleaseStatus, error) {
	const op = "read release"
	if err := given(op, "pipeline", pipeline, "release", release); err != nil {
		return rollout.ReleaseStatus{}, err
	}
	var status rollout.ReleaseStatus
	in := call{op: op, on: release, missing: "serin release list --pipeline " + pipeline}
	err := c.do(ctx, in, answerLimit, func(ctx context.Context) error {
		return c.query(ctx, rollout.ReleaseID(pipeline, release), rollout.QueryState, &status)
	})
	return status, err
}

// WaitRollout returns the name of the newest rollout of a release to a target. It
// waits until the lane has numbered it, which for a later stage may need a
// promotion: bound ctx.
//
// Errors: NotFound if the release has no such target, or ended without going
// there; Refused if a rollout was due and a deploy policy or the lane forbade it; Failed if
// it could not be planned; Expired with ctx.
func (c *Client) WaitRollout(ctx context.Context, pipeline, release, target string) (string, error) {
	const op = "wait for rollout of"
	if err := given(op, "pipeline", pipeline, "release", release, "target", target); err != nil {
		return "", err
	}
	var name string
	in := call{op: op, on: release + " to " + target}
	err := c.until(ctx, in, rollout.ReleaseID(pipeline, release), func(ctx context.Context) (time.Duration, bool, error) {
		status, err := c.Release(ctx, pipeline, release)
		if err != nil {
			return 0, false, err
		}
		name, err = stageRollout(status, target)
		return calm, name != "", err
	})
	return name, err
}

// stageRollout returns the rollout on target, or "" while there is none yet.
func stageRollout(s rollout.ReleaseStatus, target string) (string, error) {
	in := call{op: "find rollout of", on: s.Release + " to " + target}
	if s.RenderState == rollout.StateFailed {
		return "", in.fail(rollout.Failed, errors.New("the release could not be planned: "+s.Failure), "")
	}
	if len(s.Stages) == 0 && s.Ended.IsZero() {
		return "", nil
	}
	known := make([]string, len(s.Stages))
	for i, stage := range s.Stages {
		if stage.Target != target {
			known[i] = stage.Target
			continue
		}
		if stage.Rollout == "" && !s.Ended.IsZero() {
			return "", in.fail(rollout.NotFound, errors.New("the release ended before it was promoted there"), "")
		}
		if stage.Rollout == "" && stage.Refused != "" {
			return "", in.fail(rollout.Refused, errors.New(stage.Refused),
				fmt.Sprintf("promote it later: serin release promote --pipeline %s --release %s --to-target %s", s.Pipeline, s.Release, target))
		}
		return stage.Rollout, nil
	}
	return "", in.fail(rollout.NotFound, errors.New("it is no target of the release"), "its targets: "+strings.Join(known, ", "))
}
