package worker

import (
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun"
	"github.com/serin-dev/serin/activities/watch"
	"github.com/serin-dev/serin/artifact"
	serin "github.com/serin-dev/serin/client"
)

// discovers registers what looks for services, on every task queue.
func discovers(w sdkworker.ActivityRegistry, store *artifact.Store) {
	register(w, map[string]any{activities.Discover: watch.NewFinding(cloudrun.New(store)).Discover})
}

// adopts registers what makes releases of revisions, on the queue of the workflows. Its requests
// are those of any client.
func adopts(w sdkworker.ActivityRegistry, temporal client.Client, store *artifact.Store) {
	register(w, map[string]any{activities.Adopt: watch.New(store, serin.New(temporal, store)).Adopt})
}
