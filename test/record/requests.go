package main

import (
	"fmt"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// rollback sends one for the path's target.
func (p *player) rollback(c rollout.Create) (rollout.Created, error) {
	c.Actor = "ann"
	return p.Client.Rollback(p.ctx, p.name, p.config.Target(), c)
}

// all makes v2 and takes it all the way.
func (p *player) all() error {
	return steps(
		func() error { return p.release("v2") },
		func() error { return p.advance("canary-50", rollout.StablePhase) },
		p.ended(rollout.StateSucceeded),
		p.heard,
	)
}

// heard waits until the lane has heard that nothing runs.
func (p *player) heard() error {
	return p.follow(rollout.LaneID(p.name, p.config.Target()), func() (bool, error) {
		lane, err := p.Client.Lane(p.ctx, p.name, p.config.Target())
		return err == nil && lane.Holder == "", err
	})
}

// rollbacks: what people ask a lane for, backwards.
func rollbacks() []path {
	return []path{
		{name: "rollback", first: "v1", play: func(p *player) error {
			return steps(
				p.all,
				func() error {
					_, err := p.rollback(rollout.Create{DryRun: true})
					return err
				},
				func() error {
					_, err := p.rollback(rollout.Create{Reason: "errors"})
					return err
				},
				func() error {
					return p.over(rollout.Name("v1", p.config.Target(), 2), rollout.StateSucceeded, "rollout-rollback-of-rollback")
				},
				func() error { return p.keepLane(p.config.Target(), "lane-rollback") },
			)
		}},
		{name: "rollback-stop", first: "v1", play: func(p *player) error {
			v3 := p.rollout("v3")
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitAdvance)) },
				func() error { return p.release("v3") },
				func() error { return p.until("v3", waitsFor(rollout.WaitLane)) },
				func() error {
					if _, err := p.rollback(rollout.Create{}); rollout.KindOf(err) != rollout.Refused {
						return fmt.Errorf("it was not refused: %w", err)
					}
					_, err := p.rollback(rollout.Create{StopRunning: true})
					return err
				},
				p.ended(rollout.StateCancelled),
				func() error { return p.over(v3, rollout.StateCancelled, "rollout-cleared") },
				func() error {
					return p.over(rollout.Name("v1", p.config.Target(), 2), rollout.StateSucceeded, "rollout-inherits")
				},
				func() error { return p.keepLane(p.config.Target(), "lane-rollback-stop") },
			)
		}},
		{name: "rolled-back", first: "v1", play: func(p *player) error { // while it is FAILED and open
			return steps(
				func() error { return p.Run.FailImage(p.name+"/v2", "HEALTH_CHECK_CONTAINER_ERROR", "") },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				p.heard,
				func() error {
					_, err := p.rollback(rollout.Create{})
					return err
				},
				p.ended(rollout.StateFailed),
			)
		}},
	}
}

// redeploys: the newest release once more.
func redeploys() []path {
	return []path{
		{name: "redeploy", first: "v1", play: func(p *player) error {
			again := rollout.Name("v2", p.config.Target(), 2)
			return steps(
				p.all,
				func() error {
					_, err := p.Client.Redeploy(p.ctx, p.name, p.config.Target(), rollout.Create{Actor: "ann"})
					return err
				},
				func() error { return p.over(again, rollout.StateSucceeded, "rollout-redeployed") },
				func() error { return p.keepLane(p.config.Target(), "lane-redeploy") },
			)
		}},
		{name: "redeploy-cancelled", first: "v1", play: func(p *player) error {
			again := rollout.Name("v2", p.config.Target(), 2)
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsForAdvance("canary-50")) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				p.ended(rollout.StateCancelled),
				p.heard,
				func() error {
					_, err := p.Client.Redeploy(p.ctx, p.name, p.config.Target(), rollout.Create{Actor: "ann"})
					return err
				},
				func() error { return p.watch(again, waitsForAdvance("canary-50")) },
				func() error { return p.commandTo(again, rollout.CommandCancel, rollout.Command{Restore: true}) },
				func() error { return p.over(again, rollout.StateCancelled, "rollout-redeployed-cancelled") },
			)
		}},
	}
}

// promotions: what people ask a lane and a release for, forwards.
func promotions() []path {
	return []path{
		{name: "promoted", edit: stages, play: func(p *player) error {
			created := rollout.Name("v2", p.config.Stage(1), 1)
			return steps(
				func() error { return p.release("v2") },
				p.ended(rollout.StateSucceeded),
				func() error {
					_, err := p.Client.Promote(p.ctx, p.name, p.config.Stage(1), rollout.Create{Release: "v2", Actor: "ann"})
					return err
				},
				func() error { return p.over(created, rollout.StateSucceeded, "rollout-promoted-further") },
				func() error { return p.keepLane(p.config.Stage(1), "lane-promoted") },
				func() error { return p.closed(rollout.ReleaseID(p.name, "v2")) },
				func() error { return p.files.keep(p.ctx, "release-promoted", rollout.ReleaseID(p.name, "v2")) },
			)
		}},
		{name: "frozen", first: "v1", play: frozen},
		{name: "abandoned", edit: stages, play: func(p *player) error {
			id := rollout.ReleaseID(p.name, "v2")
			return steps(
				func() error { return p.automate("- promoteReleaseRule: {id: next, wait: 60m}") },
				func() error { return p.release("v2") },
				p.ended(rollout.StateSucceeded),
				func() error {
					return p.follow(id, func() (bool, error) {
						r, err := p.Client.Release(p.ctx, p.name, "v2")
						return len(r.Waiting) > 0, err
					})
				},
				func() error {
					return p.Client.Abandon(p.ctx, rollout.Abandon{Pipeline: p.name, Release: "v2", Actor: "ann", Reason: "bad"})
				},
				func() error { return p.closed(id) },
				func() error { return p.files.keep(p.ctx, "release-abandoned", id) },
			)
		}},
	}
}

// frozen: a release that may not begin until a person overrides the policy.
func frozen(p *player) error {
	id := rollout.ReleaseID(p.name, "v2")
	return steps(
		func() error { return p.freeze("CREATE", time.Now().UTC().Add(time.Hour)) },
		func() error {
			_, err := p.Release(p.ctx, p.name, "v2", p.name, p.name+"/v2")
			return err
		},
		func() error {
			return p.follow(id, func() (bool, error) {
				r, err := p.Client.Release(p.ctx, p.name, "v2")
				return len(r.Notes) > 0, err
			})
		},
		func() error {
			_, err := p.Client.Promote(p.ctx, p.name, p.config.Target(), rollout.Create{
				Release: "v2", Actor: "ann", Override: []string{p.name + "-freeze"}, Reason: "outage",
			})
			return err
		},
		func() error { return p.advance("canary-50", rollout.StablePhase) },
		p.ended(rollout.StateSucceeded),
		func() error { return p.closed(id) },
		func() error { return p.files.keep(p.ctx, "release-frozen", id) },
	)
}
