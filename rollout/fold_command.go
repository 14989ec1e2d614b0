package rollout

import "time"

// commandFolds says what people, policies and automations change.
func commandFolds() map[EventKind]func(*Status, Event) {
	return map[EventKind]func(*Status, Event){
		EventApproved:   (*Status).approved,
		EventRejected:   (*Status).rejected,
		EventPaused:     func(s *Status, _ Event) { s.Paused = true },
		EventRepair:     func(s *Status, e Event) { s.Repair, s.Waiting = e.Repair, nil },
		EventRolledBack: func(s *Status, e Event) { s.RolledBackBy = append(s.RolledBackBy, e.Note) },
		EventOverridden: func(*Status, Event) {},
		EventPolicy:     func(*Status, Event) {},
		EventAutomation: func(*Status, Event) {},
		EventChild:      (*Status).childChanged,
		EventHalted: func(s *Status, e Event) {
			if s.enter(e, StateHalted) {
				s.Waiting, s.Failure = nil, e.Note
			}
		},
	}
}

func (s *Status) approved(e Event) {
	if s.Approval.State != ApprovalNeeded {
		return
	}
	s.Approval.Votes = append(s.Approval.Votes, Vote{Actor: e.Actor, Reason: e.Reason, Time: e.Time})
	if len(s.Approval.Votes) >= s.Approval.Needs {
		s.Approval.State = ApprovalGiven
		s.enter(e, StatePending)
	}
}

// rejected ends the approval: by a person, or by nobody in time, which is no vote.
func (s *Status) rejected(e Event) {
	if s.Approval.State != ApprovalNeeded {
		return
	}
	s.Approval.State, s.Failure = ApprovalRefused, e.Note
	if e.Note == "" {
		s.Approval.Votes = append(s.Approval.Votes, Vote{Actor: e.Actor, Reason: e.Reason, Rejected: true, Time: e.Time})
		s.Failure = e.String()
	}
}

// childChanged takes over what a child says of itself, and brings the controller's phases up to
// date: the job of a phase is for the child what the child's phase is.
func (s *Status) childChanged(e Event) {
	if e.Child == nil {
		return
	}
	for i := range s.Children {
		if s.Children[i].Target == e.Child.Target {
			s.Children[i] = *e.Child
		}
	}
	if s.State == StateHalted && e.Child.PhaseState == PhaseInProgress && s.enter(e, StateInProgress) { // a failed child was revived
		s.Waiting, s.Failure = nil, ""
	}
	if w := s.Waiting; w != nil && w.Child != "" {
		s.Waiting = nil // if it still waits, it is said again
	}
	s.PromotionBegun = s.PromotionBegun || (e.Child.Phase == StablePhase && e.Child.PhaseState != PhasePending)
	s.followChild(e)
}

func (s *Status) followChild(e Event) {
	_, at := s.Phase(e.Child.Phase)
	for i := 0; i <= at; i++ {
		ph := &s.Phases[i]
		for k := range ph.Jobs {
			if j := &ph.Jobs[k]; j.Child == e.Child.Target {
				j.follow(*e.Child, i < at, e.Time)
			}
		}
		ph.derive(e.Time)
	}
}

// failedChildren ends the phases of a controller that has FAILED: what has not begun does not.
func (s *Status) failedChildren(e Event) {
	for i := range s.Phases {
		ph := &s.Phases[i]
		if ph.State == PhaseInProgress {
			ph.State, ph.Ended = PhaseFailed, e.Time
			ph.abort()
		}
	}
	s.abortPhases(0, e.Time)
	s.Failure = e.Note
}

// follow makes the job what the child's phase is; passed, the child is beyond it.
func (j *JobStatus) follow(c ChildStatus, passed bool, now time.Time) {
	state := map[PhaseState]JobState{
		PhasePending: JobPending, PhaseInProgress: JobInProgress, PhaseSucceeded: JobSucceeded,
		PhaseFailed: JobFailed, PhaseAborted: JobAborted, PhaseSkipped: JobSkipped,
	}[c.PhaseState]
	if passed {
		if j.State == JobSucceeded || j.State == JobSkipped || j.State == JobIgnored {
			return
		}
		state = JobSucceeded
		if c.PhaseState == PhaseSkipped {
			state = JobSkipped
		}
	}
	if state == j.State {
		return
	}
	switch j.State = state; state {
	case JobInProgress:
		j.Started, j.Ended = now, time.Time{}
	case JobSucceeded, JobFailed, JobAborted, JobSkipped, JobIgnored:
		j.Ended = now
	case JobPending, JobDisabled:
	}
}

// derive makes a controller's phase what its jobs are.
func (ph *PhaseStatus) derive(now time.Time) {
	state := ph.ofJobs()
	if state == ph.State {
		return
	}
	ph.State, ph.Ended = state, time.Time{}
	if ph.Started.IsZero() {
		ph.Started = now
	}
	if state.Done() || state == PhaseFailed {
		ph.Ended = now
	}
}

// ofJobs is the state that a controller's phase has by its jobs.
func (ph *PhaseStatus) ofJobs() PhaseState {
	count := map[JobState]int{}
	for _, j := range ph.Jobs {
		count[j.State]++
	}
	pending, skipped, all := count[JobPending], count[JobSkipped], len(ph.Jobs)
	switch {
	case pending > 0 && pending+skipped == all:
		return PhasePending
	case skipped == all:
		return PhaseSkipped
	case count[JobSucceeded]+skipped+count[JobIgnored] == all:
		return PhaseSucceeded
	case count[JobInProgress]+pending == 0 && count[JobFailed]+count[JobAborted] > 0:
		return PhaseFailed
	}
	return PhaseInProgress
}

// jobs returns the jobs that a controller's phase has: one for each child.
func (p *Parallel) jobs(phase int) []JobStatus {
	kind := JobAdvanceChild
	if phase == 0 {
		kind = JobCreateChild
	}
	jobs := make([]JobStatus, len(p.Children))
	for i, c := range p.Children {
		jobs[i] = JobStatus{ID: kind, Child: c.Target, State: JobPending}
	}
	return jobs
}

func (p *Parallel) statuses() []ChildStatus {
	children := make([]ChildStatus, len(p.Children))
	for i, c := range p.Children {
		children[i] = ChildStatus{Target: c.Target, Wave: c.Wave}
	}
	return children
}
