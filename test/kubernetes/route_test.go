package kubernetes_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// routeScene is a Deployment behind a route with rules, filters and backends of others.
type routeScene struct {
	*testing.T
	*kubernetes.Provider
	ctx       context.Context
	cluster   *kube.Cluster
	artifacts *fake.Artifacts
	namespace string
	work      activities.Work
}

const routePatience = time.Minute

func TestRoutesOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for name, scene := range map[string]func(*routeScene){
		"weights leave what others wrote":    routeWeights,
		"header rules come and go":           routeHeaders,
		"a destination gets the same split":  routeDestinations,
		"who wrote last is told":             routeWriters,
		"a rejected route says so":           routeRejected,
		"a promotion applies the manifest":   routePromotion,
		"a grpc route is split like another": routeGRPC,
		"a canary that is gone is taken out": routeOrphaned,
		"what cannot be is refused":          routeRefusals,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scene(openRoutes(t, c))
		})
	}
}

func openRoutes(t *testing.T, c *kube.Cluster) *routeScene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), routePatience)
	t.Cleanup(cancel)
	name := "route-" + strings.Trim(strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, t.Name()[strings.LastIndex(t.Name(), "/")+1:])), "-")
	s := &routeScene{T: t, ctx: ctx, cluster: c, artifacts: &fake.Artifacts{}, namespace: name}
	s.Provider = kubernetes.New(s.artifacts, kubernetes.Options{})
	t.Cleanup(s.Close)
	s.apply(namespaceOf(name), appOf("", "v1"), httpRouteOf("shop", "shop"))
	s.await(deploymentResource(), "shop", func(o *unstructured.Unstructured) bool {
		n, _, _ := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
		return n == 4
	})
	s.work = activities.Work{
		Rollout: "v2-to-prod-0001", Pipeline: "shop", Release: "v2", Phase: "canary",
		Digest: "sha256:" + strings.Repeat("2", 64),
		Target: rollout.Target{
			Name: "prod", Runtime: rollout.RuntimeKubernetes,
			Cluster: &rollout.Cluster{Kubeconfig: c.Kubeconfig, Namespace: name},
		},
		Kubernetes: &rollout.Kubernetes{
			Deployment: "shop", Service: "shop", SelectorLabel: "app",
			Gateway: &rollout.Gateway{Routes: []rollout.Route{{Kind: rollout.KindHTTPRoute, Name: "shop"}}},
		},
	}
	s.work.Manifest = s.store(appOf("-canary", "v2"))
	return s
}

