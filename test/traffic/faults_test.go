package traffic_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/fault"
)

// faultRow is one thing that goes wrong in the middle of a rollout of v2, and how it ends
// all the same. The oracle is always the law, besides what a row says itself.
type faultRow struct {
	name  string
	play  func(s *scene, v2 string)
	proxy func(p *fault.Proxy) // from the beginning
}

// everyOther breaks every second write.
func everyOther(kind fault.Kind) func(*fault.Proxy) {
	return func(p *fault.Proxy) {
		var mu sync.Mutex
		writes := 0
		p.Break(func(r *http.Request) fault.Kind {
			if !fault.IsWrite(r) {
				return ""
			}
			mu.Lock()
			defer mu.Unlock()
			if writes++; writes%2 == 1 {
				return kind
			}
			return ""
		})
	}
}

// succeeds: the rollout goes all the way.
func succeeds(s *scene, v2 string) {
	s.through(v2, "v2", "canary-25", "canary-50")
	s.Advance(v2, "canary-75", rollout.StablePhase)
	s.Until(v2, drive.In(rollout.StateSucceeded))
	s.gives("stable", "v2", 100)
}

func faultRows() []faultRow {
	return []faultRow{
		{"conflict", succeeds, everyOther(fault.Conflict)},
		{"toomany", succeeds, everyOther(fault.TooMany)},
		{"internal", succeeds, everyOther(fault.Internal)},
		{"lost", succeeds, everyOther(fault.Lost)},
		{"cut", succeeds, everyOther(fault.Cut)},
		{"timeout", succeeds, everyOther(fault.Timeout)},
		{"hang", succeeds, func(p *fault.Proxy) { // the client gives up after 30 s
			var once sync.Once
			p.Break(func(r *http.Request) (kind fault.Kind) {
				if fault.IsWrite(r) && strings.Contains(r.URL.Path, "/httproutes/") {
					once.Do(func() { kind = fault.Hang })
				}
				return kind
			})
		}},
		{"stale", succeeds, func(p *fault.Proxy) {
			p.Break(func(r *http.Request) fault.Kind {
				if r.URL.Query().Get("watch") == "true" {
					return fault.Stale
				}
				return ""
			})
			p.ExpireWatches() // so that all that follow are late
		}},
		{"expired", expired, nil},
		{"edited", reedited, nil},
		{"rescaled", rescaled, nil},
		{"drifted", drifted, nil},
		{"deleted", deleted, nil},
		{"revoked", revoked, nil},
		{"outage", outage, nil},
	}
}

// TestFaults holds every fault to the law.
func TestFaults(t *testing.T) {
	s := start(t)
	t.Run("rows", func(t *testing.T) {
		for _, row := range faultRows() {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				sc := s.open(t, row.name, options{fault: true, rate: 50})
				if row.proxy != nil {
					row.proxy(sc.proxy)
				}
				row.play(sc, sc.Release("v2", sc.files("v2")))
				if row.proxy != nil && sc.proxy.Broken() == 0 {
					t.Error("nothing was broken")
				}
				if row.name != "deleted" { // there the endpoints go, and nobody is asked
					sc.end()
				}
			})
		}
	})
}

// expired: every watch ends with 410 in each phase.
func expired(s *scene, v2 string) {
	ended := 0
	for _, phase := range allPhases() {
		if phase != "canary-25" {
			s.Advance(v2, phase)
		}
		s.Until(v2, under(phase))
		ended += s.proxy.ExpireWatches()
		s.Until(v2, after(phase))
	}
	if ended == 0 {
		s.T.Error("no watch was under way")
	}
	s.Advance(v2, rollout.StablePhase)
	s.Until(v2, drive.In(rollout.StateSucceeded))
	s.gives("stable", "v2", 100)
}

