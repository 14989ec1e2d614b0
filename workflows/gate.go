package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// gateBudget is how long a webhook may take to confirm: more than anybody waits.
	gateBudget = 90 * 24 * time.Hour
	// gateGrace is how long it may take before a person hears of it.
	gateGrace = 10 * time.Second
)

// gating is the webhook that holds the next phase.
type gating struct {
	phase  string // the phase that it holds, and a person may let begin; "" while none does
	passed bool   // a person has let it begin
	open   string // the phase whose webhooks have all confirmed
}

// begins reports whether the phase at index i may begin: it was advanced to, and its webhooks
// have confirmed. If not, it has waited for what could have changed that.
func (r *run) begins(ctx workflow.Context, ph *rollout.PhaseStatus, i int) bool {
	if !r.mayBegin(ctx, ph, i) {
		return false
	}
	if r.gate.open == ph.ID {
		return true
	}
	for _, hook := range r.gates(i) {
		if !r.confirmed(ctx, r.in.Plan.Phases[i], hook) {
			return false
		}
	}
	r.gate.open = ph.ID
	return !r.ending() && !r.status.Paused
}

// gates returns the webhooks that are asked before the phase at index i. A rollback is held by
// none: what it goes back to has been let through before.
func (r *run) gates(i int) []rollout.Webhook {
	if r.in.RollbackOf != "" {
		return nil
	}
	first, more := true, i == 0 || r.in.Plan.Phases[i].Weight > r.in.Plan.Phases[i-1].Weight
	for _, before := range r.status.Phases[:i] {
		first = first && before.State == rollout.PhaseSkipped
	}
	promotion := r.in.Plan.Phases[i].Promotion()
	var hooks []rollout.Webhook
	for _, hook := range r.in.Plan.Webhooks {
		asked := map[string]bool{
			rollout.WebhookConfirmRollout:         first,
			rollout.WebhookConfirmTrafficIncrease: !first && more && !promotion,
			rollout.WebhookConfirmPromotion:       promotion,
		}[hook.Type]
		if asked {
			hooks = append(hooks, hook)
		}
	}
	return hooks
}

// confirmed asks one webhook, and reports whether the phase may begin: it has confirmed, or a
// person advances to the phase, or resumes. A pause ends the question; it is asked again after it.
func (r *run) confirmed(ctx workflow.Context, ph rollout.Phase, hook rollout.Webhook) bool {
	a := r.ask(ctx, ph, hook)
	defer a.stop()
	tctx, stop := workflow.WithCancel(ctx)
	defer stop()
	grace := workflow.NewTimerWithOptions(tctx, gateGrace, workflow.TimerOptions{Summary: "webhook " + hook.ID + " has time to answer"})
	r.await(ctx, func() bool { return a.answer.IsReady() || grace.IsReady() || r.status.Paused })
	why := fmt.Sprintf("webhook %s has not confirmed that %s begins", hook.ID, ph.ID)
	for known, shown := false, false; !r.ending() && !r.status.Paused; {
		if !known && a.answer.IsReady() {
			known = true
			err := a.answer.Get(ctx, nil)
			if err == nil {
				r.letThrough(ctx, ph, hook, shown)
				return true
			}
			_, text := activities.Cause(err)
			why = fmt.Sprintf("webhook %s cannot be asked whether %s begins: %s", hook.ID, ph.ID, text)
		}
		if r.waitAtGate(ctx, ph, why, func() bool { return !known && a.answer.IsReady() }) {
			return true
		}
		shown = true
	}
	return false
}

// letThrough says that a webhook has confirmed which people were told of.
func (r *run) letThrough(ctx workflow.Context, ph rollout.Phase, hook rollout.Webhook, shown bool) {
	if !shown {
		return
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventResumed, Phase: ph.ID, Note: "webhook " + hook.ID + " has confirmed"})
	if r.isChild() {
		r.report(ctx)
	}
}

// waitAtGate waits for a person or the webhook, and reports whether a person lets the phase begin.
func (r *run) waitAtGate(ctx workflow.Context, ph rollout.Phase, why string, answered func() bool) bool {
	r.watchBack(ctx)
	r.resume, r.asking, r.about = nil, true, subject{phase: ph.ID}
	r.gate.phase, r.gate.passed = ph.ID, false
	w := rollout.Waiting{For: rollout.WaitPerson, Reason: why, Commands: r.commands(rollout.CommandAdvance, rollout.CommandCancel)}
	if r.isChild() {
		w.Commands = r.commands(rollout.CommandResume, rollout.CommandCancel)
	}
	r.wait(ctx, w)
	r.await(ctx, func() bool { return r.gate.passed || r.resume != nil || r.status.Paused || answered() })
	passed := !r.ending() && (r.gate.passed || r.resume != nil)
	r.asking, r.gate.phase, r.gate.passed = false, "", false
	if passed && r.isChild() {
		r.report(ctx)
	}
	return passed
}

// asked is a webhook that is being asked.
type asked struct {
	id     string
	answer workflow.Future // of a yes
	stop   func()
}

// ask begins to ask a webhook, on the target's task queue. It is asked until it says yes.
func (r *run) ask(ctx workflow.Context, ph rollout.Phase, hook rollout.Webhook) asked {
	actx, stop := workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: r.in.Plan.Target.TaskQueue, StartToCloseTimeout: gateBudget, HeartbeatTimeout: activities.HeartbeatTimeout,
		Summary:     fmt.Sprintf("%s: webhook %s", ph.ID, hook.ID),
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
	}))
	return asked{id: hook.ID, stop: stop, answer: workflow.ExecuteActivity(actx, activities.AskWebhook, activities.WebhookRequest{
		Work: r.work(ph), Webhook: hook, Phase: ph.ID, Weight: ph.Weight, Checksum: r.in.Plan.Digest,
	})}
}
