package workflows_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

func startOptions(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: rollout.DefaultTaskQueue}
}

// laneEnv runs a Lane whose rollouts only exist: what they would say, the test says.
func laneEnv(t *testing.T, holderRuns bool) *env {
	t.Helper()
	return newEnv(t, rollout.LaneID("shop", "prod"), func(e *env) {
		e.RegisterWorkflowWithOptions(workflows.Lane, workflow.RegisterOptions{Name: rollout.WorkflowLane})
		e.RegisterWorkflowWithOptions(e.stub, workflow.RegisterOptions{Name: rollout.WorkflowRollout})
		e.RegisterActivityWithOptions(func(context.Context, activities.HolderRequest) (activities.HolderResult, error) {
			e.looks++
			if holderRuns {
				return activities.HolderResult{Running: true}, nil
			}
			if e.unsettled {
				return activities.HolderResult{Status: &rollout.Status{Split: rollout.Split{{Revision: "shop-0", Percent: 100}}}}, nil
			}
			return activities.HolderResult{Status: &rollout.Status{
				Stable: "shop-0", Split: rollout.Split{{Revision: "shop-0", Percent: 75}, {Revision: "shop-1", Percent: 25}},
			}}, nil
		}, activity.RegisterOptions{Name: "Holder"})
	})
}

// stub is a rollout that only listens; one of release "gone" has ended already.
func (e *env) stub(ctx workflow.Context, in rollout.Start) error {
	for _, signal := range []string{rollout.SignalGrant, rollout.SignalClose} {
		workflow.GoNamed(ctx, signal, func(ctx workflow.Context) { e.hear(ctx, in.Rollout, signal) })
	}
	if in.Plan.Release == "gone" {
		return nil
	}
	return workflow.Sleep(ctx, 1000*time.Hour)
}

// told compares what releases and what rollouts were told. Each of them hears in order;
// who hears first of two is not decided.
func (e *env) told(t *testing.T, want []string) {
	t.Helper()
	toRelease := func(line string) bool { return strings.HasPrefix(line, rollout.SignalFollow+" ") }
	equal(t, "to releases", e.sent, slices.DeleteFunc(slices.Clone(want), func(line string) bool { return !toRelease(line) }))
	equal(t, "to rollouts", e.heard, slices.DeleteFunc(slices.Clone(want), toRelease))
}

// hear notes what a rollout is told.
func (e *env) hear(ctx workflow.Context, name, signal string) {
	for {
		switch signal {
		case rollout.SignalGrant:
			var g rollout.Grant
			workflow.GetSignalChannel(ctx, signal).Receive(ctx, &g)
			e.heard = append(e.heard, describe(name, signal, g))
		case rollout.SignalClose:
			var c rollout.Close
			workflow.GetSignalChannel(ctx, signal).Receive(ctx, &c)
			e.heard = append(e.heard, describe(name, signal, c))
		}
	}
}

func (e *env) enqueue(release string) {
	e.SignalWorkflow(rollout.SignalEnqueue, rollout.Enqueue{Seq: 1, Plan: plan(release), Document: "releases/shop/" + release + ".json"})
}

// report says that a rollout has come to a state; seq counts its own messages.
func (e *env) report(name string, seq int, state rollout.State) {
	e.SignalWorkflow(rollout.SignalReport, rollout.Report{Rollout: name, Seq: seq, Record: rollout.Record{
		Rollout: name, Release: name[:strings.Index(name, "-to-")], State: state, Promoted: state == rollout.StateSucceeded, Mark: rollout.Mark{Split: rollout.Split{{Revision: name, Percent: 100}}},
	}})
}

// lane runs the lane until its time is up and returns what it knew then.
func (e *env) lane(t *testing.T) rollout.LaneStatus {
	t.Helper()
	var s rollout.LaneStatus
	e.at(999*time.Hour, func() {
		value, err := e.QueryWorkflow(rollout.QueryState)
		if err != nil {
			t.Fatal(err)
		}
		if err := value.Get(&s); err != nil {
			t.Fatal(err)
		}
		e.SetContinueAsNewSuggested(true)
		e.SignalWorkflow(rollout.SignalReport, rollout.Report{})
	})
	e.ExecuteWorkflow(rollout.WorkflowLane, rollout.LaneStatus{Pipeline: "shop", Target: "prod"})
	if !workflow.IsContinueAsNewError(e.GetWorkflowError()) {
		t.Fatalf("the lane ended: %v", e.GetWorkflowError())
	}
	return s
}

