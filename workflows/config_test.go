package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// configEnv runs a Config whose activities know release v2 of shop and pipeline shop, and notes
// what they were asked.
func configEnv(t *testing.T) (e *env, did *[]string) {
	t.Helper()
	did = new([]string)
	missing := func(op, on string) error {
		return activities.Application(&rollout.Error{Op: op, On: on, Kind: rollout.NotFound, Err: errors.New("it does not exist")})
	}
	return newEnv(t, rollout.ConfigID, func(e *env) {
		workflows.Register(e)
		e.RegisterActivityWithOptions(func(_ context.Context, a rollout.Abandon) error {
			if a.Release != "v2" {
				return missing("abandon", a.Pipeline+"/"+a.Release)
			}
			*did = append(*did, "abandon "+a.Release+" by "+a.Actor)
			return nil
		}, activity.RegisterOptions{Name: activities.Abandon})
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.SuspendRequest) (activities.ReadResult, error) {
			if r.Suspend.Name != "shop" {
				return activities.ReadResult{}, missing("suspend", r.Suspend.Name)
			}
			*did = append(*did, fmt.Sprintf("%s suspended %v at version %d", r.Suspend.Name, r.Suspend.Suspended, r.Index.Version))
			return activities.ReadResult{
				Index:  rollout.Index{Version: r.Index.Version + 1},
				Result: rollout.ApplyResult{Updated: []rollout.Entry{{Kind: r.Suspend.Kind, Name: r.Suspend.Name}}},
			}, nil
		}, activity.RegisterOptions{Name: activities.SetSuspended})
	}), did
}

func TestConfigAbandonsAndSuspends(t *testing.T) {
	t.Parallel()
	e, did := configEnv(t)
	var answers []string
	ask := func(d time.Duration, name string, arg any) {
		e.at(d, func() {
			e.UpdateWorkflow(name, "", &callback{answer: func(err error) {
				kind, text := activities.Cause(err)
				answers = append(answers, fmt.Sprintf("%s %s%s", name, kind, mark(": ", text)))
			}}, arg)
		})
	}
	gone := false
	e.onSignal = func(string, string, any) error {
		if gone {
			return serviceerror.NewNotFound("no such workflow")
		}
		return nil
	}
	ask(1*time.Minute, rollout.UpdateAbandon, rollout.Abandon{Pipeline: "shop", Release: "v2", Actor: "ann"})
	e.at(90*time.Second, func() { gone = true })
	ask(2*time.Minute, rollout.UpdateAbandon, rollout.Abandon{Pipeline: "shop", Release: "v2", Actor: "bob"}) // it has ended meanwhile
	ask(3*time.Minute, rollout.UpdateAbandon, rollout.Abandon{Pipeline: "shop", Release: "v9"})
	ask(4*time.Minute, rollout.UpdateAbandon, rollout.Abandon{Release: "v2"})
	ask(5*time.Minute, rollout.UpdateSuspend, rollout.Suspend{Kind: "DeliveryPipeline", Name: "shop", Suspended: true, Actor: "ann"})
	ask(6*time.Minute, rollout.UpdateSuspend, rollout.Suspend{Kind: "DeliveryPipeline", Name: "shop"})
	ask(7*time.Minute, rollout.UpdateSuspend, rollout.Suspend{Kind: "DeliveryPipeline", Name: "shoe"})
	ask(8*time.Minute, rollout.UpdateSuspend, rollout.Suspend{Kind: "Target", Name: "prod"})
	ask(9*time.Minute, rollout.UpdateSuspend, rollout.Suspend{Kind: "Automation"})
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
		e.SignalWorkflow("wake", nil)
	})
	e.ExecuteWorkflow(rollout.WorkflowConfig, rollout.Index{Version: 7})
	if !workflow.IsContinueAsNewError(e.GetWorkflowError()) {
		t.Errorf("it ended: %v", e.GetWorkflowError())
	}
	equal(t, "answers", answers, []string{
		"abandon ", "abandon ", "abandon NotFound: abandon shop/v9: it does not exist", "abandon Invalid: abandon: no pipeline given",
		"suspend ", "suspend ", "suspend NotFound: suspend shoe: it does not exist",
		`suspend Invalid: suspend "Target": no such kind of object can be suspended: the kinds are Automation, DeliveryPipeline, DeployPolicy`,
		"suspend Invalid: suspend: no name given",
	})
	equal(t, "did", *did, []string{
		"abandon v2 by ann", "abandon v2 by bob", "shop suspended true at version 7", "shop suspended false at version 8",
	})
	equal(t, "sent", e.sent, []string{"abandoned -> v2", "abandoned -> v2"})
	if index.Version != 9 {
		t.Errorf("index %+v", index)
	}
}
