package client

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"

	"github.com/serin-dev/serin/rollout"
)

// WorkflowTask is the Activity of a Progress that is about the rollout itself: its
// own code fails on the worker, or nobody answers for it. LastFailure says which.
const WorkflowTask = "workflow task"

// failing is from which attempt on a workflow task is reported. Earlier ones are
// a worker that stopped or restarted.
const failing = 4

// Progress is one thing that is under way for a rollout.
type Progress struct {
	Activity    string    `json:"activity"`              // what runs, such as "Deploy", or WorkflowTask
	Attempt     int       `json:"attempt"`               // from 1
	Detail      string    `json:"detail,omitempty"`      // the platform's reason, as last reported
	LastFailure string    `json:"lastFailure,omitempty"` // of the attempt before
	Since       time.Time `json:"since,omitzero"`        // when this attempt was scheduled
	NextAttempt time.Time `json:"nextAttempt,omitzero"`  // zero: an attempt runs, or waits for a worker
}

// view is what the server itself knows of a workflow.
type view struct {
	open     bool
	state    rollout.State // as last upserted
	length   int64         // of the history
	progress []Progress
}

// look describes workflow id. It needs no worker.
func (c *Client) look(ctx context.Context, id string) (view, error) {
	seen, err := c.views.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return view{}, err
	}
	v := view{
		open:   seen.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		state:  rollout.State(attribute(seen.GetWorkflowExecutionInfo().GetSearchAttributes(), rollout.AttributeState)),
		length: seen.GetWorkflowExecutionInfo().GetHistoryLength(),
	}
	for _, a := range seen.GetPendingActivities() {
		v.progress = append(v.progress, progress(a))
	}
	if task := seen.GetPendingWorkflowTask(); task.GetAttempt() >= failing {
		v.progress = append(v.progress, Progress{
			Activity: WorkflowTask, Attempt: int(task.GetAttempt()), Since: at(task.GetOriginalScheduledTime()),
			LastFailure: c.taskFailure(ctx, id),
		})
	}
	return v, nil
}

func progress(a *workflowpb.PendingActivityInfo) Progress {
	p := Progress{
		Activity: a.GetActivityType().GetName(), Attempt: int(a.GetAttempt()),
		LastFailure: failureText(a.GetLastFailure()), Since: at(a.GetScheduledTime()),
	}
	if a.GetState() != enumspb.PENDING_ACTIVITY_STATE_SCHEDULED {
		p.Detail = detail(a)
		return p
	}
	p.NextAttempt = at(a.GetNextAttemptScheduleTime())
	if queue := a.GetActivityOptions().GetTaskQueue().GetName(); queue != "" && p.NextAttempt.IsZero() {
		p.Detail = "waits for a worker on task queue " + queue
	}
	return p
}

// detail returns the text of the last heartbeat, or "" if there was none or it is
// not readable here, as when payloads are encrypted.
func detail(a *workflowpb.PendingActivityInfo) string {
	payloads := a.GetHeartbeatDetails().GetPayloads()
	if len(payloads) == 0 {
		return ""
	}
	var text string
	if err := converter.GetDefaultDataConverter().FromPayload(payloads[0], &text); err != nil {
		return ""
	}
	return text
}

// taskFailure returns why the workflow task fails, from the history: the server
// writes the first failure down and only counts the others.
func (c *Client) taskFailure(ctx context.Context, id string) string {
	text := "the reason is in the log of the worker"
	events := c.views.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			break
		}
		failed := e.GetWorkflowTaskFailedEventAttributes()
		if failed == nil {
			continue
		}
		if text = failureText(failed.GetFailure()); text == "" {
			text = failed.GetCause().String()
		}
	}
	return text
}

// failureText is the failure's own message. The kind of a *rollout.Error is left
// out: its message names operation, object and cause.
func failureText(f *failurepb.Failure) string {
	for f.GetMessage() == "" && f.GetCause() != nil {
		f = f.GetCause()
	}
	if f.GetMessage() == "" && f.GetTimeoutFailureInfo() != nil {
		return string(rollout.Expired)
	}
	return f.GetMessage()
}

// stamp is a time of the API.
type stamp interface {
	IsValid() bool
	AsTime() time.Time
}

// at converts a time; none is the zero time.
func at(t stamp) time.Time {
	if !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}
