package workflows_test

import (
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// debugs: the canary that has failed is kept for a look, without requests.
func debugs() []pathRow {
	failed := func(s *stage, sent ...string) {
		s.onCluster()
		s.plan.Kubernetes.Gateway.RouteWait, s.plan.Kubernetes.Gateway.Cutback = 0, 0
		s.plan.DebugFor = 30 * time.Minute
		s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
		s.says(rollout.JobVerify, fails(0, "task-1 exited with 3"))
		s.t.Cleanup(func() { equal(s.t, "sent", s.sent, sent) })
	}
	down := []string{"canary-25 verify started", "canary-25 verify failed: task-1 exited with 3", restored, "failed"}
	again := []string{
		"canary-25 started (attempt 2)", redeployed, "canary-25 succeeded", "canary-25 verify started (attempt 2)", "canary-25 verify succeeded",
		"waits for advance: canary-25 is done; stable gives the release 100%", cancelled, ended,
	}
	const fail, ask, end = "report -> prod FAILED", "acquire -> prod", "report -> prod CANCELLED"
	join := func(parts ...[]string) []string {
		var all []string
		for _, p := range parts {
			all = append(all, p...)
		}
		return deployed(all...)
	}
	return []pathRow{
		{
			name: "then it is removed, and a retry deploys anew",
			setup: func(s *stage) {
				failed(s, fail, ask, fail, ask, end)
				s.at(31*time.Minute, func() {
					if got := s.state(s.t); got.State != rollout.StateFailed || got.Failure != "task-1 exited with 3" {
						s.t.Errorf("it is %s: %s", got.State, got.Failure)
					}
				})
				s.command25(time.Hour, rollout.CommandRetryJob, rollout.JobVerify)
				s.cancels(2 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: join(down, []string{"debugFor has removed the canary", "canary-25 verify retried by ann", asksAgain, "granted"}, again),
		},
		{
			name: "a retry that comes while the lane is asked for keeps it",
			setup: func(s *stage) {
				failed(s, fail, ask, ask, end)
				s.onSignal = func(_, _ string, arg any) error {
					if m, ok := arg.(rollout.Acquire); ok && m.Tidy { // then it has the lane already
						s.at(time.Second, s.give)
					}
					return nil
				}
				s.command25(30*time.Minute+500*time.Millisecond, rollout.CommandRetryJob, rollout.JobVerify)
				s.cancels(2 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: join(down, []string{"canary-25 verify retried by ann", asksAgain, "granted"}, again),
		},
		{
			name: "a retry before that ends the wait",
			setup: func(s *stage) {
				failed(s, fail, ask, end)
				s.command25(10*time.Minute, rollout.CommandRetryJob, rollout.JobVerify)
				s.cancels(2 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: join(down, []string{"canary-25 verify retried by ann", asksAgain, "granted"}, again),
		},
		{
			name: "a newer rollout removes it itself",
			setup: func(s *stage) {
				failed(s, fail)
				s.at(10*time.Minute, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
			},
			want: rollout.StateFailed, splits: "shop-v1 100%",
			path: join(down, []string{"ended FAILED: v3-to-prod-0001 has started"}),
		},
		{
			name: "a newer rollout is faster",
			setup: func(s *stage) {
				failed(s, fail, ask)
				s.at(30*time.Minute+500*time.Millisecond, func() {
					s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"})
				})
			},
			want: rollout.StateFailed, splits: "shop-v1 100%",
			path: join(down, []string{"ended FAILED: v3-to-prod-0001 has started"}),
		},
		{
			name: "a canary that cannot be removed holds no lane",
			setup: func(s *stage) {
				failed(s, fail, ask, fail, end)
				s.platform.Fault("Remove", denied(), 1)
				s.cancels(2 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: join(down, []string{"debugFor leaves the canary to the next rollout: fake: set weight prod/shop: no permission", cancelled, ended}),
		},
	}
}

// TestWhatIsHeldKeepsItsCanary: only what was restored is taken away.
func TestWhatIsHeldKeepsItsCanary(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.onCluster()
	s.plan.OnFailure, s.plan.DebugFor = rollout.OnFailureHold, 30*time.Minute
	s.with("canary-25", rollout.Job{ID: rollout.JobVerify})
	s.says(rollout.JobVerify, fails(0, "task-1 exited with 3"))
	s.cancels(2 * time.Hour)
	if got := path(s.run(t)); has(got, "debugFor") || serves(s) != "shop-v1 75%, shop-v2 25%" {
		t.Errorf("it serves %s: %q", serves(s), got)
	}
}
