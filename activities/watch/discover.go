package watch

import (
	"context"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Finder lists services; the Cloud Run provider is one.
type Finder interface {
	// Services lists the services of a location that carry a label, by name.
	Services(ctx context.Context, r activities.DiscoverRequest) ([]rollout.FoundService, error)
}

// Finding is the activity that runs where the credentials are.
type Finding struct{ finder Finder }

// NewFinding returns the activity over finder.
func NewFinding(finder Finder) *Finding { return &Finding{finder: finder} }

// Discover lists the services of one location. It writes nothing.
func (f *Finding) Discover(ctx context.Context, r activities.DiscoverRequest) (activities.DiscoverResult, error) {
	found, err := f.finder.Services(ctx, r)
	if err != nil {
		return activities.DiscoverResult{}, activities.Application(err)
	}
	return activities.DiscoverResult{Services: found}, nil
}
