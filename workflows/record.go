package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// published is what the search attributes say.
type published struct{ state, phase string }

// record is the only writer of the status.
func (r *run) record(ctx workflow.Context, e rollout.Event) {
	e.Time = workflow.Now(ctx).UTC()
	r.status.Apply(e)
	r.noted()
	workflow.GetLogger(ctx).Info(e.String(), "rollout", r.status.Rollout)
}

// wait records what the rollout waits for from now on.
func (r *run) wait(ctx workflow.Context, w rollout.Waiting) {
	w.Since, w.Until = workflow.Now(ctx).UTC(), w.Until.UTC()
	r.record(ctx, rollout.Event{Kind: rollout.EventWaiting, Waiting: &w})
	if r.isChild() && r.shownWait() != nil {
		r.report(ctx)
	}
}

// publish brings the search attributes and the current details up to date: at most
// one event however much has happened since the last time.
func (r *run) publish(ctx workflow.Context) {
	r.show(ctx)
	r.tell(ctx)
	r.upsert(ctx)
}

// upsert brings the search attributes up to date.
func (r *run) upsert(ctx workflow.Context) {
	now := published{state: string(r.status.State), phase: r.phaseNow()}
	if now == r.published {
		return
	}
	r.published = now
	updates := []temporal.SearchAttributeUpdate{
		temporal.NewSearchAttributeKeyKeyword(rollout.AttributeState).ValueSet(now.state),
	}
	if now.phase != "" {
		updates = append(updates, temporal.NewSearchAttributeKeyKeyword(rollout.AttributePhase).ValueSet(now.phase))
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes", "error", err)
	}
}

// show brings the current details up to date, which leaves nothing in the history.
func (r *run) show(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, r.details()) }

// phaseNow returns the id of the phase that has begun last, "" before the first.
func (r *run) phaseNow() string {
	id := ""
	for _, ph := range r.status.Phases {
		if !ph.Started.IsZero() {
			id = ph.ID
		}
	}
	return id
}

// report tells the lane where the rollout stands.
func (r *run) report(ctx workflow.Context) {
	r.sent++
	r.signalLane(ctx, rollout.SignalReport, rollout.Report{
		Rollout: r.in.Rollout, Seq: r.sent, Record: r.asRecord(), Child: r.asChild(), ByItself: r.isChild() && r.byItself,
	})
}

// signalLane sends a message. A lane that was terminated is started again by the
// next release; what it knew is then gone, so nobody is told.
func (r *run) signalLane(ctx workflow.Context, signal string, message any) {
	lane := r.lane()
	if err := workflow.SignalExternalWorkflow(ctx, lane, "", signal, message).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("the lane does not answer", "lane", lane, "error", err)
	}
}

// promoted reports whether the release has become stable, whatever its later jobs find.
func (r *run) promoted() bool {
	job := r.status.Job(rollout.StablePhase, rollout.JobDeploy)
	return job != nil && job.State == rollout.JobSucceeded
}

func (r *run) asRecord() rollout.Record {
	s := r.status
	promoted, manifest := r.promoted(), r.stableManifest
	if ph, i := r.in.Plan.Phase(rollout.StablePhase); promoted && i >= 0 {
		manifest = ph.Manifest
	}
	out := rollout.Record{
		Rollout: s.Rollout, Release: s.Release, Digest: s.Digest, Document: r.in.Document, State: s.State,
		Revision: s.Revision, Stable: s.Stable, Mark: r.last, PromotionBegun: s.PromotionBegun, Unsettled: s.Unsettled,
		Promoted: promoted, StableManifest: manifest,
		Failure: s.Failure, Actor: r.in.Actor, Created: s.Created, Ended: s.Ended, Started: s.Started,
		Reason: r.in.Reason, StartingPhase: r.in.StartingPhase, RollbackOf: r.in.RollbackOf,
	}
	if r.children != nil {
		r.children.summarize(&out)
	}
	return out
}

// advanceReason says why the phase does not begin by itself.
func (r *run) advanceReason(ph *rollout.PhaseStatus) string {
	_, i := r.status.Phase(ph.ID)
	before := r.status.Phases[i-1]
	if before.State == rollout.PhaseSkipped && r.in.Plan.Custom != nil { // nobody knows what serves
		return fmt.Sprintf("%s is skipped: %s; %s gives the release %d%%", before.ID, before.Skip, ph.ID, ph.Weight)
	}
	if before.State == rollout.PhaseSkipped {
		return fmt.Sprintf("%s is skipped: %s; now %s serves", before.ID, before.Skip, r.status.Split)
	}
	if whose := r.ignoredAfterRestore(i - 1); whose != "" {
		return fmt.Sprintf("%s was restored, and %s ignored; %s gives the release %d%%", whose, before.ID, ph.ID, ph.Weight)
	}
	return fmt.Sprintf("%s is done; %s gives the release %d%%", before.ID, ph.ID, ph.Weight)
}