func TestLaneGrantsOneRolloutAtATime(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, true)
	e.at(1*time.Minute, func() { e.enqueue("v1") })
	e.at(2*time.Minute, func() { e.enqueue("v1") }) // sent twice
	e.at(3*time.Minute, func() { e.enqueue("v2") })
	e.at(4*time.Minute, func() { e.report("v1-to-prod-0001", 1, rollout.StateInProgress) }) // its promotion begins
	e.at(5*time.Minute, func() { e.report("v1-to-prod-0001", 2, rollout.StateSucceeded) })
	e.at(6*time.Minute, func() { e.report("v1-to-prod-0001", 2, rollout.StateSucceeded) }) // sent twice
	s := e.lane(t)
	e.told(t, []string{
		"follow -> v1 v1-to-prod-0001 PENDING",
		"grant -> v1-to-prod-0001",
		"follow -> v1 v1-to-prod-0001 IN_PROGRESS",
		"follow -> v1 v1-to-prod-0001 IN_PROGRESS", // the answer to what was sent twice
		"follow -> v2 v2-to-prod-0001 PENDING",
		"follow -> v1 v1-to-prod-0001 SUCCEEDED",
		"grant -> v2-to-prod-0001 after v1-to-prod-0001",
		"follow -> v2 v2-to-prod-0001 IN_PROGRESS",
	})
	if s.Holder != "v2-to-prod-0001" || len(s.Queue) != 0 || s.Stable() == nil || s.Stable().Rollout != "v1-to-prod-0001" {
		t.Errorf("holder %q, queue %q, stable %+v", s.Holder, s.Queue, s.Stable())
	}
}

func TestLaneQueuesARetryAtItsHeadAndClosesWhatFailedBefore(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, true)
	e.at(1*time.Minute, func() { e.enqueue("v1") })
	e.at(2*time.Minute, func() { e.report("v1-to-prod-0001", 1, rollout.StateFailed) })
	e.at(3*time.Minute, func() {
		e.SignalWorkflow(rollout.SignalAcquire, rollout.Acquire{Rollout: "v1-to-prod-0001", Seq: 2})
	})
	e.at(4*time.Minute, func() { e.report("v1-to-prod-0001", 3, rollout.StateFailed) })
	e.at(5*time.Minute, func() { e.enqueue("v2") })
	e.at(6*time.Minute, func() { // too late: v2 has started
		e.SignalWorkflow(rollout.SignalAcquire, rollout.Acquire{Rollout: "v1-to-prod-0001", Seq: 4})
	})
	s := e.lane(t)
	e.told(t, []string{
		"follow -> v1 v1-to-prod-0001 PENDING",
		"grant -> v1-to-prod-0001",
		"follow -> v1 v1-to-prod-0001 IN_PROGRESS",
		"follow -> v1 v1-to-prod-0001 FAILED",
		"grant -> v1-to-prod-0001 after v1-to-prod-0001",
		"follow -> v1 v1-to-prod-0001 IN_PROGRESS",
		"follow -> v1 v1-to-prod-0001 FAILED",
		"follow -> v2 v2-to-prod-0001 PENDING",
		"close -> v1-to-prod-0001 because of v2-to-prod-0001",
		"grant -> v2-to-prod-0001 after v1-to-prod-0001",
		"follow -> v2 v2-to-prod-0001 IN_PROGRESS",
	})
	if s.Holder != "v2-to-prod-0001" {
		t.Errorf("holder %q", s.Holder)
	}
}

