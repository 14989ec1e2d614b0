package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// config is the namespace's index of everything configured. One request at a time changes it.
type config struct {
	index rollout.Index
	mutex workflow.Mutex
}

// Config is the namespace's index of everything configured: names and digests; the
// documents are artifacts. An apply takes all of a file or nothing. It never ends; a
// cancellation is ignored.
func Config(ctx workflow.Context, index rollout.Index) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	c := &config{index: index, mutex: workflow.NewMutex(ctx)}
	if err := workflow.SetQueryHandler(ctx, rollout.QueryState, func() (rollout.Index, error) { return c.index, nil }); err != nil {
		return err
	}
	if err := c.listen(ctx); err != nil {
		return err
	}
	// The context is never cancelled.
	_ = workflow.Await(ctx, func() bool {
		return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && workflow.AllHandlersFinished(ctx)
	})
	return workflow.NewContinueAsNewError(ctx, rollout.WorkflowConfig, c.index)
}

func (c *config) listen(ctx workflow.Context) error {
	if err := workflow.SetUpdateHandlerWithOptions(ctx, rollout.UpdateApply, c.apply, workflow.UpdateHandlerOptions{
		Description: `Take over a YAML file that is in the artifact store: {"documents":"sha256:..."}`,
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, rollout.UpdateAbandon, c.abandon, workflow.UpdateHandlerOptions{
		Description: `Abandon a release for ever: {"pipeline":"shop","release":"v2","actor":"you","reason":"..."}`,
		Validator: func(a rollout.Abandon) error {
			return activities.Application(given(rollout.UpdateAbandon, "pipeline", a.Pipeline, "release", a.Release))
		},
	}); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, rollout.UpdateSuspend, c.suspend, workflow.UpdateHandlerOptions{
		Description: `Suspend an object or end its suspension: {"kind":"DeliveryPipeline","name":"shop","suspended":true}`,
		Validator:   func(s rollout.Suspend) error { return activities.Application(suspendable(s)) },
	})
}

// apply takes over a file.
func (c *config) apply(ctx workflow.Context, req rollout.ApplyRequest) (rollout.ApplyResult, error) {
	return c.change(ctx, "apply by "+req.Actor, activities.ReadConfiguration, func() any {
		return activities.ReadRequest{Documents: req.Documents, Index: c.index}
	})
}

// suspend changes one document. What it is already is no error, and changes nothing.
func (c *config) suspend(ctx workflow.Context, s rollout.Suspend) (rollout.ApplyResult, error) {
	verb := "resume "
	if s.Suspended {
		verb = "suspend "
	}
	return c.change(ctx, verb+s.Name+" by "+s.Actor, activities.SetSuspended, func() any {
		return activities.SuspendRequest{Suspend: s, Index: c.index}
	})
}

// change runs an activity that answers with a new index, and takes it over.
func (c *config) change(ctx workflow.Context, summary, activity string, request func() any) (rollout.ApplyResult, error) {
	if err := c.mutex.Lock(ctx); err != nil {
		return rollout.ApplyResult{}, err
	}
	defer c.mutex.Unlock()
	var res activities.ReadResult
	actx := workflow.WithActivityOptions(ctx, configOptions(summary))
	if err := workflow.ExecuteActivity(actx, activity, request()).Get(actx, &res); err != nil {
		return rollout.ApplyResult{}, configError(err)
	}
	c.index = res.Index
	return res.Result, nil
}

// abandon makes a release one that nobody rolls out again, and tells it if it still runs. To
// abandon it twice is no error.
func (c *config) abandon(ctx workflow.Context, a rollout.Abandon) error {
	if err := c.mutex.Lock(ctx); err != nil {
		return err
	}
	defer c.mutex.Unlock()
	actx := workflow.WithActivityOptions(ctx, configOptions("abandon "+a.Release+" by "+a.Actor))
	if err := workflow.ExecuteActivity(actx, activities.Abandon, a).Get(actx, nil); err != nil {
		return configError(err)
	}
	id := rollout.ReleaseID(a.Pipeline, a.Release)
	if err := workflow.SignalExternalWorkflow(ctx, id, "", rollout.SignalAbandoned, a).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Info("the release has ended already", "release", a.Release, "error", err)
	}
	return nil
}

func configOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		ScheduleToCloseTimeout: time.Minute, StartToCloseTimeout: 30 * time.Second, Summary: summary,
	}
}

// configError is an activity's error as a caller gets it: nothing is tried again.
func configError(err error) error {
	kind, text := activities.Cause(err)
	return temporal.NewApplicationErrorWithOptions(text, string(kind), temporal.ApplicationErrorOptions{NonRetryable: true})
}

// suspendable returns an error unless objects of that kind can be suspended.
func suspendable(s rollout.Suspend) error {
	kinds := []string{"Automation", "DeliveryPipeline", "DeployPolicy"}
	if !slices.Contains(kinds, s.Kind) {
		return &rollout.Error{
			Op: rollout.UpdateSuspend, On: fmt.Sprintf("%q", s.Kind), Kind: rollout.Invalid,
			Err: errors.New("no such kind of object can be suspended: the kinds are " + strings.Join(kinds, ", ")),
		}
	}
	return given(rollout.UpdateSuspend, "name", s.Name)
}

// given returns an error for the first empty value of the pairs of name and value.
func given(op string, pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return &rollout.Error{Op: op, Kind: rollout.Invalid, Err: fmt.Errorf("no %s given", pairs[i])}
		}
	}
	return nil
}
