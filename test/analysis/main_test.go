// Package analysis_test watches releases with a real Prometheus: bad ones are off the traffic,
// and what nobody has found out is never taken for health.
package analysis_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/metrics"
	"github.com/serin-dev/serin/test/world"
	"github.com/serin-dev/serin/worker"
)

// site is what all rows share.
type site struct {
	*world.World
	prometheus *metrics.Server
	gauges     *metrics.Gauges
	answers    *answers
}

var shared site //nolint:gochecknoglobals // a Temporal server and a Prometheus for each row would be most of the work

func TestMain(m *testing.M) {
	if world.WasWorker() {
		return
	}
	flag.Parse()
	// The rows wait for samples, not for processors.
	if err := flag.Set("test.parallel", "32"); err != nil {
		log.Fatal(err)
	}
	for name, value := range map[string]string{"SERIN_SECRET_RIGHT": metrics.Password, "SERIN_SECRET_WRONG": "not " + metrics.Password} {
		if err := os.Setenv(name, value); err != nil {
			log.Fatal(err)
		}
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

// start starts what the rows share. end is never nil.
func start(ctx context.Context) (end func() error, err error) {
	var ends []func() error
	end = func() error {
		var all error
		for i := range ends {
			all = errors.Join(all, ends[len(ends)-1-i]())
		}
		return all
	}
	if shared.World, err = world.Start(ctx); err != nil {
		return end, err
	}
	ends = append(ends, shared.Close)
	shared.answers = newAnswers()
	shared.Run.Handle("*", shared.answers.watch(shared.Run.Faulty(http.HandlerFunc(hello))))
	shared.Run.HandleJob("task/*", task)
	shared.gauges = metrics.NewGauges()
	ends = append(ends, func() error { shared.gauges.Close(); return nil })
	shared.prometheus, err = metrics.Start(ctx, metrics.Options{Targets: []string{shared.Run.URL() + "/metrics", shared.gauges.URL}})
	if err != nil {
		return end, err
	}
	ends = append(ends, shared.prometheus.Close)
	stop, err := shared.WorkerWith(worker.Options{TaskQueue: rollout.DefaultTaskQueue, Shared: true, Hosts: activities.Hosts{"127.0.0.1"}})
	if err != nil {
		return end, err
	}
	ends = append(ends, func() error { stop(); return nil })
	return end, nil
}

func hello(w http.ResponseWriter, r *http.Request) {
	_, revision := cloudruntest.Revision(r.Context())
	_, _ = io.WriteString(w, revision)
}

// task is the code of the images of jobs: task/good and task/bad.
func task(_ context.Context, c cloudruntest.Container) int {
	_, _ = io.WriteString(c.Log, "this is "+c.Image+"\n")
	if c.Image == "task/good" {
		return 0
	}
	return 3
}
