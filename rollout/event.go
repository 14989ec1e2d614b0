package rollout

import (
	"fmt"
	"time"
)

// EventKind is what happened to a rollout.
type EventKind string

// The events of a rollout. Each kind's comment names the fields it carries.
const (
	EventCreated       EventKind = "created"       // Actor; Waiting: for the lane
	EventGranted       EventKind = "granted"       // the lane is this rollout's
	EventBaseline      EventKind = "baseline"      // Split, URL; Digest: of the stored baseline
	EventSettled       EventKind = "settled"       // Split, Revision: the recorded stable
	EventSkipped       EventKind = "skipped"       // Phase; Job: only that one; Note: why
	EventWaiting       EventKind = "waiting"       // Waiting
	EventAdvanced      EventKind = "advanced"      // Phase, Actor, Reason
	EventResumed       EventKind = "resumed"       // Actor, Reason; Note: "accepted" with --accept; Phase, Job: by itself, and no pause ends
	EventJobStarted    EventKind = "jobStarted"    // Phase, Job, Attempt
	EventShifted       EventKind = "shifted"       // Phase, Weight, Split, Revision, Assumed; Note: what Split does not say
	EventJobSucceeded  EventKind = "jobSucceeded"  // Phase, Job, Outcome; Note: why, where the verdict is not pass
	EventJobFailed     EventKind = "jobFailed"     // Phase, Job, Outcome; Note: the platform's reason
	EventJudged        EventKind = "judged"        // Phase, Job, Outcome; Note: its reason. A verdict that a person decides about
	EventTerminating   EventKind = "terminating"   // Phase, Job, Actor, Reason
	EventJobTerminated EventKind = "jobTerminated" // Phase, Job
	EventRetried       EventKind = "retried"       // Phase, Job, Actor, Reason
	EventIgnored       EventKind = "ignored"       // Phase, Job, Actor, Reason
	EventFailed        EventKind = "failed"        // the rollout gives its lane back; the job's event says why
	EventRestored      EventKind = "restored"      // Split
	EventRestoreFailed EventKind = "restoreFailed" // Note: why traffic could not be put back
	EventCancelling    EventKind = "cancelling"    // Actor, Reason; Note: "restore" with --restore
	EventRefused       EventKind = "refused"       // Actor; Note: the command and why
	EventEnded         EventKind = "ended"         // State: SUCCEEDED, CANCELLED, FAILED or APPROVAL_REJECTED

	EventApproved   EventKind = "approved"   // Actor, Reason; Note: "1 of 2"
	EventRejected   EventKind = "rejected"   // Actor, Reason; Note: that it has expired
	EventPaused     EventKind = "paused"     // Actor, Reason
	EventOverridden EventKind = "overridden" // Actor, Reason; Note: the command, and the deploy policies that it overrides
	EventPolicy     EventKind = "policy"     // Note: the suspended deploy policies that would have refused a command
	EventRepair     EventKind = "repair"     // Repair; Note: why it was aborted or has failed
	EventAutomation EventKind = "automation" // Actor: the rule; Note: what it does not do, and why
	EventRolledBack EventKind = "rolledBack" // Note: the rollout that rolls this one back
	EventChild      EventKind = "child"      // Child
	EventHalted     EventKind = "halted"     // a controller: Note: which children have failed
)

// Event is one thing that happened to a rollout. Seq counts from 1 without gaps.
type Event struct {
	Seq      int       `json:"seq"`
	Time     time.Time `json:"time"`
	Kind     EventKind `json:"kind"`
	Phase    string    `json:"phase,omitempty"`
	Job      JobKind   `json:"job,omitempty"`
	Attempt  int       `json:"attempt,omitempty"`
	Weight   *Weight   `json:"weight,omitempty"`
	Split    Split     `json:"split,omitempty"`
	Assumed  bool      `json:"assumed,omitempty"` // Split was written, and nothing tells whether it is served
	Revision string    `json:"revision,omitempty"`
	URL      string    `json:"url,omitempty"`
	Digest   string    `json:"digest,omitempty"`
	State    State     `json:"state,omitempty"`
	Waiting  *Waiting  `json:"waiting,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Note     string    `json:"note,omitempty"`

	Repair *RepairStatus `json:"repair,omitempty"`
	Child  *ChildStatus  `json:"child,omitempty"`

	Outcome *Outcome `json:"outcome,omitempty"`
}

// Waiting is what a rollout waits for.
type Waiting struct {
	For      WaitFor   `json:"for"`
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until,omitzero"` // zero: until somebody acts
	Commands []string  `json:"commands,omitempty"`
	Child    string    `json:"child,omitempty"` // the child target of a controller that waits
}

// String is one line without the time, such as "canary-25 shifted 25% (shop-2 25%, shop-1 75%)".
func (e Event) String() string {
	if line := e.sentence(); line != "" {
		return line
	}
	var b []byte
	if e.Phase != "" {
		b = fmt.Append(b, e.Phase, " ")
	}
	if e.Job != "" && e.Job != JobDeploy {
		b = fmt.Appendf(b, "%s ", e.Job)
	}
	b = fmt.Append(b, e.verb())
	if e.Attempt > 1 {
		b = fmt.Appendf(b, " (attempt %d)", e.Attempt)
	}
	if e.Weight != nil {
		b = fmt.Appendf(b, " %d%%", *e.Weight)
	}
	if len(e.Split) > 0 {
		b = fmt.Appendf(b, " (%s)", e.Split)
	}
	if e.Assumed {
		b = fmt.Append(b, " assumed")
	}
	if e.Note != "" {
		b = fmt.Append(b, ": ", e.Note)
	}
	if e.Actor != "" {
		b = fmt.Append(b, " by ", e.Actor)
	}
	if e.Reason != "" {
		b = fmt.Appendf(b, " (%s)", e.Reason)
	}
	return string(b)
}

// sentence is the line of an event whose Note is a part of the sentence; "" for others.
func (e Event) sentence() string {
	switch e.Kind {
	case EventRolledBack:
		return "rolled back by " + e.Note
	case EventAutomation:
		return e.Actor + " " + e.Note
	default:
		return ""
	}
}

func (e Event) verb() string {
	switch {
	case e.Kind == EventWaiting && e.Waiting != nil:
		return fmt.Sprintf("waits for %s: %s", e.Waiting.For, e.Waiting.Reason)
	case e.Kind == EventEnded:
		return "ended " + string(e.State)
	case e.Kind == EventChild && e.Child != nil:
		return e.Child.String()
	case e.Kind == EventJudged && e.Outcome != nil:
		return "judged " + string(e.Outcome.Verdict)
	case e.Kind == EventRepair && e.Repair != nil:
		return "repair " + e.Repair.String()
	}
	names := map[EventKind]string{
		EventJobStarted: "started", EventJobSucceeded: "succeeded", EventJobFailed: "failed",
		EventJobTerminated: "terminated", EventRestoreFailed: "restore failed",
	}
	if name, ok := names[e.Kind]; ok {
		return name
	}
	return string(e.Kind)
}
