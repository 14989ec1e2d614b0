package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// run is one rollout. Commands only set what is asked for; the loop of Rollout
// alone carries it out, one step at a time.
type run struct {
	in     rollout.Start
	status rollout.Status
	mutex  workflow.Mutex

	// asked for by commands and by the lane
	advance  string           // the phase that may begin
	cancel   *rollout.Command // wins over everything
	pause    *rollout.Command // the latest; it holds while the status says paused
	resume   *rollout.Command // of a person who was asked
	revive   *rollout.Event   // a retry or an ignore
	grant    *rollout.Grant   // nil while the lane is not ours
	closed   *rollout.Close   // a newer rollout has started
	over     bool             // and this one knows
	children *controller      // nil: a rollout of one target
	giveUp   string           // why the controller lets this child fail; "" while it does not

	// stableManifest is the digest of the manifest of what was stable before this rollout;
	// "" if no rollout recorded it, or a person has accepted something else.
	stableManifest string

	recorded  bool           // the baseline; a later attempt never records it again
	prepared  bool           // settled
	byItself  bool           // stable begins although nobody advances it
	last      rollout.Mark   // what our last write left behind
	tried     *rollout.Phase // what a step that failed may have written since
	stop      func()         // ends the running activity; nil while none runs
	restoring bool
	asking    bool // a person was asked to look
	about     subject
	retries   int
	redeploys int  // how often the deploy of a phase was begun again
	stopping  int  // job runs that are being stopped
	tidying   bool // the lane is asked for, and had, only to take a failed canary away
	tidied    bool // that was tried
	running   bool // containers of a deploy may run, although its activity has ended
	granted   int  // sequence number of the newest grant
	goneBack  int  // sequence number of the newest word of a rollback
	sent      int  // sequence number of the last message to the lane
	published published

	auto    advancing
	repair  repairing
	gate    gating
	bake    baking
	spent   bool    // the job that a person is asked about has had all its attempts
	backs   []asked // the webhooks that may ask to roll back, after the phase watched
	watched string

	telling telling
}

// newRun returns a rollout before its first event.
func newRun(ctx workflow.Context, in rollout.Start) *run {
	r := &run{in: in, status: rollout.NewStatus(in.Rollout, in.Plan), mutex: workflow.NewMutex(ctx)}
	r.status.StartingPhase, r.status.RollbackOf, r.status.Controller = in.StartingPhase, in.RollbackOf, in.Controller
	if in.Plan.Parallel != nil {
		r.children = control(ctx, r)
	}
	return r
}

// Rollout takes one release to one target: it waits for its approval and for the lane, records
// what is live, settles, and then goes from phase to phase. A rollout that fails stays
// open for a retry until a newer one starts on its lane.
//
// It completes when it SUCCEEDED, closes as Canceled when it was CANCELLED or
// APPROVAL_REJECTED, and as Failed when it ended FAILED: a Failed execution means that a
// person must look.
func Rollout(ctx workflow.Context, in rollout.Start) (rollout.Record, error) {
	life, stop := workflow.NewDisconnectedContext(ctx) // a cancellation is a command, not an end
	defer stop()
	if in.Controller != "" {
		plan, err := childPlan(life, in)
		if err != nil {
			return rollout.Record{}, err
		}
		in.Plan = plan
	}
	r := newRun(life, in)
	if err := r.listen(ctx, life); err != nil {
		return rollout.Record{}, err
	}
	r.create(life)
	r.led(life)
	for !r.ended() {
		if r.children != nil {
			r.children.next(life)
		} else {
			r.next(life)
		}
	}
	r.publish(life)
	r.tellRest(life)
	if err := workflow.Await(life, func() bool { return workflow.AllHandlersFinished(life) && r.stopping == 0 }); err != nil {
		return rollout.Record{}, err
	}
	return r.result()
}

// firstPhase is the phase that the rollout starts with: what fails before it is its failure.
func (r *run) firstPhase(next *rollout.PhaseStatus) string {
	if ph, _ := r.status.Phase(r.in.StartingPhase); ph != nil {
		return ph.ID
	}
	return next.ID
}

