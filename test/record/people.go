package main

import (
	"errors"

	temporalclient "go.temporal.io/sdk/client"

	"github.com/serin-dev/serin/rollout"
)

// people: drift, signals, a suspension.
func people() []path {
	return []path{
		{name: "drift-accept", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsForAdvance("canary-50")) },
				p.drift(most),
				func() error { return p.advance("canary-50") },
				func() error { return p.until("v2", waitsFor(rollout.WaitPerson)) },
				func() error { return p.command(rollout.CommandResume, rollout.Command{Accept: true}) },
				func() error { return p.advance(rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "drift-before", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitAdvance)) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				p.drift(least),
				func() error { return p.release("v3") },
				func() error { return p.until("v3", waitsFor(rollout.WaitPerson)) },
				func() error {
					return p.files.keep(p.ctx, "rollout-drift-before", rollout.RolloutID(p.name, p.rollout("v3")))
				},
			)
		}},
		{name: "signals", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsForAdvance("canary-50")) },
				func() error { return p.signal(rollout.CommandAdvance, rollout.Command{Phase: rollout.StablePhase}) },
				func() error { return p.until("v2", happened(rollout.EventRefused)) },
				func() error { return p.signal(rollout.CommandAdvance, rollout.Command{Phase: "canary-50"}) },
				func() error { return p.until("v2", waitsForAdvance(rollout.StablePhase)) },
				func() error {
					return p.refused(rollout.CommandAdvance, rollout.Command{Phase: "canary-50"})
				},
				func() error { return p.signal(rollout.CommandCancel, rollout.Command{Restore: true}) },
				p.ended(rollout.StateCancelled),
			)
		}},
		{name: "suspended", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsForAdvance("canary-50")) },
				func() error { return p.suspend(true) },
				func() error {
					return p.refused(rollout.CommandAdvance, rollout.Command{Phase: "canary-50"})
				},
				func() error { return p.suspend(false) },
				func() error { return p.advance("canary-50", rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
	}
}

// queues: what lanes and releases go through.
func queues() []path {
	return []path{
		{name: "queue", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitAdvance)) },
				func() error { return p.release("v3") },
				func() error { return p.until("v3", waitsFor(rollout.WaitLane)) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				func() error { return p.until("v3", waitsFor(rollout.WaitAdvance)) },
				func() error { return p.files.keep(p.ctx, "rollout-queue", rollout.RolloutID(p.name, p.rollout("v3"))) },
				func() error { return p.files.keep(p.ctx, "lane-queue", rollout.LaneID(p.name, p.name+"-prod")) },
				func() error { return p.files.keep(p.ctx, "release-open", rollout.ReleaseID(p.name, "v3")) },
			)
		}},
		{name: "unplanned", play: func(p *player) error {
			source, err := p.Source(p.ctx, map[string]string{"README.md": "nothing to roll out"})
			if err != nil {
				return err
			}
			_, err = p.Client.CreateRelease(p.ctx, rollout.CreateRequest{Pipeline: p.name, Release: "v2", Source: source, Actor: "ann"})
			if err == nil {
				return errors.New("a source without a service was planned")
			}
			return p.files.keep(p.ctx, "release-unplanned", rollout.ReleaseID(p.name, "v2"))
		}},
	}
}

// observe keeps one look at what serves.
func (p *player) observe() error {
	plan, err := p.Client.Plan(p.ctx, p.name, p.rollout("v2"))
	if err != nil {
		return err
	}
	run, err := p.Temporal.ExecuteWorkflow(p.ctx, observation(), rollout.WorkflowObserve, plan)
	if err != nil {
		return err
	}
	if err := run.Get(p.ctx, nil); err != nil {
		return err
	}
	return p.files.keep(p.ctx, "observe", run.GetID())
}

func observation() temporalclient.StartWorkflowOptions {
	return temporalclient.StartWorkflowOptions{ID: "observe", TaskQueue: rollout.DefaultTaskQueue}
}
