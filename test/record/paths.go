package main

import (
	"net/http"
	"slices"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// paths are all of them, those that take a minute first. Each begins with the pipeline canary-25,
// canary-50, stable.
func paths() []path {
	return slices.Concat(slow(), successes(), failures(), stops(), people(), queues(), approvals(), automations(), repairs(),
		rollbacks(), redeploys(), promotions(), mended(), stopped(),
		jobs())
}

// on is a command about a job of a phase.
func on(phase string) rollout.Command { return rollout.Command{Phase: phase, Job: rollout.JobDeploy} }

func successes() []path {
	return []path{
		{name: "first", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "first-google", edit: google, play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.advance(rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "manual", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.advance("canary-50", rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
				func() error { return p.closed(rollout.ReleaseID(p.name, "v2")) },
				func() error { return p.files.keep(p.ctx, "release-manual", rollout.ReleaseID(p.name, "v2")) },
				p.observe,
			)
		}},
		{name: "automatic", extra: "advance: {mode: automatic, wait: 1s}", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "automatic-faster", extra: "advance: {mode: automatic, wait: 1h}", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error { return p.command(rollout.CommandAdvance, rollout.Command{Phase: "canary-50"}) },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				p.ended(rollout.StateCancelled),
			)
		}},
	}
}

func failures() []path {
	denied := func(p *player, phases ...string) error { // in the last of them
		last := len(phases) - 1
		return steps(
			func() error { return p.release("v2") },
			func() error { return p.advance(phases[:last]...) },
			func() error { return p.until("v2", waitsForAdvance(phases[last])) },
			p.deny,
			func() error { return p.advance(phases[last]) },
			func() error { return p.until("v2", in(rollout.StateFailed)) },
		)
	}
	return []path{
		{name: "restore-retry", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return denied(p, "canary-50") },
				func() error { return p.command(rollout.CommandRetryJob, on("canary-50")) },
				func() error { return p.advance(rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "hold-ignore", edit: hold, first: "v1", play: func(p *player) error {
			return steps(
				func() error { return denied(p, "canary-50") },
				func() error { return p.command(rollout.CommandIgnoreJob, on("canary-50")) },
				func() error { return p.advance(rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "hold-restore", edit: hold, first: "v1", play: func(p *player) error {
			return steps(
				func() error { return denied(p, "canary-50") },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{Restore: true}) },
				p.ended(rollout.StateCancelled),
			)
		}},
		{name: "promotion-retry", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return denied(p, "canary-50", rollout.StablePhase) },
				func() error { return p.command(rollout.CommandRetryJob, on(rollout.StablePhase)) },
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "unready-superseded", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.Run.FailImage(p.name+"/v2", "HEALTH_CHECK_CONTAINER_ERROR", "") },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				func() error { return p.release("v3") },
				p.ended(rollout.StateFailed),
				func() error { return p.until("v3", waitsFor(rollout.WaitAdvance)) },
				func() error { return p.files.keep(p.ctx, "lane-superseded", rollout.LaneID(p.name, p.name+"-prod")) },
			)
		}},
	}
}

func stops() []path {
	cancelled := func(c rollout.Command) func(*player) error {
		return func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitAdvance)) },
				func() error { return p.command(rollout.CommandCancel, c) },
				p.ended(rollout.StateCancelled),
			)
		}
	}
	return []path{
		{name: "cancel", first: "v1", play: cancelled(rollout.Command{Reason: "enough"})},
		{name: "cancel-restore", first: "v1", play: cancelled(rollout.Command{Restore: true})},
		{name: "cancel-temporal", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitAdvance)) },
				func() error {
					return p.Temporal.CancelWorkflow(p.ctx, rollout.RolloutID(p.name, p.rollout("v2")), "")
				},
				p.ended(rollout.StateCancelled),
			)
		}},
		{name: "terminate-retry", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsForAdvance("canary-50")) },
				p.hang,
				func() error { return p.advance("canary-50") },
				p.hanging,
				func() error { return p.command(rollout.CommandTerminate, on("canary-50")) },
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				func() error { return p.command(rollout.CommandRetryJob, on("canary-50")) },
				func() error { return p.advance(rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
	}
}

// hang keeps the next write to the path's service from completing.
func (p *player) hang() error {
	p.since = time.Now()
	_, err := p.Run.Inject(cloudruntest.Fault{
		Kind: cloudruntest.Stuck, Method: http.MethodPatch, Path: "/v2/" + p.Service(p.name), Times: 1,
	})
	return err
}

// hanging waits until that write has arrived.
func (p *player) hanging() error {
	path := "/v2/" + p.Service(p.name)
	_, err := p.Run.WaitRequest(p.ctx, func(r cloudruntest.Request) bool {
		return r.Method == http.MethodPatch && r.Path == path && !r.Time.Before(p.since)
	})
	return err
}
