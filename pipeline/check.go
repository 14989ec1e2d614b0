package pipeline

import (
	"slices"
	"strings"
)

// Check judges the objects of c together: that the targets of each pipeline
// exist and are of one runtime, that multi-targets hold what they may, that a
// strategy fits its targets, and that automations name what is there. It says
// nothing about what this build can execute; [Compile] does.
func (c *Config) Check() Problems {
	k := &checker{Config: c}
	for _, t := range c.Targets {
		k.target(t)
	}
	for _, p := range c.Pipelines {
		k.pipeline(p)
	}
	for _, a := range c.Automations {
		k.automation(a)
	}
	k.ruleCounts()
	return k.problems.tidy()
}

// Only returns the part of c that matters to one pipeline: it, its targets and
// their children, the custom target types of those, its automations, and all
// policies and notifications. It is empty of pipelines if c has none of that name.
func (c *Config) Only(pipeline string) *Config {
	out := &Config{Policies: c.Policies, Notifications: c.Notifications}
	p := c.Pipeline(pipeline)
	if p == nil {
		return out
	}
	out.Pipelines = []*DeliveryPipeline{p}
	used := map[string]bool{}
	for _, s := range p.SerialPipeline.Stages {
		used[s.TargetID] = true
		if t := c.Target(s.TargetID); t != nil {
			for _, child := range t.children() {
				used[child] = true
			}
		}
	}
	types := map[string]bool{}
	for _, t := range c.Targets {
		if used[t.Metadata.Name] {
			out.Targets = append(out.Targets, t)
			types[t.customType()] = true
		}
	}
	for _, t := range c.CustomTargetTypes {
		if types[t.Metadata.Name] {
			out.CustomTargetTypes = append(out.CustomTargetTypes, t)
		}
	}
	for _, a := range c.Automations {
		if a.PipelineName() == pipeline {
			out.Automations = append(out.Automations, a)
		}
	}
	return out
}

// children are the names of a multi-target's targets; none for any other.
func (t *Target) children() []string {
	if t.MultiTarget == nil {
		return nil
	}
	return t.MultiTarget.TargetIDs
}

// customType is the id of t's custom target type, or "".
func (t *Target) customType() string {
	if t.CustomTarget == nil {
		return ""
	}
	return t.CustomTarget.ID()
}

// checker collects the problems between the objects of a config.
type checker struct {
	*Config
	problems Problems
}

// target judges a target against its custom target type and its children.
func (k *checker) target(t *Target) {
	at := t.at(&k.problems)
	if id := t.customType(); id != "" && k.CustomTargetType(id) == nil {
		at.key("customTarget").key("customTargetType").bad("CustomTargetType %q does not exist", id)
	}
	var first *Target
	for i, name := range t.children() {
		item := at.key("multiTarget").key("targetIds").item(i)
		child := k.Target(name)
		switch {
		case child == nil:
			item.bad("target %q does not exist: name one that does, or apply a Target of that name", name)
			continue
		case child.MultiTarget != nil:
			item.bad("%q is a multi-target: it cannot be inside another", name)
			continue
		case child.RequireApproval:
			item.bad("%q has requireApproval: only the multi-target itself may have it", name)
		}
		if first == nil {
			first = child
		}
		if other := apart(first, child, at.src.extended); other != "" {
			item.bad("%q is %s, but %q is %s: all children %s", name, child.runs(), first.Metadata.Name, first.runs(), other)
		}
	}
}

// leaf is one single target of a pipeline, and how the pipeline reaches it.
type leaf struct {
	target *Target
	stage  int
	// parent is the stage's multi-target, or nil.
	parent *Target
	// custom is the type of a custom target, or nil.
	custom *CustomTargetType
}

// leaves lists the single targets of p that exist, in order.
func (c *Config) leaves(p *DeliveryPipeline) []leaf {
	var out []leaf
	for i, s := range p.SerialPipeline.Stages {
		t := c.Target(s.TargetID)
		switch {
		case t == nil:
		case t.MultiTarget == nil:
			out = append(out, leaf{target: t, stage: i, custom: c.CustomTargetType(t.customType())})
		default:
			for _, name := range t.children() {
				if child := c.Target(name); child != nil && child.MultiTarget == nil {
					out = append(out, leaf{target: child, stage: i, parent: t, custom: c.CustomTargetType(child.customType())})
				}
			}
		}
	}
	return out
}

func (k *checker) pipeline(p *DeliveryPipeline) {
	stages := p.at(&k.problems).key("serialPipeline").key("stages")
	for i, s := range p.SerialPipeline.Stages {
		if k.Target(s.TargetID) == nil {
			stages.item(i).key("targetId").bad("target %q does not exist: name one that does, or apply a Target of that name", s.TargetID)
		}
	}
	leaves := k.leaves(p)
	reached := map[string]leaf{}
	for _, l := range leaves {
		at, name := stages.item(l.stage), l.target.Metadata.Name
		first := leaves[0].target
		if other := apart(first, l.target, stages.src.extended); other != "" {
			at.key("targetId").bad("target %q is %s, but %q is %s: all targets of a pipeline %s",
				name, l.target.runs(), first.Metadata.Name, first.runs(), other)
		}
		if other, twice := reached[name]; twice && (other.parent != nil || l.parent != nil) {
			at.key("targetId").bad("target %q is reached twice, here%s and by stages[%d]%s: a target appears once in a pipeline",
				name, l.by(), other.stage, other.by())
		}
		reached[name] = l
		if s := p.SerialPipeline.Stages[l.stage].Strategy; s != nil {
			k.coverage(s, l, at.key("strategy"))
			s.fits(l, matesOf(l, leaves), at.key("strategy"))
			s.measures(l.target, at.key("strategy"))
			s.begins(l.target, at.key("strategy"))
		}
	}
}

func (l leaf) by() string {
	if l.parent == nil {
		return ""
	}
	return " (as a child of " + l.parent.Metadata.Name + ")"
}

func listed(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// coverage judges that the target's execution configs cover the jobs of s. A
// child without any uses those of its multi-target.
func (k *checker) coverage(s *Strategy, l leaf, at *judge) {
	configs := l.target.ExecutionConfigs
	if len(configs) == 0 && l.parent != nil {
		configs = l.parent.ExecutionConfigs
	}
	if len(configs) == 0 {
		return
	}
	var covered []string
	for _, c := range configs {
		covered = append(covered, c.Usages...)
	}
	s.eachJobs(at, func(j Jobs, at *judge) {
		for _, need := range j.usages() {
			if !slices.Contains(covered, need.usage) {
				at.key(need.key).bad("the executionConfigs of target %q do not cover %s", l.target.Metadata.Name, need.usage)
			}
		}
	})
}
