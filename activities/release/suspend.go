package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// SetSuspended suspends one object of an index, or ends that: its document with nothing else
// changed. What is so already is Unchanged. The error is Invalid for a kind that cannot be
// suspended and NotFound for an object that the index does not have.
func (a *Activities) SetSuspended(ctx context.Context, r activities.SuspendRequest) (activities.ReadResult, error) {
	res, err := a.suspend(ctx, r.Suspend, r.Index)
	return res, activities.Application(err)
}

func (a *Activities) suspend(ctx context.Context, s rollout.Suspend, index rollout.Index) (activities.ReadResult, error) {
	if !slices.Contains(suspendable(), s.Kind) {
		return activities.ReadResult{}, &rollout.Error{
			Op: "suspend", On: fmt.Sprintf("%q", s.Name), Kind: rollout.Invalid,
			Err: fmt.Errorf("its kind is %q, want one of %s", s.Kind, strings.Join(suspendable(), ", ")),
		}
	}
	i := slices.IndexFunc(index.Entries, func(e rollout.Entry) bool { return e.Kind == s.Kind && e.Name == s.Name })
	if i < 0 {
		return activities.ReadResult{}, &rollout.Error{
			Op: "suspend", On: fmt.Sprintf("%s %q", s.Kind, s.Name), Kind: rollout.NotFound,
			Err: errors.New("it does not exist; known are " + known(index.Entries, s.Kind)),
		}
	}
	config, err := a.load(ctx, index.Entries[i:i+1])
	if err != nil {
		return activities.ReadResult{}, err
	}
	res := activities.ReadResult{Index: rollout.Index{Version: index.Version, Entries: slices.Clone(index.Entries)}}
	if !suspend(config, s.Suspended) {
		res.Result.Unchanged = []rollout.Entry{index.Entries[i]}
		return res, nil
	}
	documents, err := config.Documents()
	if err != nil {
		return activities.ReadResult{}, err
	}
	digest, err := a.store.Put(ctx, documents[0].Content)
	if err != nil {
		return activities.ReadResult{}, err
	}
	entry := rollout.Entry{Kind: s.Kind, Name: s.Name, Digest: digest}
	if s.Suspended {
		entry.SuspendedBy, entry.SuspendedFor = s.Actor, s.Reason
	}
	put(&res, entry)
	res.Index.Version++
	return res, nil
}

// suspendable are the kinds of objects that can be suspended.
func suspendable() []string {
	return []string{pipeline.KindDeliveryPipeline, pipeline.KindAutomation, pipeline.KindDeployPolicy}
}

// suspend sets whether the objects of config are suspended, and reports whether that is new.
func suspend(config *pipeline.Config, to bool) bool {
	var flags []*bool
	for _, p := range config.Pipelines {
		flags = append(flags, &p.Suspended)
	}
	for _, a := range config.Automations {
		flags = append(flags, &a.Suspended)
	}
	for _, p := range config.Policies {
		flags = append(flags, &p.Suspended)
	}
	changed := false
	for _, f := range flags {
		changed = changed || *f != to
		*f = to
	}
	return changed
}
