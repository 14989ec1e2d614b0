package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// automation is one with the given rules, a list that is not indented.
func automation(name, rules string) string {
	return `apiVersion: serin.dev/v1
kind: Automation
metadata:
  name: ` + name + `
serviceAccount: automation@serin
selector:
  targets: [{id: "*"}]
rules:
` + rules + "\n"
}

// automate adds the automation PIPELINE/auto.
func (s *scene) automate(rules string) string {
	s.t.Helper()
	name := s.pipeline() + "/auto"
	s.drive.Apply([]byte(automation(name, strings.TrimSpace(rules))))
	return name
}

func (s *scene) suspend(kind, name string, suspended bool) {
	s.t.Helper()
	res, err := s.w.Client.Suspend(s.ctx, rollout.Suspend{Kind: kind, Name: name, Suspended: suspended, Actor: "ann"})
	if err != nil || len(res.Updated) != 1 {
		s.t.Fatalf("%+v, %v", res, err)
	}
}

// name of the release's rollout on a stage.
func (s *scene) rolloutOf(release string, stage int) string {
	s.t.Helper()
	name, err := s.w.Client.WaitRollout(s.ctx, s.pipeline(), release, s.config.Stage(stage))
	if err != nil {
		s.t.Fatal(err)
	}
	return name
}

// TestAReleaseGoesAllTheWayByItself: a rule advances, another promotes, and nobody does anything.
func TestAReleaseGoesAllTheWayByItself(t *testing.T) {
	t.Parallel()
	s := stages(t, "by-itself")
	auto := s.automate(`
- advanceRolloutRule: {id: onwards, wait: 0m}
- promoteReleaseRule: {id: next, wait: 0m}`)
	for _, release := range []string{"v1", "v2"} {
		s.release(release)
		got := s.until(s.rolloutOf(release, 1), drive.In(rollout.StateSucceeded))
		if !drive.Has(got, "created by "+auto+"/next") && !drive.Has(got, "by "+auto+"/next") {
			t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
		}
	}
	got := s.until(s.rolloutOf("v2", 0), drive.In(rollout.StateSucceeded))
	if !drive.Has(got, "stable advanced by "+auto+"/onwards") {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}
	for stage := range 2 {
		s.split(stage, "v1 100%", "v1 75%, v2 25%", "v2 100%")
	}
}

