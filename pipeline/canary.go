package pipeline

import "github.com/serin-dev/serin/rollout"

// Canary is the strategy of several phases. Its form follows from its keys:
// canaryDeployment is the automated canary; customCanaryDeployment with
// runtimeConfig is the custom-automated canary; customCanaryDeployment without
// runtimeConfig is the custom canary, whose manifests shape the traffic
// themselves.
type Canary struct {
	// RuntimeConfig says by what means traffic is split. Required with
	// canaryDeployment, but for custom targets, which have none.
	RuntimeConfig *RuntimeConfig `yaml:"runtimeConfig,omitempty"`
	// CanaryDeployment lists percentages; the phases follow from them.
	CanaryDeployment *CanaryDeployment `yaml:"canaryDeployment,omitempty"`
	// CustomCanaryDeployment lists the phases one by one.
	CustomCanaryDeployment *CustomCanaryDeployment `yaml:"customCanaryDeployment,omitempty"`
	// FailurePolicy says what happens to the traffic when a phase before
	// stable fails: restore moves it back to what was live, hold leaves it
	// where it is. The default is restore under serin.dev/v1 and hold under
	// deploy.cloud.google.com/v1. For custom targets it is always hold: what they
	// serve cannot be seen.
	FailurePolicy string `yaml:"onFailure,omitempty" rule:"extension,enum=restore|hold,default=restore under serin.dev/v1; hold under deploy.cloud.google.com/v1 and for custom targets"`
	// DebugFor is how long the pods of a canary that a restore has taken the
	// traffic from are kept, for somebody to look at. Only with onFailure restore,
	// on clusters.
	DebugFor *Wait `yaml:"debugFor,omitempty" rule:"extension,duration=0s..48h,default=30m under serin.dev/v1; 0s under deploy.cloud.google.com/v1"`
	// Bake watches the release while it has all requests and can still be taken
	// back. With gatewayServiceMesh and ingress it is a phase before stable, in
	// which the original still runs the release before; on Cloud Run it is an
	// analysis in stable, in which the revision before keeps its instances and the
	// tag previous.
	Bake *Bake `yaml:"bake,omitempty" rule:"extension"`
	// Webhooks are servers that are asked, with Flagger's payload.
	Webhooks []CanaryWebhook `yaml:"webhooks,omitempty" rule:"extension,items=1..20"`
}

// CanaryDeployment is the automated canary: phases canary-N, one for each
// percentage, then stable.
type CanaryDeployment struct {
	// Percentages are the canary's shares of the traffic, ascending, each from
	// 0 to 99; 100 is allowed with gatewayServiceMesh and ingress. The phase
	// stable follows and is never listed.
	Percentages []int `yaml:"percentages" rule:"required,items=1..,range=0..100"`
	// Jobs: verify and analysis run in each phase, analysis not in stable;
	// predeploy runs in the first phase and postdeploy in the last.
	Jobs `yaml:",inline"`
	// Advance says who lets the phase after each canary phase begin.
	Advance *Advance `yaml:"advance,omitempty" rule:"extension,default=manual"`
	// Replicas sizes the canary in every phase: a number of pods or a
	// percentage of the original's. Only with gatewayServiceMesh and ingress.
	Replicas *Replicas `yaml:"replicas,omitempty" rule:"extension,default=the phase's percentage of the original's replicas"`
}

// CustomCanaryDeployment lists the phases of a canary one by one.
type CustomCanaryDeployment struct {
	// PhaseConfigs are in order of execution. The last one is stable at 100.
	PhaseConfigs []PhaseConfig `yaml:"phaseConfigs" rule:"required,items=1.."`
}

