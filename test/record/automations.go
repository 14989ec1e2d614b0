package main

import (
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// stages gives the path two of them.
func stages(c *world.Configuration) { c.Stages = 2 }

// Rules that repair.
const (
	retries = `- repairRolloutRule:
    id: again
    repairPhases:
      - retry: {attempts: 2, wait: 0m}`
	rollsBack = retries + `
      - rollback: {}`
	retriesLater = `- repairRolloutRule:
    id: later
    repairPhases:
      - retry: {attempts: 2, wait: 60m, backoffMode: EXPONENTIAL}`
)

// automations: rules that advance and promote, and people who are faster.
func automations() []path {
	return []path{
		{name: "automation", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.automate("- advanceRolloutRule: {id: onwards, wait: 0m}") },
				func() error { return p.release("v2") },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "automation-faster", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.automate("- advanceRolloutRule: {id: onwards, wait: 60m}") },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error { return p.command(rollout.CommandAdvance, rollout.Command{Phase: "canary-50"}) },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error { return p.command(rollout.CommandPause, rollout.Command{}) },
				func() error { return p.until("v2", waitsFor(rollout.WaitPerson)) },
				func() error { return p.command(rollout.CommandResume, rollout.Command{}) },
				func() error { return p.advance(rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "promotion", edit: stages, play: promotion},
	}
}

// promotion: a rule takes v2 from the first stage to the second.
func promotion(p *player) error {
	return steps(
		func() error { return p.automate("- promoteReleaseRule: {id: next, wait: 0m}") },
		func() error { return p.release("v2") },
		func() error {
			_, err := p.Client.WaitRollout(p.ctx, p.name, "v2", p.config.Stage(1))
			return err
		},
		func() error {
			return p.over(rollout.Name("v2", p.config.Stage(1), 1), rollout.StateSucceeded, "rollout-promotion")
		},
		func() error { return p.closed(rollout.ReleaseID(p.name, "v2")) },
		func() error { return p.files.keep(p.ctx, "release-promotion", rollout.ReleaseID(p.name, "v2")) },
		func() error { return p.keepLane(p.config.Stage(1), "lane-promotion") },
	)
}

// repairs: rules that repair, and a person who does it first.
func repairs() []path {
	return []path{
		{name: "repair", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.automate(retries) },
				p.deny,
				func() error { return p.release("v2") },
				func() error { return p.advance("canary-50", rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "repair-person", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.automate(retriesLater) },
				p.deny,
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error { return p.command(rollout.CommandRetryJob, on("canary-25")) },
				func() error { return p.advance("canary-50", rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "repair-rollback", first: "v1", play: func(p *player) error {
			back := rollout.Name("v1", p.config.Target(), 2)
			return steps(
				func() error { return p.automate(rollsBack) },
				func() error { return p.Run.FailImage(p.name+"/v2", "HEALTH_CHECK_CONTAINER_ERROR", "") },
				func() error { return p.release("v2") },
				p.ended(rollout.StateFailed),
				func() error { return p.over(back, rollout.StateSucceeded, "rollout-repaired-back") },
				func() error { return p.keepLane(p.config.Target(), "lane-repair-rollback") },
			)
		}},
	}
}
