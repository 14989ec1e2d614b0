// Package traffic_test takes releases through canaries on a real cluster while requests
// come steadily, and wants every one of them answered. Its workers have no more rights than
// the roles in deploy/kubernetes/rbac give them.
package traffic_test

import (
	"flag"
	"fmt"
	"log"
	"log/slog"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/kube"
	"github.com/serin-dev/serin/test/world"
)

func TestMain(m *testing.M) {
	if world.WasWorker() {
		return
	}
	flag.Parse()
	// The scenes wait for pods, the gateway and timers, not for processors.
	if err := flag.Set("test.parallel", "12"); err != nil {
		log.Fatal(err)
	}
	klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // watches break here all the time
	m.Run()                                           // its result is the exit code
}

// TestNoRequestIsLost has one row for each way through a canary.
func TestNoRequestIsLost(t *testing.T) {
	s := start(t)
	defer s.report.write(t)
	// Each scene is a stream of 300 requests a second: more at once would measure the machine.
	turns := make(chan struct{}, 3)
	t.Run("scenes", func(t *testing.T) {
		for _, row := range []struct {
			name string
			play func(t *testing.T, s site)
		}{
			{"a full canary", fullCanary},
			{"a canary that fails", failedCanary},
			{"a cancel", cancelled},
			{"a restore", restored},
			{"a v3 made while v2 waits", queued},
			{"a promotion with a cutback", cutback},
			{"a worker killed in each phase", killed},
			{"the original scaled down in the middle", scaledDown},
			{"a canary by NGINX's annotations", byNginx},
			{"a canary by the number of pods", byNumber},
			{"a restore by the number of pods", backByNumber},
			{"a rollback of a promotion that failed", rolledBack},
			{"a retry once there is room", retried},
		} {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				turns <- struct{}{}
				defer func() { <-turns }()
				row.play(t, s)
			})
		}
	})
}

// start starts what scenes share.
func start(tb testing.TB) site {
	tb.Helper()
	s := site{cluster: kube.Start(tb, kube.Options{}), report: &report{}}
	var err error
	if s.world, err = world.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if cerr := s.world.Close(); cerr != nil {
			tb.Error(cerr)
		}
	})
	stop, err := s.world.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return s
}

// after is a condition: the phase has SUCCEEDED.
func after(phase string) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		ph, _ := r.Phase(phase)
		return ph != nil && ph.State == rollout.PhaseSucceeded
	}
}

func allPhases() []string { return []string{"canary-25", "canary-50", "canary-75"} }

func fullCanary(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "full", options{})
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.Advance(v2, "stable")
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v2", 100)
	sc.end()
	sc.waitGone()
}

// failedCanary: the quota has no room for the second phase's pod.
func failedCanary(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "failed", options{})
	before := sc.spec(watched()["route"], service)
	sc.must(s.cluster.Apply(sc.Ctx, room("failed", 5)))
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	sc.Advance(v2, "canary-50")
	got := sc.Until(v2, drive.In(rollout.StateFailed))
	if !drive.Has(got, "exceeded quota") || !got.Restored {
		t.Errorf("want the quota and a restore in %v", drive.Path(got))
	}
	sc.gives("restored", "v2", 0)
	sc.end()
	equalSpec(t, "the route", sc.spec(watched()["route"], service), before)
}

func cancelled(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "cancelled", options{})
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25", "canary-50")
	sc.Must(sc.World.Client.Cancel(sc.Ctx, sc.Pipeline, v2, rollout.Command{Actor: "ann"}))
	sc.Until(v2, drive.In(rollout.StateCancelled))
	sc.gives("cancelled", "v2", 50)
	v3 := sc.Release("v3", sc.files("v3")) // settles what is left
	sc.through(v3, "v3", "canary-25")
	if n := sc.load.Report().Answers["v3"]; n == 0 {
		t.Error("v3 answers nothing")
	}
	sc.end()
}

