package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// actorPlan is who advances where the plan says that nobody has to.
const actorPlan = "automation"

// advancing is how the phase that is next comes to begin by itself.
type advancing struct {
	phase      string    // "" before it was looked into
	automation string    // activities.PermitPlan, or "shop/auto"; "" leaves it to a person
	actor      string    // "shop/auto/rule"
	due        time.Time // not before
}

// mayBegin reports whether the phase at index i may begin. If not, it has waited
// for what could have changed that.
func (r *run) mayBegin(ctx workflow.Context, ph *rollout.PhaseStatus, i int) bool {
	switch {
	case i == 0, r.advance == ph.ID, r.isChild() && ph.ID == r.in.StartingPhase:
		return true
	case r.isChild():
		r.awaitController(ctx, ph)
	case ph.ID == r.in.StartingPhase, r.byItself && ph.ID == rollout.StablePhase:
		return true
	case r.auto.phase != ph.ID:
		r.lookInto(ctx, ph.ID, i)
	case r.auto.automation == "":
		r.watchBack(ctx)
		r.wait(ctx, rollout.Waiting{
			For: rollout.WaitAdvance, Reason: r.advanceReason(ph),
			Commands: r.commands(rollout.CommandAdvance, rollout.CommandCancel),
		})
		r.await(ctx, r.moved(ph.ID))
	default:
		r.advanceItself(ctx, ph.ID)
	}
	return false
}

// moved returns whether a person was faster than what would advance to the phase, or has
// paused the rollout.
func (r *run) moved(phase string) func() bool {
	return func() bool {
		return r.advance == phase || r.status.Paused || (r.children != nil && r.children.failed() > 0)
	}
}

// lookInto finds out what lets the phase begin: the plan, an automation, or a person.
func (r *run) lookInto(ctx workflow.Context, phase string, i int) {
	if r.ignoredAfterRestore(i-1) != "" && workflow.GetVersion(ctx, versionRestored, workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		r.auto = advancing{phase: phase}
		return
	}
	now := workflow.Now(ctx)
	if begins := r.in.Plan.Phases[i].Advance; begins.Automatic {
		r.auto = advancing{phase: phase, automation: activities.PermitPlan, actor: actorPlan, due: now.Add(begins.Wait)}
		return
	}
	rule, ok := r.rule(ctx, r.advanceErrand(phase), activities.AutomationsRequest{
		Trigger: activities.TriggerAdvance, Phase: r.status.Phases[i-1].ID,
	})
	switch {
	case ok && rule == nil:
		r.auto = advancing{phase: phase}
	case ok:
		r.auto = advancing{phase: phase, automation: rule.Automation, actor: rule.Name(), due: now.Add(rule.Wait)}
	}
}

// versionRestored names the change that lets only a person advance past a phase that was ignored
// after a restore.
const versionRestored = "restored"

// ignoredAfterRestore returns whose traffic was restored, such as "traffic of eu", where the phase at index
// i was then only ended by an ignored job: the release has no requests, and the next phase would give
// it its share at once. "" is nobody's.
func (r *run) ignoredAfterRestore(i int) string {
	ph := r.status.Phases[i]
	for _, c := range r.status.Children {
		if c.Restored && c.Phase == ph.ID && c.PhaseState == rollout.PhaseSucceeded {
			return "traffic of " + c.Target
		}
	}
	if r.status.Restored && slices.ContainsFunc(ph.Jobs, func(j rollout.JobStatus) bool { return j.State == rollout.JobIgnored }) {
		return "traffic"
	}
	return ""
}

// rule returns the rule that applies first, by its wait and then by name, or nil. It is not
// ok when a person was faster than the answer.
func (r *run) rule(ctx workflow.Context, e errand, req activities.AutomationsRequest) (first *rollout.Rule, ok bool) {
	if r.in.Behavior < 1 {
		return nil, true
	}
	req.Pipeline, req.Target, req.Parent = r.in.Plan.Pipeline, r.in.Plan.Target.Name, r.in.Parent
	var res activities.AutomationsResult
	if !r.answered(ctx, e, func() error {
		return question(ctx, activities.Automations, req, "which automations "+e.what+"?", &res)
	}) {
		return nil, false
	}
	for i, rule := range res.Rules { // sorted by name
		if first == nil || rule.Wait < first.Wait {
			first = &res.Rules[i]
		}
	}
	return first, true
}

func (r *run) advanceErrand(phase string) errand {
	e := errand{
		command: rollout.CommandAdvance, automation: r.auto.automation, actor: r.auto.actor, what: "advance to " + phase,
		commands: r.commands(rollout.CommandAdvance, rollout.CommandCancel), over: r.moved(phase),
	}
	if e.automation != activities.PermitPlan {
		e.commands = append(e.commands, r.commandLine(rollout.CommandPause))
	}
	return e
}

// advanceItself waits until the advance is due and permitted, and then advances. A person who
// pauses the rollout ends an automation for this phase, but not what the plan says.
func (r *run) advanceItself(ctx workflow.Context, phase string) {
	e := r.advanceErrand(phase)
	if r.auto.due.After(workflow.Now(ctx)) {
		w := rollout.Waiting{For: rollout.WaitTimer, Reason: "advances to " + phase + " by itself", Until: r.auto.due}
		summary := e.what
		if r.auto.automation != activities.PermitPlan {
			w.Reason, summary = r.auto.actor+" advances to "+phase, r.auto.actor+": "+summary
		}
		r.hold(ctx, e, w, summary)
	}
	ok, refused := !e.over() && !r.ending(), ""
	if ok && r.in.Behavior >= 1 {
		ok, refused = r.mayAct(ctx, e)
	}
	switch {
	case ok:
		r.advance = phase
		r.record(ctx, rollout.Event{Kind: rollout.EventAdvanced, Phase: phase, Actor: r.auto.actor})
	case refused != "":
		r.auto.automation = ""
		r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: r.auto.actor, Note: "does not " + e.what + ": " + refused})
	case r.status.Paused && r.auto.automation != activities.PermitPlan && r.advance != phase && !r.ending():
		r.auto.automation = ""
		r.record(ctx, rollout.Event{Kind: rollout.EventAutomation, Actor: r.auto.actor, Note: "does not " + e.what + ": " + r.pausedBy()})
	}
}
