package workflows_test

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// needs makes the rollout need an approval, and its lane grant it five minutes after it asks.
func (s *stage) needs(a rollout.Approval) {
	s.after()
	s.plan.Digest, s.plan.Approval = digest, &a
	s.onSignal = func(_, signal string, arg any) error {
		if m, ok := arg.(rollout.Acquire); ok && signal == rollout.SignalAcquire {
			if !m.Tail {
				s.refused = append(s.refused, "asked for the head of the queue")
			}
			s.at(5*time.Minute, s.give)
		}
		return nil
	}
}

func (s *stage) approve(d time.Duration, actor string) {
	s.command(d, rollout.CommandApprove, rollout.Command{Actor: actor, Digest: digest})
}

// through is the path from the grant to the wait for canary-50, and approved that of an
// approved rollout until it is cancelled there.
func through(more ...string) []string {
	return append([]string{
		"granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
		"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "canary-25 succeeded",
	}, more...)
}

func untilCancel(begin ...string) []string {
	return append(begin, through("waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann", "ended CANCELLED")...)
}

// approvals: a rollout that needs one queues for its lane once it has it.
func approvals() []pathRow {
	return []pathRow{
		{
			name: "one approval of anybody",
			setup: func(s *stage) {
				s.needs(rollout.Approval{MinApprovals: 1})
				s.approve(time.Hour, "ann")
				s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: untilCancel("created", "approved: 1 of 1 by ann", "waits for lane: waits for its lane"),
		},
		{
			name: "two different approvers",
			setup: func(s *stage) {
				s.needs(rollout.Approval{MinApprovals: 2, Approvers: []string{"ann", "bob", "carl"}, ExpireAfter: 24 * time.Hour})
				s.approve(1*time.Hour, "ann")
				s.approve(2*time.Hour, "ann")
				s.approve(3*time.Hour, "eve")
				s.command(4*time.Hour, rollout.CommandApprove, rollout.Command{Actor: "bob"})
				s.command(5*time.Hour, rollout.CommandApprove, rollout.Command{Actor: "bob", Digest: "sha256:0123456789a"})
				s.command(6*time.Hour, rollout.CommandApprove, rollout.Command{Actor: "bob", Digest: "sha256:ffff456789abcdef"})
				s.command(7*time.Hour, rollout.CommandApprove, rollout.Command{Digest: digest})
				s.command(8*time.Hour, rollout.CommandApprove, rollout.Command{Actor: "bob", Digest: digest[:19], Reason: "looks good"})
				s.approve(8*time.Hour+time.Second, "carl")
				s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: untilCancel("created", "approved: 1 of 2 by ann",
				"waits for approval: prod requires approval: 1 of 2 have approved; ann, bob, carl may",
				"approved: 2 of 2 by bob (looks good)", "waits for lane: waits for its lane"),
			refused: []string{
				"approve v2-to-prod-0001: ann has approved already: 1 of 2 have, each must be somebody else",
				"approve v2-to-prod-0001: eve is none of its approvers: ann, bob, carl",
				"approve v2-to-prod-0001: digest is missing: name the release that is approved, here " + digest,
				"approve v2-to-prod-0001: it is about release digest sha256:0123456789a, this rollout has " + digest,
				"approve v2-to-prod-0001: it is about release digest sha256:ffff456789abcdef, this rollout has " + digest,
				"approve v2-to-prod-0001: actor is missing: name who decides",
				"approve v2-to-prod-0001: the rollout is PENDING, not PENDING_APPROVAL: approved by ann, bob",
			},
		},
		{
			name: "what needs no approval takes none",
			setup: func(s *stage) {
				s.after()
				s.command(time.Minute, rollout.CommandApprove, rollout.Command{Actor: "ann", Digest: "sha256:v2"})
				s.command(2*time.Minute, rollout.CommandReject, rollout.Command{Actor: "ann"})
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: untilCancel("created"),
			refused: []string{
				"approve v2-to-prod-0001: the rollout is IN_PROGRESS, not PENDING_APPROVAL",
				"reject v2-to-prod-0001: the rollout is IN_PROGRESS, not PENDING_APPROVAL",
			},
		},
	}
}

// rejections: what ends a rollout before it has begun.
func rejections() []pathRow {
	return []pathRow{
		{
			name: "one of the approvers rejects, although another has approved",
			setup: func(s *stage) {
				s.needs(rollout.Approval{MinApprovals: 2, Approvers: []string{"ann", "bob"}})
				s.approve(1*time.Hour, "ann")
				s.command(2*time.Hour, rollout.CommandReject, rollout.Command{Actor: "eve"})
				s.command(3*time.Hour, rollout.CommandReject, rollout.Command{})
				s.command(4*time.Hour, rollout.CommandReject, rollout.Command{Actor: "bob", Reason: "not today"})
			},
			want: rollout.StateApprovalRejected, splits: "shop-v1 100%",
			path: []string{
				"created", "approved: 1 of 2 by ann", "waits for approval: prod requires approval: 1 of 2 have approved; ann, bob may",
				"rejected by bob (not today)", "ended APPROVAL_REJECTED",
			},
			refused: []string{
				"reject v2-to-prod-0001: eve is none of its approvers: ann, bob",
				"reject v2-to-prod-0001: actor is missing: name who decides",
			},
		},
		{
			name: "nobody approves in time",
			setup: func(s *stage) {
				s.needs(rollout.Approval{MinApprovals: 2, ExpireAfter: 90 * time.Minute})
				s.approve(time.Hour, "ann")
			},
			want: rollout.StateApprovalRejected, splits: "shop-v1 100%",
			path: []string{
				"created", "approved: 1 of 2 by ann", "waits for approval: prod requires approval: 1 of 2 have approved",
				"rejected: no approval within 1h30m", "ended APPROVAL_REJECTED",
			},
		},
		{
			name: "a cancel ends it at once",
			setup: func(s *stage) {
				s.needs(rollout.Approval{MinApprovals: 1, ExpireAfter: 24 * time.Hour})
				s.advance(1*time.Minute, "canary-50")
				s.command(2*time.Minute, rollout.CommandPause, rollout.Command{Actor: "ann"})
				s.command(3*time.Minute, rollout.CommandResume, rollout.Command{Actor: "ann"})
				s.command(4*time.Minute, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy})
				s.command(5*time.Minute, rollout.CommandTerminate, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy})
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann", Restore: true})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: []string{"created", "cancelling: restore by ann", "ended CANCELLED"},
			refused: []string{
				"advance v2-to-prod-0001: the rollout is PENDING_APPROVAL, not IN_PROGRESS",
				"pause v2-to-prod-0001: the rollout is PENDING_APPROVAL, not PENDING, IN_PROGRESS or HALTED",
				"resume v2-to-prod-0001: the rollout is PENDING_APPROVAL, not PENDING, IN_PROGRESS, HALTED or FAILED",
				"retryJob v2-to-prod-0001: the rollout is PENDING_APPROVAL, not IN_PROGRESS or FAILED",
				"terminateJobRun v2-to-prod-0001: the rollout is PENDING_APPROVAL, not IN_PROGRESS or CANCELLING",
			},
		},
	}
}

// TestAnExpiredApprovalIsRefusedWithTheTime: also when no worker ran as it expired.
func TestAnExpiredApprovalIsRefusedWithTheTime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.needs(rollout.Approval{MinApprovals: 1, ExpireAfter: time.Hour})
	var expires time.Time
	s.at(time.Minute, func() { expires = s.state(t).Approval.Expires })
	old := s.onSignal
	s.onSignal = func(id, signal string, arg any) error {
		if m, ok := arg.(rollout.Report); ok && m.Record.State == rollout.StateApprovalRejected {
			s.ask(rollout.CommandApprove, rollout.Command{Actor: "ann", Digest: digest}, func(err error) {
				s.refused = append(s.refused, err.Error())
			})
		}
		return old(id, signal, arg)
	}
	if got := s.run(t); got.State != rollout.StateApprovalRejected || got.Failure != "no approval within 1h" || len(got.Approval.Votes) != 0 {
		t.Errorf("%s: %s, %v", got.State, got.Failure, got.Approval)
	}
	if !temporal.IsCanceledError(s.GetWorkflowError()) {
		t.Errorf("it closes with %v", s.GetWorkflowError())
	}
	if want := "its approval expired at " + expires.Format(time.RFC3339); expires.IsZero() || len(s.refused) != 1 || !strings.Contains(s.refused[0], want) {
		t.Errorf("refused %q, want %q", s.refused, want)
	}
}

// TestAnApprovalIsVisible: what is waited for, until when, and what ends it.
func TestAnApprovalIsVisible(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.needs(rollout.Approval{MinApprovals: 2, Approvers: []string{"ann", "bob"}, ExpireAfter: 24 * time.Hour})
	s.at(time.Minute, func() {
		got := s.state(t)
		w := got.Waiting
		if got.State != rollout.StatePendingApproval || w == nil || w.For != rollout.WaitApproval ||
			!w.Until.Equal(got.Created.Add(24*time.Hour)) || !got.Approval.Expires.Equal(w.Until) {
			t.Errorf("%s waits for %+v, approval %+v", got.State, w, got.Approval)
		}
		equal(t, "commands", w.Commands, []string{
			"serin rollout approve --pipeline shop --rollout v2-to-prod-0001 --digest sha256:0123456789ab",
			"serin rollout reject --pipeline shop --rollout v2-to-prod-0001",
			"serin rollout cancel --pipeline shop --rollout v2-to-prod-0001",
		})
		details := s.details(t)
		for _, want := range []string{
			"Waits for **approval** since", "prod requires approval: 0 of 2 have approved; ann, bob may",
			"Signal `approve` with `{\"actor\":\"you\",\"digest\":\"sha256:0123456789ab\"}`", "`reject` with `{\"actor\":\"you\",\"reason\":\"why\"}`",
		} {
			if !strings.Contains(details, want) {
				t.Errorf("the details do not say %q:\n%s", want, details)
			}
		}
	})
	// The Web UI's button sends what the details say.
	s.at(1*time.Hour, func() {
		s.SignalWorkflow(rollout.CommandApprove, map[string]string{"actor": "ann", "digest": "sha256:0123456789ab"})
	})
	s.at(2*time.Hour, func() { s.SignalWorkflow(rollout.CommandReject, map[string]string{"actor": "eve"}) })
	s.at(3*time.Hour, func() {
		if got := s.details(t); !strings.Contains(got, "1 of 2 have approved") {
			t.Errorf("after one approval:\n%s", got)
		}
		s.SignalWorkflow(rollout.CommandReject, map[string]string{"actor": "bob", "reason": "why"})
	})
	equal(t, "path", path(s.run(t)), []string{
		"created", "approved: 1 of 2 by ann", "waits for approval: prod requires approval: 1 of 2 have approved; ann, bob may",
		"refused: reject v2-to-prod-0001: eve is none of its approvers: ann, bob by eve", "rejected by bob (why)", "ended APPROVAL_REJECTED",
	})
}

// TestAWaitingRolloutCostsNothing: no activity runs while an approval is waited for.
func TestAWaitingRolloutCostsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.needs(rollout.Approval{MinApprovals: 1})
	s.command(1000*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	asked := 0
	s.permitted = s.countPermits(&asked)
	s.run(t)
	if s.platform.Writes() != 0 || asked != 1 || len(s.sent) != 1 {
		t.Errorf("%d writes, %d questions, messages %q", s.platform.Writes(), asked, s.sent)
	}
}