func restored(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "restored", options{})
	before := sc.spec(watched()["route"], service)
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.Must(sc.World.Client.Cancel(sc.Ctx, sc.Pipeline, v2, rollout.Command{Restore: true, Actor: "ann"}))
	sc.Until(v2, drive.In(rollout.StateCancelled))
	sc.gives("restored", "v2", 0)
	sc.end()
	sc.waitGone()
	equalSpec(t, "the route", sc.spec(watched()["route"], service), before)
}

func queued(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "queued", options{})
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	v3 := sc.Release("v3", sc.files("v3"))
	sc.Until(v3, drive.WaitsFor(rollout.WaitLane))
	sc.Must(sc.World.Client.Cancel(sc.Ctx, sc.Pipeline, v2, rollout.Command{Actor: "ann"}))
	sc.through(v3, "v3", allPhases()...)
	sc.Advance(v3, "stable")
	sc.Until(v3, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v3", 100)
	sc.end()
	sc.waitGone()
}

func cutback(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "cutback", options{canary: byGateway(`                routeUpdateWaitTime: 1s
                stableCutbackDuration: 15s
`)})
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.Advance(v2, "stable")
	sc.Until(v2, drive.WaitsFor(rollout.WaitTimer))
	if sc.spec(deployments(), canaryService) == nil {
		t.Error("the canary is gone before its last request may be")
	}
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.end()
	sc.waitGone()
	const phases, perPhase, perJob, perTimer = 4, 12, 6, 5
	_, within, _, err := sc.World.PhaseEvents(sc.Ctx, rollout.RolloutID(sc.Pipeline, v2))
	sc.must(err)
	if budget := phases * (perPhase + perJob + perTimer); within > budget {
		t.Errorf("%d events in %d phases, the budget is %d", within, phases, budget)
	}
}

func scaledDown(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "scaled", options{})
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.scale(1)
	sc.Must(sc.World.Client.Cancel(sc.Ctx, sc.Pipeline, v2, rollout.Command{Restore: true, Actor: "ann"}))
	sc.Until(v2, drive.In(rollout.StateCancelled))
	sc.gives("restored", "v2", 0)
	sc.end()
	if got := sc.spec(deployments(), service)["replicas"]; got != int64(4) {
		t.Errorf("the original has %v replicas, want its 4 back", got)
	}
}

func byNginx(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "nginx", options{
		canary: fmt.Sprintf(byIngress, "localhost"+s.cluster.Gateway[len("127.0.0.1"):]), role: "ingress", host: "localhost",
		files: func(version string) map[string]string {
			return map[string]string{"app.yaml": app(version), "ingress.yaml": ingress("localhost")}
		},
	})
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.Advance(v2, "stable")
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v2", 100)
	sc.end()
	sc.waitGone()
}

// backByNumber: what was divided is one again, pods first.
func backByNumber(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "podsback", byPodsOptions("podsback"))
	services := schema.GroupVersionResource{Version: "v1", Resource: "services"}
	before := sc.spec(services, service)
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.Must(sc.World.Client.Cancel(sc.Ctx, sc.Pipeline, v2, rollout.Command{Restore: true, Actor: "ann"}))
	sc.Until(v2, drive.In(rollout.StateCancelled))
	sc.gives("restored", "v2", 0)
	sc.end()
	sc.waitGone()
	sc.pods(-1)
	equalSpec(t, "the service", sc.spec(services, service), before)
}

func byPodsOptions(namespace string) options {
	return options{
		canary: fmt.Sprintf(byPods, true), role: "pods", shared: true, setup: route(namespace),
		files: func(version string) map[string]string { return map[string]string{"app.yaml": app(version)} },
	}
}

// byNumber: four pods in all, so that each phase's share is exact.
func byNumber(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "pods", byPodsOptions("pods"))
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.Advance(v2, "stable")
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v2", 100)
	sc.end()
	sc.waitGone()
}
