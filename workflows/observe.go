package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Observe looks once at the target of a plan: what serves there now. A custom target shows nothing.
func Observe(ctx workflow.Context, p rollout.Plan) (rollout.Observed, error) {
	if p.Custom != nil {
		return rollout.Observed{}, activities.Application(&rollout.Error{
			Op: "observe", On: p.Target.Name, Kind: rollout.Unsupported, Err: errors.New("only its containers know what serves on a custom target"),
		})
	}
	actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              p.Target.TaskQueue,
		ScheduleToCloseTimeout: time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 3},
		Summary:                "observe " + p.Target.Name,
	})
	var res activities.StepResult
	err := workflow.ExecuteActivity(actx, steps.Observe, activities.StepRequest{Work: workOf(p, p.Phases[0])}).Get(actx, &res)
	return res.Observed, err
}
