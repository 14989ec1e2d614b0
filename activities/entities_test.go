package activities_test

import (
	"context"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// ended is a Temporal that knows rollouts by their state; those that run have none.
type ended map[string]*rollout.Status

func (ended) SignalWithStartWorkflow(context.Context, string, string, any, client.StartWorkflowOptions, any, ...any) (client.WorkflowRun, error) {
	return nil, nil
}

func (e ended) DescribeWorkflow(_ context.Context, id, _ string) (*client.WorkflowExecutionDescription, error) {
	s, ok := e[id]
	if !ok {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	d := &client.WorkflowExecutionDescription{}
	d.Status = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
	if s == nil {
		d.Status = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	}
	return d, nil
}

func (e ended) QueryWorkflow(_ context.Context, id, _, _ string, _ ...any) (converter.EncodedValue, error) {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(e[id])
	return client.NewValue(payloads), err
}

// TestAHolderRunsAsLongAsOneOfItsChildrenDoes: it may still write to its target.
func TestAHolderRunsAsLongAsOneOfItsChildrenDoes(t *testing.T) {
	t.Parallel()
	controller := &rollout.Status{Rollout: "v2-to-all-0001", Events: []rollout.Event{{Seq: 1}}, Children: []rollout.ChildStatus{
		{Target: "eu", Rollout: "v2-to-eu-0001"}, {Target: "us", Rollout: "v2-to-us-0001"}, {Target: "asia"},
	}}
	eu, us := &rollout.Status{Target: "eu", Stable: "r1"}, &rollout.Status{Target: "us"}
	const all, toEU, toUS = "rollout/shop/v2-to-all-0001", "rollout/shop/v2-to-eu-0001", "rollout/shop/v2-to-us-0001"
	for _, row := range []struct {
		name     string
		temporal ended
		running  bool
		known    bool
		children int
	}{
		{"the controller runs", ended{all: nil}, true, false, 0},
		{"a child runs", ended{all: controller, toEU: eu, toUS: nil}, true, false, 0},
		{"all have ended", ended{all: controller, toEU: eu, toUS: us}, false, true, 2},
		{"a child is gone", ended{all: controller, toUS: us}, false, true, 1},
		{"all are gone", ended{}, false, false, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			env.RegisterActivity(activities.NewEntities(row.temporal))
			value, err := env.ExecuteActivity("Holder", activities.HolderRequest{Pipeline: "shop", Rollout: "v2-to-all-0001"})
			if err != nil {
				t.Fatal(err)
			}
			var got activities.HolderResult
			if err := value.Get(&got); err != nil {
				t.Fatal(err)
			}
			if got.Running != row.running || (got.Status != nil) != row.known || len(got.Children) != row.children {
				t.Errorf("%+v", got)
			}
			if got.Status != nil && got.Status.Events != nil {
				t.Errorf("events %+v", got.Status.Events)
			}
		})
	}
}
