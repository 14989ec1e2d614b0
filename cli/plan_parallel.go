package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// printController shows a multi-target, and then its children one by one.
func printController(w io.Writer, s plannedStage) {
	p := s.Plan.Parallel
	row(w, fmt.Sprintf("target %s: %s in parallel", s.Target, count(len(p.Children), "target")))
	row(w, "on failure: "+failure(s.Plan.OnFailure))
	printBefore(w, s)
	printWaves(w, p)
	if p.MaxConcurrent > 0 {
		row(w, fmt.Sprintf("at most %s at the same time", count(p.MaxConcurrent, "target")))
	}
	row(w, "failure budget: "+budget(p))
	row(w)
	row(w, "PHASE", "WEIGHT", "BEGINS")
	for i, ph := range s.Plan.Phases {
		row(w, ph.ID, share(ph), s.Phases[i].Begins)
	}
	for _, c := range s.Children {
		row(w)
		printTarget(w, c, fmt.Sprintf("target %s, child %s", s.Target, c.Target))
	}
}

// printBefore says what holds a rollout up or moves it on besides its phases.
func printBefore(w io.Writer, s plannedStage) {
	if a := s.Plan.Approval; a != nil {
		row(w, "approval: "+approval(a))
	}
	for _, name := range s.Automations {
		row(w, "automation: "+name)
	}
}

func printWaves(w io.Writer, p *rollout.Parallel) {
	if p.Waves() == 1 {
		return
	}
	waves := make([][]string, p.Waves())
	for _, c := range p.Children {
		waves[c.Wave] = append(waves[c.Wave], c.Target)
	}
	for i, names := range waves {
		row(w, fmt.Sprintf("wave %d: %s", i+1, strings.Join(names, ", ")))
	}
}

// budget says what becomes of the other children when some fail.
func budget(p *rollout.Parallel) string {
	switch {
	case p.FailureBudget != nil:
		return fmt.Sprintf("%d, one more failed target stops the others", *p.FailureBudget)
	case p.Waves() > 1:
		return "none, a failed target stops no other, but no wave begins after its own"
	}
	return "none, a failed target stops no other"
}

// approval is "2 of ada, bob, eve, within 24h".
func approval(a *rollout.Approval) string {
	who := "anybody"
	if len(a.Approvers) > 0 {
		who = strings.Join(a.Approvers, ", ")
	}
	out := fmt.Sprintf("%d of %s", a.MinApprovals, who)
	if a.ExpireAfter > 0 {
		out += ", within " + wait(a.ExpireAfter)
	}
	return out
}

// share is the weight of a phase, and whether anything observes it.
func share(ph rollout.Phase) string {
	out := fmt.Sprintf("%d%%", ph.Weight)
	if ph.Custom {
		out += " configured"
	}
	return out
}
