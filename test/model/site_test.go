package model

import (
	"fmt"
	"iter"
	"maps"
	"strings"

	"go.temporal.io/sdk/converter"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const pipelineName = "shop"

type (
	encoded      = converter.EncodedValues
	encodedValue = converter.EncodedValue
)

func keys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

func name(what string, n int) string { return fmt.Sprintf("%s-%d", what, n) }

// releaseOf returns the release of a document's name.
func releaseOf(document string) string {
	return strings.TrimSuffix(document[strings.LastIndex(document, "/")+1:], ".json")
}

// stages are the plans of a release, as the site has them.
func (s Site) stages(release string) []rollout.StagePlan {
	var out []rollout.StagePlan
	for _, target := range targets() {
		p := rollout.Plan{
			APIVersion: rollout.APIVersionSerin, Pipeline: pipelineName, Release: release, Digest: digest(release), OnFailure: rollout.OnFailureRestore,
			Target:   rollout.Target{Name: target, Runtime: rollout.RuntimeCloudRun, TaskQueue: rollout.DefaultTaskQueue},
			CloudRun: &rollout.CloudRun{Service: pipelineName},
		}
		if s.Google {
			p.APIVersion = rollout.APIVersionGoogle
		}
		if s.Hold {
			p.OnFailure = rollout.OnFailureHold
		}
		for i, ph := range phasesOf(target) {
			plan := rollout.Phase{
				ID: ph.ID, Weight: rollout.Weight(ph.Weight), Manifest: digest(release + ph.ID),
				Jobs: []rollout.Job{{ID: rollout.JobDeploy}, {ID: rollout.JobVerify, Disabled: true}},
			}
			if i > 0 && s.Soak > 0 && target == "dev" {
				plan.Advance = rollout.Advance{Automatic: true, Wait: s.Soak}
			}
			p.Phases = append(p.Phases, plan)
		}
		if target == "prod" && s.Approvals > 0 {
			p.Approval = &rollout.Approval{MinApprovals: s.Approvals, Approvers: []string{"ann", "bob", "cat"}, ExpireAfter: s.Expire}
		}
		out = append(out, rollout.StagePlan{Target: target, Plan: p})
	}
	return out
}

// rules are those of the site's automations that a question is about.
func (w *sandbox) rules(q activities.AutomationsRequest) []rollout.Rule {
	s, rule := w.site, rollout.Rule{Automation: pipelineName + "/auto", ID: q.Trigger}
	switch {
	case w.model.Idle:
		return nil
	case q.Trigger == activities.TriggerAdvance && q.Target == prod && s.Rule > 0:
		rule.Wait = s.Rule
	case q.Trigger == activities.TriggerRepair && q.Target == dev && len(s.Repair) > 0:
		rule.Repair = s.Repair
	case q.Trigger == activities.TriggerPromote && q.Target == dev && s.Promote > 0:
		rule.Wait, rule.Target = s.Promote, "@next"
	default:
		return nil
	}
	return []rollout.Rule{rule}
}
