package activities

import (
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// Names of the activities that activities/release implements. Workflows cannot
// import that package: it would bring render, and with it kustomize.
const (
	ReadConfiguration = "ReadConfiguration" // ReadRequest -> ReadResult
	PlanRelease       = "PlanRelease"       // rollout.CreateRequest -> PlanResult
	Permit            = "Permit"            // PermitRequest -> PermitResult; a local activity
	Automations       = "Automations"       // AutomationsRequest -> AutomationsResult; a local activity
	LoadPlan          = "LoadPlan"          // LoadPlanRequest -> LoadPlanResult; a local activity
	Abandon           = "Abandon"           // rollout.Abandon -> nothing
	SetSuspended      = "SetSuspended"      // SuspendRequest -> ReadResult
)

// ReadRequest asks to merge the YAML stored under Documents into Index.
type ReadRequest struct {
	Documents string        `json:"documents"`
	Index     rollout.Index `json:"index"`
}

// ReadResult is the merged index and what changed.
type ReadResult struct {
	Index  rollout.Index       `json:"index"`
	Result rollout.ApplyResult `json:"result"`
}

// PlanResult is a planned release: rendered, and its document stored.
type PlanResult struct {
	Document string              `json:"document"` // name in the artifact store
	Stages   []rollout.StagePlan `json:"stages"`
	// Renders are what containers have to render first; then nothing is stored yet, and the same
	// request is to be made again once they have.
	Renders []RenderRequest `json:"renders,omitempty"`
}

// PermitRequest asks whether a command may be carried out now: one of a Rollout, of a Lane, or
// "create", the first rollout of a release.
type PermitRequest struct {
	Pipeline string `json:"pipeline"`
	Target   string `json:"target"`
	Parent   string `json:"parent,omitempty"` // the multi-target that Target is a child of
	Release  string `json:"release,omitempty"`
	Command  string `json:"command"` // "advance"
	Actor    string `json:"actor,omitempty"`

	Automation string   `json:"automation,omitempty"`           // the automation that acts, "shop/promote"; "" is a person
	Override   []string `json:"overrideDeployPolicy,omitempty"` // deploy policies that do not hold
}

// PermitCreate is the Command of a release's first rollout.
const PermitCreate = "create"

// PermitPlan is the Automation of what the plan itself does without a person.
const PermitPlan = "plan"

// PermitResult is the answer. Refused is "" when the command is permitted.
type PermitResult struct {
	Refused    string    `json:"refused,omitempty"`
	Until      time.Time `json:"until,omitzero"`       // refused by deploy policies only: when all of their windows are over; zero: never, or for another reason
	Policies   []string  `json:"policies,omitempty"`   // that refuse it: "freeze", sorted
	Overridden []string  `json:"overridden,omitempty"` // policies that would have refused it: "freeze/rule"
	Logged     []string  `json:"logged,omitempty"`     // suspended policies that would have refused it
}

// Override is what a person adds to a command that deploy policies refuse, to have it done all
// the same: "--override-deploy-policy freeze --reason WHY".
func Override(policies []string) string {
	return "--override-deploy-policy " + strings.Join(policies, " --override-deploy-policy ") + " --reason WHY"
}

// What an automation's rule is asked about.
const (
	TriggerAdvance = "advance" // a phase is done, and the next one waits
	TriggerPromote = "promote" // a rollout SUCCEEDED: rules with a wait, and timed ones
	TriggerRepair  = "repair"  // a job has FAILED
)

// AutomationsRequest asks which rules apply now, of automations that are not suspended.
type AutomationsRequest struct {
	Pipeline string          `json:"pipeline"`
	Target   string          `json:"target"`
	Parent   string          `json:"parent,omitempty"` // the multi-target that Target is a child of
	Trigger  string          `json:"trigger"`
	Phase    string          `json:"phase,omitempty"` // advance: the phase that is done; repair: that failed
	Job      rollout.JobKind `json:"job,omitempty"`   // repair
}

// AutomationsResult is the answer, sorted by automation and id.
type AutomationsResult struct {
	Rules []rollout.Rule `json:"rules,omitempty"`
}

// LoadPlanRequest asks for a plan of a release that was planned before. Child is a child of the
// multi-target Target, or "" for Target's own.
type LoadPlanRequest struct {
	Document string `json:"document"`
	Target   string `json:"target"`
	Child    string `json:"child,omitempty"`
}

// LoadPlanResult is the plan.
type LoadPlanResult struct {
	Plan      rollout.Plan `json:"plan"`
	Abandoned bool         `json:"abandoned,omitempty"` // the release was abandoned
}

// SuspendRequest asks to change one document of Index.
type SuspendRequest struct {
	Suspend rollout.Suspend `json:"suspend"`
	Index   rollout.Index   `json:"index"`
}

// EnqueueRequest asks to signal a lane, started where it does not run.
type EnqueueRequest struct {
	Pipeline string          `json:"pipeline"`
	Target   string          `json:"target"`
	Enqueue  rollout.Enqueue `json:"enqueue"`
}

// HolderRequest asks whether a rollout's workflow still runs.
type HolderRequest struct {
	Pipeline string `json:"pipeline"`
	Rollout  string `json:"rollout"`
}

// HolderResult is the answer. Status is what a rollout that does not run any more
// said last, without its events; nil where nobody can tell.
type HolderResult struct {
	Running bool            `json:"running"`
	Status  *rollout.Status `json:"status,omitempty"`
	// Children are a controller's child rollouts, in its order, as far as they can tell. While one of
	// them runs, the controller counts as running: it may still write.
	Children []rollout.Status `json:"children,omitempty"`
}

// StepRequest asks for one step at a target. Last is what the rollout's last write
// left behind; a step that writes refuses anything else as drift. The zero Mark
// checks nothing. Tried is the phase of a step that failed since: what it would
// have written may be there, and is no drift.
type StepRequest struct {
	Work  Work           `json:"work"`
	Last  rollout.Mark   `json:"last"`
	Tried *rollout.Phase `json:"tried,omitempty"`
	Keep  bool           `json:"keep,omitempty"` // a promotion leaves the canary to Remove
}

// StepResult is what the platform said last.
type StepResult struct {
	Observed rollout.Observed `json:"observed"`
	Baseline string           `json:"baseline,omitempty"` // digest of the recorded spec; Baseline only, "" where nothing exists
	Note     string           `json:"note,omitempty"`     // what a person should know
	Drift    string           `json:"drift,omitempty"`    // what somebody else has changed; Observe only, the others refuse
}
