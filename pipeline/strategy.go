package pipeline

import (
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

// eachJobs calls do for every set of jobs in s, with its place.
func (s *Strategy) eachJobs(at *judge, do func(Jobs, *judge)) {
	if s.Standard != nil {
		do(s.Standard.Jobs, at.key("standard"))
	}
	if s.Canary == nil {
		return
	}
	if d := s.Canary.CanaryDeployment; d != nil {
		do(d.Jobs, at.key("canary").key("canaryDeployment"))
	}
	if d := s.Canary.CustomCanaryDeployment; d != nil {
		for i, p := range d.PhaseConfigs {
			do(p.Jobs, at.key("canary").key("customCanaryDeployment").key("phaseConfigs").item(i))
		}
	}
}

// usage is a job that is configured: the key it is configured by and what an
// execution config must cover for it.
type usage struct{ key, usage string }

// usages lists the configured jobs of j in order of execution.
func (j Jobs) usages() []usage {
	var out []usage
	if j.Predeploy != nil {
		out = append(out, usage{"predeploy", "PREDEPLOY"})
	}
	if j.Verifies() {
		key := "verify"
		if j.VerifyConfig != nil {
			key = "verifyConfig"
		}
		out = append(out, usage{key, "VERIFY"})
	}
	if j.Analysis != nil {
		out = append(out, usage{"analysis", "ANALYSIS"})
	}
	if j.Postdeploy != nil {
		out = append(out, usage{"postdeploy", "POSTDEPLOY"})
	}
	return out
}

// phase is one phase of a stage before it is tied to a target.
type phase struct {
	id       string
	weight   rollout.Weight
	profiles []string
	// next says how the phase after this one begins; nil is manually.
	next     *Advance
	replicas *Replicas
	match    []Match
}

// phases lists the phases of s in order, the last one stable. A nil s is the
// standard strategy.
func (s *Strategy) phases() []phase {
	stable := phase{id: rollout.StablePhase, weight: 100}
	if s == nil || s.Canary == nil {
		return []phase{stable}
	}
	var out []phase
	if d := s.Canary.CustomCanaryDeployment; d != nil {
		for _, p := range d.PhaseConfigs {
			out = append(out, phase{
				id: p.PhaseID, weight: rollout.Weight(p.Percentage), profiles: p.Profiles, next: p.Advance,
				replicas: p.Replicas, match: p.Match,
			})
		}
		return out
	}
	if d := s.Canary.CanaryDeployment; d != nil {
		for _, n := range d.Percentages {
			out = append(out, phase{
				id: fmt.Sprintf("canary-%d", n), weight: rollout.Weight(n), next: d.Advance, replicas: d.Replicas,
			})
		}
	}
	return append(out, stable)
}
