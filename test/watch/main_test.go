// Package watch_test has people deploy revisions without traffic, to an emulated Cloud Run with a real
// Temporal, real requests and a real PromQL engine, and a watch that takes them from there.
package watch_test

import (
	"context"
	"flag"
	"io"
	"log"
	"net/http"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/deploy/local/metrics"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

var (
	// shared is the one world of this package; each test has services of its own in it.
	shared *world.World //nolint:gochecknoglobals // a Temporal server for each test would be most of the work
	// prometheus scrapes what the world's services count.
	prometheus *metrics.Server //nolint:gochecknoglobals // as above
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // the tests wait for timers, not for processors
		log.Fatal(err)
	}
	w, err := world.Start(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	shared = w
	shared.Run.Handle("img/bad", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, revision := cloudruntest.Revision(r.Context())
		rw.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(rw, revision)
	}))
	prometheus, err = metrics.Start(context.Background(), metrics.Options{
		Targets: []string{w.Run.URL() + "/metrics"}, Every: 250 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		log.Fatal(err)
	}
	m.Run() // its result is the exit code
	stop()
	if err := prometheus.Stop(); err != nil {
		log.Print(err)
	}
	if err := w.Close(); err != nil {
		log.Print(err)
	}
}
