package workflows_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// TestATerminatedRolloutIsNotInTheWay, however long it has waited for its approval: it could not
// say that it has ended.
func TestATerminatedRolloutIsNotInTheWay(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateInProgress, rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateInProgress, rollout.StateSucceeded)
	k.at(3*time.Minute, func() { k.approval = true })
	k.ask(4*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann"})
	k.ask(5*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "bob"})
	k.ask(6*time.Minute, rollout.UpdatePromote, rollout.Create{Actor: "bob", Release: "v1"})
	k.at(7*time.Minute, func() { k.ended["v1-to-prod-0002"] = true })
	k.ask(8*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "bob"})
	k.at(9*time.Minute, func() { k.ended["v1-to-prod-0003"] = true })
	k.ask(10*time.Minute, rollout.UpdatePromote, rollout.Create{Actor: "bob", Release: "v1"})
	k.at(11*time.Minute, func() { k.ended["v1-to-prod-0004"] = true })
	k.enqueue(12*time.Minute, rollout.Enqueue{Seq: 2, Plan: k.plan("v1"), Document: "d", Automation: "shop/auto/rule"})
	said, s := k.run(t, 5*time.Minute-1)
	var answers []string
	for _, line := range strings.Split(said, "\n") {
		if strings.HasPrefix(line, "answer ") || strings.Contains(line, "tell v1") {
			answers = append(answers, line)
		}
	}
	heard(t, strings.Join(answers, "\n"), []string{
		"tell v1: v1-to-prod-0002 FAILED",
		"tell v1: v1-to-prod-0003 PENDING_APPROVAL",
		"tell v1: v1-to-prod-0003 FAILED",
		"tell v1: v1-to-prod-0004 PENDING_APPROVAL",
		"tell v1: v1-to-prod-0004 FAILED",
		"tell v1: v1-to-prod-0005 PENDING",
		"tell v1: v1-to-prod-0005 IN_PROGRESS",
		"answer Refused: rollback shop/prod: v1-to-prod-0002 rolls it back already, PENDING_APPROVAL",
		"answer Refused: promote shop/prod: v1-to-prod-0002 is PENDING_APPROVAL: a release has one open rollout on a target",
		`answer rollback: "v1-to-prod-0003" to v1 at stable, PENDING_APPROVAL, from "v2", of "v2-to-prod-0001", stopped "", cancelled [], notes []`,
		`answer promote: "v1-to-prod-0004" to v1 at , PENDING_APPROVAL, from "v2", of "", stopped "", cancelled [], notes []`,
	})
	if len(s.Rejected) != 0 {
		t.Errorf("a rollback that never began has rejected %+v", s.Rejected)
	}
}

// TestALaneTriesASignalAgain: seldom, as often as it has to, through continue-as-new, and for
// the rollout that was meant.
func TestALaneTriesASignalAgain(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	var asked []string
	silent := true
	begin := k.Now()
	k.permitted = func(r activities.PermitRequest) activities.PermitResult {
		if r.Command == rollout.UpdateRollback && (len(asked) == 0 || asked[len(asked)-1] != k.Now().Sub(begin).Round(time.Minute).String()) {
			asked = append(asked, k.Now().Sub(begin).Round(time.Minute).String())
		}
		if silent {
			k.silent = activities.Permit
		} else {
			k.silent = ""
		}
		return activities.PermitResult{}
	}
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateSucceeded)
	for range 2 {
		k.at(3*time.Minute, func() { k.SignalWorkflow(rollout.UpdateRollback, rollout.Create{Request: "once", Actor: "ann"}) })
	}
	k.at(50*time.Minute, func() {
		for n := range 25 {
			k.SignalWorkflow(rollout.UpdatePromote, rollout.Create{Request: fmt.Sprint(n), Release: fmt.Sprint("w", n), Actor: "bob"})
		}
	})
	k.ask(51*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "eve"}) // who can ask again herself
	k.at(52*time.Minute, func() { silent = false })
	k.release(53*time.Minute, "v3", rollout.StateSucceeded)
	said, s := k.run(t, 3*time.Minute-1)
	equal(t, "asked after", asked, []string{"3m0s", "4m0s", "6m0s", "10m0s", "18m0s", "34m0s", "51m0s"})
	if !strings.Contains(said, "answer Unreachable: rollback shop/prod: the artifact store does not answer") {
		t.Errorf("said %q", said)
	}
	if u := s.Unanswered; len(u) != 1 || u[0].Command != rollout.UpdateRollback || u[0].Create.Rollout != "v2-to-prod-0001" || u[0].Tries != 6 {
		t.Errorf("unanswered %+v", u)
	}
	promoted := 0
	for _, r := range s.Records {
		if r.Actor == "bob" {
			promoted++
		}
	}
	if promoted != rollout.KeptUnanswered-1 || len(s.Notes) != 6 {
		t.Errorf("%d promotions, notes %q", promoted, s.Notes)
	}
	next := continued(t, k.GetWorkflowError())
	k = newTrack(t)
	k.SetStartTime(begin.Add(61 * time.Minute))
	k.at(time.Hour, func() {
		k.SetContinueAsNewSuggested(true)
		k.SignalWorkflow(rollout.SignalReport, rollout.Report{})
	})
	k.ExecuteWorkflow(rollout.WorkflowLane, next)
	s = continued(t, k.GetWorkflowError())
	last := s.Notes[len(s.Notes)-1]
	if len(s.Unanswered) > 0 || !strings.Contains(last, "v2-to-prod-0001 is not the newest rollout that has started") {
		t.Errorf("unanswered %+v, note %q", s.Unanswered, last)
	}
}

