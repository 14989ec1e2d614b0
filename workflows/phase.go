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
	if ph.Promotion() {
		r.report(ctx) // should this rollout be terminated, the lane knows that promotion had begun
	}
	for {
		res, err := r.step(ctx, steps.Deploy, stepOptions{
			work: r.work(ph), last: r.last, summary: fmt.Sprintf("%s: %d%%", ph.ID, ph.Weight),
		})
		if err == nil {
			r.last = res.Observed.Mark()
			r.record(ctx, rollout.Event{
				Kind: rollout.EventShifted, Phase: ph.ID, Weight: &ph.Weight,
				Split: res.Observed.Split.Serving(), Revision: res.Observed.Revision, URL: res.Observed.URL,
			})
			r.record(ctx, rollout.Event{Kind: rollout.EventJobSucceeded, Phase: ph.ID, Job: rollout.JobDeploy})
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
		r.fail(ctx, ph.ID, err, text)
		return false
	}
}

// fail records a failed job and does what onFailure says. From promotion on
// nothing is moved back: the canary may be the only healthy copy.
func (r *run) fail(ctx workflow.Context, phase string, err error, text string) {
	kind := rollout.EventJobFailed
	if temporal.IsCanceledError(err) {
		kind = rollout.EventJobTerminated
	}
	r.record(ctx, rollout.Event{Kind: kind, Phase: phase, Job: rollout.JobDeploy, Note: text})
	if r.cancel != nil {
		return // a cancel says itself whether traffic moves
	}
	if r.in.Plan.OnFailure == rollout.OnFailureRestore {
		r.restore(ctx)
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventFailed})
	r.grant = nil
	r.report(ctx)
}

// restore gives the recorded stable revision all requests, if there is one and this
// rollout may have moved any.
func (r *run) restore(ctx workflow.Context) {
	if r.status.PromotionBegun || !r.prepared || r.status.Stable == "" {
		return
	}
	res, err := r.step(ctx, steps.Restore, stepOptions{
		work: r.onlyStable(), last: r.last, summary: "restore: all traffic to " + r.status.Stable, budget: restoreBudget,
	})
	if err != nil {
		_, text := activities.Cause(err)
		r.record(ctx, rollout.Event{Kind: rollout.EventRestoreFailed, Note: text})
		return
	}
	r.last = res.Observed.Mark()
	r.record(ctx, rollout.Event{Kind: rollout.EventRestored, Split: res.Observed.Split.Serving(), Note: res.Note})
}

// awaitRevival keeps a FAILED rollout until a retry or an ignore asks for the lane
// again, a newer rollout closes it, or it is cancelled.
func (r *run) awaitRevival(ctx workflow.Context) {
	r.await(ctx, func() bool { return r.revive != nil })
	if r.revive == nil || r.cancel != nil || r.closed != nil {
		return
	}
	e := *r.revive
	r.revive = nil
	if e.Kind == rollout.EventRetried {
		r.retries++
	}
	r.advance = e.Phase // it had been advanced before
	r.record(ctx, e)
	r.acquire(ctx)
}

// acquire asks the lane again. The loop then waits for its grant.
func (r *run) acquire(ctx workflow.Context) {
	r.wait(ctx, rollout.Waiting{
		For: rollout.WaitLane, Reason: "asks for its lane again", Commands: r.commands(rollout.CommandCancel),
	})
	r.signalLane(ctx, rollout.SignalAcquire, func(seq int) any {
		return rollout.Acquire{Rollout: r.in.Rollout, Seq: seq}
	})
}

// end carries out a cancel. Traffic moves only with --restore, and then only with
// the lane in hand.
func (r *run) end(ctx workflow.Context) {
	if r.cancel.Restore && r.prepared && !r.status.Restored {
		if r.grant == nil {
			r.acquire(ctx)
			r.publish(ctx)
			_ = workflow.Await(ctx, func() bool { return r.grant != nil || r.closed != nil })
		}
		if r.grant != nil {
			r.last = rollout.Mark{} // a person asked for the baseline, whatever is there now
			r.restore(ctx)
		}
	}
	r.finish(ctx, rollout.StateCancelled, "")
}
