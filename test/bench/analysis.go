package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/load"
	"github.com/serin-dev/serin/test/metrics"
	"github.com/serin-dev/serin/test/world"
)

const (
	badReleases = 5
	// badImage answers with an error always.
	badImage = "img/bad"
	// maxRestore is an interval of two seconds, and a second.
	maxRestore = 3
	// maxJobEvents is the budget of a job that is configured, and of a phase that is done by itself.
	maxJobEvents = 6
	served       = "bench-analysis"
)

// analysisRows measures how fast a bad release is off the traffic, and what an analysis adds to a history.
func analysisRows(ctx context.Context, w *world.World) (rows []row, err error) {
	p, err := metrics.Start(ctx, metrics.Options{Targets: []string{w.Run.URL() + "/metrics"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	back, err := restores(ctx, w, p.URL)
	if err != nil {
		return nil, err
	}
	events, err := jobEvents(ctx, w, p.URL)
	return []row{back, events}, err
}

// watchedPipeline has one canary phase, watched by a check for so many seconds.
func watchedPipeline(w *world.World, name, address, check string, seconds int) []byte {
	return []byte(world.Pipeline(name, w.Run.URL(), []int{50}, fmt.Sprintf(
		"advance: {mode: automatic}\n  analysis: {duration: %ds, prometheus: {address: %q, checks: [%s]}}", seconds, address, check)))
}

// restores makes releases that are bad from their first answer on, and measures the time from that to
// the write that takes their requests away.
func restores(ctx context.Context, w *world.World, address string) (row, error) {
	const check = "{id: success, preset: request-success-rate, provider: cloudRun, interval: 2s, min: 99}"
	first := &firstBad{}
	w.Run.Handle(badImage, first)
	yaml := watchedPipeline(w, served, address, check, 60)
	if _, err := w.Client.Apply(ctx, yaml, "bench"); err != nil {
		return row{}, err
	}
	if _, err := ended(ctx, w, served, "v0", "img/v0"); err != nil {
		return row{}, err
	}
	svc, err := w.Run.Service(w.Service(served))
	if err != nil {
		return row{}, err
	}
	u, err := url.Parse(svc.Uri)
	if err != nil {
		return row{}, err
	}
	requests := load.Start(ctx, load.Options{URL: w.Run.URL(), Host: u.Host, Rate: 100})
	defer requests.Stop()
	var took []float64
	for i := range badReleases {
		first.reset()
		r, err := ended(ctx, w, served, fmt.Sprintf("bad%d", i), badImage)
		if err != nil {
			return row{}, err
		}
		began, zero := first.time(), lost(w, r.Revision)
		if r.State != rollout.StateFailed || began.IsZero() || zero.IsZero() {
			return row{}, fmt.Errorf("%s is %s: first bad answer %s, weight 0 %s", r.Rollout, r.State, began, zero)
		}
		took = append(took, zero.Sub(began).Seconds())
	}
	return row{
		Name: "analysis.restore_s", Value: hundredths(median(took)), Unit: "s", N: len(took), target: target{limit: maxRestore},
	}, nil
}

// ended makes a release and waits for the end of its rollout.
func ended(ctx context.Context, w *world.World, pipeline, release, image string) (client.Rollout, error) {
	manifest := strings.Replace(world.Manifest(pipeline, image), "spec:\n      containers:",
		"metadata: {annotations: {release: "+release+"}}\n    spec:\n      containers:", 1) // a revision of its own
	source, err := w.Source(ctx, map[string]string{"service.yaml": manifest})
	if err != nil {
		return client.Rollout{}, err
	}
	request := rollout.CreateRequest{Pipeline: pipeline, Release: release, Source: source, Actor: "bench"}
	if _, err = w.Client.CreateRelease(ctx, request); err != nil {
		return client.Rollout{}, err
	}
	name, err := w.Client.WaitRollout(ctx, pipeline, release, pipeline+"-prod")
	if err != nil {
		return client.Rollout{}, err
	}
	return w.Client.Wait(ctx, pipeline, name)
}

// lost is when the revision lost its requests, zero if it has not.
func lost(w *world.World, revision string) time.Time {
	had := false
	for _, s := range w.Run.Splits(w.Service(served)) {
		has := s.Shares[revision] > 0
		if had && !has {
			return s.Time
		}
		had = has
	}
	return time.Time{}
}

// jobEvents compares the histories of rollouts with an analysis of several lengths and of one without.
// An analysis is one activity, and what it tells meanwhile are heartbeats, so all lengths are one.
func jobEvents(ctx context.Context, w *world.World, address string) (row, error) {
	const check = "{id: zero, query: 'vector(0)', interval: 1s, max: 1}"
	pipelines := map[string][]byte{"unwatched": []byte(world.Pipeline("unwatched", w.Run.URL(), []int{50}, "advance: {mode: automatic}"))}
	for _, seconds := range []int{2, 4, 8} {
		name := fmt.Sprintf("watched-%d", seconds)
		pipelines[name] = watchedPipeline(w, name, address, check, seconds)
	}
	counts := map[string]int{}
	for name, yaml := range pipelines {
		if _, err := w.Client.Apply(ctx, yaml, "bench"); err != nil {
			return row{}, err
		}
		for _, release := range []string{"v1", "v2"} {
			events, err := succeeds(ctx, w, name, release)
			if err != nil {
				return row{}, err
			}
			counts[name] = events
		}
	}
	most := 0
	for name, n := range counts {
		if name != "unwatched" {
			most = max(most, n-counts["unwatched"])
		}
	}
	return row{
		Name: "analysis.history_events", Value: float64(most), Unit: "events", N: len(counts) - 1,
		target: target{limit: maxJobEvents, inclusive: true, count: true},
	}, nil
}

// succeeds makes a release that goes all the way, and counts the events of its rollout.
func succeeds(ctx context.Context, w *world.World, pipeline, release string) (int, error) {
	r, err := ended(ctx, w, pipeline, release, "img/"+release)
	if err != nil {
		return 0, err
	}
	if r.State != rollout.StateSucceeded {
		return 0, fmt.Errorf("%s is %s: %s", r.Rollout, r.State, r.Failure)
	}
	id := rollout.RolloutID(pipeline, r.Rollout)
	if err = w.Temporal.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
		return 0, err
	}
	events, err := w.History(ctx, id)
	return len(events), err
}

// firstBad answers with errors and knows when it began to.
type firstBad struct {
	mu    sync.Mutex
	began time.Time
}

// ServeHTTP is one answer.
func (f *firstBad) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_, revision := cloudruntest.Revision(r.Context())
	http.Error(rw, revision, http.StatusInternalServerError)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.began.IsZero() {
		f.began = time.Now()
	}
}

func (f *firstBad) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.began = time.Time{}
}

func (f *firstBad) time() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.began
}
