package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// versionPermit is the change since which a release asks whether it may begin, and which
// automations promote it.
const versionPermit = "permit-create"

// release is one release of a pipeline.
type release struct {
	status rollout.ReleaseStatus
	plans  []rollout.StagePlan
	heard  map[string]int // highest sequence number by target

	behavior   int
	sent       int             // sequence number of the last message to a lane
	expected   map[string]bool // targets whose lane was asked for a rollout and has not answered
	promoting  map[string]bool // rollouts whose success the automations were asked about
	promotions []*promotion

	rendering rendering
	answer    func(error)   // to who waits for the plan; only the first one counts
	published rollout.State // what the search attribute says
}

// Release renders a release, asks the lane of its first stage for a rollout, and
// follows its rollouts until the last stage is done; automations promote it from stage to
// stage. It stays open until then, at no cost; a cancellation is ignored, but while containers
// render it. An abandoned one ends once nothing of it runs. A release that cannot be planned fails,
// which leaves its name free.
func Release(ctx workflow.Context, req rollout.CreateRequest) (rollout.ReleaseStatus, error) {
	asked := ctx
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	r := &release{
		heard: map[string]int{}, expected: map[string]bool{}, promoting: map[string]bool{},
		status: rollout.ReleaseStatus{
			Pipeline: req.Pipeline, Release: req.Release, RenderState: rollout.StateInProgress, Digest: req.Digest(),
			Description: req.Description, Actor: req.Actor, Created: workflow.Now(ctx).UTC(),
		},
	}
	if workflow.GetVersion(ctx, versionPermit, workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		r.behavior = rollout.BehaviorNow
	}
	planned, done := workflow.NewFuture(ctx)
	if err := r.listen(ctx, planned); err != nil {
		return r.status, err
	}
	r.answer = func(err error) {
		if !planned.IsReady() {
			done.SetError(err)
		}
	}
	err := r.plan(ctx, asked, req)
	r.answer(err)
	if err == nil {
		r.publish(ctx)
		err = r.begin(ctx)
	}
	if err == nil {
		r.publish(ctx)
		_ = workflow.Await(ctx, r.over) // the context is never cancelled
		r.status.Ended = workflow.Now(ctx).UTC()
	}
	r.publish(ctx)
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return r.status, err
}

// over reports whether nothing more will come: the last stage is done, or the release was
// abandoned and nothing of it runs.
func (r *release) over() bool {
	if r.status.Stages[len(r.status.Stages)-1].State == rollout.StateSucceeded {
		return true
	}
	for _, s := range r.status.Stages {
		waits := s.State == rollout.StatePending || s.State == rollout.StatePendingApproval
		if waits || s.State.HoldsLane() || r.expected[s.Target] {
			return false
		}
	}
	return r.status.Abandoned
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
			r.follow(ctx, f)
		}
	})
	workflow.GoNamed(ctx, "config", func(ctx workflow.Context) {
		ch := workflow.GetSignalChannel(ctx, rollout.SignalAbandoned)
		for {
			var a rollout.Abandon
			ch.Receive(ctx, &a)
			r.abandon(ctx, a)
		}
	})
	return workflow.SetUpdateHandlerWithOptions(ctx, rollout.UpdatePlanned,
		func(ctx workflow.Context, _ rollout.CreateRequest) (rollout.ReleaseStatus, error) {
			err := planned.Get(ctx, nil)
			return r.status, err
		}, workflow.UpdateHandlerOptions{
			Description: "Wait until the release has been rendered and planned, or until containers render it",
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
func (r *release) plan(ctx, asked workflow.Context, req rollout.CreateRequest) error {
	res, err := r.planAll(ctx, asked, req)
	if err != nil {
		kind, text := activities.Cause(err)
		r.status.RenderState, r.status.Failure, r.status.Ended = rollout.StateFailed, text, workflow.Now(ctx).UTC()
		return temporal.NewApplicationErrorWithOptions(text, string(kind), temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	r.plans = res.Stages
	r.status.RenderState, r.status.Document = rollout.StateSucceeded, res.Document
	for _, s := range res.Stages {
		r.status.Stages = append(r.status.Stages, rollout.StageStatus{Target: s.Target})
	}
	r.show(ctx)
	return nil
}

// begin asks for the first rollout. Where a deploy policy forbids it the release stays without
// one, until a person promotes it.
func (r *release) begin(ctx workflow.Context) error {
	e := rollout.Enqueue{Actor: r.status.Actor}
	if r.behavior < rollout.BehaviorNow {
		return r.enqueue(ctx, 0, e)
	}
	target := r.status.Stages[0].Target
	res, answered := r.permit(ctx, activities.PermitRequest{
		Target: target, Command: activities.PermitCreate, Actor: r.status.Actor,
	}, func() bool { return r.status.Abandoned })
	switch {
	case !answered: // it is abandoned
		return nil
	case res.Refused != "":
		r.status.Stages[0].Refused = res.Refused
		r.note(ctx, fmt.Sprintf("no rollout to %s: %s; promote it later: %s", target, res.Refused, r.promoteLine(target)))
		return nil
	}
	return r.enqueue(ctx, 0, e)
}

// enqueue asks the lane of a stage for a rollout. It is tried for ever: a lane that
// does not answer is an outage, not a failed release.
func (r *release) enqueue(ctx workflow.Context, stage int, e rollout.Enqueue) error {
	target := r.plans[stage].Target
	actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second, Summary: "ask the lane of " + target,
	})
	r.sent++
	r.expected[target] = true
	e.Seq, e.Plan, e.Document, e.Behavior = r.sent, r.plans[stage].Plan, r.status.Document, r.behavior
	return workflow.ExecuteActivity(actx, entities.Enqueue, activities.EnqueueRequest{
		Pipeline: r.status.Pipeline, Target: target, Enqueue: e,
	}).Get(actx, nil)
}

// abandon ends all automations; what runs goes on.
func (r *release) abandon(ctx workflow.Context, a rollout.Abandon) {
	if r.status.Abandoned {
		return
	}
	r.status.Abandoned = true
	line := "abandoned"
	if a.Actor != "" {
		line += " by " + a.Actor
	}
	if a.Reason != "" {
		line += " (" + a.Reason + ")"
	}
	r.note(ctx, line)
}
