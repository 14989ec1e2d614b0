package release

import (
	"context"
	"slices"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Permit answers whether a command may be carried out now: not while its pipeline
// is suspended, unless the command only stops. What is configured is read live, so that
// a suspension a second ago holds. A pipeline that was removed suspends nothing.
func (a *Activities) Permit(ctx context.Context, r activities.PermitRequest) (activities.PermitResult, error) {
	if r.Command == rollout.CommandCancel || r.Command == rollout.CommandTerminate {
		return activities.PermitResult{}, nil
	}
	suspended, err := a.suspended(ctx, r.Pipeline)
	if err != nil || !suspended {
		return activities.PermitResult{}, activities.Application(err)
	}
	return activities.PermitResult{
		Refused: "pipeline " + r.Pipeline + " is suspended: set suspended to false and apply it",
	}, nil
}

func (a *Activities) suspended(ctx context.Context, name string) (bool, error) {
	index, err := a.index(ctx)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(index.Entries, func(e rollout.Entry) bool { return e.Kind == pipelineKind && e.Name == name })
	if i < 0 {
		return false, nil
	}
	config, err := a.load(ctx, index.Entries[i:i+1])
	if err != nil {
		return false, err
	}
	p := config.Pipeline(name)
	return p != nil && p.Suspended, nil
}
