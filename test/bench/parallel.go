package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

const (
	// manyChildren is the most that a multi-target may have.
	manyChildren = 100
	// manyReleases are measured, after a first one that is not.
	manyReleases = 3
	// maxControllerEvents is how many events a controller of that many children may leave.
	maxControllerEvents = 2500

	many  = "many" // pipeline of the multi-target
	stage = "everywhere"
)

// parallel takes releases through canary-50 and stable on a hundred targets together.
func parallel(ctx context.Context, w *world.World) ([]row, error) {
	yaml := world.Many(many, stage, w.Run.URL(), manyChildren, []int{50})
	if _, err := w.Client.Apply(ctx, yaml, "bench"); err != nil {
		return nil, err
	}
	var (
		starts []float64
		most   int
	)
	for i := range manyReleases + 1 {
		release := fmt.Sprintf("v%d", i)
		start, events, err := runParallel(ctx, w, release, i > 0)
		if err != nil {
			return nil, fmt.Errorf("%s of %d targets: %w", release, manyChildren, err)
		}
		if i > 0 {
			starts, most = append(starts, start.Seconds()), max(most, events)
		}
	}
	return []row{
		{
			Name: "parallel.controller_events_100", Value: float64(most), Unit: "events", N: manyReleases,
			target: target{limit: maxControllerEvents, count: true},
		},
		{Name: "parallel.start_100_s", Value: hundredths(median(starts)), Unit: "s", N: manyReleases, target: target{limit: 5}},
	}, nil
}

// runParallel takes one release all the way. It returns how long it took from the lane's grant until the
// last child was IN_PROGRESS, and how many events the controller has left.
func runParallel(ctx context.Context, w *world.World, release string, advances bool) (start time.Duration, events int, err error) {
	if _, err = w.Release(ctx, many, release, many, "img/"+release); err != nil {
		return 0, 0, err
	}
	name, err := w.Client.WaitRollout(ctx, many, release, stage)
	if err != nil {
		return 0, 0, err
	}
	if advances {
		if err = awaitAdvance(ctx, w, many, name, rollout.StablePhase); err != nil {
			return 0, 0, err
		}
		if _, err = w.Client.Advance(ctx, many, name, rollout.Command{Phase: rollout.StablePhase, Actor: "bench"}); err != nil {
			return 0, 0, err
		}
	}
	last, err := w.Client.Wait(ctx, many, name)
	if err != nil {
		return 0, 0, err
	}
	if last.State != rollout.StateSucceeded {
		return 0, 0, fmt.Errorf("%s is %s: %s", name, last.State, last.Failure)
	}
	if start, err = childrenStarted(ctx, w, last); err != nil {
		return 0, 0, err
	}
	id := rollout.RolloutID(many, name)
	if err = w.Temporal.GetWorkflow(ctx, id, "").Get(ctx, nil); err != nil {
		return 0, 0, err
	}
	history, err := w.History(ctx, id)
	return start, len(history), err
}

// childrenStarted returns how long after the controller's grant its last child had its own.
func childrenStarted(ctx context.Context, w *world.World, controller client.Rollout) (time.Duration, error) {
	if len(controller.Children) != manyChildren {
		return 0, fmt.Errorf("%s has %d children, want %d", controller.Rollout, len(controller.Children), manyChildren)
	}
	var longest time.Duration
	for _, c := range controller.Children {
		child, err := w.Client.Rollout(ctx, controller.Pipeline, c.Rollout)
		if err != nil {
			return 0, err
		}
		if child.Started.IsZero() {
			return 0, errors.New(c.Rollout + " has never started")
		}
		longest = max(longest, child.Started.Sub(controller.Started))
	}
	return longest, nil
}
