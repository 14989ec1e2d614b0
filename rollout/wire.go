package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Names of workflow types.
const (
	WorkflowConfig  = "Config"
	WorkflowRelease = "Release"
	WorkflowLane    = "Lane"
	WorkflowRollout = "Rollout"
	WorkflowObserve = "Observe" // Plan -> Observed: one look at a plan's target, for plan --live
)

// ConfigID is the id of the namespace's only Config workflow.
const ConfigID = "config"

// ReleaseID returns the workflow id of a release.
func ReleaseID(pipeline, release string) string { return "release/" + pipeline + "/" + release }

// LaneID returns the workflow id of the lane of one pipeline on one target.
func LaneID(pipeline, target string) string { return "lane/" + pipeline + "/" + target }

// RolloutID returns the workflow id of a rollout named by Name.
func RolloutID(pipeline, name string) string { return "rollout/" + pipeline + "/" + name }

// Name returns the name of the nth rollout of a release to a target, n from 1:
// "v2-to-prod-0001".
func Name(release, target string, n int) string {
	return fmt.Sprintf("%s-to-%s-%04d", release, target, n)
}

// ChildName returns the name of the child rollout for a child target: it has its controller's
// number.
func ChildName(controller, release, target string) string {
	return release + "-to-" + target + controller[strings.LastIndex(controller, "-"):]
}

// DocumentName returns the name under which a release's document is stored.
func DocumentName(pipeline, release string) string {
	return "releases/" + pipeline + "/" + release + ".json"
}

// AbandonedName returns the name of the artifact whose presence abandons a release.
func AbandonedName(pipeline, release string) string {
	return "releases/" + pipeline + "/" + release + ".abandoned"
}

// Queries, answered by every workflow: QueryState with its status, QueryPlan
// (Rollout only) with its Plan.
const (
	QueryState = "state"
	QueryPlan  = "plan"
)

// Updates of entities. Those of a Lane are also Signals of the same name with the same payload.
const (
	UpdateApply    = "apply"    // Config: ApplyRequest -> ApplyResult
	UpdateAbandon  = "abandon"  // Config: Abandon -> nothing
	UpdateSuspend  = "suspend"  // Config: Suspend -> ApplyResult
	UpdatePlanned  = "planned"  // Release: CreateRequest -> ReleaseStatus, once planned
	UpdatePromote  = "promote"  // Lane: Create -> Created
	UpdateRollback = "rollback" // Lane: Create -> Created
	UpdateRedeploy = "redeploy" // Lane: Create -> Created
)

// Commands of a Rollout: each is an Update that takes a Command and answers with an Ack, and
// is also a Signal of the same name with the same payload.
const (
	CommandApprove   = "approve"
	CommandReject    = "reject"
	CommandAdvance   = "advance"
	CommandCancel    = "cancel"
	CommandPause     = "pause"
	CommandResume    = "resume"
	CommandRetryJob  = "retryJob"
	CommandIgnoreJob = "ignoreJob"
	CommandTerminate = "terminateJobRun"
)

// Signals between workflows. A controller is the lane of its children.
const (
	SignalEnqueue    = "enqueue"    // Release -> Lane: Enqueue
	SignalAcquire    = "acquire"    // Rollout -> Lane: Acquire
	SignalReport     = "report"     // Rollout -> Lane: Report
	SignalGrant      = "grant"      // Lane -> Rollout: Grant
	SignalClose      = "close"      // Lane -> Rollout: Close
	SignalRolledBack = "rolledBack" // Lane -> Rollout: RolledBack
	SignalStop       = "stop"       // Lane -> Rollout: Command; cancel, which the lane has been permitted already
	SignalDirect     = "direct"     // controller -> child: Direction
	SignalFollow     = "follow"     // Lane -> Release: Follow
	SignalAbandoned  = "abandoned"  // Config -> Release: Abandon
)

// Names of the search attributes, all of type Keyword.
const (
	AttributePipeline = "SerinPipeline"
	AttributeTarget   = "SerinTarget"
	AttributeRelease  = "SerinRelease"
	AttributeState    = "SerinState"
	AttributePhase    = "SerinPhase"
)

// Command is what a person or a service asks of a rollout. Actor is a claim:
// who may command is decided by the namespace's authorization.
type Command struct {
	Phase   string  `json:"phase,omitempty"`   // advance, retryJob, ignoreJob, terminateJobRun, resume that accepts a verdict: mandatory
	Job     JobKind `json:"job,omitempty"`     // retryJob, ignoreJob, terminateJobRun, resume that accepts a verdict: mandatory
	Digest  string  `json:"digest,omitempty"`  // when given, must be the plan's, or begin it with at least 12 hexadecimal digits; approve: mandatory
	Restore bool    `json:"restore,omitempty"` // cancel: put traffic back to the baseline
	Accept  bool    `json:"accept,omitempty"`  // resume: what is observed is the new baseline, or the job's verdict is taken as pass
	Actor   string  `json:"actor,omitempty"`   // approve, reject: mandatory
	Reason  string  `json:"reason,omitempty"`  // mandatory with Override

	Override []string `json:"overrideDeployPolicy,omitempty"` // names of deploy policies that do not hold for this command
}

