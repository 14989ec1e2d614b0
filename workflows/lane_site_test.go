package workflows_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// street is a Lane with its rollouts over the fake platform, where shop-v0 serves at first.
type street struct {
	*env
	platform   *fake.Platform
	begin      time.Time
	from, till time.Duration // while the stored plans cannot be read
}

func newStreet(t *testing.T) *street {
	t.Helper()
	k := &street{platform: fake.New()}
	k.platform.Serve(service, "shop-v0")
	k.env = newEnv(t, rollout.LaneID("shop", "prod"), func(e *env) {
		workflows.Register(e)
		e.RegisterActivity(activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: k.platform}, new(fake.Artifacts)))
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
			if now := k.Now().Sub(k.begin); now >= k.from && now < k.till {
				return activities.LoadPlanResult{}, e.answers("", k.Now().Add(1))
			}
			return activities.LoadPlanResult{Plan: plan(strings.TrimSuffix(strings.TrimPrefix(r.Document, "releases/shop/"), ".json"))}, nil
		}, activity.RegisterOptions{Name: activities.LoadPlan})
		e.RegisterActivityWithOptions(func(context.Context, activities.HolderRequest) (activities.HolderResult, error) {
			return activities.HolderResult{Running: true}, nil
		}, activity.RegisterOptions{Name: "Holder"})
	})
	k.begin = k.Now()
	return k
}

func (k *street) release(d time.Duration, release string) {
	k.at(d, func() {
		k.SignalWorkflow(rollout.SignalEnqueue, rollout.Enqueue{
			Seq: 1, Plan: plan(release), Document: rollout.DocumentName("shop", release), Behavior: rollout.BehaviorNow,
		})
	})
}

func (k *street) advance(t *testing.T, d time.Duration, name, phase string) {
	t.Helper()
	k.at(d, func() {
		err := k.UpdateWorkflowByID(rollout.RolloutID("shop", name), rollout.CommandAdvance, name+phase, &callback{answer: func(err error) {
			if err != nil {
				t.Error(err)
			}
		}}, rollout.Command{Phase: phase})
		if err != nil {
			t.Error(err)
		}
	})
}

// stable makes v1 the stable release within half an hour.
func (k *street) stable(t *testing.T) {
	t.Helper()
	k.release(1*time.Minute, "v1")
	k.advance(t, 10*time.Minute, "v1-to-prod-0001", "canary-50")
	k.advance(t, 20*time.Minute, "v1-to-prod-0001", "stable")
}

// repair lets an automation roll back whatever fails.
func (k *street) repair() {
	k.rules = func(r activities.AutomationsRequest) []rollout.Rule {
		if r.Trigger != activities.TriggerRepair {
			return nil
		}
		return []rollout.Rule{{Automation: "shop/auto", ID: "mend", Repair: []rollout.Repair{{}}}}
	}
}

