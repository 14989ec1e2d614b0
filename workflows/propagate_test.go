package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// onCluster makes the rollout one over routes that take their time: one minute for each
// change, five for the canary's last requests.
func (s *stage) onCluster() {
	s.after()
	s.plan.CloudRun = nil
	s.plan.Kubernetes = &rollout.Kubernetes{
		Deployment: "shop", Service: "shop",
		Gateway: &rollout.Gateway{
			Routes: []rollout.Route{{Kind: rollout.KindHTTPRoute, Name: "shop"}}, RouteWait: time.Minute, Cutback: 5 * time.Minute,
		},
	}
	s.plan.Phases = slices.Delete(s.plan.Phases, 1, 2) // canary-25, stable
}

func TestRouteWaits(t *testing.T) {
	t.Parallel()
	begin := []string{
		"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
		"canary-25 started", "canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)", "waits for timer: the route change reaches every proxy",
	}
	toStable := append(slices.Clone(begin), "canary-25 succeeded", "waits for advance: canary-25 is done; stable gives the release 100%")
	promoting := append(slices.Clone(toStable), "stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)",
		"waits for timer: the route change reaches every proxy and requests leave the canary")
	for _, row := range []pathRow{
		{
			name: "each change of the route is given its time, and the canary goes last",
			setup: func(s *stage) {
				s.advance(time.Hour, "stable")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: append(slices.Clone(promoting), "stable succeeded", "ended SUCCEEDED"),
		},
		{
			name:  "a cancel ends the wait and leaves the split",
			setup: func(s *stage) { s.command(30*time.Second, rollout.CommandCancel, rollout.Command{Actor: "ann"}) },
			want:  rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: append(slices.Clone(begin), "cancelling by ann", "ended CANCELLED"),
		},
		{
			name: "a cancel with restore takes the canary away after its last request",
			setup: func(s *stage) {
				s.command(30*time.Second, rollout.CommandCancel, rollout.Command{Actor: "ann", Restore: true})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: append(slices.Clone(begin), "cancelling: restore by ann", "restored (shop-v1 100%)",
				"waits for timer: requests leave the canary", "ended CANCELLED"),
		},
		{
			name: "the end of the job run fails its job",
			setup: func(s *stage) {
				s.command(30*time.Second, rollout.CommandTerminate, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: append(slices.Clone(begin), "canary-25 terminating by ann", "canary-25 terminated: terminated",
				"restored (shop-v1 100%)", "failed", "cancelling by ann", "ended CANCELLED"),
		},
		{
			name: "a canary that cannot be removed fails stable, and moves nothing",
			setup: func(s *stage) {
				s.advance(time.Hour, "stable")
				s.at(time.Hour, func() { s.platform.Fault("Remove", denied(), 1) })
				s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v2 100%",
			path: append(slices.Clone(promoting), "stable failed: fake: set weight prod/shop: no permission", "failed",
				"cancelling by ann", "ended CANCELLED"),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.onCluster()
			row.setup(s)
			status := s.run(t)
			equal(t, "path", path(status), row.path)
			if status.State != row.want {
				t.Errorf("state %s, want %s", status.State, row.want)
			}
			splits := s.platform.Splits(service)
			if got := splits[len(splits)-1].String(); got != row.splits {
				t.Errorf("it serves %s, want %s", got, row.splits)
			}
		})
	}
}

// What a custom canary goes back to is the manifest of the recorded stable release.
func TestTheLaneKnowsTheStableManifest(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		setup    func(*stage)
		promoted bool
		want     string
	}{
		{"a promotion makes it the release's", func(s *stage) { s.advance(time.Hour, "stable") }, true, "sha256:manifest-v2"},
		{"a cancel leaves it", func(s *stage) {
			s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
		}, false, "sha256:manifest-v1"},
		{"a person who accepts another state leaves none", func(s *stage) {
			s.platform.Drift(service, "eve", rollout.Split{{Revision: "shop-v0", Percent: 100}})
			s.command(time.Hour, rollout.CommandResume, rollout.Command{Accept: true, Actor: "ann"})
			s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
		}, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.onCluster()
			s.grant.Predecessor.StableManifest = "sha256:manifest-v1"
			var last rollout.Record
			s.onSignal = func(_, signal string, arg any) error {
				if m, ok := arg.(rollout.Report); ok && signal == rollout.SignalReport {
					last = m.Record
				}
				return nil
			}
			row.setup(s)
			s.run(t)
			if last.StableManifest != row.want || last.Promoted != row.promoted {
				t.Errorf("reported %q, promoted %t, want %q, %t", last.StableManifest, last.Promoted, row.want, row.promoted)
			}
		})
	}
}
