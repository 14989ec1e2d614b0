package pipeline

import (
	"cmp"
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// stages plans the stages of p whose targets exist, in order.
func (c *Config) stages(p *DeliveryPipeline, req Request, invalid *Problems) []Stage {
	leaves := c.leaves(p)
	mixed := slices.ContainsFunc(leaves, func(l leaf) bool { return l.target.cluster() != leaves[0].target.cluster() })
	var out []Stage
	for i, l := range leaves {
		planned := p.plan(l, req, invalid)
		planned.Plan.Notify = c.Notifies(req.Pipeline, planned.Target, l.in())
		for r := range planned.Renders {
			if mixed {
				planned.Renders[r].Runtime = planned.Plan.Target.Runtime
			}
		}
		if l.parent == nil {
			out = append(out, planned)
			continue
		}
		if i == 0 || leaves[i-1].stage != l.stage {
			out = append(out, p.control(l, req))
			out[len(out)-1].Plan.Notify = c.Notifies(req.Pipeline, l.in(), "")
		}
		out[len(out)-1].add(planned, l.parent.MultiTarget)
	}
	return out
}

// add makes child one more of the children of s.
func (s *Stage) add(child Stage, m *MultiTarget) {
	s.Children = append(s.Children, child)
	wave := slices.IndexFunc(m.Waves, func(w []string) bool { return slices.Contains(w, child.Target) })
	s.Plan.Parallel.Children = append(s.Plan.Parallel.Children, rollout.Child{Target: child.Target, Wave: max(0, wave)})
	for i := range s.Plan.Phases { // configured, if observed nowhere
		s.Plan.Phases[i].Custom = child.Plan.Phases[i].Custom && (s.Plan.Phases[i].Custom || len(s.Children) == 1)
	}
}

// control plans the controller of the multi-target that l is a child of, as yet without
// children.
func (p *DeliveryPipeline) control(l leaf, req Request) Stage {
	s, m := p.SerialPipeline.Stages[l.stage], l.parent.MultiTarget
	name := l.parent.Metadata.Name
	plan := rollout.Plan{
		APIVersion: p.APIVersion, Pipeline: req.Pipeline, Release: req.Release, OnFailure: s.Strategy.onFailure(l.target, p.APIVersion),
		Target:   rollout.Target{Name: name, Runtime: rollout.RuntimeMulti, TaskQueue: rollout.DefaultTaskQueue},
		Approval: l.parent.approval(), Parallel: &rollout.Parallel{MaxConcurrent: m.MaxConcurrent, FailureBudget: m.FailureBudget},
	}
	var before *Advance
	for _, ph := range s.Strategy.phases() {
		plan.Phases = append(plan.Phases, rollout.Phase{ID: ph.id, Weight: ph.weight, Advance: before.frozen(), Jobs: []rollout.Job{}})
		before = ph.next
	}
	return Stage{Target: name, Plan: plan}
}

// plan plans a rollout to one single target. The phases of a child have no advance of
// their own: its controller tells it when they begin.
func (p *DeliveryPipeline) plan(l leaf, req Request, invalid *Problems) Stage {
	s := p.SerialPipeline.Stages[l.stage]
	parameters := effective(p, l, req, invalid)
	plan := rollout.Plan{
		APIVersion: p.APIVersion, Pipeline: req.Pipeline, Release: req.Release,
		Target: l.frozen(), OnFailure: s.Strategy.onFailure(l.target, p.APIVersion),
	}
	if l.parent == nil {
		plan.Approval = l.target.approval()
	}
	maker := jobber{target: l.target, extended: p.APIVersion == SerinV1, rollback: s.Strategy.webhooks(rollout.WebhookRollback)}
	switch {
	case l.target.CustomTarget != nil:
		plan.Custom = &rollout.Custom{Type: l.target.customType()}
		maker.custom = l.contract(s.Strategy, parameters)
	case l.target.cluster():
		plan.Kubernetes = s.Strategy.kubernetes(l.target)
	default:
		plan.CloudRun = s.Strategy.cloudRun()
	}
	plan.DebugFor, plan.Webhooks = s.Strategy.debugFor(l.target, p.APIVersion), s.Strategy.webhooks()
	out := Stage{Target: l.target.Metadata.Name}
	var before *Advance
	for _, ph := range s.Strategy.phases() {
		maker.promoted = ph.id == rollout.StablePhase
		jobs, specs := maker.all(ph.jobs)
		out.Specs = append(out.Specs, specs)
		next := rollout.Phase{ID: ph.id, Weight: ph.weight, Custom: s.Strategy.custom(l.target), Jobs: jobs}
		if l.parent == nil {
			next.Advance = before.frozen()
		}
		render := Render{Phase: ph.id, Profiles: union(s.Profiles, ph.profiles), Parameters: parameters, By: maker.custom.renders()}
		if l.target.cluster() {
			next.Size, next.Match = ph.replicas.frozen(), frozenMatches(ph.match)
			metadata := s.Strategy.podMetadata(ph.id)
			render.Labels, render.Annotations = metadata.Labels, metadata.Annotations
		}
		plan.Phases = append(plan.Phases, next)
		out.Renders = append(out.Renders, render)
		before = ph.next
	}
	out.Plan = plan
	return out
}

// union is a, then what b adds.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (a *Advance) frozen() rollout.Advance {
	if a == nil || a.Mode != Automatic {
		return rollout.Advance{}
	}
	return rollout.Advance{Automatic: true, Wait: time.Duration(a.Wait)}
}

// frozen is the single target of l. Of a multi-target a child without a task queue has
// that of the multi-target.
func (l leaf) frozen() rollout.Target {
	t := l.target
	out := rollout.Target{Name: t.Metadata.Name, TaskQueue: t.TaskQueue}
	if l.parent != nil {
		out.TaskQueue = cmp.Or(out.TaskQueue, l.parent.TaskQueue)
	}
	out.TaskQueue = cmp.Or(out.TaskQueue, rollout.DefaultTaskQueue)
	if t.cluster() {
		out.Runtime, out.Cluster = rollout.RuntimeKubernetes, t.reached()
	}
	if t.Run != nil {
		out.Runtime, out.Location, out.Endpoint = rollout.RuntimeCloudRun, t.Run.Location, t.Run.Endpoint
	}
	if t.CustomTarget != nil {
		t.CustomTarget.place(&out)
	}
	return out
}

// approval is what a rollout to t needs before it begins, or nil.
func (t *Target) approval() *rollout.Approval {
	if !t.RequireApproval {
		return nil
	}
	out := &rollout.Approval{MinApprovals: 1}
	if a := t.Approval; a != nil {
		out.ExpireAfter, out.Approvers, out.MinApprovals = time.Duration(a.ExpireAfter), a.Approvers, max(1, a.MinApprovals)
	}
	return out
}
