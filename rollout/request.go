package rollout

import (
	"fmt"
	"time"
)

// Create asks a lane for a new rollout: the payload of its Updates promote, rollback and
// redeploy, each also a Signal of the same name.
type Create struct {
	Request  string `json:"request"`            // what the request is known by: the same again is answered with the same rollout
	Release  string `json:"release,omitempty"`  // promote: mandatory; rollback, redeploy: "" is computed from the record
	Document string `json:"document,omitempty"` // promote: the release's document
	// Rollout guards a rollback or a redeploy: it is refused unless this one is the newest that has started.
	Rollout       string `json:"rollout,omitempty"`
	StartingPhase string `json:"startingPhase,omitempty"` // "" is stable for a rollback, the first phase otherwise
	StopRunning   bool   `json:"stopRunning,omitempty"`   // rollback: cancel the rollout that has the lane
	// UnlessPending refuses a rollback while a newer rollout queues or waits for approval.
	UnlessPending bool     `json:"unlessPending,omitempty"`
	DryRun        bool     `json:"dryRun,omitempty"` // answer with the goal and change nothing
	Automation    string   `json:"automation,omitempty"`
	Override      []string `json:"overrideDeployPolicy,omitempty"` // names of deploy policies; Reason is then mandatory
	Actor         string   `json:"actor,omitempty"`
	Reason        string   `json:"reason,omitempty"`
}

// Created is the answer: the new rollout, or with DryRun what it would be.
type Created struct {
	Rollout       string   `json:"rollout,omitempty"` // "" in a dry run
	Release       string   `json:"release"`
	Document      string   `json:"document"`
	Target        string   `json:"target"`
	State         State    `json:"state,omitempty"`
	StartingPhase string   `json:"startingPhase,omitempty"`
	From          string   `json:"from,omitempty"`       // the release that is stable now; "" if none is
	RollbackOf    string   `json:"rollbackOf,omitempty"` // the rollout that is rolled back
	Stopped       string   `json:"stopped,omitempty"`    // the holder that was cancelled
	Cancelled     []string `json:"cancelled,omitempty"`  // PENDING rollouts older than a rollback
	Notes         []string `json:"notes,omitempty"`      // such as a deploy policy that was overridden
}

// Abandon asks Config to abandon a release for ever: no new rollout of it, and none back to it.
type Abandon struct {
	Pipeline string `json:"pipeline"`
	Release  string `json:"release"`
	Actor    string `json:"actor,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Suspend asks Config to suspend one object, or to end its suspension.
type Suspend struct {
	Kind      string `json:"kind"` // DeliveryPipeline, Automation or DeployPolicy
	Name      string `json:"name"` // of an Automation: PIPELINE/AUTOMATION
	Suspended bool   `json:"suspended"`
	Actor     string `json:"actor,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// Rule is one rule of an automation that applies, as it was read when it was asked for.
type Rule struct {
	Automation string        `json:"automation"`     // "shop/promote"
	ID         string        `json:"id"`             // of the rule, unique in the automation
	Wait       time.Duration `json:"wait,omitempty"` // before it acts
	At         time.Time     `json:"at,omitzero"`    // timed promote: when it acts next
	// Target and StartingPhase are a promotion's destination: "@next" is the stage after.
	Target        string   `json:"target,omitempty"`
	StartingPhase string   `json:"startingPhase,omitempty"`
	Repair        []Repair `json:"repair,omitempty"` // one after another
}

// Name is how the rule is shown: "shop/promote/rule".
func (r Rule) Name() string { return r.Automation + "/" + r.ID }

// Repair is one repair phase of a rule: Attempts retries of the failed job, or else a rollback.
type Repair struct {
	Attempts    int           `json:"attempts,omitempty"` // 1 to 10; 0: this is a rollback
	Wait        time.Duration `json:"wait,omitempty"`     // before each attempt
	Exponential bool          `json:"exponential,omitempty"`

	StartingPhase string `json:"startingPhase,omitempty"` // rollback
	UnlessPending bool   `json:"unlessPending,omitempty"` // rollback
}

// Before returns how long to wait before the nth attempt, n from 1: the same each time, or,
// exponential, twice as long as the one before; at most 14 days.
func (r Repair) Before(n int) time.Duration {
	const limit = 14 * 24 * time.Hour
	wait := r.Wait
	for i := 1; r.Exponential && i < n && wait < limit; i++ {
		wait *= 2
	}
	return min(wait, limit)
}

// RepairState is Cloud Deploy's state of one repair.
type RepairState string

// The states of a repair.
const (
	RepairInProgress RepairState = "IN_PROGRESS"
	RepairSucceeded  RepairState = "SUCCEEDED"
	RepairFailed     RepairState = "FAILED"
	RepairAborted    RepairState = "ABORTED" // by a command on the same rollout
)

// RepairStatus is the repair of a rollout: the latest one.
type RepairStatus struct {
	Rule     string      `json:"rule"` // "shop/repair/rule"
	Phase    string      `json:"phase"`
	Job      JobKind     `json:"job"`
	State    RepairState `json:"state"`
	Attempt  int         `json:"attempt,omitempty"`  // of Attempts
	Attempts int         `json:"attempts,omitempty"` // retries of all repair phases together
	Rollback bool        `json:"rollback,omitempty"` // it has asked for a rollback
}

// String is one line, such as "shop/repair/rule is IN_PROGRESS: canary-50 deploy, attempt 2 of 3".
func (r RepairStatus) String() string {
	out := fmt.Sprintf("%s is %s: %s %s", r.Rule, r.State, r.Phase, r.Job)
	if r.Attempt > 0 {
		out += fmt.Sprintf(", attempt %d of %d", r.Attempt, r.Attempts)
	}
	if r.Rollback {
		out += ", rollback asked for"
	}
	return out
}
