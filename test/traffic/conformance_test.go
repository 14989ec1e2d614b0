package traffic_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestConformance has the scenarios of docs/conformance.md that have no test elsewhere,
// by the names they have in the field. Stable is four pods, and requests come where it serves.
func TestConformance(t *testing.T) {
	s := start(t)
	t.Run("rows", func(t *testing.T) {
		for _, row := range []struct {
			name string
			o    options
			play func(s *scene)
		}{
			{"TestRolloutAbortRetryPromote", options{}, abortRetryPromote},
			{"TestCanaryPromoteFull", options{canary: customized(`advance: {mode: automatic, wait: 24h}`)}, promoteFull},
			{"TestRolloutGoodToBadUpdate", options{}, goodToBad},
			{"TestCanarySetCanaryScale", options{canary: customized(`replicas: 3`)}, setCanaryScale},
			{"TestCanaryProgressDeadlineExceededWithPause", options{}, deadlineExceeded},
			{"TestRolloutPauseDurationGreaterThanProgressDeadlineSeconds", options{}, longPause},
			{"TestCanaryUnScaleDownOnAbort", options{}, unscaledOnAbort},
			{"TestCanaryWithPausedRollout", options{}, pausedRollout},
			{"TestIstioAbortUpdate", options{}, abortWhenDone},
			{"TestIstioSubsetSplitInStableDownscaleAfterCanaryAbort", options{}, downscaleAfterAbort},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o := row.o
				o.rate = 50
				sc := s.open(t, "c-"+strings.ToLower(row.name[4:min(len(row.name), 30)]), o)
				sc.sample = 200
				row.play(sc)
				sc.end()
			})
		}
	})
	t.Run("TestRolloutBadToGoodUpdate", func(t *testing.T) { badToGood(t, s) })
}

// customized is a canary of one phase at 25 % with an extension of its phaseConfig.
func customized(extension string) string {
	return strings.Replace(byGateway(""), steps, `
          customCanaryDeployment:
            phaseConfigs:
              - phaseId: canary-25
                percentage: 25
                `+extension+`
              - phaseId: stable
                percentage: 100
`, 1)
}

// bad is a release whose pods end at once.
func (s *scene) bad(version string) map[string]string {
	files := s.files(version)
	files["app.yaml"] = strings.Replace(files["app.yaml"], "serin.test/app:", "serin.test/crash:", 1)
	return files
}

// pods wants the canary to have asked for so many pods, -1 for no canary at all, and the
// original for its four.
func (s *scene) pods(canary int64) {
	s.T.Helper()
	const original = int64(4)
	got := int64(-1)
	if spec := s.spec(deployments(), canaryService); spec != nil {
		got, _ = spec["replicas"].(int64)
	}
	if have := s.spec(deployments(), service)["replicas"]; got != canary || have != original {
		s.T.Errorf("canary/original have %d/%v pods, want %d/%d", got, have, canary, original)
	}
}

// quota leaves room for one pod beside the original's four.
func (s *scene) quota() {
	s.T.Helper()
	s.must(s.cluster.Apply(s.Ctx, `apiVersion: v1
kind: ResourceQuota
metadata: {name: pods, namespace: `+s.namespace+`}
spec: {hard: {pods: "5"}}
`))
}

