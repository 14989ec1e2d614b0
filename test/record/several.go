package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// children of every path with several targets.
const children = 3

// fleet is the path's configuration with a multi-target, and more keys of that.
func fleet(more string) func(*player) []byte {
	return func(p *player) []byte {
		yaml := world.Many(p.name, p.config.Target(), p.Run.URL(), children, []int{25, 50})
		return []byte(strings.Replace(string(yaml), "multiTarget:\n", "multiTarget:\n"+more, 1))
	}
}

// target is the name of the child at index i.
func (p *player) target(i int) string { return fmt.Sprintf("%s-%03d", p.config.Target(), i) }

// child is the rollout of v2 to the child at index i.
func (p *player) child(i int) string {
	return rollout.ChildName(p.rollout("v2"), "v2", p.target(i))
}

// denyChild refuses the next write to the service of the child at index i.
func (p *player) denyChild(i int) error {
	_, err := p.Run.Inject(cloudruntest.Fault{
		Kind: cloudruntest.PermissionDenied, Method: http.MethodPatch, Times: 1,
		Path: "/v2/" + p.Service(world.ManyLocation(i)+"/"+p.name),
	})
	return err
}

// mended: controllers one of whose children fails and goes on.
func mended() []path {
	return []path{
		{name: "controller", yaml: fleet(""), first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.denyChild(1) },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", in(rollout.StateHalted)) },
				func() error { return p.commandTo(p.child(1), rollout.CommandRetryJob, on("canary-25")) },
				func() error { return p.advance("canary-50", rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
				func() error { return p.over(p.child(0), rollout.StateSucceeded, "rollout-child") },
				func() error { return p.over(p.child(1), rollout.StateSucceeded, "rollout-child-retried") },
				func() error { return p.keepLane(p.config.Target(), "lane-controller") },
			)
		}},
		{name: "controller-ignore", yaml: fleet("  waves: [[controller-ignore-prod-000], [controller-ignore-prod-001, controller-ignore-prod-002]]\n  maxConcurrent: 1\n"), first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.denyChild(1) },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", in(rollout.StateHalted)) },
				func() error { return p.commandTo(p.child(1), rollout.CommandIgnoreJob, on("canary-25")) },
				func() error { return p.advance("canary-50") },
				func() error { return p.until("v2", waitsForAdvance(rollout.StablePhase)) },
				func() error { return p.command(rollout.CommandPause, rollout.Command{}) },
				func() error { return p.until("v2", waitsFor(rollout.WaitPerson)) },
				func() error { return p.command(rollout.CommandResume, rollout.Command{}) },
				func() error { return p.advance(rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
				func() error { return p.over(p.child(1), rollout.StateSucceeded, "rollout-child-ignored") },
			)
		}},
	}
}

// stopped: controllers that do not go all the way.
func stopped() []path {
	return []path{
		{name: "controller-budget", yaml: fleet("  failureBudget: 0\n"), first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.denyChild(1) },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", in(rollout.StateFailed)) },
				p.heard,
				func() error { return p.release("v3") },
				p.ended(rollout.StateFailed),
				func() error { return p.over(p.child(0), rollout.StateFailed, "rollout-child-gives-up") },
			)
		}},
		{name: "controller-cancel", yaml: fleet(""), first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsForAdvance("canary-50")) },
				func() error { return p.command(rollout.CommandCancel, rollout.Command{Restore: true}) },
				p.ended(rollout.StateCancelled),
				func() error { return p.over(p.child(2), rollout.StateCancelled, "rollout-child-cancelled") },
			)
		}},
		{name: "controller-rollback", yaml: fleet(""), first: "v1", play: func(p *player) error {
			back := rollout.Name("v1", p.config.Target(), 2)
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsForAdvance("canary-50")) },
				func() error {
					_, err := p.rollback(rollout.Create{StopRunning: true})
					return err
				},
				p.ended(rollout.StateCancelled),
				func() error { return p.over(back, rollout.StateSucceeded, "rollout-controller-back") },
				func() error {
					return p.over(rollout.ChildName(back, "v1", p.target(0)), rollout.StateSucceeded, "rollout-child-back")
				},
			)
		}},
	}
}
