package workflows_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// without lets the first n calls of Deploy find no worker on their task queue.
func (s *stage) without(n int) {
	real := activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: s.platform}, new(fake.Artifacts))
	calls := 0
	s.OnActivity("Deploy", mock.Anything, mock.Anything).Return(
		func(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
			if calls++; calls <= n {
				return activities.StepResult{}, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
			}
			return real.Deploy(ctx, r)
		})
	for _, name := range []string{"Baseline", "Settle"} {
		do := map[string]func(context.Context, activities.StepRequest) (activities.StepResult, error){
			"Baseline": real.Baseline, "Settle": real.Settle,
		}[name]
		s.OnActivity(name, mock.Anything, mock.Anything).Return(do)
	}
	s.OnActivity(activities.Permit, mock.Anything, mock.Anything).Return(activities.PermitResult{}, nil)
}

func TestARolloutWithoutAWorkerSaysSoAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.plan.Phases = s.plan.Phases[2:]
	s.plan.Target.TaskQueue = "eu"
	s.without(3)
	status := s.run(t)
	equal(t, "path", path(status), []string{
		"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "stable started",
		"waits for worker: no worker polls task queue eu",
		"stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
	})
}
