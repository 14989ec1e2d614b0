package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// phase runs the jobs of a phase that are still PENDING, in their order.
func (r *run) phase(ctx workflow.Context, id string) {
	plan, _ := r.in.Plan.Phase(id)
	for _, job := range plan.Jobs {
		if s := r.status.Job(id, job.ID); s.State != rollout.JobPending {
			continue
		}
		if r.status.Paused {
			r.awaitResume(ctx)
		}
		if r.ending() {
			return
		}
		// The plan has no other jobs: what this build cannot execute was refused.
		if !r.deploy(ctx, plan) {
			return
		}
	}
}

// deploy gives the phase's revision the phase's weight, and reports whether it did.
// Drift leaves the job in progress while a person looks.
func (r *run) deploy(ctx workflow.Context, ph rollout.Phase) bool {
	attempt := 1
	if run := r.status.Job(ph.ID, rollout.JobDeploy).Run; run != nil {
		attempt = run.Attempt + 1
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventJobStarted, Phase: ph.ID, Job: rollout.JobDeploy, Attempt: attempt})
	if ph.Promotion() && !r.isChild() {
		r.report(ctx) // should this rollout be terminated, the lane knows that promotion had begun
	}
	for {
		res, err := r.step(ctx, steps.Deploy, stepOptions{
			work: r.work(ph), summary: fmt.Sprintf("%s: %d%%", ph.ID, ph.Weight), keep: r.shiftWait(ph) > 0,
		})
		if err == nil {
			r.last, r.tried = res.Observed.Mark(), nil
			r.record(ctx, rollout.Event{
				Kind: rollout.EventShifted, Phase: ph.ID, Weight: &ph.Weight, Assumed: res.Observed.Assumed,
				Split: res.Observed.Split.Serving(), Revision: res.Observed.Revision, URL: res.Observed.URL, Note: res.Observed.Note,
			})
			if !r.propagate(ctx, ph) {
				return false
			}
			r.record(ctx, rollout.Event{Kind: rollout.EventJobSucceeded, Phase: ph.ID, Job: rollout.JobDeploy})
			r.repaired(ctx, ph.ID, rollout.JobDeploy)
			return true
		}
		kind, text := activities.Cause(err)
		if kind == rollout.Drift {
			accepted, ok := r.person(ctx, text)
			if !ok {
				return false
			}
			if err = r.reobserve(ctx, ph, accepted); err == nil {
				continue
			}
			_, text = activities.Cause(err)
		}
		r.tried, r.last.By = &ph, ""
		r.fail(ctx, ph.ID, err, text)
		return false
	}
}

// fail records a failed job and does what onFailure says. From promotion on
// nothing is moved back: the canary may be the only healthy copy. Unless the job is
// repaired, the rollout is then FAILED.
func (r *run) fail(ctx workflow.Context, phase string, err error, text string) {
	gaveUp := r.giveUp != ""
	if gaveUp {
		text, r.giveUp = r.giveUp, ""
	}
	failed := rollout.Event{Kind: rollout.EventJobFailed, Phase: phase, Job: rollout.JobDeploy, Note: text}
	if temporal.IsCanceledError(err) {
		failed.Kind = rollout.EventJobTerminated
	}
	r.record(ctx, failed)
	if r.cancel == nil && r.in.Plan.OnFailure == rollout.OnFailureRestore {
		r.restore(ctx)
	}
	if r.cancel == nil {
		r.leave(ctx)
	}
	r.takeOver(ctx)
	if r.cancel == nil && !gaveUp && r.repairs(ctx, failed) {
		return
	}
	if r.cancel != nil {
		return // it says itself whether traffic moves
	}
	r.giveUp = "" // said while it failed: it has
	r.record(ctx, rollout.Event{Kind: rollout.EventFailed})
	r.grant = nil
	r.rollBackAtOnce(ctx)
	r.report(ctx)
}

// takeOver makes what a failed step of ours has left behind our last write, unless
// somebody else has changed it: the next rollout compares with it.
func (r *run) takeOver(ctx workflow.Context) {
	if r.tried == nil || !r.prepared {
		return
	}
	res, err := r.step(ctx, steps.Observe, stepOptions{work: r.onlyStable(), summary: "what is left behind"})
	if err == nil && res.Drift == "" {
		r.last, r.tried = res.Observed.Mark(), nil
	}
}

// restore gives the recorded stable revision all requests, if there is one and this
// rollout may have moved any.
func (r *run) restore(ctx workflow.Context) {
	if r.status.PromotionBegun || !r.prepared || r.status.Stable == "" {
		return
	}
	r.restoring = true
	res, err := r.step(ctx, steps.Restore, stepOptions{
		work: r.onlyStable(), summary: "restore: all traffic to " + r.status.Stable, budget: restoreBudget, restore: true,
	})
	r.restoring = false
	if err != nil {
		_, text := activities.Cause(err)
		r.record(ctx, rollout.Event{Kind: rollout.EventRestoreFailed, Note: text})
		return
	}
	r.last, r.tried = res.Observed.Mark(), nil
	r.record(ctx, rollout.Event{Kind: rollout.EventRestored, Split: res.Observed.Split.Serving(), Note: res.Note})
}

// awaitRevival keeps a FAILED rollout until a retry or an ignore asks for the lane
// again, a newer rollout closes it, or it is cancelled.
func (r *run) awaitRevival(ctx workflow.Context) {
	r.rollBack(ctx)
	r.await(ctx, func() bool { return r.revive != nil })
	if r.revive == nil || r.ending() {
		return
	}
	r.endRepair(ctx, rollout.RepairAborted, r.revive.String())
	r.reviveJob(ctx)
	r.acquire(ctx, false)
}

// reviveJob makes the failed job PENDING again, or IGNORED.
func (r *run) reviveJob(ctx workflow.Context) {
	e := *r.revive
	r.revive = nil
	if e.Kind == rollout.EventRetried {
		r.retries++
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
	r.wait(ctx, rollout.Waiting{For: rollout.WaitLane, Reason: why, Commands: r.commands(rollout.CommandCancel)})
	r.sent++
	r.signalLane(ctx, rollout.SignalAcquire, rollout.Acquire{Rollout: r.in.Rollout, Seq: r.sent, Tail: tail})
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
