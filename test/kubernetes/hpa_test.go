package kubernetes_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// TestScalersOnARealAPIServer: while a canary is there the original's autoscaler keeps
// the pods there were, and the canary's own has bounds of its size.
func TestScalersOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for name, scene := range map[string]func(*routeScene){
		"a floor is raised and put back":           floorRestored,
		"a floor that others set meanwhile stays":  floorOfOthers,
		"a floor is put back without a restore":    floorLeft,
		"the floor of one ended by force is known": floorKnown,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openRoutes(t, c)
			s.apply(scalerOf("shop"))
			s.work.Manifest = s.store(appOf("-canary", "v2") + "---\n" + scalerOf("shop-canary"))
			scene(s)
		})
	}
}

func floorRestored(s *routeScene) {
	s.begin()
	s.wantBounds("shop", 4, 10)
	s.wantBounds("shop-canary", 1, 3)
	s.must("restore", s.Restore, s.at(0))
	s.wantBounds("shop", 2, 10)
}

// floorLeft: a plain cancel leaves the split, not the floor.
func floorLeft(s *routeScene) {
	s.begin()
	s.must("leave", s.Leave, s.at(0))
	s.wantBounds("shop", 2, 10)
}

// floorKnown: the next baseline has the autoscaler as it is, raised.
func floorKnown(s *routeScene) {
	s.begin()
	spec, err := s.Record(s.ctx, s.at(0))
	if err != nil {
		s.Fatal(err)
	}
	s.work.Baseline = s.store(string(spec))
	s.must("restore", s.Restore, s.at(0))
	s.wantBounds("shop", 2, 10)
}

func floorOfOthers(s *routeScene) {
	s.begin()
	_, err := s.cluster.Client.AutoscalingV2().HorizontalPodAutoscalers(s.namespace).Patch(s.ctx, "shop", types.MergePatchType,
		[]byte(`{"spec":{"minReplicas":3}}`), metav1.PatchOptions{FieldManager: "mallory"})
	if err != nil {
		s.Fatal(err)
	}
	err = s.Restore(s.ctx, s.at(0))
	for rollout.KindOf(err) == rollout.Transient { // the watch has not told yet, so the write was refused
		err = s.Restore(s.ctx, s.at(0))
	}
	if err != nil {
		s.Fatal(err)
	}
	s.wantBounds("shop", 3, 10)
}

func (s *routeScene) wantBounds(name string, low, high int32) {
	s.Helper()
	o, err := s.cluster.Client.AutoscalingV2().HorizontalPodAutoscalers(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	if *o.Spec.MinReplicas != low || o.Spec.MaxReplicas != high {
		s.Errorf("%s scales from %d to %d, want %d to %d", name, *o.Spec.MinReplicas, o.Spec.MaxReplicas, low, high)
	}
}

func scalerOf(name string) string {
	return `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: ` + name + `}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: ` + name + `}
  minReplicas: 2
  maxReplicas: 10
`
}
