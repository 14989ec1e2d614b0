// Package parallel_test takes releases to several targets at once: clusters and locations of
// Cloud Run together, and a hundred of them.
package parallel_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"k8s.io/klog/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// patience is how long a test may take.
const patience = 5 * time.Minute

func TestMain(m *testing.M) {
	if world.WasWorker() {
		return
	}
	klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // watches end here all the time
	m.Run()                                           // its result is the exit code
}

// start starts a world with a worker of the default queue, and a driver of one pipeline.
func start(t *testing.T, pipeline, target string) *drive.Driver {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w, err := world.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closed := w.Close(); closed != nil {
			t.Error(closed)
		}
	})
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return &drive.Driver{T: t, Ctx: ctx, World: w, Pipeline: pipeline, Target: target}
}

// child is what a controller knows of the child of the target.
func child(t *testing.T, r client.Rollout, target string) rollout.ChildStatus {
	t.Helper()
	for _, c := range r.Children {
		if c.Target == target {
			return c
		}
	}
	t.Fatalf("%s has no child %s: %+v", r.Rollout, target, r.Children)
	return rollout.ChildStatus{}
}