// continued is the input of the run that continues a lane.
func continued(t *testing.T, err error) (s rollout.LaneStatus) {
	t.Helper()
	var next *workflow.ContinueAsNewError
	if !errors.As(err, &next) {
		t.Fatalf("the lane ended: %v", err)
	}
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestARepairThatIsOverIsNotTriedAgain: a person has revived the rollout, or ended it; or its
// window has to open first.
func TestARepairThatIsOverIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		then func(k *track)
		kept bool
	}{
		"revived": {then: func(k *track) {
			k.SignalWorkflow(rollout.SignalAcquire, rollout.Acquire{Rollout: "v2-to-prod-0001", Seq: 2})
		}},
		"cancelled": {then: func(k *track) { k.report("v2-to-prod-0001", 2, rollout.StateCancelled) }},
		"nothing":   {then: func(*track) {}, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newTrack(t)
			k.permitted = func(r activities.PermitRequest) activities.PermitResult {
				if r.Command != rollout.UpdateRollback {
					return activities.PermitResult{}
				}
				return activities.PermitResult{Refused: "freeze forbids rollback", Until: k.Now().Add(100 * time.Hour)}
			}
			k.release(1*time.Minute, "v1", rollout.StateSucceeded)
			k.release(2*time.Minute, "v2")
			k.at(3*time.Minute, func() {
				k.SignalWorkflow(rollout.UpdateRollback, rollout.Create{
					Request: "v2-to-prod-0001/repair/1", Rollout: "v2-to-prod-0001", Automation: "shop/auto/rule", Actor: "shop/auto/rule",
				})
				k.report("v2-to-prod-0001", 1, rollout.StateFailed)
			})
			k.at(3*time.Minute+30*time.Second, func() { row.then(k) })
			_, s := k.run(t, 0)
			if kept := len(s.Unanswered) == 1; kept != row.kept || len(s.Notes) != 0 {
				t.Errorf("unanswered %+v, notes %q", s.Unanswered, s.Notes)
			}
		})
	}
}

// TestALaneShowsAHaltAndItsEnd: the controller keeps the lane meanwhile.
func TestALaneShowsAHaltAndItsEnd(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateHalted)
	k.release(2*time.Minute, "v2")
	k.ask(3*time.Minute, rollout.UpdateRedeploy, rollout.Create{Actor: "ann", Rollout: "v2-to-prod-0001"})
	var halted rollout.LaneStatus
	k.at(4*time.Minute, func() {
		value, err := k.QueryWorkflow(rollout.QueryState)
		if err == nil {
			err = value.Get(&halted)
		}
		if err != nil {
			t.Error(err)
		}
	})
	k.at(5*time.Minute, func() { k.report("v1-to-prod-0001", 2, rollout.StateInProgress) })
	k.at(6*time.Minute, func() { k.report("v1-to-prod-0001", 3, rollout.StateSucceeded) })
	said, s := k.run(t, 0)
	heard(t, strings.Join(slices.DeleteFunc(strings.Split(said, "\n"), func(line string) bool { return !strings.HasPrefix(line, "tell v1") }), "\n"), []string{
		"tell v1: v1-to-prod-0001 PENDING", "tell v1: v1-to-prod-0001 IN_PROGRESS", "tell v1: v1-to-prod-0001 HALTED",
		"tell v1: v1-to-prod-0001 IN_PROGRESS", "tell v1: v1-to-prod-0001 SUCCEEDED",
	})
	if r := halted.Record("v1-to-prod-0001"); r.State != rollout.StateHalted || halted.Holder != r.Rollout || len(halted.Queue) != 1 || r.Started.IsZero() {
		t.Errorf("%+v, holder %q, queue %q", r, halted.Holder, halted.Queue)
	}
	if s.Holder != "v2-to-prod-0001" {
		t.Errorf("holder %q", s.Holder)
	}
}
