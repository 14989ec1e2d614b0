package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

const (
	// measuredReleases of three advances each are 24 samples.
	measuredReleases = 8
	// maxEvents is how many events a release of four phases may leave in the histories
	// of its Release and its Rollout together.
	maxEvents = 120

	name = "bench" // of the pipeline and its service
)

// releases takes n releases through the four phases canary-25, canary-50, canary-75 and
// stable, after a first one that is not measured.
func releases(ctx context.Context, w *world.World, n int) ([]row, error) {
	yaml := world.Pipeline(name, w.Run.URL(), []int{25, 50, 75}, "")
	if _, err := w.Client.Apply(ctx, []byte(yaml), "bench"); err != nil {
		return nil, err
	}
	if _, err := runRelease(ctx, w, "v0", nil); err != nil {
		return nil, err
	}
	var (
		delays []float64
		most   int
	)
	for i := range n {
		release := fmt.Sprintf("v%d", i+1)
		d, err := runRelease(ctx, w, release, []string{"canary-50", "canary-75", rollout.StablePhase})
		if err != nil {
			return nil, err
		}
		delays = append(delays, d...)
		events, err := historyEvents(ctx, w, release)
		if err != nil {
			return nil, err
		}
		most = max(most, events)
	}
	return []row{
		{
			Name: "cloudrun.advance_to_patch_ms", Value: hundredths(median(delays)), Unit: "ms", N: len(delays),
			target: target{limit: 100},
		},
		{
			Name: "release.history_events", Value: float64(most), Unit: "events", N: n,
			target: target{limit: maxEvents, inclusive: true, count: true},
		},
	}, nil
}

// runRelease advances a release through the given phases until it is done, and
// returns what each advance took, in milliseconds.
func runRelease(ctx context.Context, w *world.World, release string, phases []string) ([]float64, error) {
	if _, err := w.Release(ctx, name, release, name, "img/"+release); err != nil {
		return nil, err
	}
	rolloutName, err := w.Client.WaitRollout(ctx, name, release, name+"-prod")
	if err != nil {
		return nil, err
	}
	var delays []float64
	for _, phase := range phases {
		if err = awaitAdvance(ctx, w, name, rolloutName, phase); err != nil {
			return nil, err
		}
		d, failed := advance(ctx, w, rolloutName, phase)
		if failed != nil {
			return nil, failed
		}
		delays = append(delays, float64(d)/float64(time.Millisecond))
	}
	last, err := w.Client.Wait(ctx, name, rolloutName)
	if err == nil && last.State != rollout.StateSucceeded {
		err = fmt.Errorf("%s is %s: %s", rolloutName, last.State, last.Failure)
	}
	return delays, err
}

// advance returns how long after an advance was sent its PATCH arrived: an upper bound
// of how long after it was accepted.
func advance(ctx context.Context, w *world.World, rolloutName, phase string) (time.Duration, error) {
	path := "/v2/" + w.Service(name)
	sent := time.Now()
	if _, err := w.Client.Advance(ctx, name, rolloutName, rollout.Command{Phase: phase, Actor: "bench"}); err != nil {
		return 0, err
	}
	arrived, err := w.Run.WaitRequest(ctx, func(r cloudruntest.Request) bool {
		return r.Method == http.MethodPatch && r.Path == path && !r.Time.Before(sent)
	})
	return arrived.Time.Sub(sent), err
}

// awaitAdvance waits until the rollout waits for an advance to phase.
func awaitAdvance(ctx context.Context, w *world.World, pipeline, rolloutName, phase string) error {
	var last client.Rollout
	reached := errors.New("reached")
	err := w.Client.Watch(ctx, pipeline, rolloutName, func(r client.Rollout) error {
		last = r
		next, _ := r.NextPhase()
		if r.Waiting != nil && r.Waiting.For == rollout.WaitAdvance && next != nil && next.ID == phase {
			return reached
		}
		return nil
	})
	if errors.Is(err, reached) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is %s before %s: %s", rolloutName, last.State, phase, last.Failure)
}

// historyEvents counts the events of a finished release and of its only rollout.
func historyEvents(ctx context.Context, w *world.World, release string) (int, error) {
	id := rollout.ReleaseID(name, release)
	if err := w.Temporal.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
		return 0, fmt.Errorf("wait for the end of %s: %w", id, err)
	}
	n := 0
	for _, id := range []string{id, rollout.RolloutID(name, rollout.Name(release, name+"-prod", 1))} {
		events, err := w.History(ctx, id)
		if err != nil {
			return 0, err
		}
		n += len(events)
	}
	return n, nil
}
