package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// Request asks for the plans of one release.
type Request struct {
	// Pipeline is the name of a pipeline of the config.
	Pipeline string
	// Release is the name of the release, an id of at most 63 characters.
	Release string
	// Parameters are the deploy parameters of the release: at most 50.
	Parameters map[string]string
}

// Stage is what a release does at one stage of its pipeline.
type Stage struct {
	// Target is the stage's target.
	Target string `json:"target"`
	// Plan is complete except for what rendering finds out: the digests of the
	// release and of its manifests, the name of the Cloud Run service, the
	// namespace in a cluster, and warnings.
	Plan rollout.Plan `json:"plan"`
	// Renders has one entry for each phase of Plan, in the same order.
	Renders []Render `json:"renders"`
}

// Render says how the manifest of one phase is made.
type Render struct {
	Phase string `json:"phase"`
	// Profiles are those of the stage, then those of the phase.
	Profiles []string `json:"profiles,omitempty"`
	// Parameters are the effective deploy parameters.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Labels and Annotations are added to the pods of the named Deployment.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Compile plans a release: one Stage for each stage of the pipeline, in order.
//
// The error is a [rollout.Error]. Its kind is NotFound if there is no such
// pipeline, Refused if the pipeline is suspended, Invalid if objects or
// request do not fit together, and Unsupported if the config asks for what
// this build cannot execute; the last two wrap [Problems] that name all of it,
// to be found by errors.As.
func Compile(c *Config, req Request) ([]Stage, error) {
	p := c.Pipeline(req.Pipeline)
	if p == nil {
		err := refusal(req, rollout.NotFound, fmt.Errorf("pipeline %q does not exist; known are %s", req.Pipeline, listed(c.pipelineNames())))
		err.Fix = "name one of these, or apply it first"
		return nil, err
	}
	if p.Suspended {
		file, _ := p.Position()
		return nil, &rollout.Error{
			Op: "plan release", On: req.Pipeline + "/" + req.Release, Kind: rollout.Refused,
			Err: errors.New("pipeline is suspended"), Fix: fmt.Sprintf("set suspended to false at %s:%d", file, p.at(nil).src.at("suspended")),
		}
	}
	own := c.Only(req.Pipeline)
	invalid := own.Check()
	req.rules(&invalid)
	var stages []Stage
	for _, l := range own.leaves(p) {
		stages = append(stages, own.stage(p, l, req, &invalid))
	}
	unsupported := own.unsupported(p)
	switch all := slices.Concat(invalid, unsupported).tidy(); {
	case len(invalid) > 0:
		return nil, refusal(req, rollout.Invalid, all.counted())
	case len(unsupported) > 0:
		return nil, refusal(req, rollout.Unsupported, all.counted())
	}
	return stages, nil
}

func refusal(req Request, kind rollout.Kind, err error) *rollout.Error {
	return &rollout.Error{Op: "plan release", On: req.Pipeline + "/" + req.Release, Kind: kind, Err: err}
}

func (c *Config) pipelineNames() []string {
	var out []string
	for _, p := range c.Pipelines {
		out = append(out, p.Metadata.Name)
	}
	return out
}

// rules judges what the request brings itself; it has no file.
func (r Request) rules(into *Problems) {
	at := r.at(into)
	if !isID(r.Release) {
		at.key("release").bad("%q %s", r.Release, wantID)
	}
	parameterRules(at.key("parameters"), r.Parameters)
}

func (r Request) at(into *Problems) *judge { return &judge{src: &source{}, into: into} }

// stage plans one target of p.
func (c *Config) stage(p *DeliveryPipeline, l leaf, req Request, invalid *Problems) Stage {
	s := p.SerialPipeline.Stages[l.stage]
	parameters := effective(p, l, req, invalid)
	plan := rollout.Plan{
		APIVersion: p.APIVersion, Pipeline: req.Pipeline, Release: req.Release,
		Target: l.target.frozen(), OnFailure: s.Strategy.onFailure(p.APIVersion),
	}
	if l.target.cluster() {
		plan.Kubernetes = s.Strategy.kubernetes(l.target)
	} else {
		plan.CloudRun = s.Strategy.cloudRun()
	}
	out := Stage{Target: l.target.Metadata.Name}
	var before *Advance
	for _, ph := range s.Strategy.phases() {
		plan.Phases = append(plan.Phases, rollout.Phase{
			ID: ph.id, Weight: ph.weight, Custom: s.Strategy.custom(), Advance: before.frozen(),
			Jobs: []rollout.Job{{ID: rollout.JobDeploy}, {ID: rollout.JobVerify, Disabled: true}},
			Size: ph.replicas.frozen(), Match: frozenMatches(ph.match),
		})
		metadata := s.Strategy.podMetadata(ph.id)
		out.Renders = append(out.Renders, Render{
			Phase: ph.id, Profiles: union(s.Profiles, ph.profiles), Parameters: parameters,
			Labels: metadata.Labels, Annotations: metadata.Annotations,
		})
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

func (t *Target) frozen() rollout.Target {
	out := rollout.Target{Name: t.Metadata.Name, TaskQueue: t.TaskQueue}
	if out.TaskQueue == "" {
		out.TaskQueue = rollout.DefaultTaskQueue
	}
	if t.cluster() {
		out.Runtime, out.Cluster = rollout.RuntimeKubernetes, t.reached()
	}
	if t.Run != nil {
		out.Runtime, out.Location, out.Endpoint = rollout.RuntimeCloudRun, t.Run.Location, t.Run.Endpoint
	}
	return out
}

// onFailure says what happens when a phase before stable fails; a nil s has
// only stable.
func (s *Strategy) onFailure(apiVersion string) rollout.OnFailure {
	if s == nil || s.Canary == nil {
		return (&Canary{}).OnFailure(apiVersion)
	}
	return s.Canary.OnFailure(apiVersion)
}

// custom reports whether the manifests shape the traffic themselves.
func (s *Strategy) custom() bool {
	if s == nil || s.Canary == nil {
		return false
	}
	r := s.Canary.RuntimeConfig
	return r == nil || (r.CloudRun != nil && !r.CloudRun.AutomaticTrafficControl)
}

func (s *Strategy) cloudRun() *rollout.CloudRun {
	if s == nil || s.Canary == nil || s.Canary.RuntimeConfig == nil || s.Canary.RuntimeConfig.CloudRun == nil {
		return &rollout.CloudRun{}
	}
	r := s.Canary.RuntimeConfig.CloudRun
	return &rollout.CloudRun{CanaryTags: r.CanaryRevisionTags, PriorTags: r.PriorRevisionTags, StableTags: r.StableRevisionTags}
}
