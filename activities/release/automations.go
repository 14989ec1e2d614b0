package release

import (
	"context"
	"slices"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// Automations answers which rules apply now. What is configured is read live. A suspended
// pipeline changes nothing: Permit is asked before a rule acts.
func (a *Activities) Automations(ctx context.Context, r activities.AutomationsRequest) (activities.AutomationsResult, error) {
	rules, err := a.applying(ctx, r)
	return activities.AutomationsResult{Rules: rules}, activities.Application(err)
}

func (a *Activities) applying(ctx context.Context, r activities.AutomationsRequest) ([]rollout.Rule, error) {
	index, err := a.index(ctx)
	if err != nil {
		return nil, err
	}
	of := func(e rollout.Entry) bool {
		return e.Kind == pipeline.KindAutomation && strings.HasPrefix(e.Name, r.Pipeline+"/")
	}
	var entries []rollout.Entry
	if slices.ContainsFunc(index.Entries, of) {
		entries = slices.DeleteFunc(slices.Clone(index.Entries), func(e rollout.Entry) bool {
			return !of(e) && (e.Kind != pipeline.KindTarget || (e.Name != r.Target && e.Name != r.Parent))
		})
	}
	config, err := a.load(ctx, entries)
	if err != nil {
		return nil, err
	}
	return config.Applying(pipeline.Occasion{
		Pipeline: r.Pipeline, Target: r.Target, Parent: r.Parent,
		Trigger: pipeline.Trigger(r.Trigger), Phase: r.Phase, Job: r.Job,
	}, a.now())
}
