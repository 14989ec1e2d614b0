package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// firstPatience is how long a notifier tries before it says in its status that it cannot
	// deliver. It doubles up to maxPatience: each time costs history.
	firstPatience = time.Minute
	maxPatience   = time.Hour
	// deliverBudget is how long one try may take; the activity ends earlier by itself.
	deliverBudget = time.Minute
	// restBetween is how long it waits after that: an error may come at once.
	restBetween = 10 * time.Second
	// maxDelivered bounds how many notices one activity is asked to deliver.
	maxDelivered = 20
	// maxSignals is how many messages a run takes: Temporal has a limit of 10000.
	maxSignals = 2000
)

// notifier has a queue of notices and delivers them one after another.
type notifier struct {
	status  rollout.NotifierStatus
	signals workflow.ReceiveChannel
	taken   int // messages, in this run

	// what is being delivered: the first busy notices of the queue, nil while nothing is
	delivery workflow.Future
	busy     int
	stop     func()
	rest     workflow.Future // before the next try; nil where there is none
}

// Notifier delivers notices in their order, each until it is taken or is a day old. The one of
// the namespace passes each notice on to the notifiers of those Notifications that want it, so that
// one whose receiver is down delays no other. It never ends; a cancellation is ignored.
func Notifier(ctx workflow.Context, status rollout.NotifierStatus) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	n := &notifier{status: status, signals: workflow.GetSignalChannel(ctx, rollout.SignalNotices)}
	if err := workflow.SetQueryHandler(ctx, rollout.QueryState, func() (rollout.NotifierStatus, error) { return n.status, nil }); err != nil {
		return err
	}
	for !n.full(ctx) {
		n.deliver(ctx)
		n.show(ctx)
		n.hear(ctx)
	}
	if n.delivery != nil {
		n.stop()
		n.answered(ctx)
	}
	for n.take(ctx) { // whatever came meanwhile
	}
	return workflow.NewContinueAsNewError(ctx, rollout.WorkflowNotifier, n.status)
}

// full reports whether the notifier has to continue as new.
func (n *notifier) full(ctx workflow.Context) bool {
	return n.taken >= maxSignals || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// hear waits for a message, or for the end of the delivery.
func (n *notifier) hear(ctx workflow.Context) {
	s := workflow.NewNamedSelector(ctx, "notices")
	s.AddReceive(n.signals, func(workflow.ReceiveChannel, bool) { n.take(ctx) })
	if n.delivery != nil {
		s.AddFuture(n.delivery, func(workflow.Future) { n.answered(ctx) })
	}
	if n.rest != nil {
		s.AddFuture(n.rest, func(workflow.Future) { n.rest = nil })
	}
	s.Select(ctx)
}

// take queues the notices of one message, and reports whether there was one.
func (n *notifier) take(ctx workflow.Context) bool {
	var m rollout.Notices
	if !n.signals.ReceiveAsync(&m) {
		return false
	}
	n.taken++
	n.status.Take(m, n.busy, workflow.Now(ctx))
	return true
}

// deliver begins to deliver the first notices, if nothing is being delivered. Temporal tries again
// without a trace in the history; from time to time the activity ends all the same, so that the
// status can say why.
func (n *notifier) deliver(ctx workflow.Context) {
	if n.delivery != nil || n.rest != nil {
		return
	}
	now := workflow.Now(ctx)
	n.status.Expire(now)
	if len(n.status.Queue) == 0 {
		return
	}
	name, summary := activities.RouteNotices, "who wants to know?"
	if n.status.Notification != "" {
		name, summary = activities.DeliverNotices, "notify "+n.status.Notification
	}
	n.busy = min(maxDelivered, len(n.status.Queue))
	patience := min(firstPatience<<min(n.status.Failures, 6), maxPatience, n.status.Queue[0].Time.Add(rollout.NoticeLife).Sub(now))
	actx, stop := workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              rollout.DefaultTaskQueue,
		ScheduleToCloseTimeout: max(patience, deliverBudget),
		StartToCloseTimeout:    deliverBudget,
		WaitForCancellation:    true, // what was delivered is not delivered again
		Summary:                summary,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: max(time.Second, patience/60), MaximumInterval: 10 * time.Minute},
	}))
	n.stop = stop
	n.delivery = workflow.ExecuteActivity(actx, name, activities.NoticesRequest{
		Notification: n.status.Notification, Notices: n.status.Queue[:n.busy:n.busy],
	})
}

// answered takes the end of the delivery.
func (n *notifier) answered(ctx workflow.Context) {
	var res activities.NoticesResult
	err := n.delivery.Get(ctx, &res)
	n.stop()
	n.delivery, n.busy = nil, 0
	now := workflow.Now(ctx).UTC()
	kind, text := activities.Cause(err)
	switch {
	case err == nil:
		n.status.Answered(res.Done, res.Refused, now)
	case temporal.IsCanceledError(err): // by ourselves; the next run begins with it
	case kind == rollout.NotFound:
		n.status.Gone(text, now)
	default:
		n.status.Missed(text, now)
		n.rest = workflow.NewTimerWithOptions(ctx, restBetween, workflow.TimerOptions{Summary: "before the next try"})
	}
}

// show tells in the Web UI how it stands.
func (n *notifier) show(ctx workflow.Context) {
	s := &n.status
	b := fmt.Appendf(nil, "%d delivered, %d wait, %d dropped\n", s.Delivered, len(s.Queue), s.Dropped)
	if s.Failure != "" {
		b = fmt.Appendf(b, "\n**Cannot deliver**, last seen at %s: %s\n", s.Failed.Format(clock), s.Failure)
	}
	for _, note := range s.Notes {
		b = fmt.Appendf(b, "\n%s\n", note)
	}
	workflow.SetCurrentDetails(ctx, string(b))
}
