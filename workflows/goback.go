package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// watchBack begins to ask the webhooks that may want to go back, where the release has requests
// and waits for what comes next. It asks them once for each such wait.
func (r *run) watchBack(ctx workflow.Context) {
	last, _ := r.in.Plan.Phase(r.phaseNow())
	s, _ := r.status.Phase(last.ID)
	switch {
	case r.in.RollbackOf != "" || r.watched == last.ID || s == nil || s.State != rollout.PhaseSucceeded:
		return
	case last.Promotion() || last.Weight == 0 || r.status.Restored || r.status.State != rollout.StateInProgress:
		return
	}
	r.watched = last.ID
	for _, hook := range r.in.Plan.Webhooks {
		if hook.Type == rollout.WebhookRollback {
			r.backs = append(r.backs, r.ask(ctx, last, hook))
		}
	}
}

// unwatch ends that.
func (r *run) unwatch() {
	for _, a := range r.backs {
		a.stop()
	}
	r.backs, r.watched = nil, ""
}

// askedBack reports whether one of them has an answer.
func (r *run) askedBack() bool {
	for _, a := range r.backs {
		if a.answer.IsReady() {
			return true
		}
	}
	return false
}

// goBack fails the phase that was done last, so that onFailure decides about its traffic. A
// webhook that cannot be asked does not.
func (r *run) goBack(ctx workflow.Context) {
	var left []asked
	for _, a := range r.backs {
		if !a.answer.IsReady() {
			left = append(left, a)
			continue
		}
		err := a.answer.Get(ctx, nil)
		if err == nil {
			r.fail(ctx, failure{phase: r.phaseNow(), job: rollout.JobDeploy, text: "webhook " + a.id + " asks to roll back"})
			return
		}
		_, text := activities.Cause(err)
		r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: "webhook " + a.id, Note: "cannot be asked whether to roll back: " + text})
	}
	r.backs = left
}
