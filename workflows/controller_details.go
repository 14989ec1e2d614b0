package workflows

import (
	"cmp"
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

// shownMends is for how many failed children the commands are printed; the others are in the table.
const shownMends = 2

// mends are the command lines that revive failed children.
func (c *controller) mends() []string {
	var lines []string
	for _, k := range c.children {
		if k.status.State != rollout.StateFailed || k.gone || len(lines) >= 2*shownMends {
			continue
		}
		for _, name := range []string{rollout.CommandRetryJob, rollout.CommandIgnoreJob} {
			lines = append(lines, fmt.Sprintf("serin rollout %s --pipeline %s --rollout %s --phase %s --job %s",
				verb(name), c.in.Plan.Pipeline, k.status.Rollout, k.status.Phase, k.status.FailedJob))
		}
	}
	return lines
}

// table is the Markdown of the children, which are workflows of their own.
func (c *controller) table(b []byte) []byte {
	b = fmt.Append(b, "\n| child | rollout | state | phase |\n|---|---|---|---|\n")
	for _, k := range c.children {
		s := k.status
		b = fmt.Appendf(b, "| %s | %s | %s | %s %s |\n", k.Target, cmp.Or(s.Rollout, "-"), cmp.Or(s.State, rollout.StatePending), s.Phase, s.PhaseState)
	}
	return b
}