// begin records what is there, and deploys the canary.
func (s *routeScene) begin() {
	s.Helper()
	s.work.Stable = s.observe(s.work).Split.Serving()[0].Revision
	spec, err := s.Record(s.ctx, s.work)
	if err != nil {
		s.Fatal(err)
	}
	if s.work.Baseline, err = s.artifacts.Put(s.ctx, spec); err != nil {
		s.Fatal(err)
	}
	s.must("settle", s.SetWeight, s.at(0))
	s.must("deploy", s.Deploy, s.at(25))
	s.until(s.at(25), "the canary to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
}

func (s *routeScene) at(w rollout.Weight, match ...rollout.Match) activities.Work {
	work := s.work
	work.Weight, work.Match = w, match
	return work
}

func (s *routeScene) must(what string, do func(context.Context, activities.Work) error, w activities.Work) {
	s.Helper()
	if err := do(s.ctx, w); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// shift makes the canary large enough for a weight and writes that, waits until the gateway has it, and holds that
// it is seen and not written again.
func (s *routeScene) shift(w activities.Work) {
	s.Helper()
	if w.Weight > 0 && !w.Promotion {
		s.must("deploy", s.Deploy, w)
		s.until(w, "the canary to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
	}
	s.must(fmt.Sprintf("set weight %d", w.Weight), s.SetWeight, w)
	o := s.until(w, "the split to be accepted", func(o rollout.Observed) bool { return o.Settled })
	next, err := s.Next(s.ctx, w)
	if err != nil || !o.Split.SameTraffic(next) {
		s.Fatalf("split is %s, want %s (%v)", o.Split, next, err)
	}
	before := s.live("shop").GetResourceVersion()
	s.must("set the same weight", s.SetWeight, w)
	if after := s.live("shop").GetResourceVersion(); after != before {
		s.Errorf("weight %d was written again", w.Weight)
	}
}

func routeWeights(s *routeScene) {
	original := s.live("shop")
	s.begin()
	if got := s.live("shop"); !reflect.DeepEqual(got.Object["spec"], original.Object["spec"]) {
		s.Errorf("settled, the route is %v, it was %v", got.Object["spec"], original.Object["spec"])
	}
	for _, w := range []rollout.Weight{25, 50, 100, 75, 0} {
		s.shift(s.at(w))
		s.wantShares("shop", int64(100-w), int64(w))
		s.wantForeign(original)
	}
	s.must("restore", s.Restore, s.at(0))
	s.until(s.at(0), "the route to be settled", func(o rollout.Observed) bool { return o.Settled })
	if got := s.live("shop"); !reflect.DeepEqual(got.Object["spec"], original.Object["spec"]) {
		s.Errorf("restored, the route is %v, it was %v", got.Object["spec"], original.Object["spec"])
	}
}

func routeHeaders(s *routeScene) {
	original := s.live("shop")
	s.begin()
	match := rollout.Match{
		Headers: []rollout.ValueMatch{{Name: "X-Canary", Value: "always"}}, Cookies: []rollout.ValueMatch{{Name: "canary", Value: "yes"}},
	}
	s.shift(s.at(25, match))
	if n := len(s.rules("shop")); n != 6 {
		s.Errorf("the route has %d rules, want 6", n)
	}
	s.shift(s.at(25, match, rollout.Match{Headers: []rollout.ValueMatch{{Name: "X-User", Value: "ann"}}}))
	s.shift(s.at(0, match)) // only who matches reaches it
	if n := len(s.rules("shop")); n != 6 {
		s.Errorf("the route has %d rules at weight 0, want 6", n)
	}
	s.shift(s.at(50))
	if n := len(s.rules("shop")); n != 4 {
		s.Errorf("the route has %d rules without a match, want 4", n)
	}
	s.wantForeign(original)
	s.shift(s.at(50, match))
	s.must("restore", s.Restore, s.at(0))
	if got := s.live("shop"); !reflect.DeepEqual(got.Object["spec"], original.Object["spec"]) {
		s.Errorf("restored, the route is %v, it was %v", got.Object["spec"], original.Object["spec"])
	}
}

func routeDestinations(s *routeScene) {
	edge := s.namespace + "-edge"
	home := s.namespace
	s.namespace = edge
	s.apply(namespaceOf(edge), appOf("", "v1"), httpRouteOf("shop", "shop"))
	original := s.live("shop")
	s.namespace = home
	s.work.Kubernetes.Gateway.PropagateService = true
	s.work.Kubernetes.Gateway.Destinations = []rollout.Destination{
		{ID: "@self"}, {ID: "edge", Cluster: &rollout.Cluster{Kubeconfig: s.cluster.Kubeconfig, Namespace: edge}},
	}
	s.begin()
	s.shift(s.at(25))
	for _, ns := range []string{home, edge} {
		s.namespace = ns
		s.wantShares("shop", 75, 25)
	}
	// One that differs is what is observed.
	s.meddle(`[{"op":"replace","path":"/spec/rules/0/backendRefs/0/weight","value":60},{"op":"replace","path":"/spec/rules/0/backendRefs/1/weight","value":40}]`)
	s.until(s.at(25), "the destination's split", func(o rollout.Observed) bool {
		return o.Split.Of(s.work.Stable) == 60 && o.By == "aaron" && o.Settled
	})
	s.must("restore", s.Restore, s.at(0))
	if got := s.live("shop"); !reflect.DeepEqual(got.Object["spec"], original.Object["spec"]) {
		s.Errorf("restored, the destination's route is %v, it was %v", got.Object["spec"], original.Object["spec"])
	}
	s.must("remove", s.Remove, s.at(0))
	services := s.cluster.Client.CoreV1().Services(edge)
	if svc, err := services.Get(s.ctx, "shop-canary", metav1.GetOptions{}); err == nil && svc.DeletionTimestamp == nil {
		s.Error("the canary's Service stays at the destination")
	}
	if _, err := services.Get(s.ctx, "shop", metav1.GetOptions{}); err != nil {
		s.Errorf("the Service of the destination: %v", err)
	}
	s.namespace = home
}

func routeWriters(s *routeScene) {
	s.begin()
	s.shift(s.at(25))
	before := s.observe(s.at(25))
	s.meddle(`[{"op":"replace","path":"/spec/rules/0/backendRefs/0/weight","value":10},{"op":"replace","path":"/spec/rules/0/backendRefs/1/weight","value":90}]`)
	o := s.until(s.at(25), "somebody else's split", func(o rollout.Observed) bool { return o.Split.Of(s.work.Stable) == 10 })
	if o.Generation <= before.Generation {
		s.Errorf("generation is %d, it was %d", o.Generation, before.Generation)
	}
	what := rollout.Drifted(o, before.Mark(), before.Split)
	if !strings.Contains(what, "aaron changed the split to") {
		s.Errorf("drift is %q, want aaron's", what)
	}
}

func routeRejected(s *routeScene) {
	s.begin()
	s.shift(s.at(25))
	s.meddle(`[{"op":"replace","path":"/spec/parentRefs","value":[{"name":"shop","sectionName":"gone"}]}]`)
	o := s.until(s.at(25), "the gateway's answer", func(o rollout.Observed) bool { return strings.Contains(o.Progress, "rejects it") })
	if o.Settled || !strings.Contains(o.Progress, "HTTPRoute shop: Gateway shop (section gone) rejects it: NoMatchingParent") {
		s.Errorf("observed %+v, want the gateway's reason", o)
	}
}

func routePromotion(s *routeScene) {
	s.begin()
	s.shift(s.at(50, rollout.Match{Headers: []rollout.ValueMatch{{Name: "X-Canary", Value: "always"}}}))
	w := s.at(100)
	w.Promotion, w.Phase = true, rollout.StablePhase
	w.Manifest = s.store(appOf("", "v2") + "---\n" + httpRouteOf("shop", "shop-v2"))
	s.must("promote", s.Promote, w)
	s.until(w, "the original to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
	s.shift(w)
	refs := s.refs("shop", 0)
	if len(refs) != 1 || len(s.rules("shop")) != 4 {
		s.Errorf("promoted, the route has %d rules and in the first %v, want the manifest's", len(s.rules("shop")), refs)
	}
	if hosts, _, _ := unstructured.NestedStringSlice(s.live("shop").Object, "spec", "hostnames"); len(hosts) != 1 || hosts[0] != "shop-v2.test" {
		s.Errorf("hostnames are %v, want the manifest's", hosts)
	}
}

func routeOrphaned(s *routeScene) {
	original := s.live("shop")
	s.begin()
	s.shift(s.at(25))
	if err := s.cluster.Client.CoreV1().Services(s.namespace).Delete(s.ctx, "shop-canary", metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.until(s.at(0), "the gateway to miss the canary", func(o rollout.Observed) bool {
		return strings.Contains(o.Progress, "says ResolvedRefs is False: BackendNotFound")
	})
	s.shift(s.at(0))
	if got := s.live("shop"); !reflect.DeepEqual(got.Object["spec"], original.Object["spec"]) {
		s.Errorf("settled, the route is %v, it was %v", got.Object["spec"], original.Object["spec"])
	}
}

func routeRefusals(s *routeScene) {
	s.begin()
	refused := func(what string, w activities.Work, kind rollout.Kind, text string) {
		s.Helper()
		before := s.live("shop").GetResourceVersion()
		if err := s.SetWeight(s.ctx, w); rollout.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
			s.Errorf("%s: error is %v, want %s: %s", what, err, kind, text)
		}
		if after := s.live("shop").GetResourceVersion(); after != before {
			s.Errorf("%s: the route was written", what)
		}
	}
	refused("a share that is not whole", s.at(1), rollout.Invalid,
		"spec.rules[2]: 1% of weight 80 of Service shop is not a whole number, and other backends have a share too: "+
			"multiply the weights of the rule by 5, so that Service shop has 400")
	other := s.at(25)
	other.Kubernetes = &rollout.Kubernetes{
		Deployment: "shop", Service: "shop", SelectorLabel: "app",
		Gateway: &rollout.Gateway{Routes: []rollout.Route{{Kind: rollout.KindHTTPRoute, Name: "gone"}}},
	}
	refused("a route that does not exist", other, rollout.NotFound, "HTTPRoute gone does not exist")
	s.meddle(`[{"op":"add","path":"/metadata/annotations/serin.dev~1pipeline","value":"theirs"}]`)
	err := s.SetWeight(s.ctx, s.at(25))
	for rollout.KindOf(err) == rollout.Transient && s.ctx.Err() == nil { // changed meanwhile: it had read what was before
		err = s.SetWeight(s.ctx, s.at(25))
	}
	if rollout.KindOf(err) != rollout.Conflict {
		s.Errorf("error is %v, want %q", err, rollout.Conflict)
	}
	if kind := rollout.KindOf(s.Restore(s.ctx, s.at(0))); kind != rollout.Conflict {
		s.Errorf("restore of another pipeline's route is %q, want %q", kind, rollout.Conflict)
	}
}

func routeGRPC(s *routeScene) {
	s.apply(`apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: orders}
spec:
  parentRefs: [{name: shop}]
  hostnames: [orders.test]
  rules:
  - matches: [{method: {service: shop.Orders}}]
    backendRefs: [{name: shop, port: 80}]
  - backendRefs: [{name: shop, port: 80}, {name: old, port: 80, weight: 0}]
`)
	grpc := schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "grpcroutes"}
	get := func() *unstructured.Unstructured {
		o, err := s.cluster.Dynamic.Resource(grpc).Namespace(s.namespace).Get(s.ctx, "orders", metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		return o
	}
	original := get()
	s.work.Kubernetes.Gateway.Routes = append(s.work.Kubernetes.Gateway.Routes, rollout.Route{Kind: rollout.KindGRPCRoute, Name: "orders"})
	s.begin()
	s.shift(s.at(25, rollout.Match{Headers: []rollout.ValueMatch{{Name: "x-canary", Value: "always"}}}))
	rules, _, _ := unstructured.NestedSlice(get().Object, "spec", "rules")
	if len(rules) != 4 {
		s.Errorf("the route has %d rules, want 4: %v", len(rules), rules)
	}
	s.must("restore", s.Restore, s.at(0))
	if got := get(); !reflect.DeepEqual(got.Object["spec"], original.Object["spec"]) {
		s.Errorf("restored, the route is %v, it was %v", got.Object["spec"], original.Object["spec"])
	}
}

// wantShares holds the first rule to these weights, and the one with a foreign backend to the same share of 80.
func (s *routeScene) wantShares(route string, stable, canary int64) {
	s.Helper()
	if got := weights(s.refs(route, 0)); got["shop"] != stable || got["shop-canary"] != canary {
		s.Errorf("weights are %v, want %d and %d", got, stable, canary)
	}
	if got := weights(s.refs(route, 2)); got["shop"]*100 != 80*stable || got["shop-canary"]*100 != 80*canary || got["old"] != 20 {
		s.Errorf("weights beside a foreign backend are %v, want %d%% and %d%% of 80, and 20", got, stable, canary)
	}
}

// wantForeign holds that all but the two managed rules' backendRefs is as it was.
func (s *routeScene) wantForeign(original *unstructured.Unstructured) {
	s.Helper()
	strip := func(o *unstructured.Unstructured) any {
		o = o.DeepCopy()
		rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules")
		for _, i := range []int{0, 2} {
			if rule, ok := rules[i].(map[string]any); ok {
				delete(rule, "backendRefs")
			}
		}
		if err := unstructured.SetNestedSlice(o.Object, rules, "spec", "rules"); err != nil {
			s.Fatal(err)
		}
		return o.Object["spec"]
	}
	if got, want := strip(s.live("shop")), strip(original); !reflect.DeepEqual(got, want) {
		s.Errorf("what is not ours is %v, it was %v", got, want)
	}
}

func (s *routeScene) rules(route string) []any {
	s.Helper()
	rules, _, err := unstructured.NestedSlice(s.live(route).Object, "spec", "rules")
	if err != nil {
		s.Fatal(err)
	}
	return rules
}

func (s *routeScene) refs(route string, rule int) []any {
	s.Helper()
	fields, ok := s.rules(route)[rule].(map[string]any)
	if !ok {
		s.Fatalf("rule %d is not an object", rule)
	}
	refs, _, err := unstructured.NestedSlice(fields, "backendRefs")
	if err != nil {
		s.Fatal(err)
	}
	return refs
}

func weights(refs []any) map[string]int64 {
	out := map[string]int64{}
	for _, ref := range refs {
		if fields, ok := ref.(map[string]any); ok {
			w, _, _ := unstructured.NestedInt64(fields, "weight")
			out[fmt.Sprint(fields["name"])] += w
		}
	}
	return out
}

func routeResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
}

func deploymentResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
}

func (s *routeScene) live(route string) *unstructured.Unstructured {
	s.Helper()
	o, err := s.cluster.Dynamic.Resource(routeResource()).Namespace(s.namespace).Get(s.ctx, route, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return o
}

// meddle changes the route as aaron does. Of those who write in the same second the
// first by name is told, which has to be them and not who made the scene.
func (s *routeScene) meddle(patch string) {
	s.Helper()
	_, err := s.cluster.Dynamic.Resource(routeResource()).Namespace(s.namespace).
		Patch(s.ctx, "shop", types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: "aaron"})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *routeScene) observe(w activities.Work) rollout.Observed {
	s.Helper()
	o, err := s.Observe(s.ctx, w)
	if err != nil {
		s.Fatalf("observe: %v", err)
	}
	return o
}

func (s *routeScene) until(w activities.Work, what string, met func(rollout.Observed) bool) rollout.Observed {
	s.Helper()
	for {
		o := s.observe(w)
		if met(o) {
			return o
		}
		if err := s.Changed(s.ctx, w, o); err != nil {
			s.Fatalf("waiting for %s, seen %+v: %v", what, o, err)
		}
	}
}

func (s *routeScene) await(r schema.GroupVersionResource, name string, is func(*unstructured.Unstructured) bool) {
	s.Helper()
	if err := s.cluster.Wait(s.ctx, r, types.NamespacedName{Namespace: s.namespace, Name: name}, is); err != nil {
		s.Fatal(err)
	}
}

// apply applies documents in the scene's namespace.
func (s *routeScene) apply(documents ...string) {
	s.Helper()
	for _, d := range documents {
		d = strings.ReplaceAll(d, "metadata: {name:", "metadata: {namespace: "+s.namespace+", name:")
		if err := s.cluster.Apply(s.ctx, d); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *routeScene) store(documents string) string {
	s.Helper()
	digest, err := s.artifacts.Put(s.ctx, []byte(documents))
	if err != nil {
		s.Fatal(err)
	}
	return digest
}

func namespaceOf(name string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata:
  name: %[1]s
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop}
spec:
  gatewayClassName: serin
  listeners: [{name: http, port: 80, protocol: HTTP}]
`+backendOf("images")+backendOf("old"), name)
}

func backendOf(name string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{port: 80, targetPort: 8080}]
`, name)
}

// appOf is the original with suffix "", and the canary, as it is rendered, with its own.
func appOf(suffix, version string) string {
	replicas := "replicas: 4"
	if suffix != "" {
		replicas = "progressDeadlineSeconds: 60"
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: shop%[1]s}
spec:
  %[3]s
  selector: {matchLabels: {app: shop%[1]s}}
  template:
    metadata: {labels: {app: shop%[1]s}}
    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers: [{name: app, image: "serin.test/app:%[2]s"}]
---
apiVersion: v1
kind: Service
metadata: {name: shop%[1]s}
spec:
  selector: {app: shop%[1]s}
  ports: [{port: 80, targetPort: 8080}]
`, suffix, version, replicas)
}

// httpRouteOf has two rules with the Service, one of them beside a backend of others, and two without.
func httpRouteOf(name, host string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %[1]s}
spec:
  parentRefs: [{name: shop}]
  hostnames: [%[2]s.test]
  rules:
  - name: checkout
    matches: [{path: {type: PathPrefix, value: /checkout}}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-From, value: edge}]}}]
    backendRefs: [{name: shop, port: 80, weight: 1}]
  - matches: [{path: {type: PathPrefix, value: /images}}]
    backendRefs: [{name: images, port: 80}]
  - backendRefs: [{name: shop, port: 80, weight: 80}, {name: old, port: 80, weight: 20}]
  - matches: [{path: {type: Exact, value: /old}}]
    backendRefs: [{name: old, port: 80}]
`, name, host)
}
