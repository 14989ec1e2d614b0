package e2e_test

import (
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// crash is a reason of the platform against a revision.
const crash = "HEALTH_CHECK_CONTAINER_ERROR"

// breaks makes revisions of an image of this release fail, in this scene only.
func (s *scene) breaks(release string) {
	s.t.Helper()
	if err := s.w.Run.FailImage("img/"+release, crash, "the container exited with 1"); err != nil {
		s.t.Fatal(err)
	}
}

// TestARevisionThatIsNeverReady: the platform's reason is shown, and traffic stays on
// stable, whatever onFailure says.
func TestARevisionThatIsNeverReady(t *testing.T) {
	t.Parallel()
	for _, onFailure := range []string{"restore", "hold"} {
		t.Run(onFailure, func(t *testing.T) {
			t.Parallel()
			name := "never-ready-" + onFailure
			s := stage(t, shared, world.Configuration{
				Pipeline: name, Canary: world.Percentages([]int{25}, "") + "\nonFailure: " + onFailure,
			}).live()
			stop := s.load()
			s.breaks(name)
			v2 := s.release(name)
			got := s.until(v2, drive.In(rollout.StateFailed))
			contains(t, got.Failure, "deploy "+got.Events[len(got.Events)-1].Revision, s.config.Target(), crash, "the container exited with 1")
			if got.Phases[0].State != rollout.PhaseFailed || got.Phases[1].State != rollout.PhaseAborted {
				t.Errorf("phases are %s and %s", got.Phases[0].State, got.Phases[1].State)
			}
			stop("v1")
			s.serves("v1 100%")
		})
	}
}

// TestRetryAfterTheImageWasFixed: a revision is immutable, so a retry makes another.
func TestRetryAfterTheImageWasFixed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "retried", []int{25}, "").live()
	s.breaks("retried-v2")
	v2 := s.release("retried-v2")
	s.until(v2, drive.In(rollout.StateFailed))
	s.w.Run.HealImage("img/retried-v2")
	s.must(s.w.Client.RetryJob(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}))
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 75%, retried-v2 25%", "retried-v2 100%")
}

// TestFailureInALaterPhase: a canary that has requests fails in its second phase, under
// load. onFailure decides where they go.
func TestFailureInALaterPhase(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		onFailure string
		splits    []string
		after     []string // one retry
	}{
		{"restore", []string{"v1 100%", "v1 75%, v2 25%", "v1 100%"}, []string{"v1 50%, v2 50%", "v2 100%"}},
		{"hold", []string{"v1 100%", "v1 75%, v2 25%"}, []string{"v1 50%, v2 50%", "v2 100%"}},
	} {
		t.Run(row.onFailure, func(t *testing.T) {
			t.Parallel()
			s := stage(t, shared, world.Configuration{
				Pipeline: "later-" + row.onFailure, Canary: world.Percentages([]int{25, 50}, "") + "\nonFailure: " + row.onFailure,
			}).live()
			stop := s.load()
			v2 := s.release("v2")
			s.until(v2, drive.AsksFor("canary-50"))
			s.inject(fault{kind: denied, times: 1})
			s.advance(v2, "canary-50")
			got := s.until(v2, drive.In(rollout.StateFailed))
			contains(t, got.Failure, "cloudRun: set weight "+s.service(), "403", "run.services.update", "grant roles/run.developer")
			if got.Restored != (row.onFailure == "restore") || got.Unsettled == got.Restored {
				t.Errorf("restored %t, unsettled %t", got.Restored, got.Unsettled)
			}
			s.serves(row.splits...)
			s.must(s.w.Client.RetryJob(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"}))
			s.advance(v2, "stable")
			s.until(v2, drive.In(rollout.StateSucceeded))
			stop("v1", "v2")
			s.serves(append(row.splits, row.after...)...)
		})
	}
}

// TestFailureInStable: once promotion has begun nothing is moved back, and the next
// rollout waits for a person.
func TestFailureInStable(t *testing.T) {
	t.Parallel()
	s := newScene(t, "late", []int{50}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	s.inject(fault{kind: denied, times: 1})
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateFailed))
	s.serves("v1 100%", "v1 50%, v2 50%")
	_, err := s.w.Client.Cancel(s.ctx, s.pipeline(), v2, rollout.Command{Restore: true, Actor: "ann"})
	s.refuses(err, rollout.Refused, "promotion has begun", "only a new rollout moves traffic back")

	v3 := s.release("v3")
	got := s.until(v3, drive.WaitsFor(rollout.WaitPerson))
	contains(t, got.Waiting.Reason, v2+" stopped after its promotion had begun")
	s.moves(map[string]int64{"v1": 100})
	s.must(s.w.Client.Resume(s.ctx, s.pipeline(), v3, rollout.Command{Accept: true, Actor: "ann"}))
	s.advance(v3, "stable")
	s.until(v3, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 50%, v2 50%", "v1 100%", "v1 50%, v3 50%", "v3 100%")
}
