package e2e_test

import (
	"slices"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// stages is a scene of two stages, each at a location of its own.
func stages(t *testing.T, pipeline string) *scene {
	t.Helper()
	return stage(t, shared, world.Configuration{Pipeline: pipeline, Canary: world.Percentages([]int{25}, ""), Stages: 2})
}

// second is the target of the second stage.
func (s *scene) second() string { return s.config.Stage(1) }

// next is where the release goes next, as the client works it out.
func (s *scene) next(release string) (client.Promotion, error) {
	s.t.Helper()
	s.heard(0)
	return s.w.Client.Destination(s.ctx, s.pipeline(), release, "")
}

// promote sends the release to where it goes next, and returns the rollout's name.
func (s *scene) promote(release string) string {
	s.t.Helper()
	p, err := s.next(release)
	if err != nil {
		s.t.Fatal(err)
	}
	created, err := s.w.Client.Promote(s.ctx, s.pipeline(), p.Target, rollout.Create{Release: release, Actor: "ann"})
	if err != nil {
		s.t.Fatal(err)
	}
	return created.Rollout
}

// split wants the whole history of splits of the service of a stage.
func (s *scene) split(stage int, want ...string) {
	s.t.Helper()
	got, err := s.w.Splits(s.ctx, world.StageLocation(stage)+"/"+s.pipeline())
	if err != nil {
		s.t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("stage %d served\n  %s\nwant\n  %s", stage, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// follow waits until ready says so, which it is asked whenever the workflow has taken a step.
func (s *scene) follow(id string, ready func() bool) {
	s.t.Helper()
	events := s.w.Temporal.GetWorkflowHistory(s.ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			s.t.Fatalf("%s: %v", id, err)
		}
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED && ready() {
			return
		}
	}
	if !ready() {
		s.t.Fatalf("%s has ended, and is not as wanted", id)
	}
}

// releaseIs waits until the release is as wanted.
func (s *scene) releaseIs(release string, wanted func(rollout.ReleaseStatus) bool) rollout.ReleaseStatus {
	s.t.Helper()
	var last rollout.ReleaseStatus
	s.follow(rollout.ReleaseID(s.pipeline(), release), func() bool {
		s.t.Helper()
		var err error
		if last, err = s.w.Client.Release(s.ctx, s.pipeline(), release); err != nil {
			s.t.Fatal(err)
		}
		return wanted(last)
	})
	return last
}

// TestPromotion: the client works out where a release goes, and the lane says no while it is
// there.
func TestPromotion(t *testing.T) {
	t.Parallel()
	s := stages(t, "promote")
	s.until(s.release("v1"), drive.In(rollout.StateSucceeded))
	s.split(0, "v1 100%")
	if p, err := s.next("v1"); err != nil || p.From != s.config.Target() || p.Target != s.second() || p.Again {
		t.Errorf("v1 goes %+v, %v", p, err)
	}
	v1 := s.promote("v1")
	if want := rollout.Name("v1", s.second(), 1); v1 != want {
		t.Errorf("the rollout is %s, want %s", v1, want)
	}
	s.until(v1, drive.In(rollout.StateSucceeded))
	s.split(1, "v1 100%")
	s.heard(1)
	if p, err := s.next("v1"); err != nil || p.Target != s.second() || !p.Again {
		t.Errorf("after the last stage v1 goes %+v, %v", p, err)
	}

	v2 := s.release("v2")
	s.until(v2, drive.AsksFor(rollout.StablePhase))
	_, err := s.next("v2")
	s.refuses(err, rollout.Refused, "promote v2", v2+" is IN_PROGRESS")
	s.advance(v2, rollout.StablePhase)
	s.until(v2, drive.In(rollout.StateSucceeded))
	further := s.promote("v2")
	s.until(further, drive.AsksFor(rollout.StablePhase))
	_, err = s.w.Client.Promote(s.ctx, s.pipeline(), s.second(), rollout.Create{Release: "v2", Actor: "ann"})
	s.refuses(err, rollout.Refused, further+" is IN_PROGRESS", "one open rollout")
	s.advance(further, rollout.StablePhase)
	s.until(further, drive.In(rollout.StateSucceeded))
	s.split(0, "v1 100%", "v1 75%, v2 25%", "v2 100%")
	s.split(1, "v1 100%", "v1 75%, v2 25%", "v2 100%")
}

// TestASupersededRelease is current nowhere any more: it goes on only where a person names the stage.
func TestASupersededRelease(t *testing.T) {
	t.Parallel()
	s := stages(t, "superseded")
	s.until(s.release("v1"), drive.In(rollout.StateSucceeded))
	s.succeed("v2")
	s.releaseIs("v1", func(r rollout.ReleaseStatus) bool { return r.Stages[0].Superseded == "v2" })
	_, err := s.next("v1")
	s.refuses(err, rollout.Refused, "promote v1", "superseded by v2", "--to-target", s.config.Target(), s.second())
	_, err = s.w.Client.Destination(s.ctx, s.pipeline(), "v1", "moon")
	s.refuses(err, rollout.NotFound, "moon is no stage of the release", s.second())
	created, err := s.w.Client.Promote(s.ctx, s.pipeline(), s.second(), rollout.Create{Release: "v1", Actor: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	s.until(created.Rollout, drive.In(rollout.StateSucceeded))
	s.split(1, "v1 100%")
}

// TestAnAbandonedRelease goes nowhere any more, and nothing goes back to it. What runs goes on.
func TestAnAbandonedRelease(t *testing.T) {
	t.Parallel()
	s := stages(t, "abandoned")
	abandon := func(release string) {
		t.Helper()
		if err := s.w.Client.Abandon(s.ctx, rollout.Abandon{Pipeline: s.pipeline(), Release: release, Actor: "ann", Reason: "bad"}); err != nil {
			t.Fatal(err)
		}
	}
	s.until(s.release("v1"), drive.In(rollout.StateSucceeded))
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor(rollout.StablePhase))
	abandon("v2")
	abandon("v2") // changes nothing
	s.advance(v2, rollout.StablePhase)
	s.until(v2, drive.In(rollout.StateSucceeded))
	_, err := s.w.Client.Promote(s.ctx, s.pipeline(), s.second(), rollout.Create{Release: "v2", Actor: "ann"})
	s.refuses(err, rollout.Refused, "v2 is abandoned")
	s.heard(0)
	_, err = s.w.Client.Redeploy(s.ctx, s.pipeline(), s.config.Target(), rollout.Create{Actor: "ann"})
	s.refuses(err, rollout.Refused, "v2 is abandoned")
	err = s.w.Client.Abandon(s.ctx, rollout.Abandon{Pipeline: s.pipeline(), Release: "v9"})
	s.refuses(err, rollout.NotFound, "v9")
	s.succeed("v3")
	goal, err := s.rollback(rollout.Create{DryRun: true})
	if err != nil || goal.Release != "v1" {
		t.Errorf("the goal is %+v, %v, want v1: v2 is abandoned", goal, err)
	}
	_, err = s.rollback(rollout.Create{Release: "v2"})
	s.refuses(err, rollout.Refused, "v2 is abandoned")
}
