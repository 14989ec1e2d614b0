package render_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

func TestPodWarningsAreByTheNumberThatIsGiven(t *testing.T) {
	t.Parallel()
	phases := []rollout.Phase{{ID: "canary", Weight: 25, Size: &rollout.Size{Count: 1}}, {ID: "stable", Weight: 100}}
	pods := &rollout.Kubernetes{Deployment: "shop", Pods: &rollout.Pods{}}
	gateway := &rollout.Kubernetes{Deployment: "shop", Gateway: &rollout.Gateway{}}
	for _, row := range []struct {
		name string
		k    *rollout.Kubernetes
		n    int
		want []string
	}{
		{"pods make up the share", pods, 3, nil},
		{"pods cannot", pods, 1, []string{"phase canary: 1 of 2 pods for the canary: the real share is 50%, not 25%"}},
		{"no pods", pods, 0, []string{"Deployment/shop has 0 replicas in the cluster: its canary has none either, so nothing would be verified"}},
		{"enough for the share", gateway, 8, nil},
		{"too few for the share", gateway, 12, []string{"phase canary: 1 pod of the canary for 25% of the requests, which are those of 3 pods now"}},
		{"no pods behind a router", gateway, 0, []string{"Deployment/shop has 0 replicas in the cluster: the original answers nothing"}},
		{"no canary", &rollout.Kubernetes{}, 0, nil},
		{"no cluster", nil, 0, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := render.PodWarnings(rollout.Plan{Kubernetes: row.k, Phases: phases}, render.Count{Replicas: row.n, In: "the cluster"})
			if !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestPromotedIsWhatTheManifestLeaves(t *testing.T) {
	t.Parallel()
	const (
		open   = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n"
		fixed  = open + "spec: {replicas: 20}\n"
		scaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: shop}\n" +
			"spec: {minReplicas: 2, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}}\n"
	)
	for _, row := range []struct {
		name, manifest string
		want           int
	}{{"said", fixed, 20}, {"left open", open, 3}, {"left to an autoscaler", fixed + scaler, 3}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			source, err := render.Open(fstest.MapFS{"shop.yaml": {Data: []byte(row.manifest)}})
			if err != nil {
				t.Fatal(err)
			}
			m, err := source.Render(render.Request{})
			if err != nil {
				t.Fatal(err)
			}
			p := rollout.Plan{Kubernetes: &rollout.Kubernetes{Deployment: "shop", Pods: &rollout.Pods{}}}
			if got := render.Promoted(m, p, 3); got != row.want {
				t.Errorf("got %d pods of 3, want %d", got, row.want)
			}
		})
	}
}
