package pipeline

import (
	"cmp"

	"github.com/serin-dev/serin/rollout"
)

// The defaults of a judge.
const (
	defaultConfidence = 0.98
	defaultPass       = 95
	defaultMarginal   = 75
)

// number is what n holds, or if it was not given d.
func number(n *Number, d float64) float64 {
	if n == nil {
		return d
	}
	return float64(*n)
}

func (c *Compare) rules(at *judge) {
	if c.Effect != nil && *c.Effect < 1 {
		at.key("effect").bad("is %v, want at least 1: at 1.25 a quarter more matters, or as much less", *c.Effect)
	}
}

// judgeRules judges the judge, and the groups that it weighs.
func (p *Prometheus) judgeRules(at *judge) {
	j, groups := p.Judge, p.groups()
	if j == nil {
		return
	}
	if len(groups) == 0 {
		at.bad("has nothing to judge: no check has compare")
	}
	if n := number(j.Confidence, defaultConfidence); n < 0.5 || n >= 1 {
		at.key("confidence").bad("is %v, want from 0.5 to below 1", n)
	}
	pass, marginal := number(j.Pass, defaultPass), number(j.Marginal, defaultMarginal)
	if pass < 0 || pass > 100 {
		at.key("pass").bad("is %v, want from 0 to 100", pass)
	}
	if marginal < 0 || marginal > pass {
		at.key("marginal").bad("is %v, want from 0 to pass (%v)", marginal, pass)
	}
	j.weightRules(at.key("groups"), groups)
}

// weightRules judges the weights of groups.
func (j *Judge) weightRules(at *judge, groups []string) {
	var sum float64
	for _, name := range sortedKeys(j.Groups) {
		weight := float64(j.Groups[name])
		sum += weight
		if text := oneOf(name, groups); text != "" && len(groups) > 0 {
			at.key(name).bad("%s: these groups are compared", text)
		}
		if weight < 0 || weight > 100 {
			at.key(name).bad("is %v, want from 0 to 100", weight)
		}
	}
	switch all := len(j.Groups) >= len(groups); {
	case len(j.Groups) == 0:
	case all && (sum < 99.999 || sum > 100.001):
		at.bad("are %v together, want 100", sum)
	case !all && sum >= 100:
		at.bad("are %v together: nothing is left for the groups without a weight", sum)
	}
}

// groups are those that the comparisons of p are in, each once.
func (p *Prometheus) groups() []string {
	var out []string
	for _, c := range p.Checks {
		if c.Compare != nil {
			out = union(out, []string{cmp.Or(c.Compare.Group, c.ID)})
		}
	}
	return out
}

// frozen is j as a plan has it; a nil j has its defaults.
func (j *Judge) frozen() *rollout.Judge {
	if j == nil {
		j = &Judge{}
	}
	out := &rollout.Judge{
		Confidence: number(j.Confidence, defaultConfidence), Pass: number(j.Pass, defaultPass), Marginal: number(j.Marginal, defaultMarginal),
	}
	for name, weight := range j.Groups {
		if out.Groups == nil {
			out.Groups = map[string]float64{}
		}
		out.Groups[name] = float64(weight)
	}
	return out
}

// frozen is the comparison of c as a plan has it, or nil.
func (c MetricCheck) compared() *rollout.Compare {
	if c.Compare == nil {
		return nil
	}
	direction := rollout.DirectionEither
	switch c.Preset {
	case presetSuccess:
		direction = rollout.DirectionDecrease
	case presetDuration:
		direction = rollout.DirectionIncrease
	}
	return &rollout.Compare{
		Direction: cmp.Or(c.Compare.Direction, direction), Effect: number(c.Compare.Effect, 1),
		Critical: c.Compare.Critical, NoData: rollout.Action(cmp.Or(c.Compare.NoData, string(rollout.ActionHold))),
		Group: c.Compare.Group, Fresh: c.Compare.Fresh,
	}
}
