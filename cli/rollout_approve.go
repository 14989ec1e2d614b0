package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutApprove() *cli.Command {
	return a.act(&cli.Command{
		Name:  "approve",
		Usage: "approve a rollout that waits for it",
		Description: "An approval is bound to a digest: to what the release consists of. Without --digest\n" +
			"the rollout is read and shown, and its digest is approved after a question, which\n" +
			"--yes answers. The same person counts once; with the last approval that is needed\n" +
			"the rollout queues for its target.\n\n" +
			"Examples:\n" +
			"   serin rollout approve --pipeline shop --rollout v2-to-prod-0001 --reason \"ticket 7\"\n" +
			"   serin rollout approve --pipeline shop --release v2 --target prod --digest sha256:0123456789ab --by ada",
		Flags: []cli.Flag{text("digest", "the `DIGEST` that is approved, or its beginning: sha256: and 12 digits"), yesFlag()},
	}, rollout.CommandApprove, func(c *cli.Context, q *asked) error { return a.vote(c, q, "Approve it?") })
}

// vote completes an approval or a rejection. Who names the digest has seen what it is.
func (a *app) vote(c *cli.Context, q *asked, text string) error {
	if q.command.Digest = c.String("digest"); q.command.Digest != "" {
		return nil
	}
	r, err := q.status()
	if err != nil {
		return err
	}
	if r.State != rollout.StatePendingApproval {
		why := ""
		if r.State == rollout.StateApprovalRejected && r.Failure != "" {
			why = ": " + oneLine(r.Failure)
		}
		return q.refuse("the rollout is %s, not %s%s", r.State, rollout.StatePendingApproval, why)
	}
	q.command.Digest = r.Digest
	return a.confirm(c, question{
		text: text, named: q.name == rollout.CommandReject,
		show: func(w io.Writer) { toApprove(w, r) },
	})
}

// toApprove shows what an approval is of.
func toApprove(w io.Writer, r client.Rollout) {
	row(w, "rollout:", r.Status.Rollout)
	row(w, "release:", r.Release+" of "+r.Pipeline)
	row(w, "digest:", r.Digest)
	row(w, "target:", or(childTargets(r.Status), r.Target))
	row(w, "phases:", phaseNames(r.Status))
	if r.RollbackOf != "" {
		row(w, "rolls back:", r.RollbackOf)
	}
	describeApproval(w, r.Approval)
}

// childTargets is "prod: prod-eu, prod-us", or "" for a single target.
func childTargets(s rollout.Status) string {
	if len(s.Children) == 0 {
		return ""
	}
	var names []string
	for _, c := range s.Children {
		names = append(names, c.Target)
	}
	return s.Target + ": " + strings.Join(names, ", ")
}

// phaseNames is "canary-25, stable", from the phase on that it starts at.
func phaseNames(s rollout.Status) string {
	var out []string
	for _, ph := range s.Phases {
		if ph.ID == s.StartingPhase {
			out = nil
		}
		out = append(out, ph.ID)
	}
	return strings.Join(out, ", ")
}

// describeApproval says how far an approval has come, and who has voted.
func describeApproval(w io.Writer, a rollout.ApprovalStatus) {
	if a.State == "" || a.State == rollout.ApprovalNotNeeded {
		return
	}
	row(w, "approval:", approvalText(a))
	for _, v := range a.Votes {
		verb := "approved:"
		if v.Rejected {
			verb = "rejected:"
		}
		row(w, verb, voteText(v))
	}
}

// approvalText is "NEEDS_APPROVAL, 1 of 2 until 2026-03-02 12:00:00Z".
func approvalText(a rollout.ApprovalStatus) string {
	given := len(slices.DeleteFunc(slices.Clone(a.Votes), func(v rollout.Vote) bool { return v.Rejected }))
	out := fmt.Sprintf("%s, %d of %d", a.State, given, max(a.Needs, 1))
	if a.State == rollout.ApprovalNeeded && !a.Expires.IsZero() {
		out += " until " + stamp(a.Expires)
	}
	return out
}

// voteText is "ada, 2026-03-01 12:00:00Z (looks fine)".
func voteText(v rollout.Vote) string {
	out := or(v.Actor, "nobody: it expired") + ", " + stamp(v.Time)
	if v.Reason != "" {
		out += " (" + oneLine(v.Reason) + ")"
	}
	return out
}
