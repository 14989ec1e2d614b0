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

// renderers is how many phases are rendered by containers at a time.
const renderers = 8

// renderRounds is how often what containers have to render is asked for: again only where somebody has
// applied another configuration meanwhile.
const renderRounds = 3

// rendering is what is under way of a release that containers render.
type rendering struct {
	failed error // the first failure; it ends the others
	idle   []*rollout.Waiting
}

// planAll plans the release. Where containers render it, they do that in between, until asked is
// cancelled: then the release fails, and its name is free. Releases from before custom targets never
// have anything to render so; their histories replay by the same decisions.
func (r *release) planAll(ctx, asked workflow.Context, req rollout.CreateRequest) (activities.PlanResult, error) {
	for range renderRounds {
		res, err := r.ask(ctx, req)
		if err != nil || len(res.Renders) == 0 {
			return res, err
		}
		r.status.Renders = &rollout.RenderCount{All: len(res.Renders)}
		r.show(ctx)
		r.answer(nil) // whoever waits would do so for longer than an Update may last
		if err = r.render(asked, res.Renders); err != nil {
			return res, err
		}
	}
	res, err := r.ask(ctx, req)
	if err == nil && len(res.Renders) > 0 {
		err = &rollout.Error{
			Op: "plan release", On: r.status.Pipeline + "/" + r.status.Release, Kind: rollout.Failed,
			Err: fmt.Errorf("%s was rendered, and is not found", place(res.Renders[0].Work)),
			Fix: "create it again: run workers of one version on one artifact store, and apply nothing while containers render",
		}
	}
	return res, err
}

// ask has the release planned, as far as it is rendered.
func (r *release) ask(ctx workflow.Context, req rollout.CreateRequest) (res activities.PlanResult, err error) {
	o := workflow.ActivityOptions{
		ScheduleToCloseTimeout: 10 * time.Minute,
		StartToCloseTimeout:    time.Minute,
		Summary:                "render " + req.Release,
	}
	if r.status.Renders != nil { // each phase of hundreds is looked up in the store, read, and written
		o.ScheduleToCloseTimeout, o.StartToCloseTimeout = time.Hour, 10*time.Minute
	}
	actx := workflow.WithActivityOptions(ctx, o)
	err = workflow.ExecuteActivity(actx, activities.PlanRelease, req).Get(actx, &res)
	return res, err
}

// render has containers render each, at most renderers at a time, and returns the first failure.
func (r *release) render(ctx workflow.Context, each []activities.RenderRequest) error {
	rctx, stop := workflow.WithCancel(ctx)
	defer stop()
	slots, all := workflow.NewSemaphore(ctx, renderers), workflow.NewWaitGroup(ctx)
	for _, req := range each {
		req.Work.Rollout = workflow.GetInfo(ctx).WorkflowExecution.RunID // a failed container of an earlier attempt is not asked
		all.Add(1)
		workflow.GoNamed(rctx, req.Name, func(ctx workflow.Context) {
			defer all.Done()
			if slots.Acquire(ctx, 1) != nil {
				return
			}
			defer slots.Release(1)
			out, err := r.renderOne(ctx, req)
			if err = unrendered(req.Work, out, err); err == nil {
				r.status.Renders.Done++
				r.show(ctx)
			} else if r.rendering.failed == nil {
				r.rendering.failed, r.status.FailureLogs = err, out.Logs
				stop()
			}
		})
	}
	all.Wait(ctx)
	if r.rendering.failed == nil && ctx.Err() != nil { // before any has begun
		return unrendered(each[0].Work, rollout.Outcome{}, ctx.Err())
	}
	return r.rendering.failed
}

// renderOne has one phase rendered. While no worker polls the queue it says so and tries again.
func (r *release) renderOne(ctx workflow.Context, req activities.RenderRequest) (rollout.Outcome, error) {
	budget := max(req.Wait, stepBudget) // a container with less ends by itself, once it has begun
	actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              req.Work.Target.TaskQueue,
		ScheduleToStartTimeout: pollerWait,
		ScheduleToCloseTimeout: budget + pollerWait,
		StartToCloseTimeout:    budget,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		WaitForCancellation:    true, // it stops its container
		Summary:                "render " + place(req.Work),
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		},
	})
	for {
		var res activities.RenderResult
		err := workflow.ExecuteActivity(actx, activities.RenderCustom, req).Get(actx, &res)
		if !activities.NoWorker(err) || ctx.Err() != nil {
			return judged(res.Outcome), err
		}
		r.awaitWorker(ctx, req)
	}
}

// awaitWorker returns once a worker polls the queue of req, or ctx ends.
func (r *release) awaitWorker(ctx workflow.Context, req activities.RenderRequest) {
	w := &rollout.Waiting{
		For: rollout.WaitWorker, Reason: "no worker polls task queue " + req.Work.Target.TaskQueue, Since: workflow.Now(ctx).UTC(),
		Commands: []string{"temporal workflow cancel --workflow-id " + rollout.ReleaseID(r.status.Pipeline, r.status.Release)},
	}
	r.rendering.idle = append(r.rendering.idle, w)
	r.show(ctx)
	defer func() {
		r.rendering.idle = slices.DeleteFunc(r.rendering.idle, func(each *rollout.Waiting) bool { return each == w })
		r.show(ctx)
	}()
	for patience := pollerWait; ctx.Err() == nil; patience = min(2*patience, maxPollerWait) {
		never := activities.JobRequest{Work: req.Work, Job: rollout.JobDeploy, Spec: req.Spec}
		if !activities.NoWorker(lookFor(ctx, patience, never).Get(ctx, nil)) {
			return
		}
	}
}

// waits are those of the workers that are to render, one for each queue.
func (p *rendering) waits() []rollout.Waiting {
	var all []rollout.Waiting
	for _, w := range p.idle {
		if !slices.ContainsFunc(all, func(known rollout.Waiting) bool { return known.Reason == w.Reason }) {
			all = append(all, *w)
		}
	}
	return all
}

// unrendered says why the phase was not rendered; nil where it was.
func unrendered(w activities.Work, out rollout.Outcome, err error) error {
	e := &rollout.Error{Op: "render of", On: place(w), Kind: rollout.Failed}
	switch {
	case temporal.IsCanceledError(err):
		e.Err = errors.New("cancelled")
	case err != nil:
		kind, text := activities.Cause(err)
		e.Kind, e.Err = cmp.Or(kind, e.Kind), errors.New(text)
	case out.Verdict == rollout.VerdictPass:
		return nil
	default:
		e.Err = errors.New(reasonOf(out))
	}
	return e
}

func place(w activities.Work) string { return w.Target.Name + ", phase " + w.Phase }
