package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	temporalclient "go.temporal.io/sdk/client"

	"github.com/serin-dev/serin/rollout"
)

// requestKey is the context key of WithRequestID.
type requestKey struct{}

// WithRequestID names the intent behind the commands that are sent with the
// returned context. The same command with the same request id is carried out once
// by a rollout or a lane, however often it is sent, and is answered with the first answer. A
// caller that may itself run twice, such as an activity, gives one.
//
// Without it each call is an intent of its own: it is safe against a network that
// repeats it, and a second call is judged by the rollout anew, which refuses an
// advance of a phase that has begun.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// requestID is the id of WithRequestID, or a new one.
func requestID(ctx context.Context) string {
	id, ok := ctx.Value(requestKey{}).(string)
	if !ok || id == "" {
		return rand.Text()
	}
	return id
}

// Command sends a command to a rollout and returns once it was accepted, not
// once its effect is complete: Watch shows that. At most 15 seconds, unless ctx
// says less; a command that went unanswered may still be carried out.
//
// Errors: Invalid for an unknown command or a missing field; Refused, with the
// reason, when the rollout's state, a policy or its end does not allow it;
// NotFound; Expired when no worker answers; Unreachable.
func (c *Client) Command(ctx context.Context, pipeline, name, command string, cmd rollout.Command) (rollout.Ack, error) {
	if err := check(command, cmd); err != nil {
		return rollout.Ack{}, err
	}
	if err := given(command, "pipeline", pipeline, "rollout", name); err != nil {
		return rollout.Ack{}, err
	}
	nonce := requestID(ctx)
	var ack rollout.Ack
	id := rollout.RolloutID(pipeline, name)
	in := onRollout(command, pipeline, name)
	in.acts = true
	err := c.do(ctx, in, answerLimit, func(ctx context.Context) error {
		handle, err := c.asks.UpdateWorkflow(ctx, temporalclient.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: command, UpdateID: updateID(command, cmd, nonce), Args: []any{cmd},
			WaitForStage: temporalclient.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return err
		}
		return handle.Get(ctx, &ack) // a validator's refusal comes from here
	})
	if absent(err) {
		err = c.gone(ctx, in, id, err)
	}
	return ack, err
}

// updateID is what Temporal knows an update by, within one rollout: what is
// asked, of what, by whom, and the intent.
func updateID(command string, cmd rollout.Command, nonce string) string {
	parts := []string{command}
	for _, p := range []string{cmd.Phase, string(cmd.Job), cmd.Actor} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(append(parts, nonce), "/")
}

// gone tells a rollout that has ended from one that never was: the server gives
// both the same error.
func (c *Client) gone(ctx context.Context, in call, id string, err error) error {
	missing := err
	var now view
	err = c.do(ctx, in, diagnosisLimit, func(ctx context.Context) error {
		now, err = c.look(ctx, id)
		return err
	})
	switch {
	case absent(err), err == nil && now.open:
		return missing
	case err != nil:
		return err
	}
	return in.fail(rollout.Refused, fmt.Errorf("the rollout has ended %s%s", now.state, c.epitaph(ctx, id)), "")
}

// epitaph says why a rollout has ended as it did: ": no approval within 24h, it expired at ...".
// It is "" where there is no reason, or nobody answers.
func (c *Client) epitaph(ctx context.Context, id string) string {
	ctx, stop := context.WithTimeout(ctx, diagnosisLimit)
	defer stop()
	var s rollout.Status
	if err := c.query(ctx, id, rollout.QueryState, &s); err != nil || s.Failure == "" {
		return "" // the refusal is the answer, whatever this question comes to
	}
	out := ": " + s.Failure
	expires := s.Approval.Expires
	if s.State == rollout.StateApprovalRejected && !expires.IsZero() && !slices.ContainsFunc(s.Approval.Votes, func(v rollout.Vote) bool { return v.Rejected }) {
		out += ", it expired at " + expires.UTC().Format(time.RFC3339)
	}
	return out
}

// check refuses what no rollout would accept.
func check(command string, cmd rollout.Command) error {
	in := call{op: command}
	if len(cmd.Override) > 0 && cmd.Reason == "" {
		return unexplained(command)
	}
	switch command {
	case rollout.CommandCancel, rollout.CommandResume, rollout.CommandPause:
		return nil
	case rollout.CommandApprove:
		return given(command, "digest", cmd.Digest, "actor", cmd.Actor)
	case rollout.CommandReject:
		return given(command, "actor", cmd.Actor)
	case rollout.CommandAdvance:
		return given(command, "phase", cmd.Phase)
	case rollout.CommandRetryJob, rollout.CommandIgnoreJob, rollout.CommandTerminate:
		return given(command, "phase", cmd.Phase, "job", string(cmd.Job))
	}
	return in.fail(rollout.Invalid, fmt.Errorf("unknown command, known are %s", strings.Join(commands(), ", ")), "")
}

func commands() []string {
	return slices.Sorted(slices.Values([]string{
		rollout.CommandApprove, rollout.CommandReject, rollout.CommandAdvance, rollout.CommandCancel, rollout.CommandPause,
		rollout.CommandResume, rollout.CommandRetryJob, rollout.CommandIgnoreJob, rollout.CommandTerminate,
	}))
}

// unexplained refuses to override a deploy policy without saying why.
func unexplained(op string) error {
	return call{op: op}.fail(rollout.Invalid, errors.New("no reason given"), "overriding a deploy policy needs one: it is recorded")
}

// Approve is one person's approval of what Digest says, for a rollout that is
// PENDING_APPROVAL. Digest and Actor are mandatory: an approval holds for one content, and
// the same actor counts once.
//
// Errors: as Command; Refused also for an actor who is no approver, one who has
// approved already, another digest, and an approval that has expired.
func (c *Client) Approve(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandApprove, cmd)
}

// Reject ends a rollout that is PENDING_APPROVAL. Actor is mandatory. It is final: the
// release has to be promoted again.
func (c *Client) Reject(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandReject, cmd)
}

// Pause lets what runs end and nothing new begin, until Resume. It moves no traffic.
func (c *Client) Pause(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandPause, cmd)
}

// Advance lets the phase that waits begin. Phase is mandatory.
func (c *Client) Advance(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandAdvance, cmd)
}

// Cancel ends a rollout. Traffic stays where it is, unless Restore is set.
func (c *Client) Cancel(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandCancel, cmd)
}

// Resume ends a pause. A rollout that waits for a person for another reason observes again
// and goes on; with Accept, what it observes becomes its baseline. To accept a job's verdict, Phase
// and Job are mandatory.
func (c *Client) Resume(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandResume, cmd)
}

// RetryJob runs a failed job again. Phase and Job are mandatory.
func (c *Client) RetryJob(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandRetryJob, cmd)
}

// IgnoreJob goes on as if a failed job had succeeded. Phase and Job are mandatory.
func (c *Client) IgnoreJob(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandIgnoreJob, cmd)
}

// TerminateJobRun stops a job that runs; it is FAILED then. Phase and Job are mandatory.
func (c *Client) TerminateJobRun(ctx context.Context, pipeline, name string, cmd rollout.Command) (rollout.Ack, error) {
	return c.Command(ctx, pipeline, name, rollout.CommandTerminate, cmd)
}
