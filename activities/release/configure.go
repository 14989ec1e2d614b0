package release

import (
	"cmp"
	"context"
	"slices"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// ReadConfiguration merges a YAML file into an index: every document is checked
// and stored, or none counts. Objects that the file does not name stay.
func (a *Activities) ReadConfiguration(ctx context.Context, r activities.ReadRequest) (activities.ReadResult, error) {
	res, err := a.merge(ctx, r)
	return res, activities.Application(err)
}

func (a *Activities) merge(ctx context.Context, r activities.ReadRequest) (activities.ReadResult, error) {
	content, err := a.store.Get(ctx, r.Documents)
	if err != nil {
		return activities.ReadResult{}, err
	}
	config, err := pipeline.Load(pipeline.File{Name: "applied", Content: content})
	if err != nil {
		return activities.ReadResult{}, &rollout.Error{Op: "apply", On: r.Documents, Kind: rollout.Invalid, Err: err}
	}
	documents, err := config.Documents()
	if err != nil {
		return activities.ReadResult{}, err
	}
	res := activities.ReadResult{Index: rollout.Index{Version: r.Index.Version, Entries: slices.Clone(r.Index.Entries)}}
	for _, d := range documents {
		digest, putErr := a.store.Put(ctx, d.Content)
		if putErr != nil {
			return activities.ReadResult{}, putErr
		}
		put(&res, rollout.Entry{Kind: d.Kind, Name: d.Name, Digest: digest})
	}
	if len(res.Result.Created)+len(res.Result.Updated) > 0 {
		res.Index.Version++
	}
	all, err := a.load(ctx, res.Index.Entries)
	if err != nil {
		return activities.ReadResult{}, err
	}
	for _, p := range all.Check() {
		res.Result.Warnings = append(res.Result.Warnings, p.String())
	}
	return res, nil
}

// put adds e to the index, in order of kind and name.
func put(res *activities.ReadResult, e rollout.Entry) {
	i, found := slices.BinarySearchFunc(res.Index.Entries, e, func(a, b rollout.Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	switch {
	case !found:
		res.Index.Entries = slices.Insert(res.Index.Entries, i, e)
		res.Result.Created = append(res.Result.Created, e)
	case res.Index.Entries[i].Digest == e.Digest:
		res.Result.Unchanged = append(res.Result.Unchanged, e)
	default:
		res.Index.Entries[i] = e
		res.Result.Updated = append(res.Result.Updated, e)
	}
}
