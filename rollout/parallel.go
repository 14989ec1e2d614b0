package rollout

import "fmt"

// Parallel makes a plan that of a controller rollout: it deploys nothing itself, and
// starts one child rollout for each child target. The phases of its plan have no jobs of
// their own; those of its status are one for each child.
type Parallel struct {
	Children      []Child `json:"children"`                // 1 to 100, in the order of the multi-target
	MaxConcurrent int     `json:"maxConcurrent,omitempty"` // children whose jobs run at the same time; 0 is all
	// FailureBudget is how many children may fail: above it no further wave starts, what runs is
	// terminated, and every child that is not promoted follows its onFailure. Nil is no
	// budget: nothing is stopped, and no wave starts after one with a failure.
	FailureBudget *int `json:"failureBudget,omitempty"`
}

// Child is one child target of a controller. Its plan is in the release's document.
type Child struct {
	Target string `json:"target"`
	Wave   int    `json:"wave,omitempty"` // from 0; in each phase a wave begins when the one before is done
}

// Waves returns the number of waves, at least 1.
func (p *Parallel) Waves() int {
	n := 1
	for _, c := range p.Children {
		n = max(n, c.Wave+1)
	}
	return n
}

// ChildStatus is what a controller knows of one child. State is "" before it is created.
type ChildStatus struct {
	Target     string     `json:"target"`
	Rollout    string     `json:"rollout,omitempty"`
	Wave       int        `json:"wave,omitempty"`
	State      State      `json:"state,omitempty"`
	Phase      string     `json:"phase,omitempty"` // the phase that it has begun last, or skipped
	PhaseState PhaseState `json:"phaseState,omitempty"`
	FailedJob  JobKind    `json:"failedJob,omitempty"` // of Phase
	Failure    string     `json:"failure,omitempty"`
	Promoted   bool       `json:"promoted,omitempty"` // its revision is stable
	Restored   bool       `json:"restored,omitempty"` // all traffic is back at its baseline
	Weight     *Weight    `json:"weight,omitempty"`   // the share given last; nil before the first shift
	Waiting    *Waiting   `json:"waiting,omitempty"`  // what it waits for by itself: a person, a worker, a window or a repair
}

// String is one line, such as "child prod-eu canary-25 SUCCEEDED 25%".
func (c ChildStatus) String() string {
	out := "child " + c.Target
	switch {
	case c.Phase != "":
		out += " " + c.Phase + " " + string(c.PhaseState)
	case c.State != "":
		out += " " + string(c.State)
	}
	if c.Weight != nil {
		out += fmt.Sprintf(" %d%%", *c.Weight)
	}
	if c.Failure != "" {
		out += ": " + c.Failure
	}
	return out
}

// Direction is what a controller tells a child, beside the grant that begins it. Of its
// orders one is set.
type Direction struct {
	Seq     int      `json:"seq"`
	Advance string   `json:"advance,omitempty"` // begin this phase
	Cancel  *Command `json:"cancel,omitempty"`
	Fail    string   `json:"fail,omitempty"` // end what runs as failed, for this reason; onFailure follows

	Pause  *Command `json:"pause,omitempty"` // nothing new begins until Resume
	Resume *Command `json:"resume,omitempty"`
}