func TestLaneFreesItselfFromATerminatedHolder(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, false)
	e.at(1*time.Minute, func() { e.enqueue("v1") })
	e.at(30*time.Minute, func() { e.enqueue("v2") })
	s := e.lane(t)
	if e.looks != 1 {
		t.Errorf("looked %d times after the holder, want once: only while somebody queues", e.looks)
	}
	e.told(t, []string{
		"follow -> v1 v1-to-prod-0001 PENDING",
		"grant -> v1-to-prod-0001",
		"follow -> v1 v1-to-prod-0001 IN_PROGRESS",
		"follow -> v2 v2-to-prod-0001 PENDING",
		"follow -> v1 v1-to-prod-0001 FAILED",
		"grant -> v2-to-prod-0001 after v1-to-prod-0001",
		"follow -> v2 v2-to-prod-0001 IN_PROGRESS",
	})
	if r := s.Record("v1-to-prod-0001"); r == nil || !r.Unsettled || r.Stable != "shop-0" {
		t.Errorf("record %+v", r)
	}
}

// TestLaneForgetsNothingForAHolderThatHadNotSettled: one terminated before that leaves the
// record of the rollout before it as it was.
func TestLaneForgetsNothingForAHolderThatHadNotSettled(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, false)
	e.unsettled = true
	e.at(1*time.Minute, func() { e.enqueue("v1") })
	e.at(2*time.Minute, func() { e.report("v1-to-prod-0001", 1, rollout.StateSucceeded) })
	e.at(3*time.Minute, func() { e.enqueue("v2") }) // terminated
	e.at(4*time.Minute, func() { e.enqueue("v3") })
	if s := e.lane(t); s.Holder != "v3-to-prod-0001" || s.Last == nil || s.Last.Rollout != "v1-to-prod-0001" {
		t.Errorf("holder %q, last %+v", s.Holder, s.Last)
	}
}

// TestLaneHearsOneAcquire: a retry and then a cancel --restore both ask, and the rollout is
// terminated after that.
func TestLaneHearsOneAcquire(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, false)
	e.at(1*time.Minute, func() { e.enqueue("v1") })
	e.at(2*time.Minute, func() { e.report("v1-to-prod-0001", 1, rollout.StateFailed) })
	for seq := 2; seq <= 3; seq++ {
		e.at(3*time.Minute, func() { e.SignalWorkflow(rollout.SignalAcquire, rollout.Acquire{Rollout: "v1-to-prod-0001", Seq: seq}) })
	}
	e.at(30*time.Minute, func() { e.enqueue("v2") })
	if s := e.lane(t); s.Holder != "v2-to-prod-0001" || e.looks != 1 {
		t.Errorf("holder %q, queue %q, %d looks", s.Holder, s.Queue, e.looks)
	}
}

func TestLaneTellsAReleaseWhoseRolloutIsGone(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, true)
	e.at(1*time.Minute, func() { e.enqueue("v1") })
	e.at(2*time.Minute, func() { e.enqueue("gone") })
	e.at(4*time.Minute, func() { e.report("v1-to-prod-0001", 1, rollout.StateSucceeded) })
	e.lane(t)
	if got := strings.Join(e.sent, "\n"); !strings.Contains(got, "follow -> gone gone-to-prod-0001 FAILED") {
		t.Error(got)
	}
}

func TestLanePassesOverARolloutThatIsGone(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, true)
	e.at(1*time.Minute, func() { e.enqueue("v1") })
	e.at(2*time.Minute, func() { e.enqueue("gone") })
	e.at(3*time.Minute, func() { e.enqueue("v2") })
	e.at(4*time.Minute, func() { e.report("v1-to-prod-0001", 1, rollout.StateSucceeded) })
	if s := e.lane(t); s.Holder != "v2-to-prod-0001" {
		t.Errorf("holder %q", s.Holder)
	}
}

func TestLaneKeepsTheLastTwentyAndTheTwoNewestSucceeded(t *testing.T) {
	t.Parallel()
	e := laneEnv(t, true)
	for i := range 30 {
		release := "v" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		e.at(time.Duration(2*i+1)*time.Minute, func() { e.enqueue(release) })
		state := rollout.StateCancelled
		if i < 3 {
			state = rollout.StateSucceeded
		}
		e.at(time.Duration(2*i+2)*time.Minute, func() { e.report(release+"-to-prod-0001", 1, state) })
	}
	s := e.lane(t)
	if len(s.Records) != rollout.KeptRecords || len(s.Succeeded) != 2 || s.Succeeded[0].Rollout != "vca-to-prod-0001" {
		t.Errorf("%d records, succeeded %v", len(s.Records), s.Succeeded)
	}
}
