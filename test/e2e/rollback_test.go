package e2e_test

import (
	"slices"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// rollback sends a rollback of the scene's target.
func (s *scene) rollback(c rollout.Create) (rollout.Created, error) {
	s.t.Helper()
	s.heard(0)
	c.Actor = "ann"
	created, err := s.w.Client.Rollback(s.ctx, s.pipeline(), s.config.Target(), c)
	if err == nil && !c.DryRun {
		s.drive.Names = append(s.drive.Names, created.Rollout)
	}
	return created, err
}

// heard waits until the lane of a stage has heard how its rollouts have ended: a moment later than
// those who watch them.
func (s *scene) heard(stage int) {
	s.t.Helper()
	target := s.config.Stage(stage)
	s.follow(rollout.LaneID(s.pipeline(), target), func() bool {
		s.t.Helper()
		lane, err := s.w.Client.Lane(s.ctx, s.pipeline(), target)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range lane.Records {
			if s.drive.Read(r.Rollout).State != r.State {
				return false
			}
		}
		return true
	})
}

// rolledBack waits until a FAILED rollout has been rolled back and closed.
func (s *scene) rolledBack(name string) (got client.Rollout) {
	s.t.Helper()
	s.follow(rollout.RolloutID(s.pipeline(), name), func() bool {
		s.t.Helper()
		got = s.drive.Read(name)
		return len(got.RolledBackBy) > 0 && !got.Open
	})
	return got
}

// succeed makes releases one after another, each of which goes all the way.
func (s *scene) succeed(releases ...string) *scene {
	s.t.Helper()
	for _, name := range releases {
		r := s.release(name)
		s.advance(r, rollout.StablePhase)
		s.until(r, drive.In(rollout.StateSucceeded))
	}
	return s
}

// TestARollback: the goal is shown first, and then gone to from stable on. What was rolled
// back by a person is not offered again before a newer release is made.
func TestARollback(t *testing.T) {
	t.Parallel()
	s := newScene(t, "rollback", []int{25}, "").live().succeed("v2")
	for _, release := range []string{"v1", "v2"} { // their workflows have ended
		id := rollout.ReleaseID(s.pipeline(), release)
		if err := s.w.Temporal.GetWorkflow(s.ctx, id, "").Get(s.ctx, nil); err != nil {
			t.Fatal(err)
		}
		d, err := s.w.Temporal.DescribeWorkflow(s.ctx, id, "")
		if err != nil || d.Status != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED {
			t.Fatalf("%s: %v, %v", id, d, err)
		}
	}
	stop := s.load()
	v2 := s.drive.Names[1]

	goal, err := s.rollback(rollout.Create{DryRun: true})
	if err != nil || goal.Release != "v1" || goal.From != "v2" || goal.RollbackOf != v2 || goal.StartingPhase != rollout.StablePhase || goal.Rollout != "" {
		t.Fatalf("the goal is %+v, %v", goal, err)
	}
	if n := len(s.lane().Records); n != 2 {
		t.Errorf("a dry run left %d rollouts", n)
	}
	back, err := s.rollback(rollout.Create{Release: goal.Release, StartingPhase: goal.StartingPhase, Rollout: goal.RollbackOf, Reason: "errors"})
	if err != nil || back.Rollout != rollout.Name("v1", s.config.Target(), 2) {
		t.Fatalf("%+v, %v", back, err)
	}
	got := s.until(back.Rollout, drive.In(rollout.StateSucceeded))
	if got.RollbackOf != v2 || got.Phases[0].State != rollout.PhaseSkipped {
		t.Errorf("it rolls %q back, and %s is %s", got.RollbackOf, got.Phases[0].ID, got.Phases[0].State)
	}
	stop("v1", "v2")
	s.serves("v1 100%", "v1 75%, v2 25%", "v2 100%", "v1 100%")

	_, err = s.rollback(rollout.Create{Rollout: v2})
	s.refuses(err, rollout.Refused, v2+" is not the newest rollout that has started, which is "+back.Rollout)
	_, err = s.rollback(rollout.Create{DryRun: true})
	s.refuses(err, rollout.Refused, "v1 is what is rolled back", "v2 was rolled back by "+back.Rollout, "name the release to go to")
	if goal, err = s.rollback(rollout.Create{DryRun: true, Release: "v2"}); err != nil || goal.Release != "v2" {
		t.Errorf("v2, named: %+v, %v", goal, err)
	}
	s.succeed("v3", "v4")
	if goal, err = s.rollback(rollout.Create{DryRun: true}); err != nil || goal.Release != "v3" {
		t.Errorf("after newer releases: %+v, %v", goal, err)
	}
}

// TestTheGoalAfterAFailedCanary is the release that still serves, not the one before it.
func TestTheGoalAfterAFailedCanary(t *testing.T) {
	t.Parallel()
	s := newScene(t, "rollback-goal", []int{25}, "").live().succeed("v2")
	s.breaks("rollback-goal-v3")
	bad := s.release("rollback-goal-v3")
	s.until(bad, drive.In(rollout.StateFailed))
	goal, err := s.rollback(rollout.Create{DryRun: true})
	if err != nil || goal.Release != "v2" || goal.RollbackOf != bad {
		t.Errorf("the goal is %+v, %v", goal, err)
	}
	back, err := s.rollback(rollout.Create{})
	if err != nil {
		t.Fatal(err)
	}
	s.until(back.Rollout, drive.In(rollout.StateSucceeded))
	got := s.rolledBack(bad)
	if !slices.Equal(got.RolledBackBy, []string{back.Rollout}) || got.State != rollout.StateFailed {
		t.Errorf("it is %s, rolled back by %v", got.State, got.RolledBackBy)
	}
	_, err = s.w.Client.RetryJob(s.ctx, s.pipeline(), bad, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
	s.refuses(err, rollout.Refused, "retryJob "+bad)
	s.serves("v1 100%", "v1 75%, v2 25%", "v2 100%")
}

// TestARollbackStopsWhatRuns: only when it is told to. It inherits the lane, and what queued
// before it goes.
func TestARollbackStopsWhatRuns(t *testing.T) {
	t.Parallel()
	s := newScene(t, "rollback-stop", []int{25}, "").live()
	stop := s.load()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor(rollout.StablePhase))
	v3 := s.release("v3")
	s.until(v3, drive.WaitsFor(rollout.WaitLane))

	_, err := s.rollback(rollout.Create{})
	s.refuses(err, rollout.Refused, v2+" has the lane, IN_PROGRESS",
		"serin rollout cancel --pipeline rollback-stop --rollout "+v2, "or roll back with --stop-running")
	s.serves("v1 100%", "v1 75%, v2 25%")

	back, err := s.rollback(rollout.Create{StopRunning: true, Reason: "errors"})
	if err != nil || back.Stopped != v2 || !slices.Equal(back.Cancelled, []string{v3}) || back.Release != "v1" {
		t.Fatalf("%+v, %v", back, err)
	}
	s.until(back.Rollout, drive.In(rollout.StateSucceeded))
	for _, name := range []string{v2, v3} {
		if got := s.until(name, drive.In(rollout.StateCancelled)); !drive.Has(got, "by ann") {
			t.Errorf("%s went\n%s", name, strings.Join(drive.Path(got), "\n"))
		}
	}
	stop("v1", "v2")
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 100%")
}

// TestARedeploy is another rollout of the newest release, from its first phase on.
func TestARedeploy(t *testing.T) {
	t.Parallel()
	s := newScene(t, "redeploy", []int{25}, "").live()
	redeploy := func() (rollout.Created, error) {
		s.heard(0)
		return s.w.Client.Redeploy(s.ctx, s.pipeline(), s.config.Target(), rollout.Create{Actor: "ann"})
	}
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor(rollout.StablePhase))
	_, err := redeploy()
	s.refuses(err, rollout.Refused, v2+" is IN_PROGRESS, not SUCCEEDED, FAILED or CANCELLED")
	s.must(s.w.Client.Cancel(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann", Restore: true}))
	s.until(v2, drive.In(rollout.StateCancelled))
	again, err := redeploy()
	if err != nil || again.Rollout != rollout.Name("v2", s.config.Target(), 2) {
		t.Fatalf("%+v, %v", again, err)
	}
	s.drive.Names = append(s.drive.Names, again.Rollout)
	s.advance(again.Rollout, rollout.StablePhase)
	got := s.until(again.Rollout, drive.In(rollout.StateSucceeded))
	if got.Phases[0].State != rollout.PhaseSucceeded {
		t.Errorf("%s is %s", got.Phases[0].ID, got.Phases[0].State)
	}
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 100%", "v1 75%, v2 25%", "v2 100%")
	images := s.images()
	if len(images) != 2 {
		t.Errorf("there are the revisions %v, want one of each release", images)
	}
}

// TestAPause holds what would go on by itself.
func TestAPause(t *testing.T) {
	t.Parallel()
	s := newScene(t, "pause", []int{25, 50}, "advance: {mode: automatic, wait: 2s}").live()
	v2 := s.release("v2")
	s.until(v2, drive.WaitsFor(rollout.WaitTimer))
	s.must(s.w.Client.Pause(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann", Reason: "lunch"}))
	got := s.until(v2, drive.WaitsFor(rollout.WaitPerson))
	contains(t, got.Waiting.Reason, "paused by ann")
	_, err := s.w.Client.Pause(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "bob"})
	s.refuses(err, rollout.Refused, "pause "+v2, "paused")
	s.must(s.w.Client.Resume(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann"}))
	got = s.until(v2, drive.In(rollout.StateSucceeded))
	var paused, resumed bool
	for _, line := range drive.Path(got) {
		paused = paused || line == "paused by ann (lunch)"
		resumed = resumed || line == "resumed by ann"
		if paused && !resumed && strings.HasSuffix(line, "started") {
			t.Errorf("%s while it was paused", line)
		}
	}
	if !paused || !resumed {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%")
}
