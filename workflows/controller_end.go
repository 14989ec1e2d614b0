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
	for c.anyOpen() {
		c.changed = false
		order := *c.cancel
		for _, k := range c.children {
			c.cancelChild(ctx, k, order)
		}
		c.publish(ctx)
		_ = workflow.Await(ctx, func() bool { return c.changed || c.cancel.Restore != order.Restore })
	}
	c.finish(ctx, rollout.StateCancelled)
}

// cancelChild passes the order on, once, and gives a child that restores its turn.
func (c *controller) cancelChild(ctx workflow.Context, k *child, order rollout.Command) {
	if k.open() && (k.cancelled == nil || *k.cancelled != order.Restore) {
		k.cancelled = &order.Restore
		c.tell(ctx, k, rollout.Direction{Cancel: &order})
	}
	if k.wants && (c.grant != nil || !order.Restore) {
		k.wants = false
		c.grantChild(ctx, k)
	}
}

// close ends the FAILED children of a controller that was closed.
func (c *controller) close(ctx workflow.Context) {
	for _, k := range c.children {
		if k.open() {
			k.seq++
			c.send(ctx, k, rollout.SignalClose, rollout.Close{Seq: k.seq, By: c.closed.By})
		}
	}
	// The context is never cancelled.
	_ = workflow.Await(ctx, func() bool { return !c.anyOpen() })
	c.over = true
	c.record(ctx, rollout.Event{Kind: rollout.EventEnded, State: rollout.StateFailed, Note: c.closed.By + " has started"})
}

func (c *controller) anyOpen() bool {
	for _, k := range c.children {
		if k.open() {
			return true
		}
	}
	return false
}