// run runs the lane for two days and returns its record.
func (k *street) run(t *testing.T) (s rollout.LaneStatus) {
	t.Helper()
	k.at(48*time.Hour, func() {
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
	return s
}

// path is what has happened to one of its rollouts.
func (k *street) path(t *testing.T, name string) []string {
	t.Helper()
	var s rollout.Status
	value, err := k.QueryWorkflowByID(rollout.RolloutID("shop", name), rollout.QueryState)
	if err == nil {
		err = value.Get(&s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path(s)
}

// TestWhatARollbackCancelsNeverBegins: a freeze that the rollback overrides does not forbid its
// cancels, and everybody can read why they are.
func TestWhatARollbackCancelsNeverBegins(t *testing.T) {
	t.Parallel()
	k := newStreet(t)
	frozen := false
	k.permitted = func(r activities.PermitRequest) activities.PermitResult {
		switch {
		case !frozen:
			return activities.PermitResult{}
		case slices.Contains(r.Override, "freeze"):
			return activities.PermitResult{Overridden: []string{"freeze/all"}}
		}
		return activities.PermitResult{Refused: "freeze forbids " + r.Command}
	}
	k.stable(t)
	k.release(30*time.Minute, "v2")
	k.advance(t, 40*time.Minute, "v2-to-prod-0001", "canary-50")
	k.release(50*time.Minute, "v3")
	k.at(55*time.Minute, func() { frozen = true })
	k.at(60*time.Minute, func() {
		k.UpdateWorkflow(rollout.UpdateRollback, "rb", &callback{answer: func(err error) {
			if err != nil {
				t.Error(err)
			}
		}}, rollout.Create{Request: "rb", Actor: "ann", Reason: "outage", Override: []string{"freeze"}, StopRunning: true})
	})
	s := k.run(t)
	equal(t, "path of what queued", k.path(t, "v3-to-prod-0001"), []string{
		"created", "cancelling by ann (cancelled by rollback v1-to-prod-0002: outage)", "ended CANCELLED",
	})
	got := k.path(t, "v2-to-prod-0001")
	if !has(got, "overridden: cancel against freeze/all by ann (stopped for a rollback: outage)") || !has(got, "ended CANCELLED") {
		t.Errorf("path of what ran %q", got)
	}
	if r := s.Record("v3-to-prod-0001"); r.State != rollout.StateCancelled || r.Failure != "cancelled by rollback v1-to-prod-0002" {
		t.Errorf("record %s %q", r.State, r.Failure)
	}
	if splits := k.platform.Splits(service); splits[len(splits)-1].String() != "shop-v1 100%" {
		t.Errorf("splits %v", splits)
	}
}

// TestARepairsRollbackIsMadeOnceTheStoreAnswers: the rollout asks for it once.
func TestARepairsRollbackIsMadeOnceTheStoreAnswers(t *testing.T) {
	t.Parallel()
	k := newStreet(t)
	k.from, k.till = 29*time.Minute, 44*time.Minute
	k.repair()
	k.stable(t)
	k.at(29*time.Minute, func() { k.platform.Fail("v2", "it exits with 1") })
	k.release(30*time.Minute, "v2")
	s := k.run(t)
	r := s.Record("v1-to-prod-0002")
	if r == nil || r.State != rollout.StateSucceeded || len(s.Unanswered) > 0 || len(s.Notes) > 0 {
		t.Fatalf("records %+v, unanswered %+v, notes %q", s.Records, s.Unanswered, s.Notes)
	}
	if at := r.Created.Sub(k.begin); at.Round(time.Minute) != 45*time.Minute { // 1, 2, 4 and 8 minutes later
		t.Errorf("it was made after %s", at)
	}
	if got := k.path(t, "v2-to-prod-0001"); !has(got, "repair shop/auto/mend is SUCCEEDED") {
		t.Errorf("path %q", got)
	}
}

// TestARepairHearsThatItIsNotRolledBack, and why.
func TestARepairHearsThatItIsNotRolledBack(t *testing.T) {
	t.Parallel()
	k := newStreet(t)
	k.repair()
	k.platform.Fail("v1", "it exits with 1")
	k.release(30*time.Minute, "v1")
	s := k.run(t)
	const why = "rollback shop/prod: no release has SUCCEEDED here"
	got := k.path(t, "v1-to-prod-0001")
	if !has(got, "repair shop/auto/mend is FAILED") || !has(got, why) || !strings.Contains(s.Notes[0], why) {
		t.Errorf("path %q, notes %q", got, s.Notes)
	}
}

// TestAChildDoesNotHearTheLane: only its controller cancels it.
func TestAChildDoesNotHearTheLane(t *testing.T) {
	t.Parallel()
	f := newFleet(t, three()...)
	f.at(time.Hour, func() {
		if err := f.SignalWorkflowByID(rollout.RolloutID("shop", "v2-to-eu-0001"), rollout.SignalStop, rollout.Command{Actor: "ann"}); err != nil {
			t.Error(err)
		}
	})
	f.at(2*time.Hour, func() {
		f.SignalWorkflow(rollout.SignalStop, rollout.Command{Actor: "ann", Reason: "stopped for a rollback"})
	})
	s := f.runFleet(t)
	equal(t, "path", fleetPath(s), []string{
		"created", "granted", went("canary-25", "asia", "eu", "us"),
		"waits for advance: canary-25 is done; canary-50 gives the release 50%", "cancelling by ann (stopped for a rollback)",
		"asia canary-25 SUCCEEDED CANCELLED, eu canary-25 SUCCEEDED CANCELLED, us canary-25 SUCCEEDED CANCELLED", "ended CANCELLED",
	})
}
