package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/serviceerror"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

const rolloutName = "v2-to-prod-0001"

func rolloutID() string { return rollout.RolloutID("shop", rolloutName) }

func TestUpdateID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		command string
		cmd     rollout.Command
		want    string
	}{
		{rollout.CommandResume, rollout.Command{}, "resume/N"},
		{rollout.CommandAdvance, rollout.Command{Phase: "canary-25", Actor: "ada"}, "advance/canary-25/ada/N"},
		{rollout.CommandAdvance, rollout.Command{Phase: "canary-25", Actor: "ada", Reason: "ok", Digest: "sha256:1"}, "advance/canary-25/ada/N"},
		{rollout.CommandRetryJob, rollout.Command{Phase: "stable", Job: rollout.JobVerify, Actor: "ada"}, "retryJob/stable/verify/ada/N"},
		{rollout.CommandCancel, rollout.Command{Actor: "ada", Restore: true}, "cancel/ada/N"},
	}
	for _, tt := range tests {
		if got := updateID(tt.command, tt.cmd, "N"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.command, got, tt.want)
		}
	}
}

// Each call is an intent of its own, unless the caller names the intent.
func TestCommandIntent(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.put(rolloutID(), func(*run) {})
	s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) { return rollout.Ack{Rollout: rolloutName}, nil }
	c := s.client(nil)
	named := WithRequestID(t.Context(), "ticket-7")
	for _, ctx := range []context.Context{t.Context(), t.Context(), named, named} {
		if _, err := c.Advance(ctx, "shop", rolloutName, rollout.Command{Phase: "stable"}); err != nil {
			t.Fatal(err)
		}
	}
	u := s.updates
	if u[0].UpdateID == u[1].UpdateID || !strings.HasPrefix(u[0].UpdateID, "advance/stable/") {
		t.Errorf("two intents have the ids %q and %q", u[0].UpdateID, u[1].UpdateID)
	}
	if u[2].UpdateID != "advance/stable/ticket-7" || u[3].UpdateID != u[2].UpdateID {
		t.Errorf("one intent has the ids %q and %q", u[2].UpdateID, u[3].UpdateID)
	}
	if u[0].WaitForStage != temporalclient.WorkflowUpdateStageCompleted || u[0].WorkflowID != rolloutID() {
		t.Errorf("sent %+v", u[0])
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.put(rolloutID(), func(*run) {})
	s.answer = func(o temporalclient.UpdateWorkflowOptions) (any, error) {
		return rollout.Ack{Phase: o.UpdateName}, nil
	}
	c := s.client(nil)
	for want, send := range map[string]func(context.Context, string, string, rollout.Command) (rollout.Ack, error){
		"approve": c.Approve, "reject": c.Reject, "pause": c.Pause,
		"advance": c.Advance, "cancel": c.Cancel, "resume": c.Resume,
		"retryJob": c.RetryJob, "ignoreJob": c.IgnoreJob, "terminateJobRun": c.TerminateJobRun,
	} {
		ack, err := send(t.Context(), "shop", rolloutName, rollout.Command{
			Phase: "stable", Job: rollout.JobDeploy, Digest: "sha256:0123456789ab", Actor: "ada",
		})
		if err != nil || ack.Phase != want {
			t.Errorf("%s: %+v, %v", want, ack, err)
		}
	}
}

