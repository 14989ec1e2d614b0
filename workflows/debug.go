package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// actorDebug is who takes a failed canary away that was kept for a look.
const actorDebug = "debugFor"

// debugged returns what tells whether the canary of a rollout that has failed was kept long enough. It has no
// requests since the restore. A child leaves its canary to the next rollout: its lane is
// its controller, which takes nothing up again for that.
func (r *run) debugged(ctx workflow.Context) (over func() bool, stop func()) {
	p := r.in.Plan
	if p.DebugFor <= 0 || !p.Kubernetes.Canary() || !r.status.Restored || r.tidied || r.isChild() {
		return func() bool { return false }, func() {}
	}
	tctx, stop := workflow.WithCancel(ctx)
	left := max(r.status.Ended.Add(p.DebugFor).Sub(workflow.Now(ctx)), time.Second)
	timer := workflow.NewTimerWithOptions(tctx, left, workflow.TimerOptions{Summary: "the failed canary is kept until then"})
	// A rollback that was asked for takes it away itself; and a lane forgets what a repair has asked
	// for once its rollout wants the lane again.
	return func() bool { return timer.IsReady() && !r.status.Paused && !r.rollsBackItself() }, stop
}

// tidy takes the canary of a FAILED rollout away. It has the lane for that, so that nobody begins
// meanwhile, and stays FAILED. A retry that comes meanwhile keeps the lane and deploys anew; a
// newer rollout that was faster takes the canary away itself.
func (r *run) tidy(ctx workflow.Context) {
	r.tidying, r.tidied = true, true
	r.sent++
	r.signalLane(ctx, rollout.SignalAcquire, rollout.Acquire{Rollout: r.in.Rollout, Seq: r.sent, Tidy: true})
	r.await(ctx, func() bool { return r.grant != nil || r.revive != nil })
	r.tidying = false
	if r.grant != nil && r.revive == nil && !r.ending() {
		r.takeAway(ctx)
	}
	switch {
	case r.ending(): // a cancel gives the lane back
	case r.revive != nil:
		r.endRepair(ctx, rollout.RepairAborted, r.revive.String())
		r.reviveJob(ctx)
		had := r.grant != nil
		if !had {
			r.awaitLane(ctx, "asks for its lane again")
		}
		r.sent++ // the lane hears that it is wanted for more, which changes no place in its queue
		r.signalLane(ctx, rollout.SignalAcquire, rollout.Acquire{Rollout: r.in.Rollout, Seq: r.sent})
		if had {
			r.record(ctx, rollout.Event{Kind: rollout.EventGranted})
		}
	default:
		r.grant = nil
		r.report(ctx)
	}
}

// takeAway tries it once: the lane is not held for a worker that is not there.
func (r *run) takeAway(ctx workflow.Context) {
	res, err := r.attempt(ctx, steps.Remove, stepOptions{
		work: r.onlyStable(), summary: "remove the failed canary", budget: tidyBudget,
	}, pollerWait)
	note := "has removed the canary"
	if err != nil {
		_, text := activities.Cause(err)
		note = "leaves the canary to the next rollout: " + text
	} else {
		r.last = res.Observed.Mark()
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: actorDebug, Note: note})
}
