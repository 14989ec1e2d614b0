package rollout

import "time"

// The API versions of the user's YAML. They decide defaults, never abilities.
const (
	APIVersionGoogle = "deploy.cloud.google.com/v1"
	APIVersionSerin  = "serin.dev/v1"
)

// DefaultTaskQueue is the task queue of a target that names none, and of every workflow.
const DefaultTaskQueue = "serin"

// StablePhase is the id of the last phase of every plan.
const StablePhase = "stable"

// Weight is the share of all requests that the release receives, in whole
// percent from 0 to 100. Its zero value is a real weight: no requests.
type Weight int

// Valid reports whether w is from 0 to 100.
func (w Weight) Valid() bool { return w >= 0 && w <= 100 }

// Plan is everything that one rollout of one release to one target will do. It is
// complete: a rollout looks nothing up later, so no edit of a pipeline changes
// a release that exists. Under 8 KB for 20 phases.
type Plan struct {
	APIVersion string    `json:"apiVersion"`
	Pipeline   string    `json:"pipeline"`
	Release    string    `json:"release"`
	Digest     string    `json:"digest"` // of the release's request, "sha256:<hex>"; what a person approves
	Target     Target    `json:"target"`
	OnFailure  OnFailure `json:"onFailure"`
	Phases     []Phase   `json:"phases"` // in order; the last one is "stable" with weight 100
	CloudRun   *CloudRun `json:"cloudRun,omitempty"`

	Kubernetes *Kubernetes `json:"kubernetes,omitempty"` // on a cluster
	Custom     *Custom     `json:"custom,omitempty"`     // on a custom target; of CloudRun, Kubernetes and this exactly one is set
	Warnings   []string    `json:"warnings,omitempty"`   // what a person should know before it starts, a line each

	Approval *Approval `json:"approval,omitempty"` // nil: needs none
	Parallel *Parallel `json:"parallel,omitempty"` // nil: one target; otherwise none of CloudRun, Kubernetes and Custom is set

	DebugFor time.Duration `json:"debugFor,omitempty"` // how long a canary without traffic is kept after a restore; 0: until the next settle
	Webhooks []Webhook     `json:"webhooks,omitempty"` // that are asked before phases, and while the rollout runs
	Notify   bool          `json:"notify,omitempty"`   // somebody is told of its events
}

// Phase returns the phase with the given id and its index, or index -1.
func (p Plan) Phase(id string) (Phase, int) {
	for i, ph := range p.Phases {
		if ph.ID == id {
			return ph, i
		}
	}
	return Phase{}, -1
}

// Runtime names a kind of platform.
type Runtime string

// The runtimes.
const (
	RuntimeCloudRun   Runtime = "cloudRun"
	RuntimeKubernetes Runtime = "kubernetes"
	RuntimeCustom     Runtime = "custom" // what its CustomTargetType's containers deploy to
	RuntimeMulti      Runtime = "multi"  // of a controller: its children have the platforms
)

// Target is where a rollout goes, frozen when the release was made.
type Target struct {
	Name      string  `json:"name"`
	Runtime   Runtime `json:"runtime"`
	TaskQueue string  `json:"taskQueue"`          // the queue whose workers hold the credentials; never empty in a plan
	Location  string  `json:"location,omitempty"` // Cloud Run: "projects/P/locations/L"
	Endpoint  string  `json:"endpoint,omitempty"` // Cloud Run: root of the API; "" is Google's

	Cluster *Cluster `json:"cluster,omitempty"` // Kubernetes: how its workers reach it. A custom target has Cluster or Location: where its containers run
}

// RunsAt is the runtime that runs containers for t: its own, or of a custom target the one that it
// names for its containers, as Cluster or Location.
func (t Target) RunsAt() Runtime {
	switch {
	case t.Runtime != RuntimeCustom:
		return t.Runtime
	case t.Cluster != nil:
		return RuntimeKubernetes
	}
	return RuntimeCloudRun
}

// OnFailure says what happens to traffic when a phase before promotion fails.
type OnFailure string

// The choices of OnFailure.
const (
	OnFailureRestore OnFailure = "restore" // all traffic back to the baseline; default of serin.dev/v1
	OnFailureHold    OnFailure = "hold"    // traffic stays; default of deploy.cloud.google.com/v1
)

// Phase is one step of a plan.
type Phase struct {
	ID       string  `json:"id"`
	Weight   Weight  `json:"weight"`
	Custom   bool    `json:"custom,omitempty"` // the manifest itself shapes the traffic; Weight is configured, never observed
	Manifest string  `json:"manifest"`         // digest of the rendered manifest
	Advance  Advance `json:"advance"`          // how the phase begins; the first phase begins by itself
	Jobs     []Job   `json:"jobs"`             // in order of execution

	// Rendered is the folder in the artifact store where the render container of a custom target has
	// left its files; "" where Serin rendered Manifest itself.
	Rendered string `json:"rendered,omitempty"`

	Size  *Size   `json:"size,omitempty"`  // of the canary; nil is the phase's share of the original
	Match []Match `json:"match,omitempty"` // requests that go to the canary whatever the weight
}

// Promotion reports whether the phase makes the release stable.
func (p Phase) Promotion() bool { return p.ID == StablePhase }

// Advance says how a phase begins once the one before is done.
type Advance struct {
	Automatic bool          `json:"automatic,omitempty"`
	Wait      time.Duration `json:"wait,omitempty"` // before an automatic advance, in nanoseconds
}

// JobKind is what a job does. There is at most one job of each kind in a phase,
// and its id is its kind.
type JobKind string

// The kinds of jobs, in their order within a phase.
const (
	JobPredeploy  JobKind = "predeploy"
	JobDeploy     JobKind = "deploy"
	JobVerify     JobKind = "verify"
	JobAnalysis   JobKind = "analysis"
	JobPostdeploy JobKind = "postdeploy"
)

// The kinds of jobs of a controller rollout, one for each child and phase.
const (
	JobCreateChild  JobKind = "createChildRollout" // in the first phase
	JobAdvanceChild JobKind = "advanceChildRollout"
)

// Job is one job of a phase.
type Job struct {
	ID       JobKind `json:"id"`
	Disabled bool    `json:"disabled,omitempty"` // listed, because Cloud Deploy lists it, but not configured

	Spec           string        `json:"spec,omitempty"`           // digest of its JobSpec; of a deploy job "", but for custom targets
	Timeout        time.Duration `json:"timeout,omitempty"`        // how long a job run may take; 0 is an hour
	OnFail         Action        `json:"onFail,omitempty"`         // "" is fail
	OnInconclusive Action        `json:"onInconclusive,omitempty"` // "" is hold
	ExpireAfter    time.Duration `json:"expireAfter,omitempty"`    // how long a hold waits for a person, who it then fails without; 0: for ever
}

// CloudRun names what a rollout touches on Cloud Run.
type CloudRun struct {
	Service    string   `json:"service"` // short name, from the manifest
	CanaryTags []string `json:"canaryTags,omitempty"`
	PriorTags  []string `json:"priorTags,omitempty"`
	StableTags []string `json:"stableTags,omitempty"`
	// Previous is the tag that the revision which was stable keeps from the promotion on, and with
	// it its minimum of instances; "" is none.
	Previous string `json:"previous,omitempty"`
}
