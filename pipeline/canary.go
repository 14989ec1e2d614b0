package pipeline

import "github.com/serin-dev/serin/rollout"

// Canary is the strategy of several phases. Its form follows from its keys:
// canaryDeployment is the automated canary; customCanaryDeployment with
// runtimeConfig is the custom-automated canary; customCanaryDeployment without
// runtimeConfig is the custom canary, whose manifests shape the traffic
// themselves.
type Canary struct {
	// RuntimeConfig says by what means traffic is split. Required with
	// canaryDeployment.
	RuntimeConfig *RuntimeConfig `yaml:"runtimeConfig,omitempty"`
	// CanaryDeployment lists percentages; the phases follow from them.
	CanaryDeployment *CanaryDeployment `yaml:"canaryDeployment,omitempty"`
	// CustomCanaryDeployment lists the phases one by one.
	CustomCanaryDeployment *CustomCanaryDeployment `yaml:"customCanaryDeployment,omitempty"`
	// FailurePolicy says what happens to the traffic when a phase before
	// stable fails: restore moves it back to what was live, hold leaves it
	// where it is. The default is restore under serin.dev/v1 and hold under
	// deploy.cloud.google.com/v1.
	FailurePolicy string `yaml:"onFailure,omitempty" rule:"extension,enum=restore|hold,default=restore under serin.dev/v1; hold under deploy.cloud.google.com/v1"`
}

// CanaryDeployment is the automated canary: phases canary-N, one for each
// percentage, then stable.
type CanaryDeployment struct {
	// Percentages are the canary's shares of the traffic, ascending, each from
	// 0 to 99; 100 is allowed with gatewayServiceMesh. The phase stable
	// follows and is never listed.
	Percentages []int `yaml:"percentages" rule:"required,items=1..,range=0..100"`
	// Jobs: verify and analysis run in each phase, analysis not in stable;
	// predeploy runs in the first phase and postdeploy in the last.
	Jobs `yaml:",inline"`
	// Advance says who lets the phase after each canary phase begin.
	Advance *Advance `yaml:"advance,omitempty" rule:"extension,default=manual"`
	// Replicas sizes the canary in every phase: a number of pods or a
	// percentage of the original's. Only with gatewayServiceMesh.
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
	// percentage of the original's. Only with gatewayServiceMesh; not in stable.
	Replicas *Replicas `yaml:"replicas,omitempty" rule:"extension,default=the phase's percentage of the original's replicas"`
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

// RuntimeConfig says by what means traffic is split.
type RuntimeConfig struct {
	// Kubernetes splits traffic between pods.
	Kubernetes *KubernetesConfig `yaml:"kubernetes,omitempty"`
	// CloudRun splits traffic between revisions of a Cloud Run service.
	CloudRun *CloudRunConfig `yaml:"cloudRun,omitempty"`
}

// KubernetesConfig is one of two ways to split traffic in a cluster.
type KubernetesConfig struct {
	// GatewayServiceMesh splits traffic by the weights of an HTTPRoute.
	GatewayServiceMesh *GatewayServiceMesh `yaml:"gatewayServiceMesh,omitempty"`
	// ServiceNetworking splits traffic by the number of pods.
	ServiceNetworking *ServiceNetworking `yaml:"serviceNetworking,omitempty"`
}

// GatewayServiceMesh splits traffic by the weights of an HTTPRoute.
type GatewayServiceMesh struct {
	// HTTPRoute is the name of the HTTPRoute in the rendered manifest.
	HTTPRoute string `yaml:"httpRoute" rule:"required"`
	// Service is the name of the Service in the rendered manifest.
	Service string `yaml:"service" rule:"required"`
	// Deployment is the name of the Deployment in the rendered manifest.
	Deployment string `yaml:"deployment" rule:"required"`
	// RouteUpdateWaitTime is how long to wait after a change of the route, so
	// that it can propagate; at most 3 hours.
	RouteUpdateWaitTime Duration `yaml:"routeUpdateWaitTime,omitempty" rule:"duration=0s..3h,default=0s"`
	// StableCutbackDuration is how long, in stable, traffic may take to leave
	// the canary Service; 15 seconds to 1 hour.
	StableCutbackDuration *Duration `yaml:"stableCutbackDuration,omitempty" rule:"duration=15s..1h,default=no wait"`
	// PodSelectorLabel is the label that selects the pods; Deployment and
	// Service must have it already.
	PodSelectorLabel string `yaml:"podSelectorLabel,omitempty" rule:"default=app"`
	// RouteDestinations are the clusters that get the HTTPRoute. Without it
	// only the target's own does.
	RouteDestinations *RouteDestinations `yaml:"routeDestinations,omitempty"`
}

// RouteDestinations are the clusters that get the HTTPRoute.
type RouteDestinations struct {
	// DestinationIDs are ids of the target's associatedEntities, or @self for
	// the target's own cluster.
	DestinationIDs []string `yaml:"destinationIds" rule:"required,items=1..,id,or=@self,unique"`
	// PropagateService also applies the Service to the destinations.
	PropagateService bool `yaml:"propagateService,omitempty" rule:"default=false"`
}

// ServiceNetworking splits traffic by the number of pods.
type ServiceNetworking struct {
	// Service is the name of the Service in the rendered manifest.
	Service string `yaml:"service" rule:"required"`
	// Deployment is the name of the Deployment in the rendered manifest.
	Deployment string `yaml:"deployment" rule:"required"`
	// DisablePodOverprovisioning keeps the total number of pods at what the
	// Deployment has, by scaling it down while the canary runs.
	DisablePodOverprovisioning bool `yaml:"disablePodOverprovisioning,omitempty" rule:"default=false"`
	// PodSelectorLabel is the label that selects the pods; the Deployment must
	// have it already.
	PodSelectorLabel string `yaml:"podSelectorLabel,omitempty" rule:"default=app"`
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
