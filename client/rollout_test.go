package client

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	activitypb "go.temporal.io/api/activity/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/serin-dev/serin/rollout"
)

func status(state rollout.State, w *rollout.Waiting) rollout.Status {
	return rollout.Status{Rollout: rolloutName, Pipeline: "shop", Release: "v2", Target: "prod", State: state, Waiting: w}
}

// beating is an activity that runs and has reported text.
func beating(t *testing.T, text string) *workflowpb.PendingActivityInfo {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayloads(text)
	if err != nil {
		t.Fatal(err)
	}
	return &workflowpb.PendingActivityInfo{
		ActivityType: &commonpb.ActivityType{Name: "Deploy"}, State: enumspb.PENDING_ACTIVITY_STATE_STARTED, Attempt: 2,
		HeartbeatDetails: p, ScheduledTime: timestamppb.New(minuteOf(1)), LastFailure: &failurepb.Failure{Message: "cloudRun: deploy shop: 503"},
	}
}

func TestRollout(t *testing.T) {
	t.Parallel()
	retrying := &workflowpb.PendingActivityInfo{
		ActivityType: &commonpb.ActivityType{Name: "Shift"}, State: enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, Attempt: 3,
		NextAttemptScheduleTime: timestamppb.New(minuteOf(2)),
		LastFailure:             &failurepb.Failure{Cause: &failurepb.Failure{Message: "conflict"}},
	}
	alone := &workflowpb.PendingActivityInfo{
		ActivityType: &commonpb.ActivityType{Name: "Settle"}, State: enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, Attempt: 1,
		ActivityOptions: &activitypb.ActivityOptions{TaskQueue: &taskqueuepb.TaskQueue{Name: "eu"}},
	}
	s := newServer()
	s.put(rolloutID(), func(r *run) {
		r.state = status(rollout.StateInProgress, nil)
		r.pending = []*workflowpb.PendingActivityInfo{beating(t, "revision shop-2 is not ready"), retrying, alone}
		r.attempt = failing - 1
	})
	got, err := s.client(nil).Rollout(t.Context(), "shop", rolloutName)
	if err != nil {
		t.Fatal(err)
	}
	want := []Progress{
		{Activity: "Deploy", Attempt: 2, Detail: "revision shop-2 is not ready", LastFailure: "cloudRun: deploy shop: 503", Since: minuteOf(1)},
		{Activity: "Shift", Attempt: 3, LastFailure: "conflict", NextAttempt: minuteOf(2)},
		{Activity: "Settle", Attempt: 1, Detail: "waits for a worker on task queue eu"},
	}
	if !got.Open || got.State != rollout.StateInProgress || !reflect.DeepEqual(got.Progress, want) {
		t.Errorf("got %+v\nwant %+v", got.Progress, want)
	}
	content, err := json.Marshal(got)
	if err != nil || !strings.Contains(string(content), `"state":"IN_PROGRESS"`) || !strings.Contains(string(content), `"open":true,"progress":[{"activity":"Deploy"`) {
		t.Errorf("as JSON: %s, %v", content, err)
	}
}

// A run whose own code fails looks as if it were running; the reason is shown.
func TestRolloutStuck(t *testing.T) {
	t.Parallel()
	stuck := func(r *run) {
		r.state, r.attempt = status(rollout.StateInProgress, nil), 12
		r.history = append(r.history, &historypb.HistoryEvent{
			Attributes: &historypb.HistoryEvent_WorkflowTaskFailedEventAttributes{WorkflowTaskFailedEventAttributes: &historypb.WorkflowTaskFailedEventAttributes{
				Failure: &failurepb.Failure{Message: "[TMPRL1100] nondeterministic"},
			}},
		})
	}
	s := newServer()
	s.put(rolloutID(), stuck)
	got, err := s.client(nil).Rollout(t.Context(), "shop", rolloutName)
	want := []Progress{{Activity: WorkflowTask, Attempt: 12, LastFailure: "[TMPRL1100] nondeterministic"}}
	if err != nil || !reflect.DeepEqual(got.Progress, want) {
		t.Errorf("got %+v, %v", got.Progress, err)
	}

	s.put(rolloutID(), func(r *run) { r.query = serviceerror.NewWorkflowNotReady("Workflow Task in failed state.") })
	_, err = s.client(nil).Rollout(t.Context(), "shop", rolloutName)
	wantError(t, err, rollout.Failed, "read rollout v2-to-prod-0001: its workflow task failed 11 times: [TMPRL1100] nondeterministic "+
		"(deploy a worker that has the code this rollout began with; it goes on by itself)")
}

