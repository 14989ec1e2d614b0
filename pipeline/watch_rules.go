package pipeline

import (
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// watchable judges the stages of p.
func (c *Config) watchable(p *DeliveryPipeline, at *judge) {
	if n := len(p.SerialPipeline.Stages); n != 1 {
		at.bad("has %d stages: the pipeline of a watch has one, the service that a revision is of", n)
		return
	}
	stage := p.SerialPipeline.Stages[0]
	at = at.item(0)
	if t := c.Target(stage.TargetID); t != nil && t.Run == nil {
		at.key("targetId").bad("target %q is %s: a watch is for Cloud Run; name a target with run, or one that does not exist", stage.TargetID, t.runs())
	}
	if len(stage.Profiles) > 0 {
		at.key("profiles").bad("needs a skaffold.yaml, which a revision that is there already does not have")
	}
	if stage.Strategy == nil || stage.Strategy.Canary == nil {
		at.key("strategy").bad("has no canary: a revision without traffic is taken through its phases")
		return
	}
	stage.Strategy.Canary.watchable(at.key("strategy").key("canary"))
	stage.Strategy.eachJobs(at.key("strategy"), func(j Jobs, at *judge) { j.sourceless(at) })
}

// watchable judges the phases of c.
func (c *Canary) watchable(at *judge) {
	if r := c.RuntimeConfig; r == nil || r.CloudRun == nil || !r.CloudRun.AutomaticTrafficControl {
		at.key("runtimeConfig").bad("needs cloudRun with automaticTrafficControl: true, because there is no manifest that could split the traffic")
	}
	if c.CanaryDeployment != nil {
		c.CanaryDeployment.Jobs.measured(at.key("canaryDeployment"))
	}
	if d := c.CustomCanaryDeployment; d != nil {
		at = at.key("customCanaryDeployment").key("phaseConfigs")
		if len(d.PhaseConfigs) < 2 {
			at.bad("has no phase before %s", rollout.StablePhase)
		}
		for i, ph := range d.PhaseConfigs {
			if len(ph.Profiles) > 0 {
				at.item(i).key("profiles").bad("needs a skaffold.yaml, which a revision that is there already does not have")
			}
			if i < len(d.PhaseConfigs)-1 {
				ph.Jobs.measured(at.item(i))
			}
		}
	}
}

// measured judges that a phase with j asks how the revision does, and stays while it does not know.
func (j Jobs) measured(at *judge) {
	at = at.key("analysis")
	switch {
	case j.Analysis == nil:
		at.bad("is missing: a phase that asks nobody lets every revision go on")
	case j.Analysis.Prometheus == nil:
		at.key("prometheus").bad("is missing: only its checks know how many requests there were")
	case j.Analysis.InconclusiveAction == string(rollout.ActionPass):
		at.key("onInconclusive").bad("is pass: a revision without requests would go on; write hold or fail")
	default:
		for i, check := range j.Analysis.Prometheus.Checks {
			if check.Provider != "" && check.Provider != cloudRunProvider {
				at.key("prometheus").key("checks").item(i).key("provider").bad("is %s, but a watch is for Cloud Run: its series are those of %s", check.Provider, cloudRunProvider)
			}
		}
	}
}

// sourceless judges that j needs no skaffold.yaml.
func (j Jobs) sourceless(at *judge) {
	var keys []string
	if j.Verify != nil && j.Verify.Skaffold {
		keys = append(keys, "verify")
	}
	if j.Predeploy != nil && len(j.Predeploy.Actions) > 0 {
		keys = append(keys, "predeploy")
	}
	if j.Postdeploy != nil && len(j.Postdeploy.Actions) > 0 {
		keys = append(keys, "postdeploy")
	}
	if len(keys) > 0 {
		at.bad("%s needs a skaffold.yaml, which a revision that is there already does not have: give tasks", strings.Join(keys, ", "))
	}
}

// IsID reports whether s can be the name of an object: lowercase letters, digits and hyphens,
// beginning with a letter, at most 63.
func IsID(s string) bool { return isID(s) }
