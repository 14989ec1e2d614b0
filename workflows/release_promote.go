package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// nextStage is the destination of a rule that names none: the stage after.
const nextStage = "@next"

// promotion is an automation's rule that is about to promote the release.
type promotion struct {
	rule    rollout.Rule
	from    rollout.StageStatus // as it was when it had succeeded
	to      int                 // index of the destination
	before  string              // the release's rollout there then
	waiting rollout.Waiting
}

// automate asks which automations promote the release now that a stage has succeeded, and begins
// them. From the last stage there is nowhere to go.
func (r *release) automate(ctx workflow.Context, from rollout.StageStatus) {
	last := r.stageIndex(from.Target) == len(r.status.Stages)-1
	if r.behavior < rollout.BehaviorNow || last || r.status.Abandoned || r.promoting[from.Rollout] {
		return
	}
	r.promoting[from.Rollout] = true
	workflow.GoNamed(ctx, "automations of "+from.Target, func(ctx workflow.Context) {
		var res activities.AutomationsResult
		if !r.answered(ctx, func() bool { return r.left(from) != "" }, func() error {
			return question(ctx, activities.Automations, activities.AutomationsRequest{
				Pipeline: r.status.Pipeline, Target: from.Target, Trigger: activities.TriggerPromote,
			}, "which automations promote from "+from.Target+"?", &res)
		}) {
			return
		}
		for _, rule := range res.Rules {
			r.promise(ctx, from, rule)
		}
	})
}

// promise begins the wait of one rule.
func (r *release) promise(ctx workflow.Context, from rollout.StageStatus, rule rollout.Rule) {
	to := r.stageIndex(rule.Target)
	if rule.Target == nextStage || rule.Target == "" {
		to = r.stageIndex(from.Target) + 1
	}
	if to < 0 || r.status.Stages[to].Target == from.Target {
		r.note(ctx, fmt.Sprintf("%s does not promote: %q is no other stage of the release", rule.Name(), rule.Target))
		return
	}
	p := &promotion{rule: rule, from: from, to: to, before: r.status.Stages[to].Rollout}
	r.promotions = append(r.promotions, p)
	workflow.GoNamed(ctx, rule.Name(), func(ctx workflow.Context) {
		why := r.promote(ctx, p)
		r.promotions = slices.DeleteFunc(r.promotions, func(other *promotion) bool { return other == p })
		if why != "" {
			r.note(ctx, rule.Name()+" does not promote to "+r.target(p)+": "+why)
		}
		r.show(ctx)
	})
}

// promote waits until the rule is due and permitted, and then asks the lane. It returns why
// nothing came of it, or "".
func (r *release) promote(ctx workflow.Context, p *promotion) (why string) {
	due := p.rule.At
	if due.IsZero() {
		due = workflow.Now(ctx).Add(p.rule.Wait)
	}
	what := "promote to " + r.target(p) + " by " + p.rule.Name()
	line, over := r.promoteLine(r.target(p)), func() bool { return r.aborted(p) != "" }
	r.hold(ctx, p, rollout.Waiting{For: rollout.WaitTimer, Reason: what, Until: due, Commands: []string{line}})
	for {
		res, _ := r.permit(ctx, activities.PermitRequest{
			Target: r.target(p), Command: rollout.UpdatePromote, Actor: p.rule.Name(), Automation: p.rule.Automation,
		}, over)
		switch why := r.aborted(p); {
		case why != "":
			return why
		case res.Refused == "":
			err := r.enqueue(ctx, p.to, rollout.Enqueue{
				Actor: p.rule.Name(), Automation: p.rule.Name(), StartingPhase: p.rule.StartingPhase,
			})
			_, text := activities.Cause(err)
			return text
		case res.Until.IsZero():
			return res.Refused
		}
		if earliest := workflow.Now(ctx).Add(askAgain); res.Until.Before(earliest) {
			res.Until = earliest // the activity's clock is behind
		}
		r.hold(ctx, p, rollout.Waiting{
			For: rollout.WaitWindow, Reason: what + ": " + res.Refused, Until: res.Until,
			Commands: overriding([]string{line}, line, res.Policies),
		})
	}
}

// hold waits durably, and ends early where nothing can come of the promotion any more. A wait for
// a window is cut into pieces, of which people see one.
func (r *release) hold(ctx workflow.Context, p *promotion, w rollout.Waiting) {
	now := workflow.Now(ctx)
	w.Since, w.Until = now.UTC(), w.Until.UTC()
	w.Commands = append(w.Commands, "serin automation suspend --automation "+p.rule.Automation)
	if !same(&p.waiting, w) {
		p.waiting = w
	}
	r.show(ctx)
	if !w.Until.After(now) {
		return
	}
	tctx, stop := workflow.WithCancel(ctx)
	defer stop()
	timer := workflow.NewTimerWithOptions(tctx, patience(w, now), workflow.TimerOptions{
		Summary: "promote to " + r.target(p) + " by " + p.rule.Name(),
	})
	// The context is never cancelled.
	_ = workflow.Await(ctx, func() bool { return timer.IsReady() || r.aborted(p) != "" })
}

// aborted returns why nothing can come of the promotion any more, or "".
func (r *release) aborted(p *promotion) string {
	if why := r.left(p.from); why != "" {
		return why
	}
	to := r.status.Stages[p.to]
	if to.Rollout != p.before {
		return to.Rollout + " is there already"
	}
	return ""
}

// left returns why the release is not on the stage any more as it was, or "".
func (r *release) left(from rollout.StageStatus) string {
	switch now := r.stage(from.Target); {
	case r.status.Abandoned:
		return "the release is abandoned"
	case now.Superseded != "":
		return now.Superseded + " has succeeded on " + from.Target + " since"
	case now.RolledBackBy != "":
		return now.RolledBackBy + " rolls it back on " + from.Target
	case now.Rollout != from.Rollout:
		return now.Rollout + " has followed on " + from.Target
	}
	return ""
}

func (r *release) target(p *promotion) string { return r.status.Stages[p.to].Target }

// permit asks whether the release may be rolled out now, again and again until it is answered
// or over.
func (r *release) permit(ctx workflow.Context, req activities.PermitRequest, over func() bool) (res activities.PermitResult, answered bool) {
	req.Pipeline, req.Release = r.status.Pipeline, r.status.Release
	answered = r.answered(ctx, over, func() error {
		return question(ctx, activities.Permit, req, "may "+req.Command+" to "+req.Target+" now?", &res)
	})
	for _, policy := range res.Logged {
		r.note(ctx, fmt.Sprintf("suspended deploy policy %s would have refused: %s to %s", policy, req.Command, req.Target))
	}
	return res, answered
}

// answered asks until there is an answer, and reports whether there is one: it may be over before.
func (r *release) answered(ctx workflow.Context, over func() bool, ask func() error) bool {
	for wait := askAgain; !over(); wait = min(2*wait, maxAskAgain) {
		err := ask()
		if err == nil {
			return true
		}
		_, text := activities.Cause(err)
		workflow.GetLogger(ctx).Warn("no answer", "release", r.status.Release, "error", text)
		tctx, stop := workflow.WithCancel(ctx)
		timer := workflow.NewTimerWithOptions(tctx, wait, workflow.TimerOptions{Summary: "ask again what is configured"})
		// The context is never cancelled.
		_ = workflow.Await(ctx, func() bool { return timer.IsReady() || over() })
		stop()
	}
	return false
}

func (r *release) promoteLine(target string) string {
	return fmt.Sprintf("serin release promote --pipeline %s --release %s --to-target %s", r.status.Pipeline, r.status.Release, target)
}
