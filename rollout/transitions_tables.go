package rollout

import "slices"

// by returns the rows by which an event leads to a state, from each of the given ones.
func by[S ~string](event EventKind, to S, when string, from ...S) []Transition {
	rows := make([]Transition, len(from))
	for i, f := range from {
		rows[i] = Transition{From: string(f), Event: event, To: string(to), When: when}
	}
	return rows
}

// fails returns by for both events that fail a job.
func fails[S ~string](to S, when string, from ...S) []Transition {
	return append(by(EventJobFailed, to, when, from...), by(EventJobTerminated, to, when, from...)...)
}

// givenUp is why a deploy that was done fails all the same.
const givenUp = "a webhook asks to roll back; or a child: over the failure budget its controller gives it up"

func rolloutRows() []Transition {
	return slices.Concat(
		by(EventCreated, StatePendingApproval, "the plan has an approval", ""),
		by(EventCreated, StatePending, "otherwise; the release has been rendered before", ""),
		by(EventApproved, StatePending, "with the last approval that is needed", StatePendingApproval),
		by(EventWaiting, StatePending, "for the lane: a job is retried or ignored", StateFailed),
		by(EventGranted, StateInProgress, "", StatePending),
		by(EventGranted, StateInProgress, "a job is retried or ignored", StateFailed),
		by(EventHalted, StateHalted, "a controller: see its own table", StateInProgress),
		by(EventChild, StateInProgress, "a controller: a failed child is retried or ignored", StateHalted),
		by(EventFailed, StateFailed, "onFailure is done, and no repair is at work", StateInProgress),
		by(EventFailed, StateFailed, "a controller: see its own table", StateHalted),
		by(EventCancelling, StateCancelling, "", StatePendingApproval, StatePending, StateInProgress, StateFailed),
		by(EventCancelling, StateCancelling, "a controller", StateHalted),
		by(EventEnded, StateSucceeded, "the last phase is done", StateInProgress),
		by(EventEnded, StateApprovalRejected, "rejected, or the approval has expired", StatePendingApproval),
		by(EventEnded, StateCancelled, "what ran has ended", StateCancelling),
		by(EventEnded, StateFailed, "a newer rollout has started", StateFailed),
		by(EventEnded, StateFailed, "a newer rollout has started while a retry asked for the lane", StatePending),
		by(EventEnded, StateFailed, "a child that waits: its controller is closed", StateInProgress),
	)
}

func approvalRows() []Transition {
	return slices.Concat(
		by(EventCreated, ApprovalNotNeeded, "the plan has no approval", ""),
		by(EventCreated, ApprovalNeeded, "otherwise", ""),
		by(EventApproved, ApprovalGiven, "by as many actors as are needed", ApprovalNeeded),
		by(EventRejected, ApprovalRefused, "by one of the approvers, or the approval has expired", ApprovalNeeded),
	)
}

func phaseRows() []Transition {
	return slices.Concat(
		by(EventCreated, PhasePending, "", ""),
		by(EventSkipped, PhaseSkipped, "", PhasePending),
		by(EventJobStarted, PhaseInProgress, "", PhasePending),
		by(EventJobSucceeded, PhaseSucceeded, "every job is done", PhaseInProgress),
		by(EventIgnored, PhaseSucceeded, "every job is done", PhaseFailed),
		by(EventIgnored, PhasePending, "jobs remain", PhaseFailed),
		by(EventIgnored, PhasePending, "a later phase", PhaseAborted),
		by(EventRetried, PhasePending, "", PhaseFailed),
		by(EventRetried, PhasePending, "a later phase", PhaseAborted),
		fails(PhaseFailed, "a job of it", PhaseInProgress),
		fails(PhaseFailed, "before its first job, while the rollout prepares", PhasePending),
		by(EventSkipped, PhaseSucceeded, "its last job", PhaseInProgress),
		by(EventJobFailed, PhaseFailed, givenUp, PhaseSucceeded, PhaseSkipped),
		fails(PhaseAborted, "a job of an earlier phase", PhasePending),
		by(EventEnded, PhaseAborted, "the rollout is CANCELLED or APPROVAL_REJECTED", PhasePending, PhaseInProgress),
	)
}

