package workflows

import (
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