func TestDoneAndWaits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		state       rollout.State
		waiting     rollout.WaitFor
		done, waits bool
	}{
		{rollout.StateInProgress, "", false, false},
		{rollout.StateInProgress, rollout.WaitTimer, false, false},
		{rollout.StateInProgress, rollout.WaitWorker, false, false},
		{rollout.StatePending, rollout.WaitLane, false, false},
		{rollout.StateInProgress, rollout.WaitAdvance, false, true},
		{rollout.StateInProgress, rollout.WaitPerson, false, true},
		{rollout.StatePendingApproval, rollout.WaitApproval, false, true},
		{rollout.StateSucceeded, "", true, false},
		{rollout.StateFailed, rollout.WaitPerson, true, false},
		{rollout.StateCancelled, "", true, false},
		{rollout.StateApprovalRejected, "", true, false},
		{rollout.StateHalted, "", false, true},
	}
	for _, tt := range tests {
		r := Rollout{Status: status(tt.state, nil)}
		if tt.waiting != "" {
			r.Waiting = &rollout.Waiting{For: tt.waiting}
		}
		if r.Done() != tt.done || r.Waits() != tt.waits {
			t.Errorf("%s waiting for %q: done %t, waits %t", tt.state, tt.waiting, r.Done(), r.Waits())
		}
	}
}

func TestPlanAndLane(t *testing.T) {
	t.Parallel()
	s := newServer()
	c := s.client(nil)
	s.put(rolloutID(), func(r *run) { r.state = rollout.Plan{Pipeline: "shop", Release: "v2"} })
	s.put(rollout.LaneID("shop", "prod"), func(r *run) { r.state = rollout.LaneStatus{Pipeline: "shop", Holder: rolloutName} })
	if got, err := c.Plan(t.Context(), "shop", rolloutName); err != nil || got.Release != "v2" {
		t.Errorf("plan %+v, %v", got, err)
	}
	if got, err := c.Lane(t.Context(), "shop", "prod"); err != nil || got.Holder != rolloutName {
		t.Errorf("lane %+v, %v", got, err)
	}
	_, err := c.Lane(t.Context(), "shop", "qa")
	wantError(t, err, rollout.NotFound, "read lane shop on qa: it does not exist (nothing was ever rolled out there; serin target list --pipeline shop)")
	_, err = c.Plan(t.Context(), "shop", "")
	wantError(t, err, rollout.Invalid, "read plan of: no rollout given")
}

// A query that no worker answers says so, also when the server refuses it at once.
func TestRolloutWithoutWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.put(rolloutID(), func(r *run) {
			r.query = serviceerror.NewFailedPrecondition("no poller seen for task queue recently, worker may be down")
		})
		_, err := s.client(nil).Rollout(t.Context(), "shop", rolloutName)
		wantError(t, err, rollout.Transient, "read rollout v2-to-prod-0001: no poller seen for task queue recently, worker may be down")

		s.alive, s.refuse = false, true
		_, err = s.client(nil).Rollout(t.Context(), "shop", rolloutName)
		wantError(t, err, rollout.Expired,
			"read rollout v2-to-prod-0001: no worker is polling task queue serin (start one with serin-worker)")
	})
}
