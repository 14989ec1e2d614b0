package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// track is a Lane under test whose rollouts only exist, and what everybody was told and answered.
type track struct {
	*env
	said      []string        // to releases, to rollouts and to who asked, in order
	started   []rollout.Start // the inputs of its rollouts
	abandoned map[string]bool
	ended     map[string]bool // rollouts whose workflow does not run any more
	approval  bool            // every plan needs one
}

func newTrack(t *testing.T) *track {
	t.Helper()
	k := &track{abandoned: map[string]bool{}, ended: map[string]bool{}}
	k.env = newEnv(t, rollout.LaneID("shop", "prod"), func(e *env) {
		e.RegisterWorkflowWithOptions(workflows.Lane, workflow.RegisterOptions{Name: rollout.WorkflowLane})
		e.RegisterWorkflowWithOptions(k.rollout, workflow.RegisterOptions{Name: rollout.WorkflowRollout})
		e.RegisterActivityWithOptions(k.load, activity.RegisterOptions{Name: activities.LoadPlan})
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.HolderRequest) (activities.HolderResult, error) {
			return activities.HolderResult{Running: !k.ended[r.Rollout]}, nil
		}, activity.RegisterOptions{Name: "Holder"})
	})
	k.onSignal = func(id, _ string, arg any) error {
		if f, ok := arg.(rollout.Follow); ok {
			k.say("tell %s: %s %s%s%s%s", id[strings.LastIndex(id, "/")+1:], f.Rollout, f.State,
				mark(" superseded by ", f.Superseded), mark(" rolled back by ", f.RolledBackBy), mark(" refused: ", f.Refused))
		}
		return nil
	}
	return k
}

func mark(what, value string) string {
	if value == "" {
		return ""
	}
	return what + value
}

func (k *track) say(format string, values ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.said = append(k.said, fmt.Sprintf(format, values...))
}

func (k *track) load(_ context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
	release := strings.TrimSuffix(strings.TrimPrefix(r.Document, "releases/shop/"), ".json")
	if release == "v99" {
		return activities.LoadPlanResult{}, activities.Application(&rollout.Error{
			Op: "read release", On: "shop/v99", Kind: rollout.NotFound, Err: errors.New("it does not exist"),
		})
	}
	return activities.LoadPlanResult{Plan: k.plan(release), Abandoned: k.abandoned[release]}, nil
}

func (k *track) plan(release string) rollout.Plan {
	p := plan(release)
	if k.approval {
		p.Approval = &rollout.Approval{MinApprovals: 1}
	}
	return p
}

// rollout is one that says what it hears; cancelled, it has ended.
func (k *track) rollout(ctx workflow.Context, in rollout.Start) error {
	k.started = append(k.started, in)
	s := workflow.NewSelector(ctx)
	hear := func(signal string, do func(ch workflow.ReceiveChannel)) {
		s.AddReceive(workflow.GetSignalChannel(ctx, signal), func(ch workflow.ReceiveChannel, _ bool) { do(ch) })
	}
	hear(rollout.SignalGrant, func(ch workflow.ReceiveChannel) {
		ch.Receive(ctx, nil)
		k.say("grant %s", in.Rollout)
	})
	hear(rollout.SignalClose, func(ch workflow.ReceiveChannel) {
		ch.Receive(ctx, nil)
		k.say("close %s", in.Rollout)
	})
	hear(rollout.SignalRolledBack, func(ch workflow.ReceiveChannel) {
		var m rollout.RolledBack
		ch.Receive(ctx, &m)
		k.say("%s is rolled back by %s", in.Rollout, m.By)
	})
	hear(rollout.SignalStop, func(ch workflow.ReceiveChannel) {
		var c rollout.Command
		ch.Receive(ctx, &c)
		k.say("cancel %s by %s: %s", in.Rollout, c.Actor, c.Reason)
	})
	over := false
	s.AddFuture(workflow.NewTimer(ctx, 2*time.Hour), func(workflow.Future) { over = true })
	for !over {
		s.Select(ctx)
	}
	return nil
}

