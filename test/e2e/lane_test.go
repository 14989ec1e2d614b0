package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// TestTwoReleasesAtOnce: one lane, several releases in the same second. They go one
// after the other, whatever the order is.
func TestTwoReleasesAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, "at-once", []int{50}, "advance: {mode: automatic}").live()
	stop := s.load()
	const releases = 3
	made := make(chan error, releases)
	for i := range releases {
		name := fmt.Sprintf("v%d", i+2)
		source := s.source(world.Manifest(s.pipeline(), "img/"+name))
		go func() {
			_, err := s.w.Client.CreateRelease(s.ctx, rollout.CreateRequest{Pipeline: s.pipeline(), Release: name, Source: source})
			made <- err
		}()
	}
	for range releases {
		if err := <-made; err != nil {
			t.Fatal(err)
		}
	}
	for i := range releases {
		name := fmt.Sprintf("v%d-to-at-once-prod-0001", i+2)
		if _, err := s.w.Client.WaitRollout(s.ctx, s.pipeline(), fmt.Sprintf("v%d", i+2), "at-once-prod"); err != nil {
			t.Fatal(err)
		}
		s.until(name, drive.In(rollout.StateSucceeded))
		s.drive.Names = append(s.drive.Names, name)
	}
	stop("v1", "v2", "v3", "v4")
	s.oneAfterTheOther()
}

// oneAfterTheOther wants every release to have gone from where the one before ended,
// by half, to everything.
func (s *scene) oneAfterTheOther() {
	s.t.Helper()
	s.lawful()
	lane, err := s.w.Client.Lane(s.ctx, s.pipeline(), s.config.Target())
	if err != nil {
		s.t.Fatal(err)
	}
	order := slices.Clone(lane.Records) // the order of being granted is that of the queue
	slices.Reverse(order)
	want := []string{"v1 100%"}
	serves := "v1"
	for _, r := range order[1:] {
		half := rollout.Split{{Revision: serves, Percent: 50}, {Revision: r.Release, Percent: 50}}.String()
		want = append(want, half, r.Release+" 100%")
		serves = r.Release
	}
	got, err := s.w.Splits(s.ctx, s.pipeline())
	if err != nil {
		s.t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("it served\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestAReleaseWhileAnotherWaitsAtHalf: v3 queues behind v2, which keeps its half, and
// goes only when v2 is done or gone.
func TestAReleaseWhileAnotherWaitsAtHalf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		end    func(s *scene, v2 string)
		state  rollout.State // of v2
		splits []string
	}{
		{
			"queued-advance",
			func(s *scene, v2 string) { s.advance(v2, "stable") },
			rollout.StateSucceeded,
			[]string{"v2 100%", "v2 50%, v3 50%", "v3 100%"},
		},
		{
			"queued-cancel",
			func(s *scene, v2 string) {
				s.must(s.w.Client.Cancel(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann"}))
			},
			rollout.StateCancelled,
			[]string{"v1 100%", "v1 50%, v3 50%", "v3 100%"},
		},
		{
			"queued-failure",
			func(s *scene, v2 string) {
				s.until(v2, drive.AsksFor("stable"))
				s.must(s.w.Client.Cancel(s.ctx, s.pipeline(), v2, rollout.Command{Restore: true, Actor: "ann"}))
			},
			rollout.StateCancelled,
			[]string{"v1 100%", "v1 50%, v3 50%", "v3 100%"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, row.name, []int{50}, "").live()
			stop := s.load()
			v2 := s.release("v2")
			s.until(v2, drive.AsksFor("stable"))
			v3 := s.release("v3")
			got := s.until(v3, drive.WaitsFor(rollout.WaitLane))
			if got.State != rollout.StatePending {
				t.Errorf("v3 is %s, want PENDING", got.State)
			}
			_, err := s.w.Client.Advance(s.ctx, s.pipeline(), v3, rollout.Command{Phase: "stable", Actor: "ann"})
			s.refuses(err, rollout.Refused, "the rollout is PENDING, not IN_PROGRESS")
			s.serves("v1 100%", "v1 50%, v2 50%")
			row.end(s, v2)
			s.until(v2, drive.In(row.state))
			s.advance(v3, "stable")
			s.until(v3, drive.In(rollout.StateSucceeded))
			stop("v1", "v2", "v3")
			s.serves(append([]string{"v1 100%", "v1 50%, v2 50%"}, row.splits...)...)
		})
	}
}

// TestAFailedRolloutIsClosedByTheNext: until then it can be retried.
func TestAFailedRolloutIsClosedByTheNext(t *testing.T) {
	t.Parallel()
	s := newScene(t, "closed", []int{50}, "").live()
	s.breaks("closed-bad")
	bad := s.release("closed-bad")
	s.until(bad, drive.In(rollout.StateFailed))
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	_, err := s.w.Client.RetryJob(s.ctx, s.pipeline(), bad, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy})
	s.refuses(err, rollout.Refused, "retryJob "+bad)
	got := s.until(bad, func(r client.Rollout) bool { return !r.Open })
	if !drive.Has(got, "ended FAILED: "+v2+" has started") {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}
	s.serves("v1 100%", "v1 50%, v2 50%")
}
