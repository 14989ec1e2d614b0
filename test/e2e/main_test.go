package e2e_test

import (
	"context"
	"flag"
	"log"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// shared is the one world of this package; each test has a pipeline of its own in it.
var shared *world.World //nolint:gochecknoglobals // a Temporal server for each test would be most of the work

func TestMain(m *testing.M) {
	if world.WasWorker() {
		return
	}
	flag.Parse()
	// The tests wait for each other's Temporal server and sleepers, not for processors.
	if err := flag.Set("test.parallel", "16"); err != nil {
		log.Fatal(err)
	}
	w, err := world.Start(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	shared = w
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		log.Fatal(err)
	}
	m.Run() // its result is the exit code
	stop()
	if err := w.Close(); err != nil {
		log.Print(err)
	}
}
