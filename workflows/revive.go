package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// awaitRevival keeps a FAILED rollout until a retry or an ignore asks for the lane
// again, a newer rollout closes it, or it is cancelled.
func (r *run) awaitRevival(ctx workflow.Context) {
	r.rollBack(ctx)
	baked := func() bool { return r.bake.due && !r.status.Paused }
	looked, stop := r.debugged(ctx)
	defer stop()
	r.await(ctx, func() bool { return r.revive != nil || baked() || looked() })
	switch {
	case r.ending():
		return
	case r.revive == nil && baked():
		r.askBaked(ctx)
		return
	case r.revive == nil:
		r.tidy(ctx)
		return
	}
	r.endRepair(ctx, rollout.RepairAborted, r.revive.String())
	r.reviveJob(ctx)
	r.acquire(ctx, false)
}

// reviveJob makes the failed job PENDING again, or IGNORED.
func (r *run) reviveJob(ctx workflow.Context) {
	e := *r.revive
	r.revive, r.tidied = nil, false
	if e.Kind == rollout.EventRetried {
		r.retries++
		if e.Job == rollout.JobDeploy || r.status.Restored {
			r.redeploys++
		}
	}
	if r.status.Restored || (e.Kind == rollout.EventRetried && e.Job == rollout.JobDeploy) {
		r.gate.open = "" // its requests are given anew
	}
	r.advance = e.Phase // it had been advanced before
	r.record(ctx, e)
}

// acquire asks the lane: for a place at its tail after an approval, or else again, at its head.
// The loop then waits for its grant.
func (r *run) acquire(ctx workflow.Context, tail bool) {
	why := "asks for its lane again"
	if tail {
		why = "waits for its lane"
	}
	r.awaitLane(ctx, why)
	r.sent++
	r.signalLane(ctx, rollout.SignalAcquire, rollout.Acquire{Rollout: r.in.Rollout, Seq: r.sent, Tail: tail})
}

func (r *run) awaitLane(ctx workflow.Context, why string) {
	r.wait(ctx, rollout.Waiting{For: rollout.WaitLane, Reason: why, Commands: r.commands(rollout.CommandCancel)})
}

// end carries out a cancel. Traffic moves only with --restore, and then only with
// the lane in hand. A cancel without it overrules one that asked for it.
func (r *run) end(ctx workflow.Context) {
	r.endRepair(ctx, rollout.RepairAborted, "the rollout is cancelled")
	if r.cancel.Restore && r.prepared && (!r.status.Restored || r.in.Plan.Kubernetes.Canary()) {
		if r.grant == nil {
			r.acquire(ctx, false)
			r.publish(ctx)
			// The context is never cancelled.
			_ = workflow.Await(ctx, func() bool { return r.grant != nil || r.closed != nil || !r.cancel.Restore })
		}
		if r.grant != nil && r.cancel.Restore {
			r.last = rollout.Mark{} // a person asked for the baseline, whatever is there now
			if !r.status.Restored {
				r.restore(ctx)
			}
			r.cleanUp(ctx)
		}
	}
	if r.grant != nil {
		r.leave(ctx)
	}
	r.finish(ctx, rollout.StateCancelled)
}
