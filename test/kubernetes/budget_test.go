package kubernetes_test

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
)

// What a canary of four phases may cost a cluster, in requests: watches, lists and
// waits included, preflight not.
const (
	budget           = 30
	budgetWithCopies = 45
)

const coreRoute = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: shop}]
  hostnames: [%s.test]
  rules:
  - backendRefs: [{name: shop, port: 80}]
---
`

const coreGateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop}
spec:
  gatewayClassName: serin
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
`

// coreCopies are a Secret, a ConfigMap and an autoscaler, of an original or a canary.
func coreCopies(suffix string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Secret
metadata: {name: shop%[1]s}
stringData: {password: hunter2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop%[1]s}
data: {color: blue}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: shop%[1]s}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop%[1]s}
  minReplicas: 2
  maxReplicas: 8
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
`, suffix)
}

func coreBudget(s *coreScene) {
	s.runCanary(func(string) string { return "" }, budget)
}

func coreBudgetWithCopies(s *coreScene) { s.runCanary(coreCopies, budgetWithCopies) }

// runCanary takes a release through four phases as the steps of a rollout do, and counts.
func (s *coreScene) runCanary(copies func(suffix string) string, limit int) {
	s.Helper()
	manifest := func(version string) string {
		replicas := "replicas: 4"
		if copies("") != "" && version != "v1" {
			replicas = "minReadySeconds: 0" // an autoscaler sizes it
		}
		return coreDeployment("shop", version, replicas) + coreService("shop") + fmt.Sprintf(coreRoute, s.namespace) + copies("")
	}
	s.begin(manifest("v1"))
	s.began = time.Now()
	w := s.release(2, "")
	w.Kubernetes = coreGatewayPlan()
	w.Manifest = s.store(coreDeployment("shop-canary", "v2") + coreService("shop-canary") + copies("-canary"))
	w.Promotion, w.Phase, w.Weight = false, "canary-25", 0
	w.Stable = s.observe(w).Split.Serving()[0].Revision
	s.keepBaseline(&w)
	s.must("settle", s.SetWeight, w)
	s.until(w, "the split", coreSettled)
	for _, percent := range []rollout.Weight{25, 50, 75} {
		w.Phase, w.Weight = fmt.Sprintf("canary-%d", percent), percent
		s.must("deploy", s.Deploy, w)
		s.until(w, "the canary", coreReady)
		s.must("set weight", s.SetWeight, w)
		o := s.until(w, "the split", coreSettled)
		if got := o.Split.Of("shop-2222222222"); got != percent {
			s.Errorf("the canary has %d%%, want %d%%", got, percent)
		}
	}
	last := s.release(2, manifest("v2"))
	last.Kubernetes, last.Stable, last.Baseline = w.Kubernetes, w.Stable, w.Baseline
	o := s.promote(last)
	if got := o.Split.String(); got != "shop-2222222222 100%" {
		s.Errorf("promoted, the split is %s", got)
	}
	list := s.requests()
	var lines []string
	for _, r := range list {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s/%s %d", r.Verb, r.Resource, r.Name, r.Code)))
	}
	if len(list) > limit {
		s.Errorf("a canary of four phases cost %d requests, want at most %d:\n%s", len(list), limit, strings.Join(lines, "\n"))
	}
	s.Logf("%d requests of %d", len(list), limit)
	if s.live("deployments", "shop-canary") != nil || s.live("services", "shop-canary") != nil {
		s.Error("the canary is still there")
	}
}

func coreGatewayPlan() *rollout.Kubernetes {
	return &rollout.Kubernetes{
		Deployment: "shop", Service: "shop", SelectorLabel: "app",
		Gateway: &rollout.Gateway{Routes: []rollout.Route{{Kind: rollout.KindHTTPRoute, Name: "shop"}}},
	}
}

// begin lets somebody else deploy what serves when the release comes.
func (s *coreScene) begin(manifest string) {
	s.Helper()
	placed := strings.ReplaceAll(coreGateway+manifest, "metadata: {name:", "metadata: {namespace: "+s.namespace+", name:")
	if err := s.cluster.Apply(s.ctx, placed); err != nil {
		s.Fatal(err)
	}
	key := types.NamespacedName{Namespace: s.namespace, Name: "shop"}
	if err := s.cluster.Wait(s.ctx, coreResource("deployments"), key, func(o *unstructured.Unstructured) bool {
		want, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
		have, _, _ := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
		return want == have
	}); err != nil {
		s.Fatal(err)
	}
	if err := s.cluster.Wait(s.ctx, coreResource("httproutes"), key, func(o *unstructured.Unstructured) bool {
		parents, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
		return len(parents) > 0
	}); err != nil {
		s.Fatal(err)
	}
}
