package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// stepBudget is how long one job run may take: Cloud Deploy's default executionTimeout.
	stepBudget = time.Hour
	// restoreBudget is longer: a restore that gives up leaves a bad canary serving.
	restoreBudget = 24 * time.Hour
	// pollerWait is how long a task queue may have no worker before a rollout says so. It
	// doubles up to maxPollerWait, so that a queue nobody polls costs little history.
	pollerWait    = time.Minute
	maxPollerWait = time.Hour
)

// steps names the activities of a target's task queue; it is never called.
var steps *activities.Steps //nolint:gochecknoglobals // a nil pointer, for the names of its methods

// entities names the activities that reach other workflows.
var entities *activities.Entities //nolint:gochecknoglobals // a nil pointer, for the names of its methods

// stepOptions says how a step is run. A zero budget is stepBudget.
type stepOptions struct {
	work    activities.Work
	last    rollout.Mark
	summary string
	budget  time.Duration
}

// step runs an activity on the target's task queue. While no worker polls the
// queue it says so and tries again, until the rollout is cancelled.
func (r *run) step(ctx workflow.Context, activity any, o stepOptions) (activities.StepResult, error) {
	for patience := pollerWait; ; patience = min(2*patience, maxPollerWait) {
		r.publish(ctx)
		actx, stop := workflow.WithCancel(workflow.WithActivityOptions(ctx, r.activityOptions(o, patience)))
		r.stop = stop
		f := workflow.ExecuteActivity(actx, activity, activities.StepRequest{Work: o.work, Last: o.last})
		idle := r.status.Waiting != nil && r.status.Waiting.For == rollout.WaitWorker
		if idle { // nothing has started that a cancel would have to wait for
			_ = workflow.Await(ctx, func() bool { return f.IsReady() || r.cancel != nil })
			if !f.IsReady() {
				stop()
			}
		}
		var res activities.StepResult
		err := f.Get(ctx, &res)
		r.stop = nil
		stop()
		if !activities.NoWorker(err) || r.cancel != nil {
			return res, err
		}
		if !idle {
			r.wait(ctx, rollout.Waiting{
				For: rollout.WaitWorker, Reason: "no worker polls task queue " + r.in.Plan.Target.TaskQueue,
				Commands: r.commands(rollout.CommandCancel),
			})
		}
	}
}

func (r *run) activityOptions(o stepOptions, patience time.Duration) workflow.ActivityOptions {
	budget := o.budget
	if budget == 0 {
		budget = stepBudget
	}
	return workflow.ActivityOptions{
		TaskQueue:              r.in.Plan.Target.TaskQueue,
		ScheduleToStartTimeout: patience,
		ScheduleToCloseTimeout: budget + patience,
		StartToCloseTimeout:    budget,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		WaitForCancellation:    true, // nothing else may write while it still does
		Summary:                o.summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		},
	}
}

// work returns what the provider needs for the phase.
func (r *run) work(ph rollout.Phase) activities.Work {
	w := workOf(r.in.Plan, ph)
	w.Rollout, w.Stable, w.Baseline, w.Attempt = r.in.Rollout, r.status.Stable, r.status.Baseline, r.retries+1
	return w
}

func workOf(p rollout.Plan, ph rollout.Phase) activities.Work {
	return activities.Work{
		Pipeline: p.Pipeline, Release: p.Release, Digest: p.Digest, Target: p.Target,
		Phase: ph.ID, Weight: ph.Weight, Promotion: ph.Promotion(), Custom: ph.Custom, Manifest: ph.Manifest,
		CloudRun: p.CloudRun,
	}
}
