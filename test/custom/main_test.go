// Package custom_test takes releases to custom targets, whose containers are shells that an emulator of
// Cloud Run starts as processes.
package custom_test

import (
	"context"
	"errors"
	"flag"
	"log"
	"sync/atomic"
	"testing"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// site is what all tests share.
type site struct {
	*world.World
	scenes atomic.Int64 // so far, which makes their names their own
}

var shared site //nolint:gochecknoglobals // a Temporal server for each test would be most of the work

func TestMain(m *testing.M) {
	if world.WasWorker() {
		return
	}
	flag.Parse()
	// The tests wait for containers and for the death of workers, not for processors.
	if err := flag.Set("test.parallel", "16"); err != nil {
		log.Fatal(err)
	}
	end, err := start(context.Background())
	if err != nil {
		log.Fatal(errors.Join(err, end()))
	}
	m.Run() // its result is the exit code
	if err := end(); err != nil {
		log.Print(err)
	}
}

// start starts what the tests share. end is never nil.
func start(ctx context.Context) (end func() error, err error) {
	end = func() error { return nil }
	if shared.World, err = world.Start(ctx); err != nil {
		return end, err
	}
	shared.Run.HandleJob("sh", cloudruntest.Process)
	stop, err := shared.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		return shared.Close, err
	}
	return func() error { stop(); return shared.Close() }, nil
}
