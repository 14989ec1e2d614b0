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
	r.unwatch()
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
		if !r.job(ctx, plan, job) {
			return
		}
	}
}

// begun returns the phase that has begun and has jobs left to run; "" while none does.
func (r *run) begun() string {
	for _, ph := range r.status.Phases {
		for _, j := range ph.Jobs {
			if ph.State == rollout.PhaseInProgress && j.State == rollout.JobPending {
				return ph.ID
			}
		}
	}
	return ""
}

// nextAttempt counts the runs of a job from 1.
func (r *run) nextAttempt(phase string, job rollout.JobKind) int {
	if run := r.status.Job(phase, job).Run; run != nil {
		return run.Attempt + 1
	}
	return 1
}

// deploy gives the phase's revision the phase's weight, and reports whether it did.
// Drift leaves the job in progress while a person looks.
func (r *run) deploy(ctx workflow.Context, ph rollout.Phase) bool {
	attempt := r.nextAttempt(ph.ID, rollout.JobDeploy)
	r.record(ctx, rollout.Event{Kind: rollout.EventJobStarted, Phase: ph.ID, Job: rollout.JobDeploy, Attempt: attempt})
	r.promotes(ctx, ph)
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
		}
		r.tried, r.last.By = &ph, ""
		r.fail(ctx, failureOf(ph.ID, rollout.JobDeploy, err))
		return false
	}
}

// promotes tells the lane that promotion has begun: should this rollout be terminated, it knows.
func (r *run) promotes(ctx workflow.Context, ph rollout.Phase) {
	if ph.Promotion() && !r.isChild() {
		r.report(ctx)
	}
}

// failure is why a job fails.
type failure struct {
	phase      string
	job        rollout.JobKind
	text       string
	terminated bool             // somebody has ended its run
	outcome    *rollout.Outcome // nil: it has found nothing out
}

// failureOf returns the failure that an activity's error is.
func failureOf(phase string, job rollout.JobKind, err error) failure {
	_, text := activities.Cause(err)
	return failure{phase: phase, job: job, text: text, terminated: temporal.IsCanceledError(err)}
}

// fail records a failed job and does what onFailure says. From promotion on
// nothing is moved back: the canary may be the only healthy copy. Unless the job is
// repaired, the rollout is then FAILED.
func (r *run) fail(ctx workflow.Context, f failure) {
	gaveUp := r.giveUp != ""
	if gaveUp {
		f.text, r.giveUp = r.giveUp, ""
	}
	failed := rollout.Event{Kind: rollout.EventJobFailed, Phase: f.phase, Job: f.job, Note: f.text, Outcome: f.outcome}
	if f.terminated {
		failed.Kind = rollout.EventJobTerminated
	}
	r.unwatch()
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
	r.bakeFailed(ctx, f)
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
