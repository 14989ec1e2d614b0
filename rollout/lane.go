package rollout

import (
	"slices"
	"time"
)

// BehaviorNow is the Behavior of rollouts and releases that begin now.
const BehaviorNow = 1

// Start is the input of a Rollout.
type Start struct {
	Rollout  string `json:"rollout"`
	Plan     Plan   `json:"plan"` // of a child: empty, it reads its plan from Document
	Document string `json:"document"`
	Actor    string `json:"actor,omitempty"`

	// Behavior is the version of the decisions that the rollout was begun with; histories of
	// an older one replay by it. 0 knows no automations.
	Behavior      int    `json:"behavior,omitempty"`
	StartingPhase string `json:"startingPhase,omitempty"` // earlier phases are SKIPPED; "" is the first
	RollbackOf    string `json:"rollbackOf,omitempty"`    // the rollout that this one rolls back
	Reason        string `json:"reason,omitempty"`
	// What the lane's permission to make the rollout went past: deploy policies that were overridden,
	// and suspended ones.
	Overridden []string `json:"overriddenDeployPolicies,omitempty"`
	Logged     []string `json:"suspendedDeployPolicies,omitempty"`

	// Of a child only: its controller's rollout and target, its own target, and the grant that begins it.
	Controller string `json:"controller,omitempty"`
	Parent     string `json:"parent,omitempty"`
	Target     string `json:"target,omitempty"`
	Grant      *Grant `json:"grant,omitempty"`
}

// Enqueue asks a lane for a rollout. It is repeated until the lane has it, and
// known by Release and Seq.
type Enqueue struct {
	Seq      int    `json:"seq"`
	Plan     Plan   `json:"plan"`
	Document string `json:"document"` // the release's document in the artifact store
	Actor    string `json:"actor,omitempty"`

	Automation    string `json:"automation,omitempty"` // the rule that promotes: "shop/promote/rule"
	StartingPhase string `json:"startingPhase,omitempty"`
	// Behavior is that of the release: a lane says less about the rollouts of an older one.
	Behavior int `json:"behavior,omitempty"`
}

// Acquire asks for the lane: a rollout that was approved at the tail of the queue, or a retry,
// an ignore or a restore of a FAILED rollout at its head.
type Acquire struct {
	Rollout string `json:"rollout"`
	Seq     int    `json:"seq"`
	Tail    bool   `json:"tail,omitempty"`
	Tidy    bool   `json:"tidy,omitempty"` // it is FAILED, and only takes its canary away
}

// Grant gives a rollout the lane, with what the lane has recorded.
type Grant struct {
	Seq         int     `json:"seq"`
	First       bool    `json:"first,omitempty"`       // no rollout has SUCCEEDED here yet
	Predecessor *Record `json:"predecessor,omitempty"` // the rollout that wrote last; nil before the first
}

// Close tells a FAILED rollout that a newer one has started on its lane.
type Close struct {
	Seq int    `json:"seq"`
	By  string `json:"by"` // the newer rollout
}

// Report tells a lane where a rollout stands: once when promotion begins, and at
// every end.
type Report struct {
	Rollout string `json:"rollout"`
	Seq     int    `json:"seq"`
	Record  Record `json:"record"`

	// Of a child, to its controller, and also at the end of each phase.
	Child    *ChildStatus `json:"child,omitempty"`
	ByItself bool         `json:"byItself,omitempty"` // its phases are skipped, and stable begins although nobody advances it
}

// RolledBack tells a rollout which one rolls it back, or why none does although its repair has
// asked for one.
type RolledBack struct {
	Seq     int    `json:"seq"`
	By      string `json:"by"`                // "" when it is refused
	Refused string `json:"refused,omitempty"` // why, for good; "" when it is not
}

// Follow tells a release where its rollout stands.
type Follow struct {
	Seq     int    `json:"seq"`
	Target  string `json:"target"`
	Rollout string `json:"rollout"`
	State   State  `json:"state"`

	// Each of these says something else than where Rollout stands: that its release is not current on
	// Target any more, because this one is; that a rollout rolls it back; why the lane refuses
	// what an automation asked for.
	Superseded   string `json:"superseded,omitempty"`
	RolledBackBy string `json:"rolledBackBy,omitempty"`
	Refused      string `json:"refused,omitempty"`
}