// create records who made the rollout, why, and what it waits for first.
func (r *run) create(ctx workflow.Context) {
	w := rollout.Waiting{
		For: rollout.WaitLane, Reason: "waits for its lane", Since: workflow.Now(ctx), Commands: r.commands(rollout.CommandCancel),
	}
	if r.status.State == rollout.StatePendingApproval {
		w = r.approvalWait(ctx)
	}
	note := ""
	if r.in.RollbackOf != "" {
		note = "rolls back " + r.in.RollbackOf
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventCreated, Actor: r.in.Actor, Reason: r.in.Reason, Note: note, Waiting: &w})
	r.permitted(ctx, "a new rollout", rollout.Command{Actor: r.in.Actor, Reason: r.in.Reason}, activities.PermitResult{
		Overridden: r.in.Overridden, Logged: r.in.Logged,
	})
}

// next takes the one step that the state calls for.
func (r *run) next(ctx workflow.Context) {
	ph, i := r.status.NextPhase()
	switch {
	case r.cancel != nil:
		r.end(ctx)
	case r.closed != nil: // only a rollout without the lane is closed
		r.over = true
		r.endRepair(ctx, rollout.RepairAborted, r.closed.By+" has started")
		r.record(ctx, rollout.Event{Kind: rollout.EventEnded, State: rollout.StateFailed, Note: r.closed.By + " has started"})
	case r.status.State == rollout.StateFailed:
		r.awaitRevival(ctx)
	case r.giveUp != "":
		r.quit(ctx)
	case r.askedBack():
		r.goBack(ctx)
	case r.waitsForLane(ctx):
	case r.begun() != "":
		r.phase(ctx, r.begun())
	case ph == nil:
		r.finish(ctx, rollout.StateSucceeded)
	case r.status.Paused:
		r.awaitResume(ctx)
	case !r.prepared:
		r.prepare(ctx, r.firstPhase(ph))
	case r.begins(ctx, ph, i):
		r.phase(ctx, ph.ID)
	}
}

// waitsForLane reports whether the rollout does not have its lane yet: it has then waited for
// its approval, or for the lane.
func (r *run) waitsForLane(ctx workflow.Context) bool {
	switch {
	case r.status.State == rollout.StatePendingApproval:
		r.awaitApproval(ctx)
	case r.grant == nil:
		r.await(ctx, func() bool { return r.grant != nil })
	default:
		return false
	}
	return true
}

// await blocks until done, or until a command, the lane or the controller ends the rollout.
func (r *run) await(ctx workflow.Context, done func() bool) {
	r.publish(ctx)
	// The context is never cancelled, so Await cannot fail.
	_ = workflow.Await(ctx, func() bool { return r.ending() || done() })
}

// ending reports whether a command, the lane, the controller or a webhook ends what it does.
func (r *run) ending() bool {
	return r.cancel != nil || r.closed != nil || r.giveUp != "" || r.askedBack()
}

func (r *run) ended() bool { return r.status.State.Final() || r.over }

// awaitResume waits until somebody ends the pause.
func (r *run) awaitResume(ctx workflow.Context) {
	if r.isChild() {
		r.report(ctx) // what ran has ended
	}
	r.wait(ctx, rollout.Waiting{
		For: rollout.WaitPerson, Reason: r.pausedBy(), Commands: r.commands(rollout.CommandResume, rollout.CommandCancel),
	})
	r.await(ctx, func() bool { return !r.status.Paused })
}

// pausedBy reads "paused by ann (lunch)".
func (r *run) pausedBy() string {
	return rollout.Event{Kind: rollout.EventPaused, Actor: r.pause.Actor, Reason: r.pause.Reason}.String()
}

// finish ends the rollout and tells its lane.
func (r *run) finish(ctx workflow.Context, state rollout.State) {
	r.record(ctx, rollout.Event{Kind: rollout.EventEnded, State: state})
	if !r.isChild() || state != rollout.StateSucceeded { // whose result says it all
		r.report(ctx)
	}
}

func (r *run) result() (rollout.Record, error) {
	switch r.status.State {
	case rollout.StateSucceeded:
		return r.asRecord(), nil
	case rollout.StateCancelled, rollout.StateApprovalRejected:
		return rollout.Record{}, temporal.NewCanceledError(r.status.Rollout)
	default:
		return rollout.Record{}, temporal.NewApplicationErrorWithOptions(
			r.status.Failure, string(rollout.Failed), temporal.ApplicationErrorOptions{NonRetryable: true})
	}
}
