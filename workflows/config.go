package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Config is the namespace's index of everything configured: names and digests; the
// documents are artifacts. An apply takes all of a file or nothing. It never ends; a
// cancellation is ignored.
func Config(ctx workflow.Context, index rollout.Index) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	mutex := workflow.NewMutex(ctx)
	if err := workflow.SetQueryHandler(ctx, rollout.QueryState, func() (rollout.Index, error) { return index, nil }); err != nil {
		return err
	}
	apply := func(ctx workflow.Context, req rollout.ApplyRequest) (rollout.ApplyResult, error) {
		if err := mutex.Lock(ctx); err != nil {
			return rollout.ApplyResult{}, err
		}
		defer mutex.Unlock()
		actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			ScheduleToCloseTimeout: time.Minute, StartToCloseTimeout: 30 * time.Second, Summary: "apply by " + req.Actor,
		})
		var res activities.ReadResult
		if err := workflow.ExecuteActivity(actx, activities.ReadConfiguration, activities.ReadRequest{
			Documents: req.Documents, Index: index,
		}).Get(actx, &res); err != nil {
			kind, text := activities.Cause(err)
			return rollout.ApplyResult{}, temporal.NewApplicationErrorWithOptions(text, string(kind),
				temporal.ApplicationErrorOptions{NonRetryable: true})
		}
		index = res.Index
		return res.Result, nil
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, rollout.UpdateApply, apply, workflow.UpdateHandlerOptions{
		Description: `Take over a YAML file that is in the artifact store: {"documents":"sha256:..."}`,
	}); err != nil {
		return err
	}
	// The context is never cancelled.
	_ = workflow.Await(ctx, func() bool {
		return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && workflow.AllHandlersFinished(ctx)
	})
	return workflow.NewContinueAsNewError(ctx, rollout.WorkflowConfig, index)
}
