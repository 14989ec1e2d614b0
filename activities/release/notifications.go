package release

import (
	"context"
	"fmt"
	"slices"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// Notification returns who is told under name, as it is configured now. The error is NotFound if
// there is none of that name any more; a document that cannot be read is Transient.
func (a *Activities) Notification(ctx context.Context, name string) (rollout.Notification, error) {
	entries, config, err := a.notifications(ctx, func(e rollout.Entry) bool { return e.Name == name })
	if err != nil {
		return rollout.Notification{}, err
	}
	n, ok := config.Notification(name)
	if !ok {
		return n, &rollout.Error{
			Op: "find notification", On: name, Kind: rollout.NotFound,
			Err: fmt.Errorf("it does not exist any more; known are %s", known(entries, pipeline.KindNotification)),
		}
	}
	return n, nil
}

// Wanting returns for each notice the names of the Notifications that tell of it now.
func (a *Activities) Wanting(ctx context.Context, notices []rollout.Notice) ([][]string, error) {
	_, config, err := a.notifications(ctx, func(rollout.Entry) bool { return true })
	if err != nil {
		return nil, err
	}
	out := make([][]string, len(notices))
	for i, n := range notices {
		out[i] = config.Wanting(n)
	}
	return out, nil
}

// notifications loads those that keep names and, if there is one, what they select by label.
func (a *Activities) notifications(ctx context.Context, keep func(rollout.Entry) bool) ([]rollout.Entry, *pipeline.Config, error) {
	index, err := a.index(ctx)
	if err != nil {
		return nil, nil, err
	}
	of := func(e rollout.Entry) bool { return e.Kind == pipeline.KindNotification && keep(e) }
	var entries []rollout.Entry
	if slices.ContainsFunc(index.Entries, of) {
		entries = slices.DeleteFunc(slices.Clone(index.Entries), func(e rollout.Entry) bool {
			return !of(e) && e.Kind != pipeline.KindTarget && e.Kind != pipeline.KindDeliveryPipeline
		})
	}
	config, err := a.load(ctx, entries)
	if err != nil {
		return nil, nil, &rollout.Error{Op: "read notifications", Kind: rollout.Transient, Err: err}
	}
	return index.Entries, config, nil
}
