package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// Store is the part of the artifact store that adopting uses; *artifact.Store is one.
type Store interface {
	Put(ctx context.Context, content []byte) (string, error)
	Get(ctx context.Context, digest string) ([]byte, error)
	GetNamed(ctx context.Context, name string) ([]byte, error)
}

// Serin is what is asked of Serin itself; *client.Client is one.
type Serin interface {
	Index(ctx context.Context) (rollout.Index, error)
	Apply(ctx context.Context, yaml []byte, actor string) (rollout.ApplyResult, error)
	CreateRelease(ctx context.Context, r rollout.CreateRequest) (rollout.ReleaseStatus, error)
}

// Activities are those that need no platform.
type Activities struct {
	store Store
	serin Serin
}

// New returns the activities.
func New(store Store, serin Serin) *Activities { return &Activities{store: store, serin: serin} }

// Adopt makes a release of the newest ready revision of a service: the release has the revision's
// name, in a pipeline of the service's own, which is derived from that of the watch as it is
// configured now. A release that is there already is the answer, however it has ended: the
// names of releases are taken for ever, so that what failed, or was rolled back by a person, is not
// tried again.
//
// Errors: Conflict if the service, or the name of the derived pipeline, belongs to somebody else;
// those of deriving, of planning and of the store.
func (a *Activities) Adopt(ctx context.Context, r activities.AdoptRequest) (activities.AdoptResult, error) {
	res, err := a.adopt(ctx, r)
	return res, activities.Application(err)
}

func (a *Activities) adopt(ctx context.Context, r activities.AdoptRequest) (activities.AdoptResult, error) {
	w := pipeline.Watched{
		Watch: r.Watch.Name, Pipeline: r.Watch.Pipeline, Service: r.Service.Service,
		Location: r.Service.Location, Endpoint: r.Watch.Endpoint, MinRequests: r.Watch.MinRequests,
	}
	res := activities.AdoptResult{Pipeline: w.Name(), Release: r.Service.Ready}
	if owner := r.Service.Owner; owner != "" && owner != w.Name() {
		return activities.AdoptResult{}, &rollout.Error{
			Op: "adopt revision", On: r.Service.Ready, Kind: rollout.Conflict,
			Err: fmt.Errorf("service %s belongs to pipeline %s", r.Service.Service, owner),
			Fix: "take the watch's label away from the service; or, if " + owner + " no longer deploys it, the annotation serin.dev/pipeline",
		}
	}
	_, err := a.store.GetNamed(ctx, rollout.DocumentName(res.Pipeline, res.Release))
	if kind := rollout.KindOf(err); kind != rollout.NotFound {
		return res, err
	}
	if err = a.configure(ctx, w); err != nil {
		return activities.AdoptResult{}, err
	}
	source, err := pack(r.Service)
	if err != nil {
		return activities.AdoptResult{}, err
	}
	digest, err := a.store.Put(ctx, source)
	if err != nil {
		return activities.AdoptResult{}, err
	}
	_, err = a.serin.CreateRelease(ctx, rollout.CreateRequest{
		Pipeline: res.Pipeline, Release: res.Release, Source: digest, Actor: rollout.WatchID(r.Watch.Name),
		Description: "revision " + res.Release + ", found by watch " + r.Watch.Name,
	})
	res.Made = err == nil
	return res, err
}

// configure applies what is derived for w, where that is not what is configured.
func (a *Activities) configure(ctx context.Context, w pipeline.Watched) error {
	index, err := a.serin.Index(ctx)
	if err != nil {
		return err
	}
	config, err := pipeline.LoadEntries(index.Entries, func(digest string) ([]byte, error) { return a.store.Get(ctx, digest) })
	if err != nil {
		return err
	}
	derived, err := config.Derive(w)
	if err != nil {
		return err
	}
	documents, err := derived.Documents()
	if err != nil {
		return err
	}
	same := true
	var content [][]byte
	for _, d := range documents {
		content = append(content, d.Content)
		same = same && configured(index, d)
	}
	if same {
		return nil
	}
	_, err = a.serin.Apply(ctx, bytes.Join(content, []byte("---\n")), rollout.WatchID(w.Watch))
	return err
}

// configured reports whether d is in index as it is.
func configured(index rollout.Index, d pipeline.Document) bool {
	for _, e := range index.Entries {
		if e.Kind == d.Kind && e.Name == d.Name {
			return e.Digest == rollout.Digest(d.Content)
		}
	}
	return false
}

// pack is the source of a release: one service, whose revision is there already.
func pack(s rollout.FoundService) ([]byte, error) {
	if len(s.Images) == 0 {
		return nil, &rollout.Error{
			Op: "adopt revision", On: s.Ready, Kind: rollout.Transient, Err: errors.New("it is not there any more"),
		}
	}
	return packed(s)
}
