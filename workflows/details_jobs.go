package workflows

import (
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

// jobList lists the latest runs of the jobs that find something out, and what they have found.
func (r *run) jobList(b []byte) []byte {
	if r.children != nil {
		return b
	}
	first := true
	for _, ph := range r.status.Phases {
		for _, j := range ph.Jobs {
			if j.ID == rollout.JobDeploy || j.Run == nil {
				continue
			}
			if first {
				b, first = append(b, '\n'), false
			}
			b = fmt.Appendf(b, "- %s %s **%s**%s\n", ph.ID, j.ID, j.State, attemptText(j.Run))
			b = checkList(b, j.Run.Outcome)
		}
	}
	return b
}

func attemptText(run *rollout.JobRun) string {
	out := ""
	if run.Attempt > 1 {
		out += fmt.Sprintf(", attempt %d", run.Attempt)
	}
	if o := run.Outcome; o != nil {
		out += ": " + string(o.Verdict)
		if o.Reason != "" {
			out += ", " + o.Reason
		}
	}
	return out
}

// checkList lists what is known of each check.
func checkList(b []byte, o *rollout.Outcome) []byte {
	if o == nil {
		return b
	}
	for _, c := range o.Checks {
		b = fmt.Appendf(b, "  - %s\n", c)
	}
	return b
}