func abortRetryPromote(s *scene) {
	s.quota()
	v2 := s.Release("v2", s.files("v2"))
	s.through(v2, "v2", "canary-25")
	s.Advance(v2, "canary-50")
	s.Until(v2, drive.In(rollout.StateFailed))
	s.pods(2) // asked for, and kept for a look
	s.gives("aborted", "v2", 0)
	s.must(s.cluster.Client.CoreV1().ResourceQuotas(s.namespace).Delete(s.Ctx, "pods", metav1.DeleteOptions{}))
	s.Must(s.World.Client.RetryJob(s.Ctx, s.Pipeline, v2, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"}))
	s.Until(v2, after("canary-50"))
	s.gives("retried", "v2", 50)
	s.Advance(v2, "canary-75", rollout.StablePhase)
	got := s.Until(v2, drive.In(rollout.StateSucceeded))
	var short []string
	for _, line := range drive.Path(got) {
		line, _, _ = strings.Cut(line, ":")
		short = append(short, line)
	}
	want := []string{
		"created by ann", "granted", "baseline", "settled", "canary-25 started", "canary-25 shifted 25%", "canary-25 succeeded",
		"waits for advance", "canary-50 advanced by ann", "canary-50 started", "canary-50 failed", "restored", "failed",
		"canary-50 retried by ann", "waits for lane", "granted", "canary-50 started (attempt 2)", "canary-50 shifted 50%", "canary-50 succeeded",
		"waits for advance", "canary-75 advanced by ann", "canary-75 started", "canary-75 shifted 75%", "canary-75 succeeded",
		"waits for advance", "stable advanced by ann", "stable started", "stable shifted 100%", "stable succeeded", "ended SUCCEEDED",
	}
	if strings.Join(short, "\n") != strings.Join(want, "\n") {
		s.T.Errorf("it went\n  %s\nwant\n  %s", strings.Join(short, "\n  "), strings.Join(want, "\n  "))
	}
	s.pods(-1)
}

// promoteFull: a person need not wait for the 24 hours.
func promoteFull(s *scene) {
	v2 := s.Release("v2", s.files("v2"))
	s.Until(v2, drive.WaitsFor(rollout.WaitTimer))
	s.Must(s.World.Client.Advance(s.Ctx, s.Pipeline, v2, rollout.Command{Phase: rollout.StablePhase, Actor: "ann"}))
	s.Until(v2, drive.In(rollout.StateSucceeded))
	s.gives("stable", "v2", 100)
	s.pods(-1)
}

func goodToBad(s *scene) {
	for _, version := range []string{"v2", "v3"} {
		bad := s.Release(version, s.bad(version))
		got := s.Until(bad, drive.In(rollout.StateFailed))
		if !drive.Has(got, "crashes") {
			s.T.Errorf("%s does not say why: %v", version, drive.Path(got))
		}
		s.pods(1)
	}
	s.gives("still", "v1", 100)
}

// badToGood: a release that never ran is no baseline that anybody has to wait for.
func badToGood(t *testing.T, s site) {
	t.Helper()
	sc := s.make(t, "c-badtogood", options{})
	v1 := sc.Release("v1", sc.bad("v1"))
	sc.Until(v1, drive.In(rollout.StateFailed))
	v2 := sc.Release("v2", sc.bad("v2")) // TestRolloutBadToBadUpdate
	sc.Until(v2, drive.In(rollout.StateFailed))
	v3 := sc.Release("v3", sc.files("v3"))
	sc.Until(v3, drive.In(rollout.StateSucceeded)) // nobody had to be asked
	sc.pods(-1)
}

// setCanaryScale: pods are what the phase says, the weight is the route's.
func setCanaryScale(s *scene) {
	v2 := s.Release("v2", s.files("v2"))
	s.through(v2, "v2", "canary-25")
	s.pods(3)
	s.Advance(v2, rollout.StablePhase)
	s.Until(v2, drive.In(rollout.StateSucceeded))
	s.pods(-1)
}

// slow is a release whose pods start too late for their deadline.
func (s *scene) slow(version, delay string) map[string]string {
	files := s.files(version)
	files["app.yaml"] = strings.Replace(files["app.yaml"], "  replicas: 4\n", "  replicas: 4\n  progressDeadlineSeconds: 2\n", 1)
	files["app.yaml"] = strings.Replace(files["app.yaml"], "PRESTOP, value: 1s}\n",
		"PRESTOP, value: 1s}\n            - {name: START_DELAY, value: "+delay+"}\n", 1)
	return files
}

// deadlineExceeded: the deadline fails the job, and does not stick once the pods are there.
func deadlineExceeded(s *scene) {
	v2 := s.Release("v2", s.slow("v2", "4s"))
	got := s.Until(v2, drive.In(rollout.StateFailed))
	if !drive.Has(got, "progress") {
		s.T.Errorf("it does not name the deadline: %v", drive.Path(got))
	}
	s.must(s.cluster.Wait(s.Ctx, deployments(), key(s.namespace, canaryService), available(1)))
	s.Must(s.World.Client.RetryJob(s.Ctx, s.Pipeline, v2, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}))
	s.Until(v2, after("canary-25"))
	s.gives("canary-25", "v2", 25)
}

// longPause: a pause is no progress that a deadline could be about.
func longPause(s *scene) {
	v2 := s.Release("v2", s.slow("v2", "0s"))
	s.through(v2, "v2", "canary-25")
	pause := time.NewTimer(4 * time.Second) // twice the deadline
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-s.Ctx.Done():
	}
	s.Advance(v2, "canary-50", "canary-75", rollout.StablePhase)
	s.Until(v2, drive.In(rollout.StateSucceeded))
	s.gives("stable", "v2", 100)
}

// unscaledOnAbort: after a failure the canary's pods stay, at weight 0.
func unscaledOnAbort(s *scene) {
	s.quota()
	v2 := s.Release("v2", s.files("v2"))
	s.through(v2, "v2", "canary-25")
	s.Advance(v2, "canary-50")
	s.Until(v2, drive.In(rollout.StateFailed))
	s.pods(2)
	s.gives("aborted", "v2", 0)
}

// pausedRollout: v3 waits for the lane, and begins where v2 left.
func pausedRollout(s *scene) {
	v2 := s.Release("v2", s.files("v2"))
	s.through(v2, "v2", "canary-25")
	v3 := s.Release("v3", s.files("v3"))
	s.Until(v3, drive.WaitsFor(rollout.WaitLane))
	s.Must(s.World.Client.Cancel(s.Ctx, s.Pipeline, v2, rollout.Command{Actor: "ann"}))
	s.through(v3, "v3", "canary-25")
	s.pods(1)
}

// abortWhenDone: nothing is left to abort.
func abortWhenDone(s *scene) {
	v2 := s.Release("v2", s.files("v2"))
	s.Advance(v2, "canary-50", "canary-75", rollout.StablePhase)
	s.Until(v2, drive.In(rollout.StateSucceeded))
	_, err := s.World.Client.Cancel(s.Ctx, s.Pipeline, v2, rollout.Command{Actor: "ann", Restore: true})
	if rollout.KindOf(err) == "" {
		s.T.Error("a cancel of what has SUCCEEDED was taken")
	}
	s.gives("stable", "v2", 100)
}

// downscaleAfterAbort: scaling after an abort does not disturb the weights.
func downscaleAfterAbort(s *scene) {
	unscaledOnAbort(s)
	s.scale(2)
	s.must(s.cluster.Wait(s.Ctx, deployments(), key(s.namespace, service), available(2)))
	s.gives("scaled", "v1", 100)
}
