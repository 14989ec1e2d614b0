package workflows

import (
	"fmt"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// commands returns the command lines that end a wait.
func (r *run) commands(names ...string) []string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = r.commandLine(name)
	}
	return lines
}

// verb is how the command line calls a command.
func verb(name string) string {
	switch name {
	case rollout.CommandRetryJob:
		return "retry-job"
	case rollout.CommandIgnoreJob:
		return "ignore-job"
	case rollout.CommandTerminate:
		return "terminate-job-run"
	}
	return name
}

// commandLine is a command as a person types it. What a child does not take is its
// controller's.
func (r *run) commandLine(name string) string {
	of := r.in.Rollout
	if r.isChild() && (name == rollout.CommandAdvance || name == rollout.CommandCancel) {
		of = r.in.Controller
	}
	line := fmt.Sprintf("serin rollout %s --pipeline %s --rollout %s", verb(name), r.in.Plan.Pipeline, of)
	switch name {
	case rollout.CommandAdvance:
		if ph, _ := r.status.NextPhase(); ph != nil {
			line += " --phase " + ph.ID
		}
	case rollout.CommandApprove:
		line += " --digest " + r.shortDigest()
	case rollout.CommandRetryJob, rollout.CommandIgnoreJob:
		if phase, job, ok := r.status.FailedJob(); ok {
			line += fmt.Sprintf(" --phase %s --job %s", phase, job)
		}
	}
	return line
}

// shortDigest is the least of the digest that an approval has to name.
func (r *run) shortDigest() string {
	d := r.in.Plan.Digest
	return d[:min(len(d), shortDigest)]
}

// details is the Markdown that the Web UI shows: the phases, what is waited for,
// and the exact command.
func (r *run) details() string {
	s := r.status
	var b []byte
	b = fmt.Appendf(b, "**%s** %s on %s/%s\n\n", s.State, s.Release, s.Pipeline, s.Target)
	if s.RollbackOf != "" {
		b = fmt.Appendf(b, "Rolls back %s\n\n", s.RollbackOf)
	}
	b = r.jobList(r.phaseTable(b))
	if r.children != nil {
		b = r.children.table(b)
	}
	if s.Failure != "" {
		b = fmt.Appendf(b, "\nFailed: %s\n", s.Failure)
	}
	if p := s.Repair; p != nil && p.State == rollout.RepairInProgress {
		b = fmt.Appendf(b, "\nRepaired by %s: attempt %d of %d\n", p.Rule, p.Attempt, p.Attempts)
	}
	if s.Paused && (s.Waiting == nil || s.Waiting.Reason != r.pausedBy()) {
		b = fmt.Appendf(b, "\nIt is %s, and begins nothing new\n\n`%s`\n", r.pausedBy(), r.commandLine(rollout.CommandResume))
	}
	if s.State == rollout.StateFailed {
		for _, line := range r.mends() {
			b = fmt.Appendf(b, "\n`%s`\n", line)
		}
	}
	return string(r.waitingDetails(b))
}

// mends are the command lines that revive a FAILED rollout.
func (r *run) mends() []string {
	if r.children != nil {
		return r.children.mends()
	}
	return r.commands(rollout.CommandRetryJob, rollout.CommandIgnoreJob)
}

func (r *run) phaseTable(b []byte) []byte {
	b = fmt.Append(b, "| phase | weight | observed | state |\n|---|---|---|---|\n")
	for _, ph := range r.status.Phases {
		observed := "-"
		switch {
		case ph.Observed != nil:
			observed = fmt.Sprintf("%d%%", *ph.Observed)
		case ph.Custom:
			observed = "configured"
		case ph.Assumed:
			observed = "assumed"
		}
		b = fmt.Appendf(b, "| %s | %d%% | %s | %s |\n", ph.ID, ph.Weight, observed, ph.State)
	}
	return b
}

// waitingDetails says what is waited for, and how to end it; for an approval also by the Web
// UI's own button, which sends a Signal.
func (r *run) waitingDetails(b []byte) []byte {
	w := r.status.Waiting
	if w == nil {
		return b
	}
	const layout = "2006-01-02 15:04:05 MST"
	b = fmt.Appendf(b, "\nWaits for **%s** since %s: %s\n", w.For, w.Since.Format(layout), w.Reason)
	if !w.Until.IsZero() {
		b = fmt.Appendf(b, "\nUntil %s\n", w.Until.In(time.UTC).Format(layout))
	}
	for _, c := range w.Commands {
		b = fmt.Appendf(b, "\n`%s`\n", c)
	}
	if w.For == rollout.WaitApproval {
		b = fmt.Appendf(b, "\nOr send the Signal `%s` with `{\"actor\":\"you\",\"digest\":\"%s\"}`, or `%s` with `{\"actor\":\"you\",\"reason\":\"why\"}`\n",
			rollout.CommandApprove, r.shortDigest(), rollout.CommandReject)
	}
	return b
}
