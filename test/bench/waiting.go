package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

const (
	// waitingPipelines of waitingReleases each are a thousand rollouts.
	waitingPipelines, waitingReleases = 50, 20
	// atOnce is how many pipelines make their releases at the same time.
	atOnce = 8
)

// waitingWorker returns the resident memory of a worker, in MB of 1,000,000 bytes, while a
// thousand rollouts of its making wait for their approval.
func waitingWorker(ctx context.Context, p *programs) (rows []row, err error) {
	w, err := world.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	mb, err := p.resident(ctx, w.Environment(), func() error { return approvals(ctx, w, waitingPipelines, waitingReleases) })
	return []row{{Name: "waiting.worker_mb_1000", Value: hundredths(mb), Unit: "MB", N: 1, target: target{limit: 200}}}, err
}

// approvals makes rollouts that wait for approval, and wants them to cost nothing: no activity
// runs or is pending, and no platform was asked anything.
func approvals(ctx context.Context, w *world.World, pipelines, releases int) error {
	turns := make(chan struct{}, atOnce)
	var (
		done sync.WaitGroup
		mu   sync.Mutex
		all  error
	)
	for i := range pipelines {
		done.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := await(ctx, w, fmt.Sprintf("wait-%d", i), releases); err != nil {
				mu.Lock()
				defer mu.Unlock()
				all = errors.Join(all, err)
			}
		})
	}
	done.Wait()
	if all != nil {
		return all
	}
	if n := len(w.Run.Log()); n > 0 {
		return fmt.Errorf("the platform had %d requests while everything waited for approval", n)
	}
	return nil
}

// await makes releases of one pipeline whose rollouts wait for approval.
func await(ctx context.Context, w *world.World, pipeline string, releases int) error {
	c := world.Configuration{
		Pipeline: pipeline, Endpoint: w.Run.URL(), Canary: world.Percentages([]int{25, 50, 75}, ""),
		Settings: "requireApproval: true\napproval: {expireAfter: 24h}",
	}
	if _, err := w.Client.Apply(ctx, c.YAML(), "bench"); err != nil {
		return err
	}
	for i := range releases {
		release := fmt.Sprintf("v%d", i)
		if _, err := w.Release(ctx, pipeline, release, pipeline, "img/"+release); err != nil {
			return err
		}
		name, err := w.Client.WaitRollout(ctx, pipeline, release, c.Target())
		if err != nil {
			return err
		}
		last, err := w.Client.Wait(ctx, pipeline, name, client.StopWaiting())
		if err != nil {
			return err
		}
		if last.State != rollout.StatePendingApproval {
			return fmt.Errorf("%s is %s, want PENDING_APPROVAL", name, last.State)
		}
		for _, id := range []string{rollout.RolloutID(pipeline, name), rollout.ReleaseID(pipeline, release), rollout.LaneID(pipeline, c.Target())} {
			d, err := w.Temporal.DescribeWorkflowExecution(ctx, id, "")
			if err != nil {
				return err
			}
			if n := len(d.GetPendingActivities()); n > 0 {
				return fmt.Errorf("%s has %d activities while it waits for approval", id, n)
			}
		}
	}
	return nil
}
