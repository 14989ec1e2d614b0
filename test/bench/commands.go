package main

import (
	"context"
	"time"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

const (
	// answers are timed, after a first pair that is not.
	answers   = 100
	commanded = "commanded" // pipeline and service
)

// answer returns how long a command takes from being sent to its answer: pause and resume, in
// turns, of a rollout that waits for an advance.
func answer(ctx context.Context, w *world.World) ([]row, error) {
	yaml := world.Pipeline(commanded, w.Run.URL(), []int{25}, "")
	if _, err := w.Client.Apply(ctx, []byte(yaml), "bench"); err != nil {
		return nil, err
	}
	if err := serve(ctx, w, "v1"); err != nil {
		return nil, err
	}
	name, err := begin(ctx, w, "v2")
	if err != nil {
		return nil, err
	}
	if err := awaitAdvance(ctx, w, commanded, name, rollout.StablePhase); err != nil {
		return nil, err
	}
	var samples []float64
	for i := range answers + 2 {
		command := rollout.CommandPause
		if i%2 == 1 {
			command = rollout.CommandResume
		}
		sent := time.Now()
		if _, err := w.Client.Command(ctx, commanded, name, command, rollout.Command{Actor: "bench"}); err != nil {
			return nil, err
		}
		if i >= 2 {
			samples = append(samples, float64(time.Since(sent))/float64(time.Millisecond))
		}
	}
	if _, err := w.Client.Cancel(ctx, commanded, name, rollout.Command{Actor: "bench"}); err != nil {
		return nil, err
	}
	return []row{{Name: "command.answer_ms", Value: hundredths(median(samples)), Unit: "ms", N: len(samples), target: target{limit: 50}}}, nil
}

func begin(ctx context.Context, w *world.World, release string) (string, error) {
	if _, err := w.Release(ctx, commanded, release, commanded, "img/"+release); err != nil {
		return "", err
	}
	return w.Client.WaitRollout(ctx, commanded, release, commanded+"-prod")
}

func serve(ctx context.Context, w *world.World, release string) error {
	name, err := begin(ctx, w, release)
	if err != nil {
		return err
	}
	_, err = w.Client.Wait(ctx, commanded, name)
	return err
}