// Record is what a lane keeps of one rollout, for as long as it may be needed to
// go back to.
type Record struct {
	Rollout  string `json:"rollout"`
	Release  string `json:"release"`
	Digest   string `json:"digest,omitempty"`   // "" in the record of a child
	Document string `json:"document,omitempty"` // the release's document, never collected; "" in the record of a child
	State    State  `json:"state"`

	Revision       string `json:"revision,omitempty"`       // what the platform calls the release
	Stable         string `json:"stable,omitempty"`         // the revision that was stable when it started
	StableManifest string `json:"stableManifest,omitempty"` // digest of the manifest of what is stable now; "" if no rollout recorded it
	Mark           Mark   `json:"mark"`                     // what its last write left behind
	PromotionBegun bool   `json:"promotionBegun,omitempty"`
	Promoted       bool   `json:"promoted,omitempty"` // its revision became stable; not so where the last job was ignored
	Unsettled      bool   `json:"unsettled,omitempty"`
	Failure        string `json:"failure,omitempty"`

	Actor   string    `json:"actor,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Enqueued int  `json:"enqueued,omitempty"` // sequence number of the release's message
	Heard    int  `json:"heard,omitempty"`    // highest sequence number heard from the rollout
	Closed   bool `json:"closed,omitempty"`   // FAILED and told that a newer one has started

	Request       string    `json:"request,omitempty"`    // of the Create that asked for it
	Automation    string    `json:"automation,omitempty"` // the rule that made it
	Reason        string    `json:"reason,omitempty"`
	StartingPhase string    `json:"startingPhase,omitempty"`
	RollbackOf    string    `json:"rollbackOf,omitempty"`
	RolledBackBy  string    `json:"rolledBackBy,omitempty"`
	Head          bool      `json:"head,omitempty"`   // queues at the head: a rollback
	Queued        time.Time `json:"queued,omitzero"`  // when it queued first; zero while it waits for approval
	Started       time.Time `json:"started,omitzero"` // when it had the lane first
	Behavior      int       `json:"behavior,omitempty"`
	// Answer is what the lane answered to Request. Only Records have it.
	Answer *Created `json:"answer,omitempty"`
	// Tidy is set while the rollout has, or queues for, the lane only to take its canary away.
	Tidy bool `json:"tidy,omitempty"`

	// Children are the records of a controller's children by target. Only the records of
	// Succeeded and Last have them.
	Children map[string]Record `json:"children,omitempty"`
}

// Moved reports whether the rollout may have moved any traffic: it settled, or its
// promotion began. One of its children is enough, whichever comes first.
//
//workflowcheck:ignore
func (r Record) Moved() bool {
	for _, child := range r.Children {
		if child.Rollout != "" && child.Release == r.Release && child.Moved() {
			return true
		}
	}
	return len(r.Mark.Split) > 0 || r.PromotionBegun
}

// KeptRecords is how many rollouts a lane lists, besides those it must remember.
const KeptRecords = 20

// LaneStatus is the record of one pipeline on one target, and all of a lane's
// state: it goes through continue-as-new unchanged.
type LaneStatus struct {
	Pipeline string `json:"pipeline"`
	Target   string `json:"target"`

	Holder    string   `json:"holder,omitempty"`    // the rollout that has the lane
	Queue     []string `json:"queue,omitempty"`     // PENDING rollouts, next first
	Succeeded []Record `json:"succeeded,omitempty"` // of different releases, newest first: the stable one, and the newest that a rollback may go to
	Last      *Record  `json:"last,omitempty"`      // the rollout that wrote last
	Records   []Record `json:"records,omitempty"`   // the last 20 and every open one, newest first

	Sent int `json:"sent"` // sequence number of the last message sent

	Rejected []Record `json:"rejected,omitempty"` // releases that a person rolled back: not offered again until a newer release is made
	Notes    []string `json:"notes,omitempty"`    // the newest 20: Signals and automations that the lane refused, and why

	Unanswered []Unanswered `json:"unanswered,omitempty"` // Signals that are tried again, in the order they came
}

// Stable returns the newest rollout that SUCCEEDED, or nil.
func (s *LaneStatus) Stable() *Record {
	if len(s.Succeeded) == 0 {
		return nil
	}
	r := s.Succeeded[0]
	return &r
}

// Record returns the record of the named rollout, or nil.
func (s *LaneStatus) Record(name string) *Record {
	i := slices.IndexFunc(s.Records, func(r Record) bool { return r.Rollout == name })
	if i < 0 {
		return nil
	}
	return &s.Records[i]
}

// Number returns the first number that no kept rollout of the release has. An older
// one may have it: whoever starts a rollout asks Temporal and counts on.
func (s *LaneStatus) Number(release string) int {
	n := 1
	for s.Record(Name(release, s.Target, n)) != nil {
		n++
	}
	return n
}
