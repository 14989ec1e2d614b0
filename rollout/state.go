package rollout

// State is the state of a rollout, exactly those of Cloud Deploy. What an
// IN_PROGRESS rollout waits for is Status.Waiting, not a state of its own.
type State string

// The states of a rollout.
const (
	StatePendingRelease   State = "PENDING_RELEASE"
	StatePendingApproval  State = "PENDING_APPROVAL"
	StatePending          State = "PENDING" // queued on its lane
	StateInProgress       State = "IN_PROGRESS"
	StateHalted           State = "HALTED"
	StateCancelling       State = "CANCELLING"
	StateSucceeded        State = "SUCCEEDED"
	StateFailed           State = "FAILED" // revived by retryJob and ignoreJob
	StateApprovalRejected State = "APPROVAL_REJECTED"
	StateCancelled        State = "CANCELLED"
)

// Final reports whether no command leads out of s. FAILED is not final: a retry
// revives it until a newer rollout starts on the lane.
func (s State) Final() bool {
	return s == StateSucceeded || s == StateCancelled || s == StateApprovalRejected
}

// HoldsLane reports whether a rollout in state s keeps every other off its lane.
func (s State) HoldsLane() bool {
	return s == StateInProgress || s == StateHalted || s == StateCancelling
}

// PhaseState is the state of one phase.
type PhaseState string

// The states of a phase.
const (
	PhasePending    PhaseState = "PENDING" // waits for an earlier phase or for an advance
	PhaseInProgress PhaseState = "IN_PROGRESS"
	PhaseSucceeded  PhaseState = "SUCCEEDED"
	PhaseFailed     PhaseState = "FAILED"
	PhaseAborted    PhaseState = "ABORTED" // an earlier phase failed, or the rollout was cancelled
	PhaseSkipped    PhaseState = "SKIPPED"
)

// Done reports whether the next phase may follow.
func (s PhaseState) Done() bool { return s == PhaseSucceeded || s == PhaseSkipped }

// JobState is the state of one job: that of its latest job run, or why it has none.
type JobState string

// The states of a job.
const (
	JobPending    JobState = "PENDING"
	JobDisabled   JobState = "DISABLED" // listed, but not configured
	JobInProgress JobState = "IN_PROGRESS"
	JobSucceeded  JobState = "SUCCEEDED"
	JobFailed     JobState = "FAILED"
	JobAborted    JobState = "ABORTED"
	JobSkipped    JobState = "SKIPPED"
	JobIgnored    JobState = "IGNORED"
)

// Done reports whether what follows the job may begin.
func (s JobState) Done() bool {
	return s == JobSucceeded || s == JobIgnored || s == JobSkipped || s == JobDisabled
}

// RunState is the state of one job run, which is one attempt of a job.
type RunState string

// The states of a job run.
const (
	RunInProgress  RunState = "IN_PROGRESS"
	RunSucceeded   RunState = "SUCCEEDED"
	RunFailed      RunState = "FAILED"
	RunTerminating RunState = "TERMINATING"
	RunTerminated  RunState = "TERMINATED" // its job is FAILED
)

// WaitFor says what a rollout waits for.
type WaitFor string

// What a rollout can wait for.
const (
	WaitAdvance  WaitFor = "advance"
	WaitApproval WaitFor = "approval"
	WaitPerson   WaitFor = "person"
	WaitLane     WaitFor = "lane"
	WaitWindow   WaitFor = "window"
	WaitTimer    WaitFor = "timer"
	WaitWorker   WaitFor = "worker"
	WaitMetrics  WaitFor = "metrics"
)
