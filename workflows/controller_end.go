package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// end cancels the children that have not ended, and then itself. A child that puts traffic back
// needs the lane for it.
func (c *controller) end(ctx workflow.Context) {
	if c.cancel.Restore && c.grant == nil && c.anyOpen() {
		c.acquire(ctx, false)
		c.publish(ctx)
		// The context is never cancelled.
		_ = workflow.Await(ctx, func() bool { return c.grant != nil || c.closed != nil || !c.cancel.Restore })
	}
	if c.closed != nil && c.grant == nil { // another has the lane
		c.closeChildren(ctx)
	}
	for c.anyOpen() {
		c.changed = false
		order := *c.cancel
		for _, k := range c.children {
			c.cancelChild(k, order)
		}
		c.publish(ctx)
		_ = workflow.Await(ctx, func() bool { return c.changed || c.cancel.Restore != order.Restore })
	}
	c.finish(ctx, rollout.StateCancelled)
}

// cancelChild passes the order on, once, and gives a child that restores its turn.
func (c *controller) cancelChild(k *child, order rollout.Command) {
	if k.open() && (k.cancelled == nil || *k.cancelled != order.Restore) {
		k.cancelled = &order.Restore
		c.tell(k, rollout.Direction{Cancel: &order})
	}
	if k.wants && c.grant != nil {
		k.wants = false
		c.grantChild(k)
	}
}

// close ends the FAILED children of a controller that was closed.
func (c *controller) close(ctx workflow.Context) {
	c.closeChildren(ctx)
	c.over = true
	c.record(ctx, rollout.Event{Kind: rollout.EventEnded, State: rollout.StateFailed, Note: c.closed.By + " has started"})
}

func (c *controller) closeChildren(ctx workflow.Context) {
	for _, k := range c.children {
		if k.open() {
			k.seq++
			k.send(rollout.SignalClose, rollout.Close{Seq: k.seq, By: c.closed.By})
		}
	}
	// The context is never cancelled.
	_ = workflow.Await(ctx, func() bool { return !c.anyOpen() })
}

func (c *controller) anyOpen() bool {
	for _, k := range c.children {
		if k.open() {
			return true
		}
	}
	return false
}

// showWait shows what a child waits for by itself: a person before anything else.
func (c *controller) showWait(ctx workflow.Context) {
	if c.status.State != rollout.StateInProgress || c.status.Paused {
		return
	}
	var first *child
	for _, k := range c.children {
		if w := k.status.Waiting; w != nil && (first == nil || (w.For == rollout.WaitPerson && first.status.Waiting.For != rollout.WaitPerson)) {
			first = k
		}
	}
	if first == nil || (c.status.Waiting != nil && c.status.Waiting.Child == first.Target) {
		return
	}
	w := *first.status.Waiting
	w.Child, w.Reason = first.Target, first.Target+": "+w.Reason
	c.wait(ctx, w)
}
