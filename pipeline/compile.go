package pipeline

import (
	"errors"
	"fmt"
	"slices"

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
	// Renders has one entry for each phase of Plan, in the same order; of a
	// multi-target none.
	Renders []Render `json:"renders,omitempty"`
	// Specs has one entry for each phase of Plan, in the same order, and in it one for
	// each job of the phase; of a multi-target none.
	Specs [][]Spec `json:"specs,omitempty"`
	// Children has one entry for each child of a multi-target, in its order: the
	// stage as it is for that child. Plan is then that of the controller, whose
	// phases those of the children are too, and which rendering does not change
	// but for the digest of the release.
	Children []Stage `json:"children,omitempty"`
}

// Render says how the manifest of one phase is made.
type Render struct {
	Phase string `json:"phase"`
	// Profiles are those of the stage, then those of the phase.
	Profiles []string `json:"profiles,omitempty"`
	// Parameters are the effective deploy parameters.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Runtime is the only one whose objects are kept; "" keeps all. It is set where
	// the targets of a pipeline have several.
	Runtime rollout.Runtime `json:"runtime,omitempty"`
	// Labels and Annotations are added to the pods of the named Deployment.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// By is what the containers do that render this phase, when the release is made; nil
	// is rendered by Serin itself.
	By *Spec `json:"by,omitempty"`
}

// Spec is what one job does, as far as that is known before rendering. It is zero for a
// job that is disabled and for a deploy job, but for that of a custom target.
type Spec struct {
	rollout.JobSpec
	// SkaffoldVerify: the job runs the containers of verify in the phase's
	// skaffold.yaml, all at once.
	SkaffoldVerify bool `json:"skaffoldVerify,omitempty"`
	// Actions are names of customActions of the phase's skaffold.yaml, in order.
	Actions []string `json:"actions,omitempty"`
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
	stages := own.stages(p, req, &invalid)
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
