package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// away lets the named steps find no worker on their task queue for the first n calls,
// all of them together. Each call takes a minute.
func (s *stage) away(n int, names ...string) {
	real := activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: s.platform}, new(fake.Artifacts))
	for name, do := range map[string]func(context.Context, activities.StepRequest) (activities.StepResult, error){
		"Baseline": real.Baseline, "Observe": real.Observe, "Settle": real.Settle, "Deploy": real.Deploy, "Restore": real.Restore,
	} {
		s.OnActivity(name, mock.Anything, mock.Anything).After(time.Minute).Return(
			func(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
				if slices.Contains(names, name) && n > 0 {
					n--
					return activities.StepResult{}, temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
				}
				return do(ctx, r)
			})
	}
	s.OnActivity(activities.Permit, mock.Anything, mock.Anything).Return(activities.PermitResult{}, nil)
}

func TestARolloutWithoutAWorkerSaysSoAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.plan.Phases = s.plan.Phases[2:]
	s.plan.Target.TaskQueue = "eu"
	s.away(4, "Deploy", "Observe") // the step itself, then three looks
	status := s.run(t)
	equal(t, "path", path(status), []string{
		"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)", "stable started",
		"waits for worker: no worker polls task queue eu", "resumed: a worker polls eu",
		"stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
	})
}

// TestARestoreThatWasAskedForWaitsForItsWorker: a worker that restarts for a minute must not
// leave the canary serving for good.
func TestARestoreThatWasAskedForWaitsForItsWorker(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.away(5, "Restore", "Observe")
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
	status := s.run(t)
	equal(t, "end of path", path(status)[8:], []string{
		"cancelling: restore by ann", "waits for worker: no worker polls task queue serin", "resumed: a worker polls serin",
		"restored (shop-v1 100%)", "ended CANCELLED",
	})
}

// TestACancelOverrulesARestoreThatCannotEnd: nobody polls the queue for ever.
func TestACancelOverrulesARestoreThatCannotEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.away(1_000_000, "Restore", "Observe")
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{Restore: true, Actor: "ann"})
	s.command(10*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "bob"})
	status := s.run(t)
	if status.State != rollout.StateCancelled || !status.Unsettled {
		t.Errorf("%s, unsettled %v: %q %v %q", status.State, status.Unsettled, path(status), s.GetWorkflowError(), s.refused)
	}
}
