package activities

import "github.com/serin-dev/serin/rollout"

// Names of the activities that activities/release implements. Workflows cannot
// import that package: it would bring render, and with it kustomize.
const (
	ReadConfiguration = "ReadConfiguration" // ReadRequest -> ReadResult
	PlanRelease       = "PlanRelease"       // rollout.CreateRequest -> PlanResult
	Permit            = "Permit"            // PermitRequest -> PermitResult; a local activity
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
}

// PermitRequest asks whether a command may be carried out now.
type PermitRequest struct {
	Pipeline string `json:"pipeline"`
	Target   string `json:"target"`
	Release  string `json:"release,omitempty"`
	Command  string `json:"command"` // "advance"
	Actor    string `json:"actor,omitempty"`
}

// PermitResult is the answer. Refused is "" when the command is permitted.
type PermitResult struct {
	Refused string `json:"refused,omitempty"`
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
