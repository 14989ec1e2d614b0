package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// manifestNumbers is the note on whose numbers a plan is made of.
const manifestNumbers = "sizes and scaling are the manifest's own numbers"

// compile plans and renders what the flags ask for, without a server.
func (a *app) compile(c *cli.Context) (*planned, error) {
	config, err := a.load(c)
	if err != nil {
		return nil, err
	}
	create, packed, source, err := a.sourceRequest(c)
	if err != nil {
		return nil, err
	}
	create.Source = artifact.Digest(packed)
	stages, err := pipeline.Compile(config, pipeline.Request{
		Pipeline: create.Pipeline, Release: create.Release, Parameters: create.Parameters,
	})
	if err != nil {
		return nil, offline(err)
	}
	p := &planned{
		Pipeline: create.Pipeline, Release: create.Release, Source: create.Source,
		Notes: []string{manifestNumbers},
	}
	opened, err := render.Open(source)
	if err != nil {
		return nil, err
	}
	d := planning{create: create, source: opened}
	for _, s := range stages {
		stage, err := d.stage(s)
		if err != nil {
			return nil, err
		}
		stage.Automations = config.Acting(create.Pipeline, s.Target)
		p.Stages = append(p.Stages, stage)
	}
	if err := render.CheckImages(d.manifests...); err != nil {
		return nil, err
	}
	if len(p.Stages) > 1 {
		p.Notes = append(p.Notes, fmt.Sprintf("a release begins at %s; promoting takes it on", p.Stages[0].Target))
	}
	return p, p.only(c.String("target"))
}

// planning makes the stages of one plan.
type planning struct {
	create    rollout.CreateRequest
	source    *render.Source
	manifests []render.Manifest // of all targets so far
}

// stage completes a stage, and each of its children.
func (d *planning) stage(s pipeline.Stage) (plannedStage, error) {
	s.Plan.Digest = d.create.Digest()
	if s.Plan.Parallel == nil {
		made, err := render.Complete(d.source, &s.Plan, requests(s, d.create))
		if err != nil {
			return plannedStage{}, fmt.Errorf("target %s: %w", s.Target, err)
		}
		d.manifests = append(d.manifests, made...)
		return newStage(s, made), nil
	}
	out := plannedStage{Target: s.Target, Plan: s.Plan}
	for i, ph := range s.Plan.Phases {
		out.Phases = append(out.Phases, plannedPhase{ID: ph.ID, Begins: begins(s.Plan, i)})
	}
	for _, c := range s.Children {
		child, err := d.stage(c)
		if err != nil {
			return out, fmt.Errorf("target %s: %w", s.Target, err)
		}
		for i := range child.Phases {
			child.Phases[i].Begins = "with " + s.Target
		}
		out.Children = append(out.Children, child)
	}
	return out, nil
}

// offline makes a name that the files do not have bad input: there is nothing else to ask.
func offline(err error) error {
	var e *rollout.Error
	if !errors.As(err, &e) || e.Kind != rollout.NotFound {
		return invalid("plan release", err)
	}
	wrong := *e
	wrong.Kind = rollout.Invalid
	return &wrong
}

// sourceRequest reads what plan and release create have in common: names, images,
// parameters, and the source, packed and as it is.
func (a *app) sourceRequest(c *cli.Context) (r rollout.CreateRequest, packed []byte, source fs.FS, err error) {
	r = rollout.CreateRequest{Pipeline: a.value(c, "pipeline"), Release: named(c.String("release"), a.now())}
	if r.Images, err = pairs("images", c.StringSlice("images")); err != nil {
		return r, nil, nil, err
	}
	if r.Parameters, err = pairs("parameters", c.StringSlice("parameters")); err != nil {
		return r, nil, nil, err
	}
	folder := c.String("source")
	root, err := os.OpenRoot(folder)
	if err != nil {
		return r, nil, nil, unreadable(folder, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if packed, err = render.Pack(root.FS()); err != nil {
		return r, nil, nil, err
	}
	// From here on only what is packed counts: it is what a worker will read.
	source, err = render.Unpack(packed)
	return r, packed, source, err
}

// requests says how each phase of a stage is rendered.
func requests(s pipeline.Stage, create rollout.CreateRequest) []render.Request {
	out := make([]render.Request, len(s.Renders))
	for i, r := range s.Renders {
		out[i] = render.Request{
			Profiles: r.Profiles, Parameters: r.Parameters, Images: create.Images, SomeImages: true, Packed: create.Source,
			Labels: r.Labels, Annotations: r.Annotations, Runtime: r.Runtime, Jobs: renderJobs(s.Specs[i]),
		}
		if r.By != nil {
			out[i].By = &renderJobs([]pipeline.Spec{*r.By})[0]
		}
	}
	return out
}

// newStage is what is shown of a stage: its plan, and what changes from phase to phase.
func newStage(s pipeline.Stage, manifests []render.Manifest) plannedStage {
	out := plannedStage{Target: s.Target, Plan: s.Plan, stable: manifests[len(manifests)-1]}
	pods := make([]*plannedPods, len(manifests))
	if s.Plan.Kubernetes.Canary() {
		replicas := render.Replicas(out.stable, s.Plan)
		pods = podsOf(s.Plan, replicas, replicas)
	}
	for i, m := range manifests {
		ph := plannedPhase{ID: s.Plan.Phases[i].ID, Begins: begins(out.Plan, i), Pods: pods[i]}
		ph.Jobs = plannedJobs(s.Plan.Phases[i].Jobs, m.Specs)
		for _, o := range m.Objects {
			ph.Objects = append(ph.Objects, o.String())
		}
		// A canary's manifest holds copies under other names.
		ph.other = i == 0 || (s.Plan.Kubernetes.Canary() && s.Plan.Phases[i].Promotion())
		switch {
		case m.By != nil:
			by := shown(m.By.JobSpec)
			ph.Render, ph.renders = &by, rollout.Digest(m.By.Content)
		case !ph.other:
			ph.Diff = render.Changes(manifests[i-1], m)
		}
		out.Phases = append(out.Phases, ph)
		out.manifests = append(out.manifests, m.Content)
	}
	return out
}

// begins says how the phase at index i begins.
func begins(p rollout.Plan, i int) string {
	if i == 0 {
		return "by itself"
	}
	before := p.Phases[i-1].ID
	switch adv := p.Phases[i].Advance; {
	case adv.Automatic && adv.Wait > 0:
		return fmt.Sprintf("by itself, %s after %s", span(adv.Wait), before)
	case adv.Automatic:
		return "by itself, after " + before
	}
	return "on advance, after " + before
}

// only keeps one target, "" keeps all. A child keeps its stage around it.
func (p *planned) only(target string) error {
	if target == "" {
		return nil
	}
	var known []string
	for _, s := range p.Stages {
		if s.Target == target {
			p.Stages = []plannedStage{s}
			return nil
		}
		known = append(known, s.Target)
		for _, c := range s.Children {
			if c.Target == target {
				s.Children = []plannedStage{c}
				p.Stages = []plannedStage{s}
				return nil
			}
			known = append(known, c.Target)
		}
	}
	return usage("plan: --target %s: the pipeline has %s", target, strings.Join(known, ", "))
}
