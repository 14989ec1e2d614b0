package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// release is one release of a pipeline.
type release struct {
	status rollout.ReleaseStatus
	plans  []rollout.StagePlan
	heard  map[string]int // highest sequence number by target

	published rollout.State // what the search attribute says
}

// Release renders a release, asks the lane of its first stage for a rollout, and
// follows its rollouts until the last stage is done. It stays open until then, at
// no cost; a cancellation is ignored. A release that cannot be planned fails, which
// leaves its name free.
func Release(ctx workflow.Context, req rollout.CreateRequest) (rollout.ReleaseStatus, error) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	r := &release{heard: map[string]int{}, status: rollout.ReleaseStatus{
		Pipeline: req.Pipeline, Release: req.Release, RenderState: rollout.StateInProgress, Digest: req.Digest(),
		Description: req.Description, Actor: req.Actor, Created: workflow.Now(ctx).UTC(),
	}}
	planned, done := workflow.NewFuture(ctx)
	if err := r.listen(ctx, planned); err != nil {
		return r.status, err
	}
	err := r.plan(ctx, req)
	done.SetError(err)
	if err == nil {
		r.publish(ctx)
		err = r.enqueue(ctx, 0)
	}
	if err == nil {
		r.publish(ctx)
		// The context is never cancelled.
		_ = workflow.Await(ctx, func() bool {
			return r.status.Stages[len(r.status.Stages)-1].State == rollout.StateSucceeded
		})
		r.status.Ended = workflow.Now(ctx).UTC()
	}
	r.publish(ctx)
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return r.status, err
}

func (r *release) listen(ctx workflow.Context, planned workflow.Future) error {
	if err := workflow.SetQueryHandler(ctx, rollout.QueryState, func() (rollout.ReleaseStatus, error) { return r.status, nil }); err != nil {
		return err
	}
	workflow.GoNamed(ctx, "lanes", func(ctx workflow.Context) {
		ch := workflow.GetSignalChannel(ctx, rollout.SignalFollow)
		for {
			var f rollout.Follow
			ch.Receive(ctx, &f)
			r.follow(f)
		}
	})
	return workflow.SetUpdateHandlerWithOptions(ctx, rollout.UpdatePlanned,
		func(ctx workflow.Context, _ rollout.CreateRequest) (rollout.ReleaseStatus, error) {
			err := planned.Get(ctx, nil)
			return r.status, err
		}, workflow.UpdateHandlerOptions{
			Description: "Wait until the release has been rendered and planned",
			Validator: func(req rollout.CreateRequest) error {
				if req.Digest() == r.status.Digest {
					return nil
				}
				return activities.Application(&rollout.Error{
					Op: "create release", On: r.status.Release, Kind: rollout.Conflict,
					Err: errors.New("it exists with other content"), Fix: "choose another name",
				})
			},
		})
}

// plan renders the release and stores its document.
func (r *release) plan(ctx workflow.Context, req rollout.CreateRequest) error {
	actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 10 * time.Minute,
		StartToCloseTimeout:    time.Minute,
		Summary:                "render " + req.Release,
	})
	var res activities.PlanResult
	if err := workflow.ExecuteActivity(actx, activities.PlanRelease, req).Get(actx, &res); err != nil {
		kind, text := activities.Cause(err)
		r.status.RenderState, r.status.Failure, r.status.Ended = rollout.StateFailed, text, workflow.Now(ctx).UTC()
		return temporal.NewApplicationErrorWithOptions(text, string(kind), temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	r.plans = res.Stages
	r.status.RenderState, r.status.Document = rollout.StateSucceeded, res.Document
	for _, s := range res.Stages {
		r.status.Stages = append(r.status.Stages, rollout.StageStatus{Target: s.Target})
	}
	return nil
}

// enqueue asks the lane of a stage for a rollout. It is tried for ever: a lane that
// does not answer is an outage, not a failed release.
func (r *release) enqueue(ctx workflow.Context, stage int) error {
	actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second, Summary: "ask the lane of " + r.plans[stage].Target,
	})
	return workflow.ExecuteActivity(actx, entities.Enqueue, activities.EnqueueRequest{
		Pipeline: r.status.Pipeline, Target: r.plans[stage].Target,
		Enqueue: rollout.Enqueue{Seq: 1, Plan: r.plans[stage].Plan, Document: r.status.Document, Actor: r.status.Actor},
	}).Get(actx, nil)
}

func (r *release) follow(f rollout.Follow) {
	if f.Seq <= r.heard[f.Target] {
		return
	}
	r.heard[f.Target] = f.Seq
	for i := range r.status.Stages {
		if s := &r.status.Stages[i]; s.Target == f.Target {
			s.Rollout, s.State = f.Rollout, f.State
		}
	}
}

// publish writes the state as a search attribute.
func (r *release) publish(ctx workflow.Context) {
	state := r.status.RenderState
	if state == rollout.StateSucceeded && r.status.Ended.IsZero() {
		state = rollout.StateInProgress
	}
	if state == r.published {
		return
	}
	r.published = state
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		temporal.NewSearchAttributeKeyKeyword(rollout.AttributeState).ValueSet(string(state))); err != nil {
		workflow.GetLogger(ctx).Error("search attributes", "error", err)
	}
}
