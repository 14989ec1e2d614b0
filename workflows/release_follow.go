package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// follow takes over what a lane says.
func (r *release) follow(ctx workflow.Context, f rollout.Follow) {
	if f.Seq <= r.heard[f.Target] {
		return
	}
	r.heard[f.Target] = f.Seq
	s := r.stage(f.Target)
	if s == nil {
		return
	}
	switch {
	case f.Refused != "":
		delete(r.expected, f.Target)
		s.Refused = f.Refused
		r.note(ctx, "not promoted to "+f.Target+": "+f.Refused)
	case f.Superseded != "":
		s.Superseded = f.Superseded
	case f.RolledBackBy != "":
		s.RolledBackBy = f.RolledBackBy
	case f.Rollout == "" && s.Rollout != "":
		delete(r.expected, f.Target)
		r.note(ctx, "no new rollout to "+f.Target+" could be started")
	case f.Rollout < s.Rollout: // a newer one of this release is there
	default:
		delete(r.expected, f.Target)
		s.Rollout, s.State, s.Refused = f.Rollout, f.State, ""
		if f.State == rollout.StateSucceeded {
			s.Superseded, s.RolledBackBy = "", ""
			r.automate(ctx, *s)
		}
	}
	r.show(ctx)
}

// stage returns the stage of the target, or nil.
func (r *release) stage(target string) *rollout.StageStatus {
	i := r.stageIndex(target)
	if i < 0 {
		return nil
	}
	return &r.status.Stages[i]
}

func (r *release) stageIndex(target string) int {
	return slices.IndexFunc(r.status.Stages, func(s rollout.StageStatus) bool { return s.Target == target })
}

// note keeps a line for people.
func (r *release) note(ctx workflow.Context, line string) {
	workflow.GetLogger(ctx).Info(line, "release", r.status.Release)
	r.status.Notes = append(r.status.Notes, workflow.Now(ctx).UTC().Format(time.RFC3339)+" "+line)
	if n := len(r.status.Notes); n > rollout.KeptRecords {
		r.status.Notes = slices.Clone(r.status.Notes[n-rollout.KeptRecords:])
	}
	r.show(ctx)
}

// show brings what people see up to date: the waits of the automations, and the current details.
func (r *release) show(ctx workflow.Context) {
	r.status.Waiting = r.rendering.waits()
	for _, p := range r.promotions {
		r.status.Waiting = append(r.status.Waiting, p.waiting)
	}
	slices.SortStableFunc(r.status.Waiting, func(a, b rollout.Waiting) int { return a.Until.Compare(b.Until) })
	workflow.SetCurrentDetails(ctx, r.details())
}

// details is the Markdown that the Web UI shows: the stages, and what waits.
func (r *release) details() string {
	s := r.status
	b := fmt.Appendf(nil, "**%s** of %s\n\n| stage | rollout | state | |\n|---|---|---|---|\n", s.Release, s.Pipeline)
	for _, stage := range s.Stages {
		remark := ""
		switch {
		case stage.RolledBackBy != "":
			remark = "rolled back by " + stage.RolledBackBy
		case stage.Superseded != "":
			remark = "superseded by " + stage.Superseded
		}
		b = fmt.Appendf(b, "| %s | %s | %s | %s |\n", stage.Target, stage.Rollout, stage.State, remark)
	}
	if n := s.Renders; n != nil && s.RenderState != rollout.StateSucceeded {
		b = fmt.Appendf(b, "\n%d of %d phases are rendered by their containers\n", n.Done, n.All)
	}
	for _, w := range s.Waiting {
		until := ""
		if !w.Until.IsZero() {
			until = " until " + w.Until.Format(clock)
		}
		b = fmt.Appendf(b, "\nWaits for **%s** since %s%s: %s\n", w.For, w.Since.Format(clock), until, w.Reason)
		for _, c := range w.Commands {
			b = fmt.Appendf(b, "\n`%s`\n", c)
		}
	}
	for _, note := range s.Notes {
		b = fmt.Appendf(b, "\n%s\n", note)
	}
	return string(b)
}

// publish writes the state as a search attribute.
func (r *release) publish(ctx workflow.Context) {
	r.show(ctx)
	state := r.status.RenderState
	switch {
	case state != rollout.StateSucceeded:
	case r.status.Ended.IsZero():
		state = rollout.StateInProgress
	case r.status.Stages[len(r.status.Stages)-1].State != rollout.StateSucceeded: // it was abandoned
		state = rollout.StateCancelled
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
