package rollout

// abort aborts the jobs that have not ended. One in progress is there only when the
// rollout was cancelled while a person was asked.
func (ph *PhaseStatus) abort() {
	for k := range ph.Jobs {
		j := &ph.Jobs[k]
		switch j.State {
		case JobInProgress:
			j.endRun(RunTerminated, "")
			j.State = JobAborted
		case JobPending:
			j.State = JobAborted
		case JobDisabled, JobSucceeded, JobFailed, JobAborted, JobSkipped, JobIgnored:
		}
	}
}

func (ph *PhaseStatus) reset() {
	for k := range ph.Jobs {
		if ph.Jobs[k].State != JobDisabled {
			ph.Jobs[k].State = JobPending
		}
	}
}

// skipUnserved skips what would look at the traffic of a deploy that was taken away again: an
// ignored job shifts nothing.
func (ph *PhaseStatus) skipUnserved() {
	undone := false
	for k := range ph.Jobs {
		j := &ph.Jobs[k]
		if undone && j.State == JobPending {
			j.State, j.Skip = JobSkipped, "traffic was restored"
		}
		undone = undone || (j.ID == JobDeploy && j.State.Done())
	}
}

// found keeps what the job's latest run has found.
func (j *JobStatus) found(o *Outcome) {
	if j != nil && j.Run != nil && o != nil {
		j.Run.Outcome = o
	}
}

func (j *JobStatus) endRun(state RunState, failure string) {
	if j != nil && j.Run != nil && (j.Run.State == RunInProgress || j.Run.State == RunTerminating) {
		j.Run.State, j.Run.Failure = state, failure
	}
}
