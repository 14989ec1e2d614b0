package workflows_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

func request() rollout.CreateRequest {
	return rollout.CreateRequest{Pipeline: "shop", Release: "v2", Source: "sha256:source", Actor: "ann"}
}

// releaseEnv runs a Release whose planning ends with err; enqueued counts what its lane was asked.
func releaseEnv(t *testing.T, err error) (e *env, enqueued *[]activities.EnqueueRequest) {
	t.Helper()
	enqueued = new([]activities.EnqueueRequest)
	e = newEnv(t, rollout.ReleaseID("shop", "v2"), func(e *env) {
		workflows.Register(e)
		e.RegisterActivityWithOptions(func(context.Context, rollout.CreateRequest) (activities.PlanResult, error) {
			return activities.PlanResult{
				Document: "releases/shop/v2.json", Stages: []rollout.StagePlan{{Target: "prod", Plan: plan("v2")}},
			}, err
		}, activity.RegisterOptions{Name: activities.PlanRelease})
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.EnqueueRequest) error {
			*enqueued = append(*enqueued, r)
			return nil
		}, activity.RegisterOptions{Name: "Enqueue"})
	})
	return e, enqueued
}

func (e *env) follow(d time.Duration, seq int, state rollout.State) {
	e.at(d, func() {
		e.SignalWorkflow(rollout.SignalFollow, rollout.Follow{Seq: seq, Target: "prod", Rollout: "v2-to-prod-0001", State: state})
	})
}

func TestReleaseFollowsItsRolloutToTheEnd(t *testing.T) {
	t.Parallel()
	e, enqueued := releaseEnv(t, nil)
	e.follow(1*time.Hour, 5, rollout.StatePending)
	e.follow(2*time.Hour, 9, rollout.StateFailed)
	e.follow(3*time.Hour, 7, rollout.StateInProgress) // late: what came after is known
	e.at(4*time.Hour, e.CancelWorkflow)               // an entity ignores it
	e.at(5*time.Hour, func() {
		var s rollout.ReleaseStatus
		value, err := e.QueryWorkflow(rollout.QueryState)
		if err == nil {
			err = value.Get(&s)
		}
		if err != nil || s.Stages[0].State != rollout.StateFailed || s.RenderState != rollout.StateSucceeded {
			t.Errorf("%v %+v", err, s)
		}
	})
	e.follow(6*time.Hour, 10, rollout.StateSucceeded)
	e.ExecuteWorkflow(rollout.WorkflowRelease, request())
	var got rollout.ReleaseStatus
	if err := e.GetWorkflowResult(&got); err != nil {
		t.Fatal(err)
	}
	if len(*enqueued) != 1 || (*enqueued)[0].Target != "prod" || (*enqueued)[0].Enqueue.Seq != 1 {
		t.Errorf("enqueued %+v", *enqueued)
	}
	if s := got.Stages[0]; s.State != rollout.StateSucceeded || s.Rollout != "v2-to-prod-0001" || got.Digest != request().Digest() {
		t.Errorf("%+v", got)
	}
}

func TestReleaseThatCannotBePlannedFailsWithTheReason(t *testing.T) {
	t.Parallel()
	e, enqueued := releaseEnv(t, activities.Application(&rollout.Error{
		Op: "plan release", On: "shop/v2", Kind: rollout.Unsupported, Err: errors.New("requireApproval"),
	}))
	var told error
	e.at(0, func() {
		e.UpdateWorkflow(rollout.UpdatePlanned, "", &callback{answer: func(err error) { told = err }}, request())
	})
	e.ExecuteWorkflow(rollout.WorkflowRelease, request())
	for _, err := range []error{told, e.GetWorkflowError()} {
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != string(rollout.Unsupported) || app.Message() != "plan release shop/v2: requireApproval" {
			t.Errorf("got %v", err)
		}
	}
	if len(*enqueued) != 0 {
		t.Errorf("enqueued %+v", *enqueued)
	}
}

func TestReleaseOfTheSameNameWithOtherContentIsAConflict(t *testing.T) {
	t.Parallel()
	e, _ := releaseEnv(t, nil)
	var same, other error
	ask := func(r rollout.CreateRequest, to *error) {
		e.at(time.Minute, func() {
			e.UpdateWorkflow(rollout.UpdatePlanned, r.Digest(), &callback{answer: func(err error) { *to = err }}, r)
		})
	}
	ask(request(), &same)
	changed := request()
	changed.Source = "sha256:other"
	ask(changed, &other)
	e.follow(time.Hour, 1, rollout.StateSucceeded)
	e.ExecuteWorkflow(rollout.WorkflowRelease, request())
	if kind, text := activities.Cause(other); kind != rollout.Conflict || !strings.Contains(text, "choose another name") {
		t.Errorf("other content: %s %q", kind, text)
	}
	if same != nil {
		t.Errorf("the same again: %v", same)
	}
}

func TestConfigAppliesOneFileAtATime(t *testing.T) {
	t.Parallel()
	e := newEnv(t, rollout.ConfigID, func(e *env) {
		workflows.Register(e)
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.ReadRequest) (activities.ReadResult, error) {
			if r.Documents == "sha256:bad" {
				return activities.ReadResult{}, activities.Application(&rollout.Error{Op: "apply", Kind: rollout.Invalid, Err: errors.New("line 3")})
			}
			entry := rollout.Entry{Kind: "Target", Name: r.Documents, Digest: r.Documents}
			return activities.ReadResult{
				Index:  rollout.Index{Version: r.Index.Version + 1, Entries: append(r.Index.Entries, entry)},
				Result: rollout.ApplyResult{Created: []rollout.Entry{entry}},
			}, nil
		}, activity.RegisterOptions{Name: activities.ReadConfiguration})
	})
	var refused error
	for _, documents := range []string{"sha256:a", "sha256:bad", "sha256:b"} { // in the same second
		e.at(time.Minute, func() {
			e.UpdateWorkflow(rollout.UpdateApply, "", &callback{answer: func(err error) {
				if err != nil {
					refused = err
				}
			}}, rollout.ApplyRequest{Documents: documents, Actor: "ann"})
		})
	}
	var index rollout.Index
	e.at(time.Hour, func() {
		value, err := e.QueryWorkflow(rollout.QueryState)
		if err == nil {
			err = value.Get(&index)
		}
		if err != nil {
			t.Error(err)
		}
		e.SetContinueAsNewSuggested(true)
	})
	e.at(2*time.Hour, func() { e.SignalWorkflow("wake", nil) })
	e.ExecuteWorkflow(rollout.WorkflowConfig, rollout.Index{})
	if index.Version != 2 || len(index.Entries) != 2 {
		t.Errorf("index %+v", index)
	}
	if kind, text := activities.Cause(refused); kind != rollout.Invalid || text != "apply: line 3" {
		t.Errorf("refused %s %q", kind, text)
	}
	if !workflow.IsContinueAsNewError(e.GetWorkflowError()) {
		t.Errorf("it ended: %v", e.GetWorkflowError())
	}
}
