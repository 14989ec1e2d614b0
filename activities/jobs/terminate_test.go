package jobs_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// A job that somebody terminates takes its tasks along. One whose worker stops leaves them to the
// next attempt.
func TestWhoEndsAJobDecidesAboutItsTasks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		cause error
		calls []string
	}{
		{"terminated", temporal.NewCanceledError(), []string{"run a", "stop a"}},
		{"the worker stops", errors.New("stop"), []string{"run a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.held["a"] = true
			ctx, cancel := context.WithCancelCause(t.Context())
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestActivityEnvironment()
			env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
			env.RegisterActivityWithOptions(s.jobs().RunJob, activity.RegisterOptions{Name: activities.RunJob})
			go func() {
				<-s.waiting
				cancel(row.cause)
			}()
			_, err := env.ExecuteActivity(activities.RunJob, s.request(rollout.JobSpec{Tasks: tasks("a", "b")}))
			if err == nil {
				t.Error("it has ended well")
			}
			if got := s.called(false); !reflect.DeepEqual(got, row.calls) {
				t.Errorf("calls are %v, want %v", got, row.calls)
			}
		})
	}
}
