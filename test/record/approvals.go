package main

import (
	"fmt"
	"time"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/world"
)

// approves makes the target require approval.
func approves(approval string) func(*world.Configuration) {
	return func(c *world.Configuration) { c.Settings = "requireApproval: true\n" + approval }
}

// yes is the actor's approval of v2.
func (p *player) yes(actor string) (rollout.Command, error) {
	r, err := p.Client.Rollout(p.ctx, p.name, p.rollout("v2"))
	return rollout.Command{Actor: actor, Digest: r.Digest}, err
}

// asked makes v2, which waits for its approval.
func (p *player) asked() error {
	return steps(
		func() error { return p.release("v2") },
		func() error { return p.until("v2", waitsFor(rollout.WaitApproval)) },
	)
}

func approvals() []path {
	return []path{
		{name: "approval", edit: approves("approval: {approvers: [ann, bob], minApprovals: 2}"), play: func(p *player) error {
			return steps(
				p.asked,
				func() error { return p.signal(rollout.CommandApprove, rollout.Command{Actor: "eve"}) },
				func() error { return p.until("v2", happened(rollout.EventRefused)) },
				func() error {
					c, err := p.yes("ann")
					if err != nil {
						return err
					}
					return p.command(rollout.CommandApprove, c)
				},
				func() error {
					c, err := p.yes("bob")
					if err != nil {
						return err
					}
					return p.signal(rollout.CommandApprove, c)
				},
				p.ended(rollout.StateSucceeded),
				func() error { return p.keepLane(p.config.Target(), "lane-approval") },
			)
		}},
		{name: "approval-rejected", edit: approves(""), play: func(p *player) error {
			return steps(
				p.asked,
				func() error { return p.command(rollout.CommandReject, rollout.Command{Reason: "not today"}) },
				p.ended(rollout.StateApprovalRejected),
			)
		}},
		{name: "approval-cancel", edit: approves(""), play: func(p *player) error {
			return steps(
				p.asked,
				func() error { return p.command(rollout.CommandCancel, rollout.Command{}) },
				p.ended(rollout.StateCancelled),
			)
		}},
		{name: "pause", extra: "advance: {mode: automatic, wait: 1h}", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error { return p.command(rollout.CommandPause, rollout.Command{Reason: "lunch"}) },
				func() error { return p.until("v2", waitsFor(rollout.WaitPerson)) },
				func() error { return p.command(rollout.CommandResume, rollout.Command{}) },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error { return p.command(rollout.CommandAdvance, rollout.Command{Phase: "canary-50"}) },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				func() error {
					return p.command(rollout.CommandAdvance, rollout.Command{Phase: rollout.StablePhase})
				},
				p.ended(rollout.StateSucceeded),
			)
		}},
	}
}

// slow are the paths with a time of a minute in them, the shortest that can be configured.
func slow() []path {
	return []path{
		{name: "approval-expired", edit: approves("approval: {expireAfter: 1m}"), play: func(p *player) error {
			return steps(p.asked, p.ended(rollout.StateApprovalRejected))
		}},
		{name: "window", extra: "advance: {mode: automatic}", first: "v1", play: func(p *player) error {
			policy := p.name + "-freeze"
			return steps(
				func() error { return p.freeze("ADVANCE", nextMinute()) },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitWindow)) },
				func() error {
					return p.command(rollout.CommandAdvance, rollout.Command{Phase: "canary-50", Override: []string{policy}, Reason: "outage"})
				},
				p.ended(rollout.StateSucceeded),
			)
		}},
		{name: "automation-suspended", first: "v1", play: func(p *player) error {
			return steps(
				func() error { return p.automate("- advanceRolloutRule: {id: onwards, wait: 1m}") },
				func() error { return p.release("v2") },
				func() error { return p.until("v2", waitsFor(rollout.WaitTimer)) },
				p.suspendAutomation,
				func() error { return p.advance("canary-50", rollout.StablePhase) },
				p.ended(rollout.StateSucceeded),
			)
		}},
	}
}

// nextMinute is the end of a window that is still closed when a rollout comes to it.
func nextMinute() time.Time {
	const least = 15 * time.Second
	return time.Now().UTC().Add(least).Truncate(time.Minute).Add(time.Minute)
}

// freeze forbids an action on the path's pipeline from an hour ago until end.
func (p *player) freeze(action string, end time.Time) error {
	const layout = "2006-01-02 15:04"
	return p.apply(fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: DeployPolicy
metadata:
  name: %[1]s-freeze
selectors:
  - deliveryPipeline: {id: %[1]s}
rules:
  - rolloutRestriction:
      id: now
      actions: [%[2]s]
      timeWindows:
        timeZone: Etc/UTC
        oneTimeWindows:
          - {start: "%[3]s", end: "%[4]s"}
`, p.name, action, time.Now().UTC().Add(-time.Hour).Format(layout), end.Format(layout)))
}

// automate adds the automation PATH/auto with rules, a list that is not indented.
func (p *player) automate(rules string) error {
	return p.apply(fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: Automation
metadata:
  name: %s/auto
serviceAccount: automation@serin
selector:
  targets: [{id: "*"}]
rules:
%s
`, p.name, rules))
}

func (p *player) suspendAutomation() error {
	_, err := p.Client.Suspend(p.ctx, rollout.Suspend{Kind: pipeline.KindAutomation, Name: p.name + "/auto", Suspended: true, Actor: "ann"})
	return err
}
