package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// Document is what is stored of a release for ever: what was asked for, what was
// configured then, and what will be done.
type Document struct {
	Request  rollout.CreateRequest `json:"request"`
	Snapshot rollout.Index         `json:"snapshot"`
	Stages   []rollout.StagePlan   `json:"stages"`
}

// PlanRelease renders a release and stores its document under its name, which is
// then taken for ever. The same request again gets the same document, whatever has
// been configured since; another one is a Conflict. The plans of children stay in the
// document: LoadPlan reads them.
//
// Where containers render for custom targets, it stores only what they do and returns that
// as Renders, as long as one of their Renderings is missing: no name is taken.
func (a *Activities) PlanRelease(ctx context.Context, r rollout.CreateRequest) (activities.PlanResult, error) {
	res, err := a.plan(ctx, r)
	return res, activities.Application(err)
}

func (a *Activities) plan(ctx context.Context, r rollout.CreateRequest) (activities.PlanResult, error) {
	name := rollout.DocumentName(r.Pipeline, r.Release)
	doc, err := a.stored(ctx, name)
	if rollout.KindOf(err) == rollout.NotFound {
		var renders []activities.RenderRequest
		doc, renders, err = a.compile(ctx, r)
		if err == nil && len(renders) > 0 {
			return activities.PlanResult{Renders: renders}, nil
		}
		if err == nil {
			doc, err = a.keep(ctx, name, doc)
		}
	}
	if err != nil {
		return activities.PlanResult{}, err
	}
	if doc.Request.Digest() != r.Digest() {
		return activities.PlanResult{}, &rollout.Error{
			Op: "create release", On: r.Pipeline + "/" + r.Release, Kind: rollout.Conflict,
			Err: errors.New("it exists with other content"), Fix: "choose another name",
		}
	}
	res := activities.PlanResult{Document: name}
	for _, s := range doc.Stages {
		res.Stages = append(res.Stages, rollout.StagePlan{Target: s.Target, Plan: s.Plan})
	}
	return res, nil
}

func (a *Activities) stored(ctx context.Context, name string) (doc Document, err error) {
	content, err := a.store.GetNamed(ctx, name)
	if err != nil {
		return doc, err
	}
	if err := json.Unmarshal(content, &doc); err != nil {
		return doc, &rollout.Error{Op: "read release document", On: name, Kind: rollout.Corrupt, Err: err}
	}
	return doc, nil
}

// keep stores doc unless somebody was faster; then theirs counts.
func (a *Activities) keep(ctx context.Context, name string, doc Document) (Document, error) {
	content, err := json.Marshal(doc)
	if err != nil {
		return doc, err
	}
	err = a.store.PutNamed(ctx, name, content)
	if rollout.KindOf(err) == rollout.Conflict {
		return a.stored(ctx, name)
	}
	return doc, err
}

// compile plans every stage and stores its manifests and jobs. The document is whole only if
// nothing is left for containers to render.
func (a *Activities) compile(ctx context.Context, r rollout.CreateRequest) (Document, []activities.RenderRequest, error) {
	index, err := a.index(ctx)
	if err != nil {
		return Document{}, nil, err
	}
	config, err := a.load(ctx, index.Entries)
	if err != nil {
		return Document{}, nil, err
	}
	if p := config.Pipeline(r.Pipeline); p != nil && p.Suspended { // nothing is stored: the name stays free
		return Document{}, nil, &rollout.Error{
			Op: "plan release", On: r.Pipeline + "/" + r.Release, Kind: rollout.Refused,
			Err: errors.New(suspendedPipeline(index.Entries, r.Pipeline) + ": " + resume(r.Pipeline)),
		}
	}
	stages, err := pipeline.Compile(config, pipeline.Request{Pipeline: r.Pipeline, Release: r.Release, Parameters: r.Parameters})
	if err != nil {
		return Document{}, nil, err
	}
	source, err := a.source(ctx, r.Source)
	if err != nil {
		return Document{}, nil, err
	}
	doc := Document{Request: r, Snapshot: index}
	j := job{release: r, source: source, stored: map[string]bool{}}
	for _, s := range stages {
		planned, err := a.stage(ctx, &j, s)
		if err != nil {
			return Document{}, nil, err
		}
		doc.Stages = append(doc.Stages, planned)
	}
	return doc, j.renders, render.CheckImages(j.manifests...)
}

