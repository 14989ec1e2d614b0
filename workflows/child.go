package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// planTry is how long a child tries to read its plan before it says so and waits a while.
const planTry = time.Minute

// isChild reports whether a controller leads the rollout.
func (r *run) isChild() bool { return r.in.Controller != "" }

// childPlan reads the plan of a child: a controller with a hundred of them cannot carry it. An
// artifact store that does not answer is asked again, less and less often: a child that ended for
// it could not be retried.
func childPlan(ctx workflow.Context, in rollout.Start) (rollout.Plan, error) {
	lctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: planTry,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: planTry / 6},
		Summary:                "the plan for " + in.Target,
	})
	for wait := askAgain; ; wait = min(2*wait, maxAskAgain) {
		var res activities.LoadPlanResult
		err := workflow.ExecuteLocalActivity(lctx, activities.LoadPlan, activities.LoadPlanRequest{
			Document: in.Document, Target: in.Parent, Child: in.Target,
		}).Get(lctx, &res)
		if err == nil {
			return res.Plan, nil
		}
		kind, text := activities.Cause(err)
		if kind == rollout.NotFound || kind == rollout.Corrupt || kind == rollout.Invalid {
			return rollout.Plan{}, err
		}
		workflow.SetCurrentDetails(ctx, "its plan cannot be read, and is asked for again: "+text)
		if err := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "ask for the plan again"}).Get(ctx, nil); err != nil {
			return rollout.Plan{}, err
		}
	}
}

// led takes the grant that a child begins with.
func (r *run) led(ctx workflow.Context) {
	if r.isChild() && r.in.Grant != nil {
		r.take(ctx, *r.in.Grant)
	}
}

// directed takes an order of the controller.
func (r *run) directed(ctx workflow.Context, d rollout.Direction) {
	if d.Seq <= r.granted || r.status.State.Final() {
		return
	}
	r.granted = d.Seq
	switch {
	case d.Advance != "":
		r.advance = d.Advance
		r.record(ctx, rollout.Event{Kind: rollout.EventAdvanced, Phase: d.Advance, Actor: r.in.Controller})
	case d.Cancel != nil:
		r.cancelled(ctx, *d.Cancel)
	case d.Pause != nil, d.Resume != nil:
		r.held(ctx, d)
	case d.Fail != "" && r.status.State != rollout.StateFailed && !r.promoted():
		r.giveUp = d.Fail
		if r.stop != nil && !r.restoring {
			r.stop()
		}
	}
}

// cancelled takes the controller's cancel. Other children may be able to put traffic back; a custom
// target is left as it is.
func (r *run) cancelled(ctx workflow.Context, c rollout.Command) {
	unable := c.Restore && r.in.Plan.Custom != nil
	c.Restore = c.Restore && !unable
	if checkCancel(r, ctx, c) != nil {
		return
	}
	doCancel(r, ctx, c)
	if unable {
		r.record(ctx, rollout.Event{
			Kind: rollout.EventAutomation, Actor: r.in.Controller, Note: "does not restore " + r.in.Target + ": nothing of a custom target can be put back",
		})
	}
}

// held begins or ends a pause with the controller's. A person whom the child asks for something
// else is still asked.
func (r *run) held(ctx workflow.Context, d rollout.Direction) {
	switch {
	case d.Pause != nil && !r.status.Paused:
		doPause(r, ctx, *d.Pause)
	case d.Resume != nil && r.status.Paused:
		asked := r.status.Waiting
		r.record(ctx, rollout.Event{Kind: rollout.EventResumed, Actor: d.Resume.Actor, Reason: d.Resume.Reason})
		if r.asking && asked != nil {
			r.record(ctx, rollout.Event{Kind: rollout.EventWaiting, Waiting: asked})
		}
	}
}

// quit fails a child whose controller gave up, and does what onFailure says. The job that it
// fails, and that a retry runs again, is the last one that was done.
func (r *run) quit(ctx workflow.Context) {
	if r.promoted() {
		r.giveUp = "" // promoted ones stay
		return
	}
	why := r.giveUp // fail takes it
	phase := r.in.Plan.Phases[0].ID
	for _, ph := range r.status.Phases {
		if job := r.status.Job(ph.ID, rollout.JobDeploy); job != nil && job.Run != nil {
			phase = ph.ID
		}
	}
	r.fail(ctx, failure{phase: phase, job: rollout.JobDeploy, text: why})
}

// awaitController waits until the controller lets the phase begin. It tells it first that the
// one before is done.
func (r *run) awaitController(ctx workflow.Context, ph *rollout.PhaseStatus) {
	r.report(ctx)
	r.watchBack(ctx)
	r.wait(ctx, rollout.Waiting{
		For: rollout.WaitAdvance, Reason: "its controller " + r.in.Controller + " lets " + ph.ID + " begin in every child",
		Commands: []string{"serin rollout advance --pipeline " + r.in.Plan.Pipeline + " --rollout " + r.in.Controller + " --phase " + ph.ID},
	})
	r.await(ctx, func() bool { return r.advance == ph.ID })
}

// asChild is what a child tells its controller of itself.
func (r *run) asChild() *rollout.ChildStatus {
	if !r.isChild() {
		return nil
	}
	s := r.status
	out := &rollout.ChildStatus{
		Target: s.Target, Rollout: s.Rollout, State: s.State, Failure: s.Failure, Restored: s.Restored, Weight: s.Weight,
		Promoted: r.asRecord().Promoted, Waiting: r.shownWait(),
	}
	for _, ph := range s.Phases {
		if ph.State != rollout.PhasePending && ph.State != rollout.PhaseAborted {
			out.Phase, out.PhaseState = ph.ID, ph.State
		}
	}
	if next, i := s.NextPhase(); next != nil && (i == 0 || r.advance == next.ID || r.in.StartingPhase == next.ID) {
		out.Phase, out.PhaseState = next.ID, rollout.PhaseInProgress // it was told to, and prepares
	}
	if phase, job, ok := s.FailedJob(); ok {
		out.Phase, out.PhaseState, out.FailedJob = phase, rollout.PhaseFailed, job
	}
	return out
}

// shownWait is what a child waits for by itself, which its controller shows; nil while it only
// waits for its controller.
func (r *run) shownWait() *rollout.Waiting {
	w := r.status.Waiting
	if w == nil || r.status.Paused || r.status.State != rollout.StateInProgress {
		return nil
	}
	switch w.For {
	case rollout.WaitPerson, rollout.WaitWindow, rollout.WaitWorker, rollout.WaitMetrics:
		return w
	case rollout.WaitTimer:
		if r.repair.waits {
			return w
		}
	case rollout.WaitAdvance, rollout.WaitApproval, rollout.WaitLane:
	}
	return nil
}

// lane is the workflow that grants the rollout its turn: a lane, or a child's controller.
func (r *run) lane() string {
	if r.isChild() {
		return rollout.RolloutID(r.in.Plan.Pipeline, r.in.Controller)
	}
	return rollout.LaneID(r.in.Plan.Pipeline, r.in.Plan.Target.Name)
}
