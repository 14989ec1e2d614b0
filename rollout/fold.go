package rollout

import "time"

// Apply folds e into s and numbers it. It never fails: an event about a phase or
// a job that the plan does not have changes only the list of events.
func (s *Status) Apply(e Event) {
	e.Seq = 1
	if n := len(s.Events); n > 0 {
		e.Seq = s.Events[n-1].Seq + 1
	}
	s.Events = append(s.Events, e)
	if n := len(s.Events); n > maxEvents {
		s.Events = append([]Event(nil), s.Events[n-maxEvents:]...)
	}
	change := folds()[e.Kind]
	if change == nil {
		change = commandFolds()[e.Kind]
	}
	if change != nil {
		change(s, e)
	}
}

// folds says what each kind of event changes. A refused command changes nothing.
func folds() map[EventKind]func(*Status, Event) {
	return map[EventKind]func(*Status, Event){
		EventCreated:  (*Status).created,
		EventGranted:  (*Status).granted,
		EventWaiting:  (*Status).wait,
		EventAdvanced: func(s *Status, _ Event) { s.Waiting = nil },
		EventResumed:  (*Status).resumed,
		EventCancelling: func(s *Status, e Event) {
			if s.enter(e, StateCancelling) {
				s.Waiting = nil
			}
		},
		EventFailed: (*Status).failed,
		EventEnded:  (*Status).ended,

		EventBaseline: func(s *Status, e Event) { s.Split, s.Baseline, s.URL = e.Split, e.Digest, e.URL },
		EventSettled:  func(s *Status, e Event) { s.Split, s.Stable = e.Split, e.Revision },
		EventSkipped:  (*Status).skip,
		EventShifted:  (*Status).shift,
		EventRestored: func(s *Status, e Event) {
			s.Split, s.Restored, s.Unsettled, s.Weight = e.Split, true, false, new(Weight)
		},
		EventRestoreFailed: func(s *Status, e Event) { s.Failure += "; restore: " + e.Note },

		EventJobStarted:    (*Status).jobStarted,
		EventJobSucceeded:  (*Status).jobSucceeded,
		EventJudged:        func(s *Status, e Event) { s.Job(e.Phase, e.Job).found(e.Outcome) },
		EventTerminating:   func(s *Status, e Event) { s.Job(e.Phase, e.Job).endRun(RunTerminating, "") },
		EventJobFailed:     func(s *Status, e Event) { s.jobFailed(e, RunFailed) },
		EventJobTerminated: func(s *Status, e Event) { s.jobFailed(e, RunTerminated) },
		EventRetried:       (*Status).retried,
		EventIgnored:       (*Status).ignored,
		EventRefused:       func(*Status, Event) {},
	}
}

func (s *Status) created(e Event) {
	s.Created, s.Waiting = e.Time, e.Waiting
	if e.Waiting != nil && e.Waiting.For == WaitApproval {
		s.Approval.Expires = e.Waiting.Until
	}
}

// resumed ends a pause and what a person, or a worker, was asked for. A timer that runs goes on,
// and so does a halt. What is resumed in a phase is no pause: a server that answers again.
func (s *Status) resumed(e Event) {
	if e.Phase == "" {
		s.Paused = false
	}
	if s.State == StateHalted || s.Waiting == nil {
		return
	}
	switch s.Waiting.For {
	case WaitPerson, WaitWorker, WaitMetrics:
		s.Waiting = nil
	case WaitAdvance, WaitApproval, WaitLane, WaitWindow, WaitTimer:
	}
}

func (s *Status) granted(e Event) {
	if s.State != StateCancelling && !s.enter(e, StateInProgress) {
		return
	}
	s.Waiting, s.Failure, s.Ended = nil, "", time.Time{}
	if s.Started.IsZero() {
		s.Started = e.Time
	}
	if len(s.Children) > 0 {
		s.revive(0)
	}
}

func (s *Status) wait(e Event) {
	if s.State.Final() {
		return
	}
	s.Waiting = e.Waiting
	if e.Waiting != nil && e.Waiting.For == WaitLane {
		s.enter(e, StatePending)
	}
}

// failed keeps the time of end until a retry is granted the lane.
func (s *Status) failed(e Event) {
	if !s.enter(e, StateFailed) {
		return
	}
	s.Waiting, s.Ended = nil, e.Time
	if len(s.Children) > 0 {
		s.failedChildren(e)
	}
}

func (s *Status) ended(e Event) {
	if !s.enter(e, e.State) {
		return
	}
	s.Waiting, s.Ended = nil, e.Time
	if e.State == StateCancelled || e.State == StateApprovalRejected {
		s.abortPhases(0, e.Time)
	}
}

