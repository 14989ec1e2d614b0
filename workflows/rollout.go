package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// actorAutomation is who advances where nobody has to.
const actorAutomation = "automation"

// run is one rollout. Commands only set what is asked for; the loop of Rollout
// alone carries it out, one step at a time.
type run struct {
	in     rollout.Start
	status rollout.Status
	mutex  workflow.Mutex

	// asked for by commands and by the lane
	advance string           // the phase that may begin
	cancel  *rollout.Command // wins over everything
	resume  *rollout.Command
	revive  *rollout.Event // a retry or an ignore
	grant   *rollout.Grant // nil while the lane is not ours
	closed  *rollout.Close // a newer rollout has started
	over    bool           // and this one knows

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
	retries   int
	granted   int // sequence number of the newest grant
	sent      int // sequence number of the last message to the lane
	published published
}

// Rollout takes one release to one target: it waits for the lane, records what is
// live, settles, and then goes from phase to phase. A rollout that fails stays open
// for a retry until a newer one starts on its lane.
//
// It completes when it SUCCEEDED, closes as Canceled when it was CANCELLED, and as
// Failed when it ended FAILED: a Failed execution means that a person must look.
func Rollout(ctx workflow.Context, in rollout.Start) (rollout.Record, error) {
	r := &run{in: in, status: rollout.NewStatus(in.Rollout, in.Plan), mutex: workflow.NewMutex(ctx)}
	life, stop := workflow.NewDisconnectedContext(ctx) // a cancellation is a command, not an end
	defer stop()
	if err := r.listen(ctx, life); err != nil {
		return rollout.Record{}, err
	}
	now := workflow.Now(life)
	r.record(life, rollout.Event{Kind: rollout.EventCreated, Actor: in.Actor, Waiting: &rollout.Waiting{
		For: rollout.WaitLane, Reason: "an earlier rollout has the lane", Since: now, Commands: r.commands(rollout.CommandCancel),
	}})
	for !r.ended() {
		r.next(life)
	}
	r.publish(life)
	if err := workflow.Await(life, func() bool { return workflow.AllHandlersFinished(life) }); err != nil {
		return rollout.Record{}, err
	}
	return r.result()
}

// next takes the one step that the state calls for.
func (r *run) next(ctx workflow.Context) {
	ph, i := r.status.NextPhase()
	switch {
	case r.cancel != nil:
		r.end(ctx)
	case r.closed != nil: // only a rollout without the lane is closed
		r.over = true
		r.record(ctx, rollout.Event{Kind: rollout.EventEnded, State: rollout.StateFailed, Note: r.closed.By + " has started"})
	case r.status.State == rollout.StateFailed:
		r.awaitRevival(ctx)
	case r.grant == nil:
		r.await(ctx, func() bool { return r.grant != nil })
	case ph == nil:
		r.finish(ctx, rollout.StateSucceeded)
	case !r.prepared:
		r.prepare(ctx, ph.ID)
	case r.mayBegin(ctx, ph, i):
		r.phase(ctx, ph.ID)
	}
}

// await blocks until done, or until a command or the lane ends the rollout.
func (r *run) await(ctx workflow.Context, done func() bool) {
	r.publish(ctx)
	// The context is never cancelled, so Await cannot fail.
	_ = workflow.Await(ctx, func() bool { return r.cancel != nil || r.closed != nil || done() })
}

func (r *run) ended() bool { return r.status.State.Final() || r.over }

// mayBegin reports whether the phase at index i may begin. If not, it has waited
// for what could have changed that.
func (r *run) mayBegin(ctx workflow.Context, ph *rollout.PhaseStatus, i int) bool {
	begins := r.in.Plan.Phases[i].Advance
	switch {
	case i == 0, r.advance == ph.ID, r.byItself && ph.ID == rollout.StablePhase:
		return true
	case begins.Automatic:
		r.soak(ctx, ph.ID, begins.Wait)
		if r.cancel == nil && r.advance != ph.ID {
			r.advance = ph.ID
			r.record(ctx, rollout.Event{Kind: rollout.EventAdvanced, Phase: ph.ID, Actor: actorAutomation})
		}
	default:
		r.wait(ctx, rollout.Waiting{
			For: rollout.WaitAdvance, Reason: r.advanceReason(ph),
			Commands: r.commands(rollout.CommandAdvance, rollout.CommandCancel),
		})
		r.await(ctx, func() bool { return r.advance == ph.ID })
	}
	return false
}

// soak waits for an automatic advance. A person who advances ends it early.
func (r *run) soak(ctx workflow.Context, phase string, wait time.Duration) {
	if wait <= 0 {
		return
	}
	r.wait(ctx, rollout.Waiting{
		For: rollout.WaitTimer, Reason: "advances to " + phase + " by itself",
		Until: workflow.Now(ctx).Add(wait), Commands: r.commands(rollout.CommandAdvance, rollout.CommandCancel),
	})
	tctx, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(tctx, wait, workflow.TimerOptions{Summary: "advance to " + phase})
	r.await(ctx, func() bool { return timer.IsReady() || r.advance == phase })
}

// finish ends the rollout and tells its lane.
func (r *run) finish(ctx workflow.Context, state rollout.State) {
	r.record(ctx, rollout.Event{Kind: rollout.EventEnded, State: state})
	r.report(ctx)
}

func (r *run) result() (rollout.Record, error) {
	if r.status.State == rollout.StateSucceeded {
		return r.asRecord(), nil
	}
	if r.status.State == rollout.StateCancelled {
		return rollout.Record{}, temporal.NewCanceledError(r.status.Rollout)
	}
	return rollout.Record{}, temporal.NewApplicationErrorWithOptions(
		r.status.Failure, string(rollout.Failed), temporal.ApplicationErrorOptions{NonRetryable: true})
}