func (k *track) enqueue(d time.Duration, m rollout.Enqueue) {
	k.at(d, func() { k.SignalWorkflow(rollout.SignalEnqueue, m) })
}

// release enqueues a release and lets its rollout come to a state within the minute.
func (k *track) release(d time.Duration, release string, states ...rollout.State) {
	k.enqueue(d, rollout.Enqueue{
		Seq: 1, Plan: k.plan(release), Document: rollout.DocumentName("shop", release), Behavior: rollout.BehaviorNow,
	})
	for i, state := range states {
		k.at(d+time.Duration(i+1)*time.Second, func() { k.report(release+"-to-prod-0001", i+1, state) })
	}
}

// ask sends an Update and says its answer.
func (k *track) ask(d time.Duration, name string, c rollout.Create) {
	k.at(d, func() { k.UpdateWorkflow(name, "", &reply{k: k, name: name}, c) })
}

type reply struct {
	k    *track
	name string
}

func (*reply) Accept()          {}
func (r *reply) Reject(e error) { r.Complete(nil, e) }
func (r *reply) Complete(v any, err error) {
	if err != nil {
		kind, text := activities.Cause(err)
		r.k.say("answer %s: %s", kind, text)
		return
	}
	c, ok := v.(rollout.Created)
	if !ok {
		r.k.say("answer %T", v)
		return
	}
	r.k.say("answer %s: %q to %s at %s, %s, from %q, of %q, stopped %q, cancelled %q, notes %q", r.name,
		c.Rollout, c.Release, c.StartingPhase, c.State, c.From, c.RollbackOf, c.Stopped, c.Cancelled, c.Notes)
}

// run runs the lane for an hour and returns what was said from the given time on: to releases, to
// rollouts and to who asked. Each of them hears in order; who hears first of two is not decided.
func (k *track) run(t *testing.T, from time.Duration) (said string, s rollout.LaneStatus) {
	t.Helper()
	before := 0
	k.at(from, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		before = len(k.said)
	})
	k.at(time.Hour, func() {
		value, err := k.QueryWorkflow(rollout.QueryState)
		if err == nil {
			err = value.Get(&s)
		}
		if err != nil {
			t.Error(err)
		}
		k.SetContinueAsNewSuggested(true)
		k.SignalWorkflow(rollout.SignalReport, rollout.Report{})
	})
	k.ExecuteWorkflow(rollout.WorkflowLane, rollout.LaneStatus{Pipeline: "shop", Target: "prod"})
	if !workflow.IsContinueAsNewError(k.GetWorkflowError()) {
		t.Fatalf("the lane ended: %v", k.GetWorkflowError())
	}
	heard := k.said[before:]
	slices.SortStableFunc(heard, func(a, b string) int { return to(a) - to(b) })
	return strings.Join(heard, "\n"), s
}

// to says who hears the line: 0 a release, 1 a rollout, 2 who asked.
func to(line string) int {
	switch {
	case strings.HasPrefix(line, "tell "):
		return 0
	case strings.HasPrefix(line, "answer "):
		return 2
	}
	return 1
}

// heard compares what was said with the lines, in any order between those who hear it.
func heard(t *testing.T, got string, want []string) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortStableFunc(want, func(a, b string) int { return to(a) - to(b) })
	equal(t, "said", strings.Split(got, "\n"), want)
}