func jobRows() []Transition {
	return slices.Concat(
		by(EventCreated, JobPending, "", ""),
		by(EventCreated, JobDisabled, "listed, but not configured", ""),
		by(EventSkipped, JobSkipped, "", JobPending),
		by(EventJobStarted, JobInProgress, "", JobPending),
		by(EventJobSucceeded, JobSucceeded, "", JobInProgress),
		fails(JobFailed, "", JobInProgress),
		fails(JobFailed, "before it, while the rollout prepares", JobPending),
		by(EventJobFailed, JobFailed, givenUp, JobSucceeded, JobIgnored, JobSkipped),
		fails(JobAborted, "a job before it", JobPending),
		by(EventIgnored, JobIgnored, "", JobFailed),
		by(EventIgnored, JobPending, "a later job", JobAborted),
		by(EventRetried, JobPending, "", JobFailed),
		by(EventRetried, JobPending, "a later job", JobAborted),
		by(EventIgnored, JobSkipped, "a later job, which would look at traffic that was restored", JobAborted),
		by(EventRetried, JobPending, "traffic was restored: every job of the phase", JobSucceeded, JobIgnored, JobSkipped),
		by(EventEnded, JobAborted, "the rollout is CANCELLED or APPROVAL_REJECTED", JobPending, JobInProgress),
	)
}

func runRows() []Transition {
	return slices.Concat(
		by(EventJobStarted, RunInProgress, "", ""),
		by(EventTerminating, RunTerminating, "", RunInProgress),
		by(EventJobSucceeded, RunSucceeded, "", RunInProgress, RunTerminating),
		by(EventJobFailed, RunFailed, "", RunInProgress, RunTerminating),
		by(EventJobTerminated, RunTerminated, "", RunInProgress, RunTerminating),
		by(EventEnded, RunTerminated, "the rollout is CANCELLED", RunInProgress, RunTerminating),
	)
}

func repairRows() []Transition {
	return slices.Concat(
		by(EventRepair, RepairInProgress, "a job has failed, and a rule matches", ""),
		by(EventRepair, RepairInProgress, "a later failure", RepairSucceeded, RepairFailed, RepairAborted),
		by(EventRepair, RepairSucceeded, "a retry has succeeded, or a rollback was made", RepairInProgress),
		by(EventRepair, RepairFailed, "no repair phase is left", RepairInProgress),
		by(EventRepair, RepairAborted, "a person has retried, ignored, terminated or cancelled", RepairInProgress),
	)
}

func controllerPhaseRows() []Transition {
	return slices.Concat(
		by(EventCreated, PhasePending, "", ""),
		by(EventSkipped, PhaseSkipped, "", PhasePending),
		by(EventChild, PhaseInProgress, "a child has begun it",
			PhasePending, PhaseSucceeded, PhaseFailed, PhaseAborted),
		by(EventChild, PhaseSucceeded, "every child is through", PhasePending, PhaseInProgress, PhaseFailed),
		by(EventChild, PhasePending, "the children that began it skip it, and others have yet to begin it", PhaseInProgress),
		by(EventChild, PhaseSkipped, "every child skips it", PhasePending, PhaseInProgress, PhaseFailed),
		by(EventChild, PhaseFailed, "a child has failed, and none is in it or has yet to begin it",
			PhasePending, PhaseInProgress, PhaseSucceeded, PhaseSkipped, PhaseAborted),
		by(EventFailed, PhaseFailed, "children have failed in it", PhaseInProgress),
		by(EventFailed, PhaseAborted, "no child has begun it", PhasePending),
		by(EventGranted, PhasePending, "a failed child is retried or ignored", PhaseFailed, PhaseAborted),
		by(EventEnded, PhaseAborted, "the rollout is CANCELLED or APPROVAL_REJECTED", PhasePending, PhaseInProgress),
	)
}

func controllerJobRows() []Transition {
	return slices.Concat(
		by(EventCreated, JobPending, "", ""),
		by(EventSkipped, JobSkipped, "", JobPending),
		by(EventChild, JobInProgress, "the child has begun the phase",
			JobPending, JobSucceeded, JobFailed, JobAborted),
		by(EventChild, JobSucceeded, "", JobPending, JobInProgress, JobFailed, JobAborted),
		by(EventChild, JobSkipped, "", JobPending, JobInProgress, JobFailed),
		by(EventChild, JobFailed, "", JobPending, JobInProgress, JobSucceeded, JobSkipped, JobAborted),
		by(EventChild, JobAborted, "the child is CANCELLED", JobPending, JobInProgress, JobFailed, JobSucceeded),
		by(EventFailed, JobAborted, "the child has not come through the phase", JobPending, JobInProgress),
		by(EventGranted, JobPending, "a failed child is retried or ignored", JobAborted),
		by(EventEnded, JobAborted, "the rollout is CANCELLED or APPROVAL_REJECTED", JobPending, JobInProgress),
	)
}
