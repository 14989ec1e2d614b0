package rollout

import "time"

// Approval says what a rollout needs before it may queue for its lane. A plan without
// one needs none.
type Approval struct {
	ExpireAfter  time.Duration `json:"expireAfter,omitempty"` // since the rollout was made; 0 is never
	Approvers    []string      `json:"approvers,omitempty"`   // whose approval counts; empty is anybody's
	MinApprovals int           `json:"minApprovals"`          // of different actors; at least 1
}

// ApprovalState is Cloud Deploy's approvalState of a rollout.
type ApprovalState string

// The states of an approval.
const (
	ApprovalNotNeeded ApprovalState = "DOES_NOT_NEED_APPROVAL"
	ApprovalNeeded    ApprovalState = "NEEDS_APPROVAL"
	ApprovalGiven     ApprovalState = "APPROVED"
	ApprovalRefused   ApprovalState = "REJECTED"
)

// Vote is one person's approval, or the rejection that ended it.
type Vote struct {
	Actor    string    `json:"actor"`
	Reason   string    `json:"reason,omitempty"`
	Rejected bool      `json:"rejected,omitempty"`
	Time     time.Time `json:"time"`
}

// ApprovalStatus is how far the approval of a rollout has come.
type ApprovalStatus struct {
	State   ApprovalState `json:"state"`
	Needs   int           `json:"needs,omitempty"` // votes of different actors
	Votes   []Vote        `json:"votes,omitempty"`
	Expires time.Time     `json:"expires,omitzero"` // zero: never
}

// Voted reports whether actor has approved already.
func (a ApprovalStatus) Voted(actor string) bool {
	for _, v := range a.Votes {
		if v.Actor == actor && !v.Rejected {
			return true
		}
	}
	return false
}
