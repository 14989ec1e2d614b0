package activities

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/serin-dev/serin/rollout"
)

// Names of the activities that notifiers call, of package activities/notify.
const (
	RouteNotices   = "RouteNotices"   // NoticesRequest -> NoticesResult: to the notifiers of those who want them
	DeliverNotices = "DeliverNotices" // NoticesRequest -> NoticesResult: to one of them
)

// TellNotifier is the activity that Entities.Tell is; a local one.
const TellNotifier = "Tell"

// NoticesRequest asks to deliver notices in their order.
type NoticesRequest struct {
	Notification string           `json:"notification,omitempty"` // DeliverNotices: the name of the Notification
	Notices      []rollout.Notice `json:"notices"`
}

// NoticesResult says how far that came: at least one notice, without an error.
type NoticesResult struct {
	Done    int      `json:"done"`              // of the first notices, that are not asked for again
	Refused []string `json:"refused,omitempty"` // why some of them will never be taken
}

// Tell hands notices to the namespace's notifier, and starts it where it does not run. The notifier
// knows them again when they come twice.
func (e *Entities) Tell(ctx context.Context, m rollout.Notices) error {
	return SignalNotifier(ctx, e.temporal, "", m)
}

// SignalNotifier hands notices to the notifier of the named Notification, or to the namespace's for
// "", and starts it where it does not run.
func SignalNotifier(ctx context.Context, temporal Notifiers, notification string, m rollout.Notices) error {
	summary := "passes notices on"
	if notification != "" {
		summary = "notifies " + notification
	}
	_, err := temporal.SignalWithStartWorkflow(ctx, rollout.NotifierOf(notification), rollout.SignalNotices, m,
		client.StartWorkflowOptions{
			TaskQueue:                rollout.DefaultTaskQueue,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            summary,
		}, rollout.WorkflowNotifier, rollout.NotifierStatus{Notification: notification})
	return err
}

// Notifiers is the part of Temporal's client that reaches notifiers.
type Notifiers interface {
	SignalWithStartWorkflow(ctx context.Context, id, signal string, arg any, options client.StartWorkflowOptions,
		workflow any, args ...any) (client.WorkflowRun, error)
}
