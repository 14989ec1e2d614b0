package rollout

import (
	"slices"
	"time"
)

// maxEvents bounds the events that a status keeps; older ones are in the
// workflow's history. 100 attempts of a job fit several times.
const maxEvents = 500

// Status is what is known of a rollout: a pure fold of its events.
type Status struct {
	Rollout  string        `json:"rollout"` // "v2-to-prod-0002"
	Pipeline string        `json:"pipeline"`
	Release  string        `json:"release"`
	Digest   string        `json:"digest"`
	Target   string        `json:"target"`
	State    State         `json:"state"`
	Waiting  *Waiting      `json:"waiting,omitempty"`
	Phases   []PhaseStatus `json:"phases"`

	Weight   *Weight `json:"weight,omitempty"` // the share given last; nil before the first shift
	Split    Split   `json:"split,omitempty"`  // as last observed
	Stable   string  `json:"stable,omitempty"` // the revision that receives what the release does not
	Revision string  `json:"revision,omitempty"`
	URL      string  `json:"url,omitempty"`

	Baseline       string `json:"baseline,omitempty"`       // digest of the stored baseline
	PromotionBegun bool   `json:"promotionBegun,omitempty"` // no command moves traffic back any more
	Unsettled      bool   `json:"unsettled,omitempty"`      // a weight or a canary is left behind
	Restored       bool   `json:"restored,omitempty"`
	Failure        string `json:"failure,omitempty"`

	Approval      ApprovalStatus `json:"approval"`
	StartingPhase string         `json:"startingPhase,omitempty"`
	RollbackOf    string         `json:"rollbackOfRollout,omitempty"`
	RolledBackBy  []string       `json:"rolledBackByRollouts,omitempty"`
	Repair        *RepairStatus  `json:"repair,omitempty"` // the latest
	Paused        bool           `json:"paused,omitempty"` // nothing begins until somebody resumes it
	Controller    string         `json:"controllerRollout,omitempty"`
	Children      []ChildStatus  `json:"children,omitempty"` // of a controller, in the order of its plan

	Created time.Time `json:"created,omitzero"`
	Started time.Time `json:"started,omitzero"` // when the lane was granted first
	Ended   time.Time `json:"ended,omitzero"`
	Events  []Event   `json:"events"` // the newest 500
}

// PhaseStatus is what is known of one phase.
type PhaseStatus struct {
	ID       string      `json:"id"`
	Weight   Weight      `json:"weight"` // requested
	Custom   bool        `json:"custom,omitempty"`
	Observed *Weight     `json:"observed,omitempty"` // accepted by the platform; nil: not observed
	Assumed  bool        `json:"assumed,omitempty"`  // Weight was written, and nothing tells whether it is served
	State    PhaseState  `json:"state"`
	Skip     string      `json:"skipMessage,omitempty"`
	Jobs     []JobStatus `json:"jobs"`
	Started  time.Time   `json:"started,omitzero"`
	Ended    time.Time   `json:"ended,omitzero"`
}

// JobStatus is what is known of one job; Run is its latest job run.
type JobStatus struct {
	ID      JobKind   `json:"id"`
	Child   string    `json:"child,omitempty"` // the child target that a controller's job is for
	State   JobState  `json:"state"`
	Skip    string    `json:"skipMessage,omitempty"`
	Run     *JobRun   `json:"jobRun,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}

// JobRun is one attempt of a job.
type JobRun struct {
	Attempt int      `json:"attempt"` // from 1
	State   RunState `json:"state"`
	Failure string   `json:"failureMessage,omitempty"`
	Outcome *Outcome `json:"outcome,omitempty"` // nil: it has found nothing yet, or is a deploy job's
}

// NewStatus returns the status of a rollout before its first event.
func NewStatus(id string, p Plan) Status {
	s := Status{
		Rollout: id, Pipeline: p.Pipeline, Release: p.Release, Digest: p.Digest, Target: p.Target.Name,
		State: StatePending, Approval: ApprovalStatus{State: ApprovalNotNeeded},
	}
	if p.Approval != nil {
		s.State, s.Approval = StatePendingApproval, ApprovalStatus{State: ApprovalNeeded, Needs: max(1, p.Approval.MinApprovals)}
	}
	if p.Parallel != nil {
		s.Children = p.Parallel.statuses()
	}
	for i, ph := range p.Phases {
		ps := PhaseStatus{ID: ph.ID, Weight: ph.Weight, Custom: ph.Custom, State: PhasePending}
		for _, j := range ph.Jobs {
			js := JobStatus{ID: j.ID, State: JobPending}
			if j.Disabled {
				js.State = JobDisabled
			}
			ps.Jobs = append(ps.Jobs, js)
		}
		if p.Parallel != nil {
			ps.Jobs = p.Parallel.jobs(i)
		}
		s.Phases = append(s.Phases, ps)
	}
	return s
}

// Phase returns the phase with the given id and its index, or nil and -1.
func (s *Status) Phase(id string) (*PhaseStatus, int) {
	for i := range s.Phases {
		if s.Phases[i].ID == id {
			return &s.Phases[i], i
		}
	}
	return nil, -1
}

// Job returns the job of the given phase, or nil.
func (s *Status) Job(phase string, id JobKind) *JobStatus {
	ph, _ := s.Phase(phase)
	if ph == nil {
		return nil
	}
	for i := range ph.Jobs {
		if ph.Jobs[i].ID == id {
			return &ph.Jobs[i]
		}
	}
	return nil
}

// ChildJob returns a controller's job of the given phase for a child target, or nil.
func (s *Status) ChildJob(phase, target string) *JobStatus {
	ph, _ := s.Phase(phase)
	if ph == nil {
		return nil
	}
	for i := range ph.Jobs {
		if ph.Jobs[i].Child == target {
			return &ph.Jobs[i]
		}
	}
	return nil
}

// NextPhase returns the first PENDING phase and its index, or nil and -1.
func (s *Status) NextPhase() (*PhaseStatus, int) {
	for i := range s.Phases {
		if s.Phases[i].State == PhasePending {
			return &s.Phases[i], i
		}
	}
	return nil, -1
}

// FailedJob returns the failed job that a retry would name, with its phase.
func (s *Status) FailedJob() (phase string, job JobKind, ok bool) {
	for _, ph := range s.Phases {
		for _, j := range ph.Jobs {
			if j.State == JobFailed {
				return ph.ID, j.ID, true
			}
		}
	}
	return "", "", false
}

// Clone returns a copy that shares nothing that Apply writes to.
func (s Status) Clone() Status {
	s.Events = slices.Clone(s.Events)
	s.Children = slices.Clone(s.Children)
	s.Approval.Votes = slices.Clone(s.Approval.Votes)
	s.RolledBackBy = slices.Clone(s.RolledBackBy)
	s.Phases = slices.Clone(s.Phases)
	for i := range s.Phases {
		s.Phases[i].Jobs = slices.Clone(s.Phases[i].Jobs)
		for k, j := range s.Phases[i].Jobs {
			if j.Run != nil {
				run := *j.Run
				s.Phases[i].Jobs[k].Run = &run
			}
		}
	}
	return s
}
