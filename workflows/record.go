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
	workflow.GetLogger(ctx).Info(e.String(), "rollout", r.status.Rollout)
}

// wait records what the rollout waits for from now on.
func (r *run) wait(ctx workflow.Context, w rollout.Waiting) {
	w.Since, w.Until = workflow.Now(ctx).UTC(), w.Until.UTC()
	r.record(ctx, rollout.Event{Kind: rollout.EventWaiting, Waiting: &w})
}

// publish brings the search attributes and the current details up to date: at most
// one event however much has happened since the last time.
func (r *run) publish(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, r.details())
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
	r.signalLane(ctx, rollout.SignalReport, rollout.Report{Rollout: r.in.Rollout, Seq: r.sent, Record: r.asRecord()})
}

// signalLane sends a message. A lane that was terminated is started again by the
// next release; what it knew is then gone, so nobody is told.
func (r *run) signalLane(ctx workflow.Context, signal string, message any) {
	lane := rollout.LaneID(r.in.Plan.Pipeline, r.in.Plan.Target.Name)
	if err := workflow.SignalExternalWorkflow(ctx, lane, "", signal, message).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("the lane does not answer", "lane", lane, "error", err)
	}
}

func (r *run) asRecord() rollout.Record {
	s := r.status
	job := s.Job(rollout.StablePhase, rollout.JobDeploy)
	promoted, manifest := job != nil && job.State == rollout.JobSucceeded, r.stableManifest
	if ph, i := r.in.Plan.Phase(rollout.StablePhase); promoted && i >= 0 {
		manifest = ph.Manifest
	}
	return rollout.Record{
		Rollout: s.Rollout, Release: s.Release, Digest: s.Digest, Document: r.in.Document, State: s.State,
		Revision: s.Revision, Stable: s.Stable, Mark: r.last, PromotionBegun: s.PromotionBegun, Unsettled: s.Unsettled,
		Promoted: promoted, StableManifest: manifest,
		Failure: s.Failure, Actor: r.in.Actor, Created: s.Created, Ended: s.Ended,
	}
}

// advanceReason says why the phase does not begin by itself.
func (r *run) advanceReason(ph *rollout.PhaseStatus) string {
	_, i := r.status.Phase(ph.ID)
	before := r.status.Phases[i-1]
	if before.State == rollout.PhaseSkipped {
		return fmt.Sprintf("%s is skipped: %s; now %s serves", before.ID, before.Skip, r.status.Split)
	}
	return fmt.Sprintf("%s is done; %s gives the release %d%%", before.ID, ph.ID, ph.Weight)
}

// commands returns the command lines that end a wait.
func (r *run) commands(names ...string) []string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = r.commandLine(name)
	}
	return lines
}

func (r *run) commandLine(name string) string {
	verb := map[string]string{
		rollout.CommandRetryJob: "retry-job", rollout.CommandIgnoreJob: "ignore-job",
	}[name]
	if verb == "" {
		verb = name
	}
	line := fmt.Sprintf("serin rollout %s --pipeline %s --rollout %s", verb, r.in.Plan.Pipeline, r.in.Rollout)
	if name == rollout.CommandAdvance {
		if ph, _ := r.status.NextPhase(); ph != nil {
			line += " --phase " + ph.ID
		}
	}
	if phase, job, ok := r.status.FailedJob(); ok && (name == rollout.CommandRetryJob || name == rollout.CommandIgnoreJob) {
		line += fmt.Sprintf(" --phase %s --job %s", phase, job)
	}
	return line
}

// details is the Markdown that the Web UI shows: the phases, what is waited for,
// and the exact command.
func (r *run) details() string {
	s := r.status
	var b []byte
	b = fmt.Appendf(b, "**%s** %s on %s/%s\n\n", s.State, s.Release, s.Pipeline, s.Target)
	b = fmt.Append(b, "| phase | weight | observed | state |\n|---|---|---|---|\n")
	for _, ph := range s.Phases {
		observed := "-"
		switch {
		case ph.Observed != nil:
			observed = fmt.Sprintf("%d%%", *ph.Observed)
		case ph.Custom:
			observed = "configured"
		case ph.Assumed:
			observed = "assumed"
		}
		b = fmt.Appendf(b, "| %s | %d%% | %s | %s |\n", ph.ID, ph.Weight, observed, ph.State)
	}
	if s.Failure != "" {
		b = fmt.Appendf(b, "\nFailed: %s\n", s.Failure)
	}
	if s.State == rollout.StateFailed {
		b = fmt.Appendf(b, "\n`%s`\n\n`%s`\n", r.commandLine(rollout.CommandRetryJob), r.commandLine(rollout.CommandIgnoreJob))
	}
	if w := s.Waiting; w != nil {
		b = fmt.Appendf(b, "\nWaits for **%s** since %s: %s\n", w.For, w.Since.Format("2006-01-02 15:04:05 MST"), w.Reason)
		if !w.Until.IsZero() {
			b = fmt.Appendf(b, "\nUntil %s\n", w.Until.Format("2006-01-02 15:04:05 MST"))
		}
		for _, c := range w.Commands {
			b = fmt.Appendf(b, "\n`%s`\n", c)
		}
	}
	return string(b)
}
