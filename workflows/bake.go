package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// actorBake is who rolls a release back whose bake has failed.
const actorBake = "bake"

// baking is the bake of a release whose promotion is done.
type baking struct {
	due   bool // it has failed, and the rollback was not asked for yet
	asked bool // once for each rollout
}

// bakes reports whether the job is a bake: it watches the release when it is stable already.
func (r *run) bakes(phase string, job rollout.JobKind) bool {
	c := r.in.Plan.CloudRun
	return phase == rollout.StablePhase && job == rollout.JobAnalysis && c != nil && c.Previous != ""
}

// rollsBackBaked reports whether the job would bake a rollback: whatever it found out, there is
// nothing better to go back to.
func (r *run) rollsBackBaked(ph rollout.Phase, job rollout.Job) bool {
	return r.in.RollbackOf != "" && r.bakes(ph.ID, job.ID)
}

// bakeFailed asks for the rollback of a release whose bake has failed. The lane hears of it before
// it hears that it is free. Only a release that was found to be bad is rolled back: an error, a lack
// of data and an outage say nothing about it. A job run that a person has terminated is that
// person's business.
func (r *run) bakeFailed(ctx workflow.Context, f failure) {
	if f.terminated || !r.bakes(f.phase, f.job) || r.bake.asked || r.rollsBackItself() {
		return
	}
	if o := f.outcome; o == nil || o.Verdict != rollout.VerdictFail || o.Unreachable {
		r.record(ctx, rollout.Event{
			Kind: rollout.EventAutomation, Actor: actorBake, Note: "does not roll " + r.in.Plan.Target.Name + " back: nothing was found out",
		})
		return
	}
	r.bake.due = true
	if !r.status.Paused {
		r.askBaked(ctx)
	}
}

// rollsBackItself reports whether a repair has asked, or is about to ask, for the rollback.
func (r *run) rollsBackItself() bool {
	s := r.status.Repair
	return r.repair.rollback != nil || (s != nil && s.Rollback && s.State == rollout.RepairInProgress)
}

// askBaked asks the lane for the rollback, once. Policies are the lane's to ask.
func (r *run) askBaked(ctx workflow.Context) {
	r.bake = baking{asked: true}
	what := "roll " + r.in.Plan.Target.Name + " back"
	if r.isChild() {
		r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: actorBake, Note: "does not " + what + ": a child is not rolled back alone"})
		return
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: actorBake, Note: "asks to " + what})
	r.signalLane(ctx, rollout.UpdateRollback, rollout.Create{
		Request: r.in.Rollout + "/bake", Rollout: r.in.Rollout, StartingPhase: rollout.StablePhase,
		Automation: activities.PermitPlan, Actor: actorBake, Reason: r.status.Failure,
	})
}

// bakeRefused notes why nothing rolls the release back although its bake has asked for it.
func (r *run) bakeRefused(ctx workflow.Context, why string) {
	if r.bake.asked && why != "" {
		r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: actorBake, Note: "does not roll " + r.in.Plan.Target.Name + " back: " + why})
	}
}
