package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// shiftWait is how long to wait after the phase's shift for what nothing can be asked
// about: every proxy has the route, and in a promotion the canary has no request left.
func (r *run) shiftWait(ph rollout.Phase) time.Duration {
	k := r.in.Plan.Kubernetes
	if ph.Promotion() {
		return k.RouteWait() + k.Cutback()
	}
	return k.RouteWait()
}

// propagate waits after the phase's shift and, in a promotion that had to wait, then
// takes the canary away. It reports whether the job may succeed.
func (r *run) propagate(ctx workflow.Context, ph rollout.Phase) bool {
	wait := r.shiftWait(ph)
	if wait == 0 {
		return true
	}
	why := "the route change reaches every proxy"
	if ph.Promotion() {
		why += " and requests leave the canary"
	}
	err := r.routeWait(ctx, wait, why)
	if r.cancel != nil || (err == nil && r.giveUp != "") {
		return false
	}
	if err == nil && ph.Promotion() {
		var res activities.StepResult
		if res, err = r.step(ctx, steps.Remove, stepOptions{work: r.work(ph), summary: "remove the canary"}); err == nil {
			r.last = res.Observed.Mark()
		}
	}
	if err != nil {
		r.fail(ctx, failureOf(ph.ID, rollout.JobDeploy, err))
		return false
	}
	return true
}

// routeWait waits durably. A cancel ends it early, and so does the end of a job run,
// which is its error.
func (r *run) routeWait(ctx workflow.Context, wait time.Duration, why string) error {
	if wait == 0 {
		return nil
	}
	r.wait(ctx, rollout.Waiting{
		For: rollout.WaitTimer, Reason: why, Until: workflow.Now(ctx).Add(wait), Commands: r.commands(rollout.CommandCancel),
	})
	tctx, stop := workflow.WithCancel(ctx)
	defer stop()
	r.stop = stop
	defer func() { r.stop = nil }()
	timer := workflow.NewTimerWithOptions(tctx, wait, workflow.TimerOptions{Summary: why})
	r.await(ctx, timer.IsReady)
	if !timer.IsReady() {
		return nil // the cancel decides what follows
	}
	return timer.Get(ctx, nil)
}

// leave ends the care of a target whose split stays as it is: nobody watches over an
// autoscaler that was kept from shrinking.
func (r *run) leave(ctx workflow.Context) {
	if !r.in.Plan.Kubernetes.Canary() || !r.prepared || r.status.Restored {
		return
	}
	work := r.onlyStable()
	if ph, i := r.in.Plan.Phase(rollout.StablePhase); r.status.PromotionBegun && i >= 0 {
		work = r.work(ph) // its manifest has a floor of its own
	}
	if _, err := r.step(ctx, steps.Leave, stepOptions{work: work, summary: "leave the target", budget: leaveBudget}); err != nil {
		_, text := activities.Cause(err)
		workflow.GetLogger(ctx).Warn("leave", "rollout", r.in.Rollout, "error", text)
	}
}

// cleanUp takes the canary of a cancelled rollout away, once what it has restored is
// everywhere. A plain cancel leaves it to the next rollout.
func (r *run) cleanUp(ctx workflow.Context) {
	k := r.in.Plan.Kubernetes
	if k == nil || !r.status.Restored {
		return
	}
	if wait := k.RouteWait() + k.Cutback(); wait > 0 {
		r.wait(ctx, rollout.Waiting{
			For: rollout.WaitTimer, Reason: "requests leave the canary", Until: workflow.Now(ctx).Add(wait),
			Commands: r.commands(rollout.CommandCancel),
		})
		r.show(ctx)
		timer := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "requests leave the canary"})
		// The context is never cancelled.
		_ = workflow.Await(ctx, func() bool { return timer.IsReady() || !r.cancel.Restore })
	}
	if !r.cancel.Restore {
		return
	}
	res, err := r.step(ctx, steps.Remove, stepOptions{work: r.onlyStable(), summary: "remove the canary", restore: true})
	if err != nil {
		_, text := activities.Cause(err)
		r.record(ctx, rollout.Event{Kind: rollout.EventRestoreFailed, Note: "the canary is still there: " + text})
		return
	}
	r.last = res.Observed.Mark()
}