// reedited: somebody gives the original another template. That is drift, and named.
func reedited(s *scene, v2 string) {
	s.through(v2, "v2", "canary-25")
	s.patch("Deployment", "kubectl-edit", `{"spec":{"template":{"metadata":{"annotations":{"example.com/by":"eve"}}}}}`)
	s.Advance(v2, "canary-50")
	got := s.Until(v2, drive.WaitsFor(rollout.WaitPerson))
	if !strings.Contains(got.Waiting.Reason, "kubectl-edit") {
		s.T.Errorf("it does not say who: %s", got.Waiting.Reason)
	}
	s.Must(s.World.Client.Cancel(s.Ctx, s.Pipeline, v2, rollout.Command{Actor: "ann"}))
	s.Until(v2, drive.In(rollout.StateCancelled))
}

// rescaled: somebody scales the original up. That is nobody's business but theirs.
func rescaled(s *scene, v2 string) {
	s.through(v2, "v2", "canary-25")
	s.scale(6)
	s.Advance(v2, "canary-50", "canary-75", rollout.StablePhase)
	s.Until(v2, drive.In(rollout.StateSucceeded))
	s.gives("stable", "v2", 100)
}

// drifted: somebody takes the canary out of the route.
func drifted(s *scene, v2 string) {
	s.through(v2, "v2", "canary-25")
	s.patch("HTTPRoute", "kubectl-edit", `{"spec":{"rules":[{"backendRefs":[{"name":"shop","port":80}]}]}}`)
	s.Advance(v2, "canary-50")
	got := s.Until(v2, drive.WaitsFor(rollout.WaitPerson))
	if !strings.Contains(got.Waiting.Reason, "kubectl-edit changed the split") {
		s.T.Errorf("it does not say who and what: %s", got.Waiting.Reason)
	}
	s.gives("drifted", "v2", 0)
	s.Must(s.World.Client.Resume(s.Ctx, s.Pipeline, v2, rollout.Command{Actor: "ann", Accept: true}))
	s.Until(v2, after("canary-50"))
	s.gives("canary-50", "v2", 50)
}

// deleted: the namespace goes. There is nothing left to serve, and the rollout says so.
func deleted(s *scene, v2 string) {
	s.through(v2, "v2", "canary-25")
	s.load.Stop()
	s.must(s.cluster.Client.CoreV1().Namespaces().Delete(s.Ctx, s.namespace, metav1.DeleteOptions{}))
	s.Advance(v2, "canary-50")
	s.Until(v2, stopped)
}

// revoked: the worker may not change routes any more. Traffic stays where it is.
func revoked(s *scene, v2 string) {
	s.through(v2, "v2", "canary-25")
	s.must(s.cluster.Client.RbacV1().RoleBindings(s.namespace).Delete(s.Ctx, "serin-routes", metav1.DeleteOptions{}))
	s.Advance(v2, "canary-50")
	got := s.Until(v2, drive.In(rollout.StateFailed))
	if !strings.Contains(got.Failure, "httproutes") {
		s.T.Errorf("it does not say what is missing: %s", got.Failure)
	}
	s.gives("revoked", "v2", 25)
}

// outage: the API server is away for 30 s in the middle of a phase.
func outage(s *scene, v2 string) {
	s.through(v2, "v2", "canary-25")
	s.proxy.Down(true)
	s.Advance(v2, "canary-50")
	away := time.NewTimer(30 * time.Second)
	defer away.Stop()
	select {
	case <-away.C:
	case <-s.Ctx.Done():
	}
	s.proxy.Down(false)
	s.Until(v2, after("canary-50"))
	s.gives("canary-50", "v2", 50)
}

// patch changes an object as somebody else.
func (s *scene) patch(kind, manager, patch string) {
	s.T.Helper()
	resource := deployments()
	if kind == "HTTPRoute" {
		resource = watched()["route"]
	}
	_, err := s.cluster.Dynamic.Resource(resource).Namespace(s.namespace).Patch(s.Ctx, service, types.MergePatchType,
		[]byte(patch), metav1.PatchOptions{FieldManager: manager})
	s.must(err)
}
