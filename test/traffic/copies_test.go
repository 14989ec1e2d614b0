package traffic_test

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// colors are what each version's ConfigMap says, and its Secret after it.
func colors() map[string]string { return map[string]string{"v1": "green", "v2": "blue", "v3": "red"} }

// openCopies makes a scene with a Secret, a ConfigMap and an HPA, whose original was scaled to
// four pods above the HPA's floor of two.
func (s site) openCopies(t *testing.T, namespace string) *scene {
	t.Helper()
	sc := s.make(t, namespace, options{files: func(version string) map[string]string {
		files := withCopies(manifestFiles(namespace, version))
		color := colors()[version]
		files["more.yaml"] = strings.NewReplacer("COLOR: green", "COLOR: "+color, "PASSWORD: hunter2-kept-out", "PASSWORD: "+color+"-secret").Replace(files["more.yaml"])
		return files
	}})
	sc.begin("/")
	sc.scale(4)
	sc.must(s.cluster.Wait(sc.Ctx, deployments(), key(namespace, service), available(4)))
	sc.floors(map[string]int64{service: 2})
	return sc
}

// floors wants the HPAs, and their lower bounds.
func (s *scene) floors(want map[string]int64) {
	s.T.Helper()
	got := map[string]int64{}
	for _, o := range s.all(scalers()) {
		got[o.GetName()], _, _ = unstructured.NestedInt64(o.Object, "spec", "minReplicas")
	}
	if !maps.Equal(got, want) {
		s.T.Errorf("the floors of the HPAs are %v, want %v", got, want)
	}
}

// ownValues wants each of the versions to answer, with its own values.
func (s *scene) ownValues(versions ...string) {
	s.T.Helper()
	for name, suffix := range map[string]string{"COLOR": "", "PASSWORD": "-secret"} {
		want, got := map[string]string{}, map[string]string{}
		for _, v := range versions {
			want[v] = colors()[v] + suffix
		}
		for range 60 {
			version, value := s.ask("/env/" + name)
			if before, ok := got[version]; ok && before != value {
				s.T.Errorf("%s: %s answers %s, and before %s", name, version, value, before)
			}
			got[version] = value
		}
		if !maps.Equal(got, want) {
			s.T.Errorf("%s: the versions answer %v, want %v", name, got, want)
		}
	}
}

// ask sends one request, and returns who answered, and what.
func (s *scene) ask(path string) (version, body string) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.Ctx, http.MethodGet, "http://"+s.cluster.Gateway+path, nil)
	s.must(err)
	req.Host = s.namespace + ".test"
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	s.must(err)
	return res.Header.Get("X-Version"), string(content)
}

// renew takes away a pod of the original. The one that comes reads what the original has to read now.
func (s *scene) renew() {
	s.T.Helper()
	for _, pod := range s.all(core("pods")) {
		if pod.GetLabels()["app"] == service {
			s.must(s.cluster.Client.CoreV1().Pods(s.namespace).Delete(s.Ctx, pod.GetName(), metav1.DeleteOptions{}))
			gone := func(o *unstructured.Unstructured) bool {
				n, _, _ := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
				return n < 4
			}
			s.must(s.cluster.Wait(s.Ctx, deployments(), key(s.namespace, service), gone))
			s.must(s.cluster.Wait(s.Ctx, deployments(), key(s.namespace, service), available(4)))
			return
		}
	}
	s.T.Error("the original has no pod")
}

// copies: the canary reads its own, and the original's stay as they are until stable.
func copies(t *testing.T, s site) {
	t.Helper()
	sc := s.openCopies(t, "m-copies")
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	sc.renew()
	sc.ownValues("v1", "v2")
	sc.floors(map[string]int64{service: 4, canaryService: 1})
	sc.restore(v2)
	sc.only(sc.load, "cancelled", "v1")
	sc.floors(map[string]int64{service: 2})
	sc.nothingLeft()

	v3 := sc.Release("v3", sc.files("v3"))
	sc.through(v3, "v3", "canary-25", "canary-50", "canary-75")
	sc.ownValues("v1", "v3")
	sc.floors(map[string]int64{service: 4, canaryService: 3})
	sc.Advance(v3, rollout.StablePhase)
	sc.Until(v3, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v3", 100)
	sc.ownValues("v3")
	sc.floors(map[string]int64{service: 2})
	sc.end()
	sc.nothingLeft()
}

// copiesFailed: a failure puts the floor back and leaves the canary for a look, and the next release takes it over.
func copiesFailed(t *testing.T, s site) {
	t.Helper()
	sc := s.openCopies(t, "m-copies-failed")
	sc.quota()
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", "canary-25")
	sc.floors(map[string]int64{service: 4, canaryService: 1})
	sc.Advance(v2, "canary-50")
	got := sc.Until(v2, drive.In(rollout.StateFailed))
	if !drive.Has(got, "exceeded quota") || !got.Restored {
		t.Errorf("want the quota and a restore in %v", drive.Path(got))
	}
	sc.only(sc.load, "failed", "v1")
	sc.ownValues("v1")
	sc.floors(map[string]int64{service: 2, canaryService: 2})

	sc.must(s.cluster.Client.CoreV1().ResourceQuotas(sc.namespace).Delete(sc.Ctx, "pods", metav1.DeleteOptions{}))
	v3 := sc.Release("v3", sc.files("v3"))
	sc.through(v3, "v3", "canary-25")
	sc.floors(map[string]int64{service: 4, canaryService: 1})
	sc.ownValues("v1", "v3")
	sc.restore(v3)
	sc.only(sc.load, "cancelled", "v1")
	sc.floors(map[string]int64{service: 2})
	sc.end()
	sc.nothingLeft()
}
