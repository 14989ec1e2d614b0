package cli

import (
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// Points in the lives of rollouts that need people: an approval, a pause, a window, a repair, a rollback.
const (
	sceneApproval scene = "approval" // one of two has approved
	scenePaused   scene = "paused"
	sceneWindow   scene = "window" // a deploy policy holds an automatic advance
	sceneRepair   scene = "repair" // waits before the second retry
	sceneRollback scene = "rollback"
	sceneRejected scene = "rejected"
)

// people returns the plan and the events of a scene of this file, a minute apart.
func (s scene) people() (rollout.Plan, []rollout.Event) {
	p := plan()
	this := " --pipeline shop --rollout v2-to-prod-0001"
	switch s {
	case sceneApproval, sceneRejected:
		p.Approval = &rollout.Approval{MinApprovals: 2, Approvers: []string{"ada", "bob"}, ExpireAfter: 24 * time.Hour}
		events := []rollout.Event{
			{Kind: rollout.EventCreated, Actor: "eve", Waiting: &rollout.Waiting{
				For: rollout.WaitApproval, Reason: "2 approvals of ada, bob", Until: start().Add(24 * time.Hour),
				Commands: []string{"serin rollout approve" + this, "serin rollout reject" + this},
			}},
			{Kind: rollout.EventApproved, Actor: "ada", Reason: "looks fine", Note: "1 of 2"},
		}
		if s == sceneRejected {
			events = append(events, rollout.Event{Kind: rollout.EventRejected, Actor: "bob", Reason: "not before Monday"},
				rollout.Event{Kind: rollout.EventEnded, State: rollout.StateApprovalRejected})
		}
		return p, events
	case scenePaused:
		return p, append(sceneCanary.events(), rollout.Event{Kind: rollout.EventPaused, Actor: "ada", Reason: "checkout is slow"},
			waits(rollout.Waiting{For: rollout.WaitPerson, Reason: "paused by ada: checkout is slow", Commands: []string{"serin rollout resume" + this}}))
	case sceneWindow:
		return p, append(sceneTimer.events(), waits(rollout.Waiting{
			For: rollout.WaitWindow, Reason: "policy freeze forbids ADVANCE (rule weekend)", Until: start().Add(36 * time.Hour),
			Commands: []string{"serin rollout advance" + this + " --phase canary-50"},
		}))
	case sceneRepair:
		repair := &rollout.RepairStatus{
			Rule: "shop/auto/retry", Phase: "canary-50", Job: rollout.JobDeploy, State: rollout.RepairInProgress, Attempt: 2, Attempts: 3,
		}
		return p, append(sceneFailed.events(), rollout.Event{Kind: rollout.EventRepair, Repair: repair}, waits(rollout.Waiting{
			For: rollout.WaitTimer, Reason: "shop/auto/retry retries canary-50 deploy, attempt 2 of 3", Until: start().Add(time.Hour),
		}))
	default: // sceneRollback
		return p, []rollout.Event{
			{Kind: rollout.EventCreated, Actor: "ada", Reason: "checkout fails"},
			{Kind: rollout.EventGranted},
			{Kind: rollout.EventSkipped, Phase: "canary-25", Note: "starts at stable"},
			{Kind: rollout.EventSkipped, Phase: "canary-50", Note: "starts at stable"},
			{Kind: rollout.EventRolledBack, Note: "v1-to-prod-0003"},
		}
	}
}

func (s scene) waiting() client.Rollout {
	p, events := s.people()
	r := client.Rollout{Status: folded("v2-to-prod-0001", p, events), Open: true}
	switch s {
	case sceneApproval:
		r.Approval.Expires = start().Add(24 * time.Hour)
	case sceneRollback:
		r.StartingPhase, r.RollbackOf = "stable", "v3-to-prod-0001"
	default:
	}
	return r
}

// folded is the status of a rollout to which events happened, a minute apart.
func folded(name string, p rollout.Plan, events []rollout.Event) rollout.Status {
	s := rollout.NewStatus(name, p)
	for i, e := range events {
		e.Time = start().Add(time.Duration(i) * time.Minute)
		if e.Waiting != nil {
			e.Waiting.Since = e.Time
		}
		s.Apply(e)
	}
	return s
}

// halted is a controller of three children of which one failed in canary-25.
func halted() client.Rollout {
	p := plan()
	p.Target.Name = "world"
	p.Parallel = &rollout.Parallel{Children: []rollout.Child{{Target: "eu"}, {Target: "us"}, {Target: "asia", Wave: 1}}}
	weight := rollout.Weight(25)
	child := func(target string, state rollout.PhaseState, w *rollout.Weight) *rollout.ChildStatus {
		return &rollout.ChildStatus{
			Target: target, Rollout: "v2-to-" + target + "-0001", State: rollout.StateInProgress, Phase: "canary-25", PhaseState: state, Weight: w,
		}
	}
	bad := child("us", rollout.PhaseFailed, nil)
	bad.State, bad.FailedJob, bad.Failure = rollout.StateFailed, rollout.JobDeploy, "cloudRun: deploy shop: image not found"
	return client.Rollout{Open: true, Status: folded("v2-to-world-0001", p, []rollout.Event{
		{Kind: rollout.EventCreated, Actor: "ada"},
		{Kind: rollout.EventGranted},
		{Kind: rollout.EventChild, Child: child("eu", rollout.PhaseInProgress, nil)},
		{Kind: rollout.EventChild, Child: child("us", rollout.PhaseInProgress, nil)},
		{Kind: rollout.EventChild, Child: child("eu", rollout.PhaseSucceeded, &weight)},
		{Kind: rollout.EventChild, Child: bad},
		{Kind: rollout.EventHalted, Note: "1 of 3 children has failed: us"},
	})}
}