// PhaseConfig is one phase of a custom canary.
type PhaseConfig struct {
	// PhaseID names the phase, unique in the canary. The last is "stable".
	PhaseID string `yaml:"phaseId" rule:"required,id"`
	// Percentage is the canary's share of the traffic, above that of the phase
	// before. The last is 100.
	Percentage int `yaml:"percentage" rule:"required,range=0..100"`
	// Profiles are Skaffold profiles, added to those of the stage.
	Profiles []string `yaml:"profiles,omitempty" rule:"unique"`
	// Jobs of this phase, independent of those of other phases.
	Jobs `yaml:",inline"`
	// Advance says who lets the phase after this one begin; not in stable.
	Advance *Advance `yaml:"advance,omitempty" rule:"extension,default=manual"`
	// Replicas sizes the canary in this phase: a number of pods or a
	// percentage of the original's. Only with gatewayServiceMesh and ingress;
	// not in stable.
	Replicas *Replicas `yaml:"replicas,omitempty" rule:"extension,default=the phase's percentage of the original's replicas"`
	// Match sends the requests that fit one of its items to the canary,
	// whatever the percentage. Only with gatewayServiceMesh; not in stable.
	Match []Match `yaml:"match,omitempty" rule:"extension,items=1..16"`
}

// Match is a condition on a request: all of its headers and cookies must fit.
type Match struct {
	// Headers compare headers of the request, each name once.
	Headers []ValueMatch `yaml:"headers,omitempty" rule:"items=1..16"`
	// Cookies compare cookies of the request, each name once; none where a
	// GRPCRoute is among the routes.
	Cookies []ValueMatch `yaml:"cookies,omitempty" rule:"items=1..3"`
}

// ValueMatch compares one value: exactly one of value and regex is given.
type ValueMatch struct {
	// Name of the header, in any case, or of the cookie.
	Name string `yaml:"name" rule:"required,length=256"`
	// Value is the whole value.
	Value string `yaml:"value,omitempty" rule:"length=4096"`
	// Regex is an expression for the whole value, in the dialect of the gateway.
	Regex string `yaml:"regex,omitempty" rule:"length=4096"`
}

// Advance says who lets the next phase begin.
type Advance struct {
	// Mode is manual (a person or an automation advances) or automatic.
	Mode string `yaml:"mode" rule:"required,enum=manual|automatic"`
	// Wait is how long an automatic advance waits after the phase succeeded,
	// such as 30s, 5m or 1h30m.
	Wait Wait `yaml:"wait,omitempty" rule:"duration=0s..336h,default=0s"`
}

// Automatic is the advance mode that needs nobody.
const Automatic = "automatic"

// OnFailure says what becomes of the traffic when a phase of c before stable
// fails; apiVersion is that of the pipeline that holds c and decides the default.
func (c *Canary) OnFailure(apiVersion string) rollout.OnFailure {
	switch {
	case c.FailurePolicy != "":
		return rollout.OnFailure(c.FailurePolicy)
	case apiVersion == SerinV1:
		return rollout.OnFailureRestore
	}
	return rollout.OnFailureHold
}

// RuntimeConfig says by what means traffic is split: one of its keys, or under
// serin.dev/v1 both for a multi-target whose children are clusters and locations
// of Cloud Run.
type RuntimeConfig struct {
	// Kubernetes splits traffic between pods.
	Kubernetes *KubernetesConfig `yaml:"kubernetes,omitempty"`
	// CloudRun splits traffic between revisions of a Cloud Run service.
	CloudRun *CloudRunConfig `yaml:"cloudRun,omitempty"`
}

// CloudRunConfig splits traffic between revisions of a Cloud Run service.
type CloudRunConfig struct {
	// AutomaticTrafficControl lets the rollout write the service's traffic.
	// Must be true with canaryDeployment. Without it, in a
	// customCanaryDeployment, the manifest's own traffic stanza holds.
	AutomaticTrafficControl bool `yaml:"automaticTrafficControl,omitempty" rule:"default=false"`
	// CanaryRevisionTags are on the new revision during the canary phases. A
	// tag has at least 3 characters: lowercase letters, digits and hyphens;
	// tag and service name together have at most 46.
	CanaryRevisionTags []string `yaml:"canaryRevisionTags,omitempty" rule:"unique"`
	// PriorRevisionTags are on the previous revision during the canary phases.
	PriorRevisionTags []string `yaml:"priorRevisionTags,omitempty" rule:"unique"`
	// StableRevisionTags are on the new revision from stable on.
	StableRevisionTags []string `yaml:"stableRevisionTags,omitempty" rule:"unique"`
}