// A command that is not carried out says why, and never waits for ever.
func TestCommandErrors(t *testing.T) {
	t.Parallel()
	advance := rollout.Command{Phase: "canary-10"}
	tests := []struct {
		name    string
		command string
		cmd     rollout.Command
		setup   func(*server)
		kind    rollout.Kind
		text    string
		after   time.Duration
	}{
		{
			name: "refused by the rollout", command: "advance", cmd: advance,
			setup: func(s *server) {
				s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) {
					return nil, temporal.NewApplicationError("phase canary-10 has begun", "Refused")
				}
			},
			kind: rollout.Refused, text: "advance v2-to-prod-0001: phase canary-10 has begun",
		},
		{
			name: "unknown command", command: "promote", kind: rollout.Invalid,
			text: "promote: unknown command, known are advance, approve, cancel, ignoreJob, pause, reject, resume, retryJob, terminateJobRun",
		},
		{name: "approve without a digest", command: "approve", cmd: rollout.Command{Actor: "ada"}, kind: rollout.Invalid, text: "approve: no digest given"},
		{name: "approve by nobody", command: "approve", cmd: rollout.Command{Digest: "sha256:0123456789ab"}, kind: rollout.Invalid, text: "approve: no actor given"},
		{name: "reject by nobody", command: "reject", kind: rollout.Invalid, text: "reject: no actor given"},
		{
			name: "override without a reason", command: "pause", cmd: rollout.Command{Override: []string{"freeze"}}, kind: rollout.Invalid,
			text: "pause: no reason given (overriding a deploy policy needs one: it is recorded)",
		},
		{name: "no phase", command: "advance", kind: rollout.Invalid, text: "advance: no phase given"},
		{name: "no job", command: "retryJob", cmd: advance, kind: rollout.Invalid, text: "retryJob: no job given"},
		{
			name: "no such rollout", command: "advance", cmd: advance,
			setup: func(s *server) { delete(s.workflows, rolloutID()) },
			kind:  rollout.NotFound, text: "advance v2-to-prod-0001: it does not exist (serin rollout list --pipeline shop)",
		},
		{
			name: "rollout has ended", command: "advance", cmd: advance,
			setup: func(s *server) {
				s.put(rolloutID(), func(r *run) {
					r.closed, r.attrs = true, map[string]string{rollout.AttributeState: "SUCCEEDED"}
				})
			},
			kind: rollout.Refused, text: "advance v2-to-prod-0001: the rollout has ended SUCCEEDED",
		},
		{
			name: "approval has expired", command: "approve", cmd: rollout.Command{Digest: "sha256:0123456789ab", Actor: "ada"},
			setup: func(s *server) { s.put(rolloutID(), ended(rollout.Status{Failure: "no approval within 24h"})) },
			kind:  rollout.Refused,
			text:  "approve v2-to-prod-0001: the rollout has ended APPROVAL_REJECTED: no approval within 24h, it expired at 2026-11-22T06:00:00Z",
		},
		{
			name: "rejected by a person", command: "approve", cmd: rollout.Command{Digest: "sha256:0123456789ab", Actor: "ada"},
			setup: func(s *server) {
				s.put(rolloutID(), ended(rollout.Status{
					Failure:  "rejected by bob (too late)",
					Approval: rollout.ApprovalStatus{Votes: []rollout.Vote{{Actor: "bob", Rejected: true}}},
				}))
			},
			kind: rollout.Refused, text: "approve v2-to-prod-0001: the rollout has ended APPROVAL_REJECTED: rejected by bob (too late)",
		},
		{
			name: "no worker", command: "advance", cmd: advance,
			setup: func(s *server) { s.alive = false },
			kind:  rollout.Expired, after: patience,
			text: "advance v2-to-prod-0001: no worker is polling task queue serin (start one with serin-worker; the command may still be carried out then)",
		},
		{
			name: "no worker any more", command: "advance", cmd: advance,
			setup: func(s *server) { s.alive, s.worker = false, time.Now().Add(-2*time.Minute) },
			kind:  rollout.Expired, after: answerLimit,
			text: "advance v2-to-prod-0001: no worker has polled task queue serin since 1999-12-31T23:58:00Z (start one with serin-worker; the command may still be carried out then)",
		},
		{
			name: "no Temporal", command: "advance", cmd: advance,
			setup: func(s *server) { s.down = serviceerror.NewUnavailable("connection refused") },
			kind:  rollout.Unreachable,
			text:  "advance v2-to-prod-0001 through Temporal at temporal:7233: connection refused (is Temporal running there? TEMPORAL_ADDRESS or a profile names another address)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				s.put(rolloutID(), func(*run) {})
				if tt.setup != nil {
					tt.setup(s)
				}
				began := time.Now()
				_, err := s.client(nil).Command(t.Context(), "shop", rolloutName, tt.command, tt.cmd)
				wantError(t, err, tt.kind, tt.text)
				if took := time.Since(began); took != tt.after {
					t.Errorf("took %s, want %s", took, tt.after)
				}
			})
		})
	}
}

// ended is a rollout whose approval was rejected, or expired.
func ended(s rollout.Status) func(*run) {
	s.State = rollout.StateApprovalRejected
	s.Approval.Expires = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	return func(r *run) {
		r.closed, r.attrs, r.state = true, map[string]string{rollout.AttributeState: string(s.State)}, s
	}
}

// A caller that goes away gets its own error back.
func TestCommandCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.alive = false
		s.put(rolloutID(), func(*run) {})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := s.client(nil).Resume(ctx, "shop", rolloutName, rollout.Command{})
		if !errors.Is(err, context.Canceled) || rollout.KindOf(err) != "" {
			t.Errorf("got %v", err)
		}
	})
}