// TestASuspendedAutomation does nothing, and begins again where it is resumed. A person is
// always faster.
func TestASuspendedAutomation(t *testing.T) {
	t.Parallel()
	s := newScene(t, "suspended-auto", []int{25, 50}, "").live()
	auto := s.automate(`- advanceRolloutRule: {id: onwards, wait: 60m}`)
	v2 := s.release("v2")
	got := s.until(v2, drive.WaitsFor(rollout.WaitTimer))
	contains(t, got.Waiting.Reason, auto+"/onwards", "canary-50")
	if wait := got.Waiting.Until.Sub(got.Waiting.Since); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("it waits %s", wait)
	}
	s.timerNames(v2, auto+"/onwards", "canary-50")
	s.suspend(pipeline.KindAutomation, auto, true)
	s.must(s.w.Client.Advance(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-50", Actor: "ann"}))
	s.until(v2, drive.AsksFor(rollout.StablePhase))
	s.suspend(pipeline.KindAutomation, auto, false)
	s.advance(v2, rollout.StablePhase)
	got = s.until(v2, drive.In(rollout.StateSucceeded))
	if drive.Has(got, "advanced by "+auto) {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%")
}

// timerNames wants the newest timer of the rollout's history to be shown with the texts.
func (s *scene) timerNames(name string, texts ...string) {
	s.t.Helper()
	events, err := s.w.History(s.ctx, rollout.RolloutID(s.pipeline(), name))
	if err != nil {
		s.t.Fatal(err)
	}
	summary := ""
	for _, e := range events {
		if e.GetEventType() == enumspb.EVENT_TYPE_TIMER_STARTED {
			summary = string(e.GetUserMetadata().GetSummary().GetData())
		}
	}
	contains(s.t, summary, texts...)
}

// refuseWrite denies the next writes to the scene's service.
func (s *scene) refuseWrite(times int) {
	s.t.Helper()
	if _, err := s.w.Run.Inject(cloudruntest.Fault{
		Kind: cloudruntest.PermissionDenied, Method: http.MethodPatch, Path: "/v2/" + s.service(), Times: times,
	}); err != nil {
		s.t.Fatal(err)
	}
}

// TestARepairRetries: the failed job is tried again while the rollout holds its lane.
func TestARepairRetries(t *testing.T) {
	t.Parallel()
	s := newScene(t, "repair", []int{25, 50}, "").live()
	auto := s.automate(`
- repairRolloutRule:
    id: again
    jobs: [deploy]
    repairPhases:
      - retry: {attempts: 3, wait: 0m}`)
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("canary-50"))
	s.refuseWrite(1)
	s.advance(v2, "canary-50")
	got := s.until(v2, drive.AsksFor(rollout.StablePhase))
	if r := got.Repair; r == nil || r.State != rollout.RepairSucceeded || r.Attempt != 1 || r.Attempts != 3 || r.Rule != auto+"/again" {
		t.Errorf("the repair is %+v\n%s", r, strings.Join(drive.Path(got), "\n"))
	}
	if drive.Has(got, "ended") || !drive.Has(got, "canary-50 retried by "+auto+"/again") {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}
	s.advance(v2, rollout.StablePhase)
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.lawful()
}

// TestARepairRollsBack once no attempt is left. What queued goes after the rollback.
func TestARepairRollsBack(t *testing.T) {
	t.Parallel()
	s := newScene(t, "repair-back", []int{25}, "").live()
	stop := s.load()
	auto := s.automate(`
- repairRolloutRule:
    id: again
    repairPhases:
      - retry: {attempts: 2, wait: 0m}
      - rollback: {}`)
	s.breaks("repair-back-bad")
	bad := s.release("repair-back-bad")
	got := s.rolledBack(bad)
	if got.State != rollout.StateFailed || got.Repair == nil || got.Repair.Attempt != 2 || !got.Repair.Rollback {
		t.Errorf("it is %s, repaired %+v\n%s", got.State, got.Repair, strings.Join(drive.Path(got), "\n"))
	}
	back := s.until(got.RolledBackBy[0], drive.In(rollout.StateSucceeded))
	if back.Release != "v1" || back.RollbackOf != bad || !drive.Has(back, "by "+auto+"/again") {
		t.Errorf("%s rolls %q back\n%s", back.Rollout, back.RollbackOf, strings.Join(drive.Path(back), "\n"))
	}
	if goal, err := s.rollback(rollout.Create{DryRun: true}); err == nil {
		t.Errorf("there is nothing to go back to, and the goal is %+v", goal)
	}
	stop("v1")
	s.drive.Names = append(s.drive.Names, back.Rollout)
	s.serves("v1 100%")
}

// TestACommandEndsARepair: a person who retries is the one who decides from then on.
func TestACommandEndsARepair(t *testing.T) {
	t.Parallel()
	s := stage(t, shared, world.Configuration{
		Pipeline: "repair-person", Canary: world.Percentages([]int{25}, ""),
	}).live()
	s.automate(`
- repairRolloutRule:
    id: later
    repairPhases:
      - retry: {attempts: 1, wait: 60m}`)
	s.refuseWrite(1)
	v2 := s.release("v2")
	got := s.until(v2, drive.WaitsFor(rollout.WaitTimer))
	if got.State != rollout.StateInProgress || s.lane().Holder != v2 {
		t.Errorf("it is %s, and %q has the lane", got.State, s.lane().Holder)
	}
	s.must(s.w.Client.RetryJob(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}))
	got = s.until(v2, drive.AsksFor(rollout.StablePhase))
	if r := got.Repair; r == nil || r.State != rollout.RepairAborted {
		t.Errorf("the repair is %+v\n%s", r, strings.Join(drive.Path(got), "\n"))
	}
	s.advance(v2, rollout.StablePhase)
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 75%, v2 25%", "v2 100%")
}
