package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// prepareCustom begins a rollout to a custom target. Nothing of it can be observed, so there is no
// baseline and nothing to settle; whatever the rollout before has left, the containers deploy over it.
func (r *run) prepareCustom(ctx workflow.Context) {
	if r.grant.First && r.in.Plan.APIVersion != rollout.APIVersionSerin {
		r.skip(ctx, "first rollout: no earlier release of this pipeline is on "+r.in.Plan.Target.Name, false)
	}
	r.prepared = true
}

// configured records that the containers have given the release the phase's weight, as far as they say.
func (r *run) configured(ctx workflow.Context, ph rollout.Phase) {
	r.record(ctx, rollout.Event{
		Kind: rollout.EventShifted, Phase: ph.ID, Weight: &ph.Weight, Note: "configured, not observed",
	})
}

// begunBy notes whether containers may run although their activity has ended with err: only one that
// no worker ever took has begun none.
func (r *run) begunBy(err error) {
	var timeout *temporal.TimeoutError
	taken := !activities.NoWorker(err) || (errors.As(err, &timeout) && timeout.HasLastHeartbeatDetails())
	r.running = err != nil && (r.running || taken)
}

// deployed is what a deploy of containers has come to. Before it fails, whatever may still run of
// them is stopped: a retry, or the next release on the lane, would deploy beside it.
func (r *run) deployed(ctx workflow.Context, req activities.JobRequest, out rollout.Outcome, err error) (rollout.Outcome, error) {
	unended := func(c rollout.CheckStatus) bool {
		return c.Verdict != rollout.VerdictPass && c.Verdict != rollout.VerdictFail
	}
	if err == nil {
		r.running = out.Verdict == rollout.VerdictInconclusive || (out.Verdict == rollout.VerdictFail && slices.ContainsFunc(out.Checks, unended))
	}
	if r.running {
		if left := r.stopDeploy(ctx, req); left != "" {
			r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: "containers of " + req.Work.Phase, Note: left})
		}
	}
	return out, err
}

// stopDeploy stops the containers of a deploy and returns once they have ended: by that, or by their own
// timeout, which is no longer than the job's. It returns why it cannot know that they have.
func (r *run) stopDeploy(ctx workflow.Context, req activities.JobRequest) string {
	until := workflow.Now(ctx).Add(cmp.Or(req.Timeout, stepBudget) + tidyBudget)
	o := stepOptions{summary: fmt.Sprintf("%s: stop %s", req.Work.Phase, req.Job)}
	for patience := pollerWait; ; patience = min(2*patience, maxPollerWait) {
		if o.budget = until.Sub(workflow.Now(ctx)); o.budget <= 0 {
			return ""
		}
		r.publish(ctx)
		opts := r.activityOptions(o, min(patience, o.budget))
		opts.ScheduleToCloseTimeout, opts.StartToCloseTimeout = o.budget, tidyBudget
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, opts), activities.StopJob, req).Get(ctx, nil)
		kind, text := activities.Cause(err)
		switch {
		case err == nil:
			return ""
		case kind != rollout.Expired: // nobody can stop them
			return "may run until " + until.UTC().Format(time.RFC3339) + ": " + text
		case activities.NoWorker(err) && patience == pollerWait:
			r.wait(ctx, rollout.Waiting{
				For: rollout.WaitWorker, Until: until,
				Reason: "no worker polls task queue " + r.in.Plan.Target.TaskQueue + ": the containers of " + req.Work.Phase + " may still run",
			})
		}
	}
}

// lookFor begins to stop a job run that never was, the one with number 0, on its target's task queue:
// it does nothing, and whatever it comes to within patience tells that a worker polls the queue.
func lookFor(ctx workflow.Context, patience time.Duration, never activities.JobRequest) workflow.Future {
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              never.Work.Target.TaskQueue,
		ScheduleToStartTimeout: patience,
		StartToCloseTimeout:    leaveBudget,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		Summary:                "is there a worker?",
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	}), activities.StopJob, never)
}
