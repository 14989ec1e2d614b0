package e2e_test

import (
	"context"
	"flag"
	"log"
	"os"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
	"github.com/serin-dev/serin/worker"
)

// shared is the one world of this package; each test has a pipeline of its own in it.
var shared *world.World //nolint:gochecknoglobals // a Temporal server for each test would be most of the work

func TestMain(m *testing.M) {
	if os.Getenv(world.WorkerVariable) == "1" { // a worker that a test kills
		if code := worker.Main(context.Background(), os.Getenv, os.Stderr); code != 0 {
			log.Fatalf("worker ended with %d", code)
		}
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
