package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// tell tells the release where its rollout stands.
func (l *lane) tell(ctx workflow.Context, r rollout.Record) {
	l.follow(ctx, r.Release, rollout.Follow{Rollout: r.Rollout, State: r.State})
}

// follow sends a message to a release. One that has ended does not need to know.
func (l *lane) follow(ctx workflow.Context, release string, f rollout.Follow) {
	f.Seq, f.Target = l.seq(), l.status.Target
	_ = workflow.SignalExternalWorkflow(ctx, rollout.ReleaseID(l.status.Pipeline, release), "", rollout.SignalFollow, f).Get(ctx, nil)
}

// signal reports whether the rollout took the message.
func (l *lane) signal(ctx workflow.Context, name, signal string, message any) bool {
	return workflow.SignalExternalWorkflow(ctx, rollout.RolloutID(l.status.Pipeline, name), "", signal, message).Get(ctx, nil) == nil
}

func (l *lane) seq() int {
	l.status.Sent++
	return l.status.Sent
}

// note keeps what was refused where nobody waits for an answer.
func (l *lane) note(ctx workflow.Context, what string) {
	workflow.GetLogger(ctx).Warn("refused", "lane", l.status.Pipeline+"/"+l.status.Target, "what", what)
	l.status.Note(workflow.Now(ctx).UTC().Format(time.RFC3339) + " refused: " + what)
}

// details is the Markdown that the Web UI shows: who has the lane, who queues, and what was
// rolled out.
func (l *lane) details() string {
	s := &l.status
	b := fmt.Appendf(nil, "**%s** on **%s**\n\n", s.Pipeline, s.Target)
	if stable := s.Stable(); stable != nil {
		b = fmt.Appendf(b, "Stable: %s, by %s\n\n", stable.Release, stable.Rollout)
	}
	if s.Holder != "" {
		b = fmt.Appendf(b, "Has the lane: %s\n\n", s.Holder)
	}
	for i, name := range s.Queue {
		b = fmt.Appendf(b, "%d. %s queues\n", i+1, name)
	}
	b = fmt.Append(b, "\n| rollout | state | by | created |\n|---|---|---|---|\n")
	for _, r := range s.Records {
		b = fmt.Appendf(b, "| %s | %s | %s | %s |\n", r.Rollout, r.State, r.Actor, r.Created.Format(clock))
	}
	for _, r := range s.Rejected {
		b = fmt.Appendf(b, "\n%s was rolled back by %s\n", r.Release, r.RolledBackBy)
	}
	for _, u := range s.Unanswered {
		b = fmt.Appendf(b, "\n%s by %s is tried again at %s: %s\n", u.Command, u.Create.Actor, u.At.Format(clock), u.Failure)
	}
	for _, note := range s.Notes {
		b = fmt.Appendf(b, "\n%s\n", note)
	}
	return string(b)
}

// clock is how times are shown in current details.
const clock = "2006-01-02 15:04:05 MST"