func TestARollbackAfterAFailedCanary(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateSucceeded)
	k.release(3*time.Minute, "v3", rollout.StateFailed)
	k.ask(4*time.Minute, rollout.UpdateRollback, rollout.Create{Request: "a", DryRun: true, Actor: "ann"})
	k.ask(5*time.Minute, rollout.UpdateRollback, rollout.Create{Request: "a", Actor: "ann", Reason: "bad"})
	k.ask(6*time.Minute, rollout.UpdateRollback, rollout.Create{Request: "a", Actor: "ann", Reason: "bad"})
	k.at(7*time.Minute, func() { k.report("v2-to-prod-0002", 1, rollout.StateSucceeded) })
	said, s := k.run(t, 4*time.Minute-1)
	answer := `answer rollback: "v2-to-prod-0002" to v2 at stable, PENDING, from "v2", of "v3-to-prod-0001", stopped "", cancelled [], notes []`
	heard(t, said, []string{
		strings.Replace(strings.Replace(answer, "v2-to-prod-0002", "", 1), "PENDING", "", 1), // the dry run
		"tell v2: v2-to-prod-0002 PENDING",
		"tell v3: v3-to-prod-0001 FAILED rolled back by v2-to-prod-0002",
		"v3-to-prod-0001 is rolled back by v2-to-prod-0002",
		answer,
		"close v3-to-prod-0001",
		"grant v2-to-prod-0002",
		"tell v2: v2-to-prod-0002 IN_PROGRESS",
		answer,
		"tell v2: v2-to-prod-0002 SUCCEEDED",
	})
	in := k.started[3]
	if in.StartingPhase != rollout.StablePhase || in.RollbackOf != "v3-to-prod-0001" || in.Reason != "bad" || in.Behavior != rollout.BehaviorNow || in.Plan.Release != "v2" {
		t.Errorf("input %+v", in)
	}
	if len(s.Rejected) != 1 || s.Rejected[0].Release != "v3" || s.Record("v3-to-prod-0001").RolledBackBy != "v2-to-prod-0002" {
		t.Errorf("rejected %+v", s.Rejected)
	}
	if r := s.Record("v2-to-prod-0002"); r.Request != "a" || r.Reason != "bad" || r.RollbackOf != "v3-to-prod-0001" || !r.Head || r.Started.IsZero() || r.State != rollout.StateSucceeded {
		t.Errorf("record %+v", r)
	}
}

