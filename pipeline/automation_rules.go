package pipeline

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

var _ olderForm = (*AutomationSelector)(nil)

// today turns [{target: {...}}] into {targets: [{...}]}.
func (s *AutomationSelector) today(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return n
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: n.Line}
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode || len(item.Content) != 2 || item.Content[0].Value != "target" {
			return n
		}
		list.Content = append(list.Content, item.Content[1])
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: strTag, Value: "targets", Line: n.Line}
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Content: []*yaml.Node{key, list}}
}

// PipelineName is the pipeline that a acts on.
func (a *Automation) PipelineName() string {
	for i, r := range a.Metadata.Name {
		if r == '/' {
			return a.Metadata.Name[:i]
		}
	}
	return ""
}

func (a *Automation) rules(at *judge) {
	for i, t := range a.Selector.Targets {
		t.rules(at.key("selector").key("targets").item(i))
	}
	names := newIDs()
	for i, r := range a.Rules {
		r.rules(at.key("rules").item(i), names)
	}
}

func (a Attributes) rules(at *judge) {
	if a.ID == "" && len(a.Labels) == 0 {
		at.bad(`selects nothing: give id, labels or both; id "*" is any`)
	}
	labelRules(at.key("labels"), a.Labels, maxLabelBytes)
}

// Acting lists the automations that act on rollouts of a pipeline to the target of a stage,
// sorted by name: those that select it and are not suspended.
func (c *Config) Acting(pipeline, target string) []string {
	var out []string
	for _, a := range c.Automations {
		if a.PipelineName() == pipeline && !a.Suspended && a.selects(c.reached(target, "")) {
			out = append(out, a.Metadata.Name)
		}
	}
	slices.Sort(out)
	return out
}

// match reports whether a selects e: by id, by labels, or by both if both are given.
func (a Attributes) match(e *Envelope) bool {
	return (a.ID == "" || a.ID == "*" || a.ID == e.Metadata.Name) && hasLabels(e.Metadata.Labels, a.Labels)
}

func (r AutomationRule) rules(at *judge, names ids) {
	exactlyOne(at, []choice{
		{"promoteReleaseRule", r.PromoteRelease != nil},
		{"advanceRolloutRule", r.AdvanceRollout != nil},
		{"repairRolloutRule", r.RepairRollout != nil},
		{"timedPromoteReleaseRule", r.TimedPromoteRelease != nil},
	})
	if p := r.PromoteRelease; p != nil {
		names.add(at.key("promoteReleaseRule").key("id"), p.ID)
	}
	if a := r.AdvanceRollout; a != nil {
		names.add(at.key("advanceRolloutRule").key("id"), a.ID)
	}
	if f := r.RepairRollout; f != nil {
		f.rules(at.key("repairRolloutRule"), names)
	}
	if t := r.TimedPromoteRelease; t != nil {
		t.rules(at.key("timedPromoteReleaseRule"), names)
	}
}

func (r *RepairRolloutRule) rules(at *judge, names ids) {
	names.add(at.key("id"), r.ID)
	for i, p := range r.RepairPhases {
		exactlyOne(at.key("repairPhases").item(i), []choice{
			{"retry", p.Retry != nil}, {"rollback", p.Rollback != nil},
		})
	}
	jobs := []string{"predeploy", "deploy", "verify", "analysis", "postdeploy"}
	for i, j := range r.Jobs {
		if text := oneOf(j, jobs); text != "" {
			at.key("jobs").item(i).bad("%s", text)
		}
	}
}

func (t *TimedPromoteReleaseRule) rules(at *judge, names ids) {
	names.add(at.key("id"), t.ID)
	if text := scheduleProblem(t.Schedule); text != "" {
		at.key("schedule").bad("%s", text)
	}
	if text := zoneProblem(t.TimeZone); text != "" {
		at.key("timeZone").bad("%s", text)
	}
}
