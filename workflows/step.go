package workflows

import (
	"slices"
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
	// leaveBudget is short: nothing of a rollout that ends may hang on it.
	leaveBudget = time.Minute
	// tidyBudget bounds how long a FAILED rollout keeps others off its lane.
	tidyBudget = 5 * time.Minute
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
	summary string
	budget  time.Duration
	restore bool // goes on through a cancel that asks for it
	keep    bool // a promotion leaves the canary
	job     bool // a job run: it can be terminated while it waits for a worker
	spec    string
}

// step runs an activity on the target's task queue. While no worker polls the
// queue it says so and tries again, until the rollout is cancelled.
func (r *run) step(ctx workflow.Context, do any, o stepOptions) (activities.StepResult, error) {
	for {
		res, err := r.attempt(ctx, do, o, pollerWait)
		if !activities.NoWorker(err) || r.quits(o) || !r.awaitWorker(ctx, o) {
			return res, err
		}
		r.last.By = "" // an attempt whose worker died may have written
	}
}

// attempt runs the activity once, or finds that no worker takes it within patience.
func (r *run) attempt(ctx workflow.Context, do any, o stepOptions, patience time.Duration) (res activities.StepResult, err error) {
	if o.restore { // requests come first: what is told may hold the next command up
		r.show(ctx)
		r.upsert(ctx)
	} else {
		r.publish(ctx)
	}
	actx, stop := workflow.WithCancel(workflow.WithActivityOptions(ctx, r.activityOptions(o, patience)))
	defer stop()
	r.stop = stop
	err = workflow.ExecuteActivity(actx, do, r.request(o)).Get(ctx, &res)
	r.stop = nil
	return res, err
}

func (r *run) request(o stepOptions) activities.StepRequest {
	return activities.StepRequest{Work: o.work, Last: r.last, Tried: r.tried, Keep: o.keep}
}

// awaitWorker looks at the target until a worker does, and reports whether one did.
// A look can be given up at any time; the step itself could be in the middle of a write.
func (r *run) awaitWorker(ctx workflow.Context, o stepOptions) bool {
	queue := r.in.Plan.Target.TaskQueue
	w := rollout.Waiting{
		For: rollout.WaitWorker, Reason: "no worker polls task queue " + queue, Commands: r.commands(rollout.CommandCancel),
	}
	terminated := false
	if o.job {
		w.Commands = r.commands(rollout.CommandTerminate, rollout.CommandCancel)
		r.stop = func() { terminated = true }
		defer func() { r.stop = nil }()
	}
	r.wait(ctx, w)
	over := func() bool { return terminated || r.quits(o) }
	o.summary = "is there a worker?"
	for patience := pollerWait; !over(); patience = min(2*patience, maxPollerWait) {
		r.publish(ctx)
		actx, stop := workflow.WithCancel(ctx)
		look := r.look(actx, o, patience)
		// The context is never cancelled.
		_ = workflow.Await(ctx, func() bool { return look.IsReady() || over() })
		stop()
		if look.IsReady() && !activities.NoWorker(look.Get(ctx, nil)) {
			r.record(ctx, rollout.Event{Kind: rollout.EventResumed, Note: "a worker polls " + queue})
			return true
		}
	}
	return false
}

// look begins what only a worker of the target's task queue ends, within patience.
func (r *run) look(ctx workflow.Context, o stepOptions, patience time.Duration) workflow.Future {
	if r.in.Plan.Custom != nil {
		return lookFor(ctx, patience, activities.JobRequest{Work: o.work, Job: rollout.JobDeploy, Spec: o.spec})
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, r.activityOptions(o, patience)), steps.Observe, r.request(o))
}

// quits reports whether a cancel, or a controller that gives up, ends the step's wait for a worker.
func (r *run) quits(o stepOptions) bool {
	if r.cancel != nil {
		return !(o.restore && r.cancel.Restore)
	}
	return r.giveUp != "" && !o.restore
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
	w.Rollout, w.Stable, w.Baseline, w.Attempt = r.in.Rollout, r.status.Stable, r.status.Baseline, r.redeploys+1
	if w.Kubernetes == nil {
		return w
	}
	w.StableManifest = r.stableManifest
	for _, each := range r.in.Plan.Phases {
		if !slices.Contains(w.Manifests, each.Manifest) {
			w.Manifests = append(w.Manifests, each.Manifest)
		}
	}
	return w
}

func workOf(p rollout.Plan, ph rollout.Phase) activities.Work {
	return activities.Work{
		Pipeline: p.Pipeline, Release: p.Release, Digest: p.Digest, Target: p.Target,
		CloudRun: p.CloudRun, Kubernetes: p.Kubernetes,
	}.At(ph)
}
