package workflows

import (
	"go.temporal.io/sdk/workflow"
)

// due is what a lane does next.
type due int

const (
	dueMessage due = iota // somebody has sent one
	dueHolder             // it looks whether its holder still runs
	dueTry                // it tries a request again
)

// awaitMessage waits for a message, and returns what is due. While somebody queues it gives up
// after a minute, and with a request to try again when that is due, which no message puts off.
func (l *lane) awaitMessage(ctx workflow.Context, in workflow.Selector) due {
	watch := l.status.Holder != "" && len(l.status.Queue) > 0
	next, _ := l.status.NextTry()
	if next != nil && !next.At.After(workflow.Now(ctx)) {
		return dueTry
	}
	if in.HasPending() || (!watch && next == nil) {
		return dueMessage
	}
	late, wait, summary := dueHolder, holderCheck, "does the holder still run?"
	if next != nil {
		if left := next.At.Sub(workflow.Now(ctx)); !watch || left <= wait {
			late, wait, summary = dueTry, left, "try "+next.Command+" again"
		}
	}
	tctx, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(tctx, wait, workflow.TimerOptions{Summary: summary})
	// The context is never cancelled.
	_ = workflow.Await(ctx, func() bool { return in.HasPending() || timer.IsReady() })
	if in.HasPending() {
		return dueMessage
	}
	return late
}