// skip skips a phase, or only a job of it that nothing is to be found out by.
func (s *Status) skip(e Event) {
	ph, _ := s.Phase(e.Phase)
	if ph == nil {
		return
	}
	if e.Job != "" {
		if job := s.Job(e.Phase, e.Job); job != nil && job.State == JobPending {
			job.State, job.Skip = JobSkipped, e.Note
			s.finish(ph, e.Time)
		}
		return
	}
	ph.State, ph.Skip = PhaseSkipped, e.Note
	for i := range ph.Jobs {
		if ph.Jobs[i].State == JobPending {
			ph.Jobs[i].State, ph.Jobs[i].Skip = JobSkipped, e.Note
		}
	}
}

// shift records what the platform accepted. Until the release is promoted, any
// share of it is something that the next rollout has to settle.
func (s *Status) shift(e Event) {
	s.Weight, s.Split, s.Revision = e.Weight, e.Split, e.Revision
	if e.URL != "" {
		s.URL = e.URL
	}
	ph, _ := s.Phase(e.Phase)
	if ph == nil {
		return
	}
	ph.Assumed = e.Assumed
	if !ph.Custom && !e.Assumed {
		w := e.Split.Of(e.Revision)
		ph.Observed = &w
	}
	s.Unsettled, s.Restored = ph.ID != StablePhase, false
}

func (s *Status) jobStarted(e Event) {
	ph, _ := s.Phase(e.Phase)
	job := s.Job(e.Phase, e.Job)
	if job == nil {
		return
	}
	s.Waiting = nil
	job.State, job.Started, job.Ended = JobInProgress, e.Time, time.Time{}
	job.Run = &JobRun{Attempt: e.Attempt, State: RunInProgress}
	if ph.State != PhaseInProgress {
		ph.State, ph.Started, ph.Ended = PhaseInProgress, e.Time, time.Time{}
	}
	if e.Job == JobDeploy { // no other job writes to what serves
		// From here on the platform may hold a revision, a tag or a weight of ours.
		s.Unsettled, s.Restored = true, false
		s.PromotionBegun = s.PromotionBegun || ph.ID == StablePhase
	}
}

func (s *Status) jobSucceeded(e Event) {
	ph, _ := s.Phase(e.Phase)
	job := s.Job(e.Phase, e.Job)
	if job == nil {
		return
	}
	s.Waiting = nil
	job.found(e.Outcome)
	job.State, job.Ended = JobSucceeded, e.Time
	job.endRun(RunSucceeded, "")
	s.finish(ph, e.Time)
}

// jobFailed lets a failure run on: later jobs of the phase and later phases are
// ABORTED, the phase FAILED. The rollout is FAILED once onFailure has been done.
func (s *Status) jobFailed(e Event, run RunState) {
	ph, i := s.Phase(e.Phase)
	job := s.Job(e.Phase, e.Job)
	if job == nil {
		return
	}
	job.found(e.Outcome)
	job.State, job.Ended = JobFailed, e.Time
	job.endRun(run, e.Note)
	ph.State, ph.Ended = PhaseFailed, e.Time
	ph.abort()
	s.abortPhases(i+1, e.Time)
	s.Waiting, s.Failure = nil, e.Note
}

func (s *Status) retried(e Event) {
	ph, i := s.Phase(e.Phase)
	job := s.Job(e.Phase, e.Job)
	if job == nil {
		return
	}
	s.revive(i)
	job.State = JobPending
	if s.Restored { // nothing of the phase is left on the platform
		ph.reset()
	}
}

func (s *Status) ignored(e Event) {
	ph, i := s.Phase(e.Phase)
	job := s.Job(e.Phase, e.Job)
	if job == nil {
		return
	}
	s.revive(i)
	job.State = JobIgnored
	if s.Restored {
		ph.skipUnserved()
	}
	s.finish(ph, e.Time)
}

// finish makes a phase SUCCEEDED once each of its jobs is done.
func (s *Status) finish(ph *PhaseStatus, now time.Time) {
	for _, j := range ph.Jobs {
		switch j.State {
		case JobSucceeded, JobIgnored, JobSkipped, JobDisabled:
		case JobPending, JobInProgress, JobFailed, JobAborted:
			return
		}
	}
	ph.State, ph.Ended = PhaseSucceeded, now
}

// abortPhases aborts every phase from index i on that has not ended.
func (s *Status) abortPhases(i int, now time.Time) {
	for ; i < len(s.Phases); i++ {
		ph := &s.Phases[i]
		if ph.State == PhasePending || ph.State == PhaseInProgress {
			ph.State, ph.Ended = PhaseAborted, now
			ph.abort()
		}
	}
}

// revive makes the failed phase i and what was aborted because of it PENDING again.
func (s *Status) revive(i int) {
	s.Waiting, s.Failure = nil, ""
	for ; i < len(s.Phases); i++ {
		ph := &s.Phases[i]
		if ph.State != PhaseFailed && ph.State != PhaseAborted {
			continue
		}
		ph.State, ph.Ended = PhasePending, time.Time{}
		for k := range ph.Jobs {
			if ph.Jobs[k].State == JobAborted {
				ph.Jobs[k].State = JobPending
			}
		}
	}
}
