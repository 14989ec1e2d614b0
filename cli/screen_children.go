package cli

import (
	"fmt"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

func (d *drawing) relations() {
	s := d.Status
	all := relations(s)
	if s.Approval.State != "" && s.Approval.State != rollout.ApprovalNotNeeded {
		text := approvalText(s.Approval)
		for _, v := range s.Approval.Votes {
			text += "; " + voteText(v)
		}
		all = append([]relation{{"approval", text}}, all...)
	}
	if s.Paused {
		all = append([]relation{{"paused", "nothing begins until somebody resumes it"}}, all...)
	}
	for _, r := range all {
		d.block(r.label, r.text, d.plain)
	}
	if len(all) > 0 {
		d.line("")
	}
}

// children draws the children, those that are done last, within a part of the screen.
func (d *drawing) children() {
	all := d.Status.Children
	if len(all) == 0 {
		return
	}
	d.line("")
	name := len("CHILD")
	phase := len(rollout.StablePhase)
	for _, c := range all {
		name = min(max(name, columns(c.Target)), 24)
		phase = min(max(phase, columns(c.Phase)), 24)
	}
	for _, c := range shownChildren(all) {
		weight := "-"
		if c.Weight != nil {
			weight = percent(*c.Weight)
		}
		text := strings.Join([]string{
			pad(fit(c.Target, name), name), fmt.Sprintf("wave %-3d", c.Wave+1), pad(fit(or(c.Phase, "-"), phase), phase), pad(weight, len("100%")),
		}, "  ")
		state := string(c.PhaseState)
		if c.PhaseState == "" {
			state = or(string(c.State), "-")
		}
		rest := ""
		if o := childOutcome(c); o != "-" {
			rest = "  " + fit(o, max(d.Width-columns(text)-stateWidth-4, 1))
		}
		d.line(text + "  " + d.byState(state).Render(pad(state, stateWidth)) + rest)
	}
	if n := len(all) - len(shownChildren(all)); n > 0 {
		d.line(d.dim.Render(fmt.Sprintf("and %s", count(n, "child target"))))
	}
}

// childrenShown is how many children fit on a screen: those who need a look come first.
const childrenShown = 12

func shownChildren(all []rollout.ChildStatus) []rollout.ChildStatus {
	if len(all) <= childrenShown {
		return all
	}
	var out []rollout.ChildStatus
	for _, want := range [][]rollout.PhaseState{
		{rollout.PhaseFailed, rollout.PhaseAborted},
		{rollout.PhaseInProgress},
		{rollout.PhasePending, ""},
		{rollout.PhaseSucceeded, rollout.PhaseSkipped},
	} {
		for _, c := range all {
			for _, state := range want {
				if c.PhaseState == state && len(out) < childrenShown {
					out = append(out, c)
				}
			}
		}
	}
	return out
}
