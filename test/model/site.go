// Package model is a reference model of rollouts, their lanes and their releases, written
// from the rules and not from the code, and the tests that hold the code to it: whatever
// people, automations, platforms and crashes do, both must end up in the same states.
package model

import (
	"time"

	"github.com/serin-dev/serin/rollout"
)

// Site is what is configured: one pipeline with two stages, dev and prod. Its automations and its
// deploy policy can be suspended, opened and closed while releases run.
type Site struct {
	Google, Hold bool             // the API version, which decides the first rollout; onFailure
	Approvals    int              // that prod needs, of ann, bob and cat; 0 is none
	Expire       time.Duration    // of an approval; 0 is never
	Soak         time.Duration    // before the plan advances on dev by itself; 0 leaves it to people
	Rule         time.Duration    // the same on prod, by an automation
	Repair       []rollout.Repair // of a job that fails on dev
	Promote      time.Duration    // before an automation promotes from dev to prod; 0 is never
}

// Op is one thing that somebody does, After the one before. Do is a command of a rollout or a lane, or
// one of happens.
type Op struct {
	After   time.Duration
	Do      string
	On      string // a rollout, a target or a release
	Phase   string
	Actor   string
	Digest  string
	Release string // that a rollback names, or that is promoted
	For     time.Duration

	Restore, Accept, Stop, Override bool

	Signal bool // it is sent as a Signal, which nobody answers
	Twice  bool // two people send it in the same second
}

// Split is the percentage of each release. Nobody's is nil.
type Split map[string]int

// Phase is a phase with its only job.
type Phase struct {
	ID     string
	Weight int
	State  rollout.PhaseState
	Job    rollout.JobState
}

// revision is what the platform makes of a release.
type revision struct {
	ready, starting bool
	failed          int // the highest attempt that has failed; 0 is none
}

// quiet is how long everything takes that a command sets off, retries after a crash included. No
// command is given, and no timer ends, this close to another.
const quiet = 20 * time.Second

func targets() []string { return []string{dev, prod} }

// The two stages.
const (
	dev  = "dev"
	prod = "prod"
)

func phasesOf(target string) []Phase {
	weights := map[string][]Phase{
		dev:  {{ID: "canary-25", Weight: 25}, {ID: rollout.StablePhase, Weight: 100}},
		prod: {{ID: "canary-25", Weight: 25}, {ID: "canary-50", Weight: 50}, {ID: rollout.StablePhase, Weight: 100}},
	}[target]
	for i := range weights {
		weights[i].State, weights[i].Job = rollout.PhasePending, rollout.JobPending
	}
	return weights
}

func digest(of string) string { return rollout.Digest([]byte(of)) }

// Model is the whole world: what is configured now, what the platform does, and who has come how far.
type Model struct {
	Site
	Now             time.Time
	Lanes           []*Lane
	Releases        []*Release
	Suspended, Idle bool            // the pipeline; its automations
	Closed          time.Time       // until then the deploy policy forbids everything
	fired           time.Time       // when something happened by itself last
	tied            bool            // two things did so at once, and either may have been first
	Held, Failing   map[string]bool // by release: what is deployed does not get ready, or fails
}

// Release is a release on its way from dev to prod.
type Release struct {
	Name      string
	Abandoned bool
	Over      bool      // it is on its last stage
	Due       time.Time // when the automation promotes it; zero is never

	behind int // how many had become stable on its first stage when it last SUCCEEDED there
}

// Lane is the queue and the record of one target, and the target itself.
type Lane struct {
	*Model
	Target   string
	Holder   *Rollout
	Queue    []*Rollout
	Rollouts []*Rollout          // oldest first
	Rejected map[string]*Rollout // releases that a person rolled back, and by what
	Split    Split
	last     *Rollout   // that wrote last
	stable   []*Rollout // whose releases became stable, oldest first
	platform map[string]revision
	clock    int // counts what has an order
}

// Rollout is one release to one target.
type Rollout struct {
	*Lane
	Name, Release string
	State         rollout.State
	Phases        []Phase
	Waits         rollout.WaitFor
	Paused        bool
	Votes         []string
	Closed        bool // FAILED, and a newer one has started

	created, wake                           time.Time // wake: when it goes on by itself
	started, queued                         int       // by the lane's clock; 0 is not yet
	rollbackOf                              *Rollout
	base                                    string // the release that was stable before
	mark                                    Split  // what its last write left behind
	prepared, promoting, promoted, restored bool
	asked, accepted, running                bool
	from, advanced, looked                  string // phases
	auto                                    string // what advances to looked: "plan", "rule" or nobody
	due                                     time.Time
	cancel                                  *Op
	retries, measure, tries                 int  // measure: the index of the repair phase, and its tries
	mends, repairing, rollsBack             bool // a repair is at work; it waits for an attempt; a rollback is left to do
}
