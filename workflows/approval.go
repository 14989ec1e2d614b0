package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// shortDigest is how much of a digest a command must name at least: "sha256:" and 12
// hexadecimal digits.
const shortDigest = len("sha256:") + 12

// awaitApproval waits until enough people have approved, somebody has rejected, or nobody did
// in time. An approved rollout then asks for its lane.
func (r *run) awaitApproval(ctx workflow.Context) {
	decided := func() bool { return r.status.Approval.State != rollout.ApprovalNeeded }
	expired := func() bool { return false }
	if at := r.status.Approval.Expires; !at.IsZero() {
		tctx, stop := workflow.WithCancel(ctx)
		defer stop()
		timer := workflow.NewTimerWithOptions(tctx, at.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: "the approval expires"})
		expired = timer.IsReady
	}
	r.await(ctx, func() bool { return decided() || expired() })
	switch {
	case r.ending():
	case r.status.Approval.State == rollout.ApprovalGiven:
		r.acquire(ctx, true)
	case !decided():
		r.record(ctx, rollout.Event{Kind: rollout.EventRejected, Note: "no approval within " + briefly(r.in.Plan.Approval.ExpireAfter)})
		fallthrough
	default:
		r.finish(ctx, rollout.StateApprovalRejected)
	}
}

// approvalWait is what a rollout waits for while it is PENDING_APPROVAL.
func (r *run) approvalWait(ctx workflow.Context) rollout.Waiting {
	a, s := r.in.Plan.Approval, r.status.Approval
	w := rollout.Waiting{
		For: rollout.WaitApproval, Since: workflow.Now(ctx).UTC(),
		Reason:   r.in.Plan.Target.Name + " requires approval",
		Commands: r.commands(rollout.CommandApprove, rollout.CommandReject, rollout.CommandCancel),
	}
	if a.ExpireAfter > 0 {
		created := r.status.Created
		if created.IsZero() {
			created = w.Since
		}
		w.Until = created.Add(a.ExpireAfter)
	}
	if s.Needs > 1 {
		w.Reason += fmt.Sprintf(": %d of %d have approved", len(s.Votes), s.Needs)
	}
	if len(a.Approvers) > 0 {
		w.Reason += "; " + strings.Join(a.Approvers, ", ") + " may"
	}
	return w
}

// checkApprove: an approval is one person's, and about exactly the release that they have seen.
func checkApprove(r *run, ctx workflow.Context, c rollout.Command) error {
	if err := checkApprover(r, ctx, c); err != nil {
		return err
	}
	if c.Digest == "" {
		return fmt.Errorf("digest is missing: name the release that is approved, here %s", r.in.Plan.Digest)
	}
	if r.status.Approval.Voted(c.Actor) {
		return fmt.Errorf("%s has approved already: %d of %d have, each must be somebody else",
			c.Actor, len(r.status.Approval.Votes), r.status.Approval.Needs)
	}
	return nil
}

// checkApprover holds what approve and reject have in common.
func checkApprover(r *run, ctx workflow.Context, c rollout.Command) error {
	a := r.status.Approval
	switch {
	case a.State != rollout.ApprovalNeeded || r.cancel != nil: // the loop has not taken it up yet
		return fmt.Errorf("the rollout is %s, and another command is being carried out", r.status.State)
	case c.Actor == "":
		return errors.New("actor is missing: name who decides")
	case !a.Expires.IsZero() && !workflow.Now(ctx).Before(a.Expires):
		return errors.New(r.expired())
	}
	if may := r.in.Plan.Approval.Approvers; len(may) > 0 && !slices.Contains(may, c.Actor) {
		return fmt.Errorf("%s is none of its approvers: %s", c.Actor, strings.Join(may, ", "))
	}
	return nil
}

// decided says how the approval was decided; "" while it is not.
func (r *run) decided() string {
	var names []string
	for _, v := range r.status.Approval.Votes {
		names = append(names, v.Actor)
		if v.Rejected {
			return r.status.Failure
		}
	}
	switch r.status.Approval.State {
	case rollout.ApprovalGiven:
		return "approved by " + strings.Join(names, ", ")
	case rollout.ApprovalRefused:
		return r.expired()
	case rollout.ApprovalNeeded, rollout.ApprovalNotNeeded:
	}
	return ""
}

func (r *run) expired() string {
	return fmt.Sprintf("its approval expired at %s: promote the release again", r.status.Approval.Expires.Format(time.RFC3339))
}

func doApprove(r *run, ctx workflow.Context, c rollout.Command) {
	a := r.status.Approval
	r.record(ctx, rollout.Event{
		Kind: rollout.EventApproved, Actor: c.Actor, Reason: c.Reason, Note: fmt.Sprintf("%d of %d", len(a.Votes)+1, a.Needs),
	})
	if r.status.Approval.State == rollout.ApprovalNeeded {
		r.wait(ctx, r.approvalWait(ctx))
	}
}

func doReject(r *run, ctx workflow.Context, c rollout.Command) {
	r.record(ctx, rollout.Event{Kind: rollout.EventRejected, Actor: c.Actor, Reason: c.Reason})
}

// briefly writes "24h" and not "24h0m0s".
func briefly(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
