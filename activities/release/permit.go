package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// advanceOfPlan is the Automation of an automatic advance that the plan itself has.
const advanceOfPlan = "plan"

// Permit answers whether a command may be carried out now. What is configured is read live, so
// that a suspension or a freeze of a second ago holds. It refuses
//   - what an automation does that was suspended or removed meanwhile,
//   - nearly everything while the pipeline is suspended, but no stop, no pause, and not what the
//     plan or an automation does next in a rollout that is under way,
//   - a new rollout of a release that was abandoned,
//   - what a deploy policy forbids; only then Until may be set.
//
// A pipeline or target that was removed is still selected by its name. The Automation of a request
// is PIPELINE/AUTOMATION or, where a rule of it acts, PIPELINE/AUTOMATION/RULE.
func (a *Activities) Permit(ctx context.Context, r activities.PermitRequest) (activities.PermitResult, error) {
	res, err := a.permit(ctx, r)
	return res, activities.Application(err)
}

func (a *Activities) permit(ctx context.Context, r activities.PermitRequest) (activities.PermitResult, error) {
	action, err := pipeline.ActionOf(r.Command)
	if err != nil || action == "" {
		return activities.PermitResult{}, err
	}
	index, err := a.index(ctx)
	if err != nil {
		return activities.PermitResult{}, err
	}
	config, err := a.load(ctx, concerned(index.Entries, r))
	if err == nil {
		config, err = a.withChildren(ctx, config, index.Entries, r.Target)
	}
	if err != nil {
		return activities.PermitResult{}, err
	}
	refused := cmp.Or(stopped(config, index.Entries, r.Automation), suspended(config, index.Entries, r))
	if refused == "" {
		refused, err = a.abandoned(ctx, r)
	}
	if refused != "" || err != nil {
		return activities.PermitResult{Refused: refused}, err
	}
	q := pipeline.Question{
		Pipeline: r.Pipeline, Target: r.Target, Parent: r.Parent,
		Action: action, Invoker: pipeline.InvokerUser, Override: r.Override,
	}
	if r.Automation != "" {
		q.Invoker = pipeline.InvokerAutomation
	}
	judgment, err := config.Judge(q, a.now())
	if rollout.KindOf(err) == rollout.NotFound { // of what it overrides
		return activities.PermitResult{Refused: err.Error()}, nil
	}
	return result(judgment, q.Invoker), err
}

// concerned are the entries that r is about: its pipeline, its automation, every deploy policy
// and, if there is any, the targets that it may select by label.
func concerned(all []rollout.Entry, r activities.PermitRequest) []rollout.Entry {
	policies := slices.ContainsFunc(all, func(e rollout.Entry) bool { return e.Kind == pipeline.KindDeployPolicy })
	automation, _ := named(r.Automation)
	return slices.DeleteFunc(slices.Clone(all), func(e rollout.Entry) bool {
		switch e.Kind {
		case pipeline.KindDeliveryPipeline:
			return e.Name != r.Pipeline
		case pipeline.KindAutomation:
			return e.Name != automation
		case pipeline.KindDeployPolicy:
			return false
		case pipeline.KindTarget:
			return !policies || (e.Name != r.Target && e.Name != r.Parent)
		}
		return true
	})
}

// withChildren adds the children of a multi-target, which policies may select too.
func (a *Activities) withChildren(ctx context.Context, c *pipeline.Config, all []rollout.Entry, target string) (*pipeline.Config, error) {
	t := c.Target(target)
	if t == nil || t.MultiTarget == nil || len(c.Policies) == 0 {
		return c, nil
	}
	children, err := a.load(ctx, slices.DeleteFunc(slices.Clone(all), func(e rollout.Entry) bool {
		return e.Kind != pipeline.KindTarget || !slices.Contains(t.MultiTarget.TargetIDs, e.Name)
	}))
	if err == nil {
		c.Targets = append(c.Targets, children.Targets...)
	}
	return c, err
}

// named cuts PIPELINE/AUTOMATION/RULE into the automation's name and its rule's, which may be "".
func named(s string) (automation, rule string) {
	owner, rest, _ := strings.Cut(s, "/")
	id, rule, _ := strings.Cut(rest, "/")
	return owner + "/" + id, rule
}

// stopped says why an automation does not act any more, or "".
func stopped(config *pipeline.Config, all []rollout.Entry, automation string) string {
	if automation == "" || automation == advanceOfPlan {
		return ""
	}
	name, rule := named(automation)
	if len(config.Automations) == 0 {
		return fmt.Sprintf("automation %s does not exist any more; known are %s", name, known(all, pipeline.KindAutomation))
	}
	a := config.Automations[0]
	if a.Suspended {
		return "automation " + name + " is suspended" + by(all, pipeline.KindAutomation, name) +
			": serin automation resume --automation " + name
	}
	if rule != "" && !slices.ContainsFunc(a.Rules, func(r pipeline.AutomationRule) bool { return r.ID() == rule }) {
		return fmt.Sprintf("automation %s has no rule %s any more", name, rule)
	}
	return ""
}

// known lists the names of one kind.
func known(all []rollout.Entry, kind string) string {
	var out []string
	for _, e := range all {
		if e.Kind == kind {
			out = append(out, e.Name)
		}
	}
	return cmp.Or(strings.Join(out, ", "), "none")
}

// suspended says that the pipeline is suspended where that refuses r, or "".
func suspended(config *pipeline.Config, all []rollout.Entry, r activities.PermitRequest) string {
	p := config.Pipeline(r.Pipeline)
	if p == nil || !p.Suspended {
		return ""
	}
	switch r.Command {
	case rollout.CommandCancel, rollout.CommandTerminate:
		return ""
	case rollout.CommandAdvance, rollout.CommandRetryJob, rollout.CommandIgnoreJob:
		if r.Automation != "" {
			return "" // a rollout that is under way runs to its end
		}
	}
	return suspendedPipeline(all, r.Pipeline) + ": " + resume(r.Pipeline)
}

// suspendedPipeline says that a pipeline is suspended, and by whom.
func suspendedPipeline(all []rollout.Entry, name string) string {
	return "pipeline " + name + " is suspended" + by(all, pipeline.KindDeliveryPipeline, name)
}

func resume(name string) string { return "serin pipeline resume --pipeline " + name }

// by says who has suspended an object by command, and why: " by ann (incident 12)", or "".
func by(all []rollout.Entry, kind, name string) string {
	i := slices.IndexFunc(all, func(e rollout.Entry) bool { return e.Kind == kind && e.Name == name })
	if i < 0 {
		return ""
	}
	out := ""
	if all[i].SuspendedBy != "" {
		out += " by " + all[i].SuspendedBy
	}
	if all[i].SuspendedFor != "" {
		out += " (" + all[i].SuspendedFor + ")"
	}
	return out
}

// result is the answer of the policies.
func result(j pipeline.Judgment, by pipeline.Invoker) activities.PermitResult {
	res := activities.PermitResult{Until: j.Until, Overridden: list(j.Overridden), Logged: list(j.Suspended)}
	var texts []string
	for _, v := range j.Violations {
		texts = append(texts, v.Text)
		res.Policies = append(res.Policies, v.Policy)
	}
	res.Refused, res.Policies = strings.Join(texts, "; "), slices.Compact(res.Policies)
	if res.Refused != "" && by == pipeline.InvokerUser {
		res.Refused += ": wait, or " + activities.Override(res.Policies)
	}
	return res
}

func list(all []pipeline.Violation) []string {
	var out []string
	for _, v := range all {
		out = append(out, v.Name())
	}
	return out
}