func TestARollbackGoesToTheHeadAndCancelsWhatQueues(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2")
	k.release(3*time.Minute, "v3")
	k.release(4*time.Minute, "v4")
	k.ask(5*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann"})
	k.ask(6*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann", Reason: "bad", StopRunning: true})
	k.ask(6*time.Minute+time.Second, rollout.UpdateRollback, rollout.Create{Actor: "bob", StopRunning: true})
	k.release(7*time.Minute, "v5")
	k.at(8*time.Minute, func() {
		for _, name := range []string{"v4-to-prod-0001", "v3-to-prod-0001", "v2-to-prod-0001"} {
			k.report(name, 1, rollout.StateCancelled)
		}
	})
	said, s := k.run(t, 5*time.Minute-1)
	heard(t, said, []string{
		"answer Refused: rollback shop/prod: v2-to-prod-0001 has the lane, IN_PROGRESS (serin rollout cancel --pipeline shop --rollout v2-to-prod-0001, or roll back with --stop-running)",
		"cancel v2-to-prod-0001 by ann: stopped for a rollback: bad",
		"tell v1: v1-to-prod-0002 PENDING",
		"tell v2: v2-to-prod-0001 IN_PROGRESS rolled back by v1-to-prod-0002",
		"v2-to-prod-0001 is rolled back by v1-to-prod-0002",
		"cancel v3-to-prod-0001 by ann: cancelled by rollback v1-to-prod-0002: bad",
		"cancel v4-to-prod-0001 by ann: cancelled by rollback v1-to-prod-0002: bad",
		`answer rollback: "v1-to-prod-0002" to v1 at stable, PENDING, from "v1", of "v2-to-prod-0001", stopped "v2-to-prod-0001", cancelled ["v3-to-prod-0001" "v4-to-prod-0001"], notes []`,
		"answer Refused: rollback shop/prod: v1-to-prod-0002 rolls it back already, PENDING",
		"tell v5: v5-to-prod-0001 PENDING",
		"tell v4: v4-to-prod-0001 CANCELLED",
		"tell v3: v3-to-prod-0001 CANCELLED",
		"tell v2: v2-to-prod-0001 CANCELLED",
		"grant v1-to-prod-0002",
		"tell v1: v1-to-prod-0002 IN_PROGRESS",
	})
	if s.Holder != "v1-to-prod-0002" || !slices.Equal(s.Queue, []string{"v5-to-prod-0001"}) {
		t.Errorf("holder %q, queue %q", s.Holder, s.Queue)
	}
}

// TestARepairsRollbackComesBeforeTheNextInTheQueue: it arrives with the report that frees the lane.
func TestARepairsRollbackComesBeforeTheNextInTheQueue(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2")
	k.release(3*time.Minute, "v3")
	k.at(4*time.Minute+30*time.Second, func() {
		k.report("v2-to-prod-0001", 1, rollout.StateFailed)
		k.SignalWorkflow(rollout.UpdateRollback, rollout.Create{
			Request: "v2-to-prod-0001/repair/1", Rollout: "v2-to-prod-0001", Automation: "shop/auto/rule", Actor: "shop/auto/rule",
		})
		k.SignalWorkflow(rollout.UpdateRollback, rollout.Create{Rollout: "v2-to-prod-0001", Actor: "late"})
	})
	said, s := k.run(t, 4*time.Minute-1)
	heard(t, said, []string{
		"tell v2: v2-to-prod-0001 FAILED",
		"tell v1: v1-to-prod-0002 PENDING",
		"tell v2: v2-to-prod-0001 FAILED rolled back by v1-to-prod-0002",
		"v2-to-prod-0001 is rolled back by v1-to-prod-0002",
		"cancel v3-to-prod-0001 by shop/auto/rule: cancelled by rollback v1-to-prod-0002",
		"close v2-to-prod-0001",
		"grant v1-to-prod-0002",
		"tell v1: v1-to-prod-0002 IN_PROGRESS",
	})
	if s.Holder != "v1-to-prod-0002" || len(s.Rejected) != 0 {
		t.Errorf("holder %q, rejected %+v: an automation rejects nothing", s.Holder, s.Rejected)
	}
	if len(s.Notes) != 1 || !strings.HasSuffix(s.Notes[0], "refused: rollback shop/prod: v1-to-prod-0002 rolls it back already, PENDING") {
		t.Errorf("notes %q", s.Notes)
	}
}

func TestARolloutThatNeedsApprovalDoesNotQueue(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.approval = true
	acquire := func(d time.Duration, name string, seq int) {
		k.at(d, func() { k.SignalWorkflow(rollout.SignalAcquire, rollout.Acquire{Rollout: name, Seq: seq, Tail: true}) })
	}
	k.release(1*time.Minute, "v1")
	k.release(2*time.Minute, "v2")
	k.release(3*time.Minute, "v3")
	k.release(4*time.Minute, "v4")
	acquire(5*time.Minute, "v2-to-prod-0001", 1)
	acquire(6*time.Minute, "v1-to-prod-0001", 1) // approved later: behind it
	k.at(7*time.Minute, func() { k.report("v3-to-prod-0001", 1, rollout.StateApprovalRejected) })
	k.at(8*time.Minute, func() { k.report("v4-to-prod-0001", 1, rollout.StateCancelled) })
	k.at(9*time.Minute, func() { k.report("v2-to-prod-0001", 2, rollout.StateSucceeded) })
	k.at(10*time.Minute, func() { k.report("v1-to-prod-0001", 2, rollout.StateFailed) })
	k.release(11*time.Minute, "v5")
	acquire(12*time.Minute, "v5-to-prod-0001", 1)
	k.release(13*time.Minute, "v6")
	acquire(14*time.Minute, "v6-to-prod-0001", 1)
	k.ask(15*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann", StopRunning: true, DryRun: true})
	k.ask(15*time.Minute+time.Second, rollout.UpdateRollback, rollout.Create{Actor: "ann", StopRunning: true})
	k.at(16*time.Minute, func() { k.report("v5-to-prod-0001", 2, rollout.StateFailed) }) // v6 begins
	k.at(16*time.Minute+time.Second, func() { k.report("v6-to-prod-0001", 2, rollout.StateFailed) })
	k.ask(17*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann", StopRunning: true})
	k.release(18*time.Minute, "v7")
	acquire(19*time.Minute, "v7-to-prod-0001", 1)
	k.release(20*time.Minute, "v8")
	acquire(21*time.Minute, "v8-to-prod-0001", 1)
	acquire(22*time.Minute, "v2-to-prod-0002", 1)
	said, s := k.run(t, 0)
	cannot := "answer Refused: rollback shop/prod: a rollback that waits for approval cannot stop v5-to-prod-0001, which has the lane " +
		"(cancel it yourself, then roll back and have that approved: serin rollout cancel --pipeline shop --rollout v5-to-prod-0001)"
	heard(t, said, []string{
		"tell v1: v1-to-prod-0001 PENDING_APPROVAL",
		"tell v2: v2-to-prod-0001 PENDING_APPROVAL",
		"tell v3: v3-to-prod-0001 PENDING_APPROVAL",
		"tell v4: v4-to-prod-0001 PENDING_APPROVAL",
		"tell v2: v2-to-prod-0001 PENDING",
		"grant v2-to-prod-0001",
		"tell v2: v2-to-prod-0001 IN_PROGRESS",
		"tell v1: v1-to-prod-0001 PENDING",
		"tell v3: v3-to-prod-0001 APPROVAL_REJECTED",
		"tell v4: v4-to-prod-0001 CANCELLED",
		"tell v2: v2-to-prod-0001 SUCCEEDED",
		"grant v1-to-prod-0001",
		"tell v1: v1-to-prod-0001 IN_PROGRESS",
		"tell v1: v1-to-prod-0001 FAILED",
		"tell v5: v5-to-prod-0001 PENDING_APPROVAL",
		"tell v5: v5-to-prod-0001 PENDING",
		"close v1-to-prod-0001",
		"grant v5-to-prod-0001",
		"tell v5: v5-to-prod-0001 IN_PROGRESS",
		"tell v6: v6-to-prod-0001 PENDING_APPROVAL",
		"tell v6: v6-to-prod-0001 PENDING",
		cannot, cannot,
		"tell v5: v5-to-prod-0001 FAILED",
		"close v5-to-prod-0001",
		"grant v6-to-prod-0001",
		"tell v6: v6-to-prod-0001 IN_PROGRESS",
		"tell v6: v6-to-prod-0001 FAILED",
		"tell v2: v2-to-prod-0002 PENDING_APPROVAL",
		"tell v6: v6-to-prod-0001 FAILED rolled back by v2-to-prod-0002",
		"v6-to-prod-0001 is rolled back by v2-to-prod-0002",
		`answer rollback: "v2-to-prod-0002" to v2 at stable, PENDING_APPROVAL, from "v2", of "v6-to-prod-0001", stopped "", cancelled [], notes []`,
		"tell v7: v7-to-prod-0001 PENDING_APPROVAL",
		"tell v7: v7-to-prod-0001 PENDING",
		"close v6-to-prod-0001",
		"grant v7-to-prod-0001",
		"tell v7: v7-to-prod-0001 IN_PROGRESS",
		"tell v8: v8-to-prod-0001 PENDING_APPROVAL",
		"tell v8: v8-to-prod-0001 PENDING",
		"tell v2: v2-to-prod-0002 PENDING",
	})
	if !slices.Equal(s.Queue, []string{"v2-to-prod-0002", "v8-to-prod-0001"}) || s.Holder != "v7-to-prod-0001" {
		t.Errorf("holder %q, queue %q", s.Holder, s.Queue)
	}
}

func TestAReleaseHearsThatItIsSuperseded(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateSucceeded)
	k.ask(3*time.Minute, rollout.UpdateRedeploy, rollout.Create{Actor: "ann"})
	k.at(4*time.Minute, func() { k.report("v2-to-prod-0002", 1, rollout.StateSucceeded) })
	said, _ := k.run(t, 2*time.Minute-1)
	heard(t, said, []string{
		"tell v2: v2-to-prod-0001 PENDING",
		"grant v2-to-prod-0001",
		"tell v2: v2-to-prod-0001 IN_PROGRESS",
		"tell v2: v2-to-prod-0001 SUCCEEDED",
		"tell v1: v1-to-prod-0001 SUCCEEDED superseded by v2",
		"tell v2: v2-to-prod-0002 PENDING",
		`answer redeploy: "v2-to-prod-0002" to v2 at , PENDING, from "v2", of "", stopped "", cancelled [], notes []`,
		"grant v2-to-prod-0002",
		"tell v2: v2-to-prod-0002 IN_PROGRESS",
		"tell v2: v2-to-prod-0002 SUCCEEDED",
	})
}

func TestALaneRefusesAnAutomationAndSaysWhy(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateSucceeded)
	k.ask(3*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann"})
	by := func(seq int, release, phase string) rollout.Enqueue {
		return rollout.Enqueue{Seq: seq, Plan: k.plan(release), Document: "d", Automation: "shop/auto/rule", StartingPhase: phase}
	}
	k.enqueue(4*time.Minute, by(2, "v2", ""))
	k.enqueue(5*time.Minute, by(2, "v1", ""))
	k.at(6*time.Minute, func() { k.report("v1-to-prod-0002", 1, rollout.StateSucceeded) })
	k.enqueue(7*time.Minute, by(2, "v1", ""))
	k.enqueue(8*time.Minute, by(1, "v3", "canary-99"))
	k.enqueue(9*time.Minute, by(2, "v3", "stable"))
	said, s := k.run(t, 4*time.Minute-1)
	heard(t, said, []string{
		"tell v2:   refused: shop/auto/rule: v2 was rolled back on prod by v1-to-prod-0002",
		"tell v1:   refused: shop/auto/rule: v1-to-prod-0002 is IN_PROGRESS",
		"tell v1: v1-to-prod-0002 SUCCEEDED",
		"tell v2: v2-to-prod-0001 SUCCEEDED superseded by v1",
		"tell v1:   refused: shop/auto/rule: v1 is stable on prod already",
		`tell v3:   refused: shop/auto/rule: find phase "canary-99" of v3: it does not exist: its phases are canary-25, canary-50, stable`,
		"tell v3: v3-to-prod-0001 PENDING",
		"grant v3-to-prod-0001",
		"tell v3: v3-to-prod-0001 IN_PROGRESS",
	})
	if r := s.Record("v3-to-prod-0001"); r.Automation != "shop/auto/rule" || r.StartingPhase != "stable" || len(s.Notes) != 4 || len(s.Rejected) != 0 {
		t.Errorf("record %+v, notes %q, rejected %+v", r, s.Notes, s.Rejected)
	}
}

// TestALaneAsksWhatIsConfiguredAndStored: policies, abandoned releases, and what does not exist.
func TestALaneAsksWhatIsConfiguredAndStored(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	var asked []activities.PermitRequest
	k.permitted = func(r activities.PermitRequest) activities.PermitResult {
		asked = append(asked, r)
		if slices.Contains(r.Override, "freeze") {
			return activities.PermitResult{Overridden: []string{"freeze/all"}, Logged: []string{"old/all"}}
		}
		return activities.PermitResult{Refused: "policy freeze forbids " + r.Command}
	}
	k.abandoned["v2"] = true
	for i, release := range []string{"v1", "v2", "v3"} {
		k.release(time.Duration(i+1)*time.Minute, release, rollout.StateSucceeded)
	}
	k.release(4*time.Minute, "v4", rollout.StateFailed)
	over := rollout.Create{Actor: "ann", Override: []string{"freeze"}, Reason: "outage"}
	with := func(change func(*rollout.Create)) rollout.Create {
		c := over
		change(&c)
		return c
	}
	k.ask(10*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann"})
	k.ask(11*time.Minute, rollout.UpdateRollback, rollout.Create{Actor: "ann", DryRun: true})
	k.ask(12*time.Minute, rollout.UpdateRollback, with(func(c *rollout.Create) { c.Release = "v2" }))
	k.ask(13*time.Minute, rollout.UpdatePromote, with(func(c *rollout.Create) { c.Release = "v99" }))
	k.ask(14*time.Minute, rollout.UpdatePromote, with(func(c *rollout.Create) { c.Release, c.StartingPhase = "v5", "canary-99" }))
	k.ask(15*time.Minute, rollout.UpdatePromote, with(func(c *rollout.Create) { c.Release, c.StartingPhase = "v5", "canary-50" }))
	said, _ := k.run(t, 10*time.Minute-1)
	heard(t, said, []string{
		"answer Refused: rollback shop/prod: policy freeze forbids rollback",
		`answer rollback: "" to v3 at stable, , from "v3", of "v4-to-prod-0001", stopped "", cancelled [], notes ["refused now: policy freeze forbids rollback"]`,
		"answer Refused: rollback shop/prod: v2 is abandoned (name another release)",
		"answer NotFound: promote shop/prod: read release shop/v99: it does not exist",
		`answer NotFound: find phase "canary-99" of v5: it does not exist: its phases are canary-25, canary-50, stable`,
		"tell v5: v5-to-prod-0001 PENDING",
		`answer promote: "v5-to-prod-0001" to v5 at canary-50, PENDING, from "v3", of "", stopped "", cancelled [], notes ["deploy policy freeze/all is overridden" "suspended deploy policy old/all would have refused it"]`,
		"close v4-to-prod-0001",
		"grant v5-to-prod-0001",
		"tell v5: v5-to-prod-0001 IN_PROGRESS",
	})
	if in := k.started[len(k.started)-1]; !slices.Equal(in.Overridden, []string{"freeze/all"}) || !slices.Equal(in.Logged, []string{"old/all"}) || in.Reason != "outage" {
		t.Errorf("input %+v", in) // the rollout makes events of it
	}
	if r := asked[0]; r.Command != rollout.UpdateRollback || r.Release != "v3" || r.Target != "prod" || r.Actor != "ann" || r.Automation != "" {
		t.Errorf("asked %+v", r)
	}
}

// TestAnAbandonedReleaseIsNoGoal: the one before it is.
func TestAnAbandonedReleaseIsNoGoal(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.abandoned["v2"] = true
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateSucceeded)
	k.release(3*time.Minute, "v3", rollout.StateFailed)
	k.ask(4*time.Minute, rollout.UpdateRollback, rollout.Create{Automation: "shop/auto/rule", Rollout: "v3-to-prod-0001"})
	_, s := k.run(t, 0)
	if s.Holder != "v1-to-prod-0002" {
		t.Errorf("holder %q", s.Holder)
	}
}

// TestTwoPeopleRollBackInTheSameSecond: one rollout, and the other one hears of it.
func TestTwoPeopleRollBackInTheSameSecond(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	k.release(1*time.Minute, "v1", rollout.StateSucceeded)
	k.release(2*time.Minute, "v2", rollout.StateFailed)
	k.at(3*time.Minute, func() {
		for _, actor := range []string{"ann", "bob"} {
			k.UpdateWorkflow(rollout.UpdateRollback, "", &reply{k: k, name: rollout.UpdateRollback}, rollout.Create{Request: actor, Actor: actor})
		}
	})
	said, _ := k.run(t, 3*time.Minute-1)
	var answers []string
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "answer ") {
			answers = append(answers, strings.TrimSpace(line))
		}
	}
	equal(t, "answers", answers, []string{
		`answer rollback: "v1-to-prod-0002" to v1 at stable, PENDING, from "v1", of "v2-to-prod-0001", stopped "", cancelled [], notes []`,
		"answer Refused: rollback shop/prod: v1-to-prod-0002 has the lane, IN_PROGRESS (serin rollout cancel --pipeline shop --rollout v1-to-prod-0002, or roll back with --stop-running)",
	})
}