// Ack is the answer to an accepted command.
type Ack struct {
	Rollout string `json:"rollout"`
	State   State  `json:"state"`
	Phase   string `json:"phase,omitempty"`
}

// ApplyRequest asks Config to take over a multi-document YAML file. Documents is
// the digest of the YAML in the artifact store.
type ApplyRequest struct {
	Documents string `json:"documents"`
	Actor     string `json:"actor,omitempty"`
}

// Entry is one configured object. Digest is that of its document.
type Entry struct {
	Kind   string `json:"kind"` // "DeliveryPipeline"
	Name   string `json:"name"`
	Digest string `json:"digest"`

	// Who suspended the object by command, and why. Both are "" where the file says that it is
	// suspended, and once it is applied otherwise or resumed.
	SuspendedBy  string `json:"suspendedBy,omitempty"`
	SuspendedFor string `json:"suspendedFor,omitempty"`
}

// ApplyResult says what an apply changed. Entries that were there already with
// the same content are in none of the lists but Unchanged.
type ApplyResult struct {
	Created   []Entry  `json:"created,omitempty"`
	Updated   []Entry  `json:"updated,omitempty"`
	Unchanged []Entry  `json:"unchanged,omitempty"`
	Warnings  []string `json:"warnings,omitempty"` // such as a target that does not exist yet
}

// Index is a consistent snapshot of everything configured, sorted by kind and name.
type Index struct {
	Version int     `json:"version"` // grows by one with each apply that changed something
	Entries []Entry `json:"entries"`
}

// CreateRequest asks for a release. Its digest, without Actor, is the request's
// identity: the same again is the same release, another one is a Conflict.
type CreateRequest struct {
	Pipeline    string            `json:"pipeline"`
	Release     string            `json:"release"`
	Source      string            `json:"source"` // digest of the packed source
	Images      map[string]string `json:"images,omitempty"`
	Parameters  map[string]string `json:"parameters,omitempty"`
	Description string            `json:"description,omitempty"` // at most 255 characters
	Actor       string            `json:"actor,omitempty"`
}

// Digest returns "sha256:<hex>" of the request without its actor. Its JSON is the
// same everywhere: fields in order, maps sorted.
//
//workflowcheck:ignore
func (r CreateRequest) Digest() string {
	r.Actor = ""
	content, err := json.Marshal(r) // maps are written sorted
	if err != nil {
		return "" // strings and maps of strings always encode
	}
	return Digest(content)
}

// Digest returns the name of content in the artifact store: "sha256:" and 64
// lowercase hexadecimal digits.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// StagePlan is one stage of a release.
type StagePlan struct {
	Target string `json:"target"`
	Plan   Plan   `json:"plan"`
	// Children are the plans of a controller's children, in its order. They are in the release's
	// document and nowhere else.
	Children []Plan `json:"children,omitempty"`
}

// ReleaseStatus is what is known of a release.
type ReleaseStatus struct {
	Pipeline    string        `json:"pipeline"`
	Release     string        `json:"release"`
	RenderState State         `json:"renderState"` // IN_PROGRESS, SUCCEEDED or FAILED
	Failure     string        `json:"failure,omitempty"`
	Digest      string        `json:"digest"`             // of the request; what a person approves
	Document    string        `json:"document,omitempty"` // its name in the artifact store
	Description string        `json:"description,omitempty"`
	Actor       string        `json:"actor,omitempty"`
	Stages      []StageStatus `json:"stages,omitempty"`
	Created     time.Time     `json:"created,omitzero"`
	Ended       time.Time     `json:"ended,omitzero"`

	Abandoned bool      `json:"abandoned,omitempty"`
	Waiting   []Waiting `json:"waiting,omitempty"` // automations that promote it, and what they wait for; workers that are to render it
	Notes     []string  `json:"notes,omitempty"`   // the newest 20: such as a first rollout that a deploy policy forbade

	Renders     *RenderCount `json:"renders,omitempty"`     // nil: no container renders it
	FailureLogs string       `json:"failureLogs,omitempty"` // digest of the last lines of the container that Failure is about
}

// StageStatus is how far a release has come on one stage. Rollout is "" until
// the lane has numbered it.
type StageStatus struct {
	Target     string `json:"target"`
	Rollout    string `json:"rollout,omitempty"`
	State      State  `json:"state,omitempty"`
	Superseded string `json:"superseded,omitempty"` // the release that succeeded here since; "" while this one is current, or has not been
	// RolledBackBy is the rollout that rolls this release back here; "" where none does.
	RolledBackBy string `json:"rolledBackBy,omitempty"`
	// Refused is why no rollout was made here when one was due; "" once there is one.
	Refused string `json:"refused,omitempty"`
}
