package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// tellBudget is how long a rollout's decisions may wait for its notices to be handed over.
	tellBudget = 2 * time.Second
	// lastTellBudget is how long each of the last tries may take, and lastTells how often the rollout
	// tries before it ends without having told everything.
	lastTellBudget = 12 * time.Second
	lastTells      = 4
	// maxTold bounds one message, maxUntold what waits for one.
	maxTold   = 100
	maxUntold = 500
)

// telling is what a rollout has to tell those who want to know. At most one message is on its way
// at a time, so that they arrive in order; none is waited for but the last one.
type telling struct {
	queue   []rollout.Notice
	seq     int  // of the last notice
	lost    int  // since the last message: there were too many
	due     bool // the queue is to be sent now
	busy    bool
	started bool
}

// noted keeps what others are told of the event that was applied last.
func (r *run) noted() {
	if !r.in.Plan.Notify || len(r.status.Events) == 0 {
		return
	}
	t := &r.telling
	for _, n := range rollout.NoticesOf(r.in.Plan, &r.status, r.status.Events[len(r.status.Events)-1]) {
		t.seq++
		n.Parent = r.in.Parent
		t.queue = append(t.queue, n.Numbered(t.seq))
	}
	if over := len(t.queue) - maxUntold; over > 0 && !t.busy {
		t.queue, t.lost = t.queue[over:], t.lost+over
	}
}

// tell sends what was noted. It does not wait: the messages are sent one after another beside
// the rollout. What cannot be sent is sent with the next.
func (r *run) tell(ctx workflow.Context) {
	t := &r.telling
	if len(t.queue) == 0 {
		return
	}
	t.due = true
	if t.started {
		return
	}
	t.started = true
	workflow.GoNamed(ctx, "notices", func(ctx workflow.Context) {
		// The context ends with the rollout, and the waiting with it.
		for workflow.Await(ctx, func() bool { return t.due && !t.busy }) == nil {
			t.due = false
			r.send(ctx, tellBudget)
		}
	})
}

// send sends a message. It is a local activity: one event, where an activity is three and another
// task. It is short, because until it has ended the rollout's other decisions may not be heard.
func (r *run) send(ctx workflow.Context, budget time.Duration) {
	t := &r.telling
	m := rollout.Notices{Notices: t.queue[:min(maxTold, len(t.queue))], Lost: t.lost}
	if len(m.Notices) == 0 {
		return
	}
	lctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: budget, StartToCloseTimeout: tellBudget,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumInterval: tellBudget},
		Summary:     "notices",
	})
	t.busy = true
	err := workflow.ExecuteLocalActivity(lctx, activities.TellNotifier, m).Get(lctx, nil)
	t.busy = false
	if err != nil {
		workflow.GetLogger(ctx).Warn("the notifier does not answer", "notices", len(t.queue), "error", err)
		return
	}
	t.queue, t.lost = t.queue[len(m.Notices):], 0
	t.due = t.due || len(t.queue) > 0
}

// tellRest sends what is left at the end. It gives up after a minute: nobody's server holds a
// rollout.
func (r *run) tellRest(ctx workflow.Context) {
	t := &r.telling
	if !t.started {
		return
	}
	// The context is never cancelled, and a message that is on its way ends in time.
	_ = workflow.Await(ctx, func() bool { return !t.busy })
	t.due = false
	for tries := 0; tries < lastTells && len(t.queue) > 0; tries++ {
		r.send(ctx, lastTellBudget)
	}
	if len(t.queue) > 0 {
		workflow.GetLogger(ctx).Error("notices are lost: the notifier does not answer", "notices", len(t.queue))
	}
}
