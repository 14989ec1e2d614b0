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
	if s.Canary.Bake != nil {
		do(s.Canary.Bake.jobs(), at.key("canary").key("bake"))
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
	jobs     Jobs
}

// phases lists the phases of s in order, the last one stable. A nil s is the
// standard strategy without jobs.
func (s *Strategy) phases() []phase {
	switch {
	case s != nil && s.Canary != nil:
		return s.Canary.phases()
	case s != nil && s.Standard != nil:
		return []phase{{id: rollout.StablePhase, weight: 100, jobs: s.Standard.Jobs}}
	}
	return []phase{{id: rollout.StablePhase, weight: 100}}
}

func (c *Canary) phases() []phase {
	var out []phase
	stable := phase{id: rollout.StablePhase, weight: 100}
	switch {
	case c.CustomCanaryDeployment != nil:
		out = c.CustomCanaryDeployment.phases()
		if last := len(out) - 1; last >= 0 {
			stable, out = out[last], out[:last]
		}
	case c.CanaryDeployment != nil:
		out = c.CanaryDeployment.phases()
		stable.jobs = Jobs{Verify: c.CanaryDeployment.Verify, VerifyConfig: c.CanaryDeployment.VerifyConfig, Postdeploy: c.CanaryDeployment.Postdeploy}
	}
	switch {
	case c.bakes():
		out = append(out, c.baking(out, stable))
	case c.bakesStable():
		stable.jobs.Analysis = c.Bake.jobs().Analysis
	}
	return append(out, stable)
}

// baking is the phase between before and stable that bakes: what will be stable, with all
// requests. It begins, and ends, as the phases before do.
func (c *Canary) baking(before []phase, stable phase) phase {
	out := phase{id: bakePhase, weight: 100, profiles: stable.profiles, jobs: c.Bake.jobs()}
	if len(before) > 0 {
		out.next = before[len(before)-1].next
	}
	if c.CanaryDeployment != nil {
		out.replicas = c.CanaryDeployment.Replicas
	}
	return out
}

// phases are those of d before stable.
func (d *CanaryDeployment) phases() []phase {
	var out []phase
	for i, n := range d.Percentages {
		jobs := Jobs{Verify: d.Verify, VerifyConfig: d.VerifyConfig, Analysis: d.Analysis}
		if i == 0 {
			jobs.Predeploy = d.Predeploy
		}
		out = append(out, phase{
			id: fmt.Sprintf("canary-%d", n), weight: rollout.Weight(n), next: d.Advance, replicas: d.Replicas, jobs: jobs,
		})
	}
	return out
}

// phases are all of d, the last one stable.
func (d *CustomCanaryDeployment) phases() []phase {
	var out []phase
	for _, p := range d.PhaseConfigs {
		out = append(out, phase{
			id: p.PhaseID, weight: rollout.Weight(p.Percentage), profiles: p.Profiles, next: p.Advance,
			replicas: p.Replicas, match: p.Match, jobs: p.Jobs,
		})
	}
	return out
}