// job is the planning of one release.
type job struct {
	release   rollout.CreateRequest
	source    *render.Source
	manifests []render.Manifest // of all stages so far
	stored    map[string]bool   // by digest

	renders []activities.RenderRequest // what containers have not rendered yet
}

// stage completes one stage and its children.
func (a *Activities) stage(ctx context.Context, j *job, s pipeline.Stage) (rollout.StagePlan, error) {
	if s.Plan.Parallel == nil {
		plan, err := a.complete(ctx, j, s)
		return rollout.StagePlan{Target: s.Target, Plan: plan}, err
	}
	s.Plan.Digest = j.release.Digest()
	out := rollout.StagePlan{Target: s.Target, Plan: s.Plan}
	for _, child := range s.Children {
		plan, err := a.complete(ctx, j, child)
		if err != nil {
			return out, fmt.Errorf("target %s: %w", s.Target, err)
		}
		out.Children = append(out.Children, plan)
	}
	return out, nil
}

// complete renders the plan of one single target and stores its manifests, and what its
// jobs do.
func (a *Activities) complete(ctx context.Context, j *job, s pipeline.Stage) (rollout.Plan, error) {
	if err := a.reachable(s.Plan.Target); err != nil {
		return rollout.Plan{}, err
	}
	s.Plan.Digest = j.release.Digest()
	manifests, err := render.Complete(j.source, &s.Plan, requests(s, j.release))
	if err != nil {
		return rollout.Plan{}, fmt.Errorf("target %s: %w", s.Target, err)
	}
	for i := range manifests {
		m := &manifests[i]
		if m.By != nil {
			if err := a.rendered(ctx, j, &s.Plan, i, m); err != nil {
				return rollout.Plan{}, err
			}
		} else if err := a.put(ctx, j, s.Plan.Phases[i].Manifest, m.Content); err != nil {
			return rollout.Plan{}, err
		}
		for k, spec := range m.Specs {
			if err := a.put(ctx, j, s.Plan.Phases[i].Jobs[k].Spec, spec.Content); err != nil {
				return rollout.Plan{}, err
			}
		}
	}
	j.manifests = append(j.manifests, manifests...)
	return s.Plan, nil
}

// put stores a document that a plan names, once for a release; "" is none.
func (a *Activities) put(ctx context.Context, j *job, digest string, content []byte) error {
	if digest == "" || j.stored[digest] {
		return nil
	}
	_, err := a.store.Put(ctx, content)
	j.stored[digest] = err == nil
	return err
}

func (a *Activities) source(ctx context.Context, digest string) (*render.Source, error) {
	packed, err := a.store.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	files, err := render.Unpack(packed)
	if err != nil {
		return nil, err
	}
	return render.Open(files)
}

func requests(s pipeline.Stage, release rollout.CreateRequest) []render.Request {
	out := make([]render.Request, len(s.Renders))
	for i, r := range s.Renders {
		out[i] = render.Request{
			Profiles: r.Profiles, Parameters: r.Parameters, Images: release.Images, SomeImages: true, Packed: release.Source,
			Labels: r.Labels, Annotations: r.Annotations, Runtime: r.Runtime, Jobs: jobs(s.Specs[i]),
		}
		if r.By != nil {
			out[i].By = &jobs([]pipeline.Spec{*r.By})[0]
		}
	}
	return out
}

// jobs says what the jobs of a phase do.
func jobs(specs []pipeline.Spec) []render.Job {
	out := make([]render.Job, len(specs))
	for i, s := range specs {
		out[i] = render.Job{JobSpec: s.JobSpec, Verify: s.SkaffoldVerify, Actions: s.Actions}
	}
	return out
}
