// Package release reads configuration and plans releases: load, compile, render,
// store. It touches no platform.
package release

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// Store is the part of the artifact store that planning uses; *artifact.Store is one.
type Store interface {
	Put(ctx context.Context, content []byte) (string, error)
	Get(ctx context.Context, digest string) ([]byte, error)
	PutNamed(ctx context.Context, name string, content []byte) error
	GetNamed(ctx context.Context, name string) ([]byte, error)
}

// Temporal is the part of Temporal's client that reads what is configured now.
type Temporal interface {
	QueryWorkflow(ctx context.Context, id, run, query string, args ...any) (converter.EncodedValue, error)
}

// Activities are the activities of this package; each method is one, registered by
// the name that package activities gives it.
type Activities struct {
	store    Store
	temporal Temporal

	// private: only workers on this machine can read the store
	private bool
	now     func() time.Time
}

// New returns the activities. private says that the store is a folder which workers
// on other task queues may not see.
func New(store Store, temporal Temporal, private bool) *Activities {
	return &Activities{store: store, temporal: temporal, private: private, now: time.Now}
}

// WithClock returns activities for which it is now whatever the clock says: for tests, in
// which time is skipped.
func (a *Activities) WithClock(now func() time.Time) *Activities {
	with := *a
	with.now = now
	return &with
}

// index asks for a consistent snapshot of what is configured. Before the first apply
// there is nothing.
func (a *Activities) index(ctx context.Context) (rollout.Index, error) {
	var index rollout.Index
	value, err := a.temporal.QueryWorkflow(ctx, rollout.ConfigID, "", rollout.QueryState)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return index, nil
	}
	if err == nil {
		err = value.Get(&index)
	}
	if err != nil {
		return index, &rollout.Error{Op: "read what is configured", Kind: rollout.Transient, Err: err}
	}
	return index, nil
}

// load reads the documents of entries. They were checked when they were applied.
func (a *Activities) load(ctx context.Context, entries []rollout.Entry) (*pipeline.Config, error) {
	return pipeline.LoadEntries(entries, func(digest string) ([]byte, error) { return a.store.Get(ctx, digest) })
}
