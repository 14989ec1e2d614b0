package traffic_test

import (
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/kube"
	"github.com/serin-dev/serin/test/load"
)

// destinations: the routes of another cluster get the same weights, and lose the canary with those of the target.
func destinations(t *testing.T, s site) {
	t.Helper()
	const namespace = "m-destinations"
	elsewhere := site{cluster: kube.Start(t, kube.Options{}), world: s.world, report: s.report}
	sc := s.make(t, namespace, options{})
	edge := &scene{Driver: sc.Driver, site: elsewhere, namespace: namespace}
	sc.must(edge.cluster.Apply(sc.Ctx, place(namespace)))
	edge.kubeconfig = edge.account("gateway")
	to := `                routeDestinations: {destinationIds: ["@self", edge], propagateService: true}
`
	sc.Driver.Apply(append(pipelineYAML(namespace, byGateway(to), sc.kubeconfig, rollout.DefaultTaskQueue), fmt.Sprintf(`associatedEntities:
  edge:
    kubernetesClusters:
      - {kubeconfig: %s, namespace: %s}
`, edge.kubeconfig, namespace)...))
	sc.begin("/")
	before := sc.spec(watched()["route"], service)
	equalSpec(t, "the destination's route", edge.spec(watched()["route"], service), before)
	if edge.spec(core("services"), service) == nil {
		t.Error("the Service is not at the destination")
	}

	v2 := sc.Release("v2", sc.files("v2"))
	for i, phase := range []string{"canary-25", "canary-50"} {
		if i > 0 {
			sc.Advance(v2, phase)
		}
		sc.Until(v2, after(phase))
		weight := int64(25 * (i + 1))
		sc.gives(phase, "v2", int(weight))
		for what, at := range map[string]*scene{"target": sc, "destination": edge} {
			if got := rules(at.one(watched()["route"], service)); len(got) != 1 || got[0] != [2]int64{100 - weight, weight} {
				t.Errorf("in %s the weights at the %s are %v", phase, what, got)
			}
			if at.spec(core("services"), canaryService) == nil {
				t.Errorf("in %s the canary's Service is not at the %s", phase, what)
			}
		}
	}
	sc.restore(v2)
	gone := func(what string) {
		t.Helper()
		for where, at := range map[string]*scene{"target": sc, "destination": edge} {
			equalSpec(t, what+": the route at the "+where, at.spec(watched()["route"], service), before)
			if at.spec(core("services"), canaryService) != nil {
				t.Errorf("%s: the canary's Service stays at the %s", what, where)
			}
		}
	}
	gone("cancelled")
	v3 := sc.Release("v3", sc.files("v3"))
	sc.Advance(v3, "canary-50", "canary-75", rollout.StablePhase)
	sc.Until(v3, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v3", 100)
	gone("stable")
	sc.end()
	sc.nothingLeft()
}

// grpcRoutes of the Gateway API.
func grpcRoutes() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "grpcroutes"}
}

// otherRoutes are an HTTPRoute and a GRPCRoute in a namespace of their own, and an HTTPRoute beside the Service.
const otherRoutes = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: m-routes-edge}
spec:
  parentRefs: [{name: shop}]
  hostnames: [m-routes.test]
  rules:
    - backendRefs: [{name: shop, namespace: m-routes, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: shop, namespace: m-routes-edge}
spec:
  parentRefs: [{name: shop}]
  hostnames: [grpc.m-routes.test]
  rules:
    - matches: [{method: {service: shop.v1.Shop, method: Buy}}]
      backendRefs: [{name: shop, namespace: m-routes, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: inner, namespace: m-routes}
spec:
  parentRefs: [{name: shop}]
  hostnames: [inner.m-routes.test]
  rules:
    - backendRefs: [{name: shop, port: 80}]
`

// otherPlace is what the platform team has made of the routes' namespace.
const otherPlace = `apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: edge, namespace: m-routes}
spec:
  from:
    - {group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: m-routes-edge}
    - {group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: m-routes-edge}
  to: [{group: "", kind: Service}]
---
`

// manyRoutes: all of them have the same weights, wherever they are and whatever they carry.
func manyRoutes(t *testing.T, s site) {
	t.Helper()
	runtime := `gatewayServiceMesh:
                httpRoute: shop
                grpcRoute: shop
                routeNamespace: m-routes-edge
                routes: [{kind: HTTPRoute, name: inner, namespace: m-routes}]
                service: shop
                deployment: shop`
	sc := s.make(t, "m-routes", options{
		canary: byPhases(runtime, "phaseId: canary-25, percentage: 25", `phaseId: canary-50, percentage: 50, match: [{headers: [{name: x-canary, value: "yes"}]}]`),
		setup:  otherPlace + place("m-routes-edge"), role: "gateway grants",
		files: func(version string) map[string]string {
			return map[string]string{"app.yaml": app(version), "routes.yaml": otherRoutes}
		},
	})
	sc.routesIn("m-routes-edge")
	sc.begin("/")
	sc.sample = 100 // the gateway deals shares out evenly
	edge := &scene{Driver: sc.Driver, site: s, namespace: "m-routes-edge"}
	sc.watchRoutes(edge.namespace)
	specs := func() map[string]map[string]any {
		return map[string]map[string]any{
			"the HTTPRoute elsewhere": edge.spec(watched()["route"], service), "the GRPCRoute": edge.spec(grpcRoutes(), service),
			"the HTTPRoute beside": sc.spec(watched()["route"], "inner"),
		}
	}
	before := specs()
	grpc, inner := sc.stream("grpc.m-routes.test", "/shop.v1.Shop/Buy", nil), sc.stream("inner.m-routes.test", "/", nil)
	main := sc.load
	everywhere := func(phase, release string, weight int) {
		t.Helper()
		for name, l := range map[string]*load.Load{"shop": main, "grpc": grpc, "inner": inner} {
			sc.load = l
			sc.gives(phase+" of "+name, release, weight)
		}
		sc.load = main
	}
	v2 := sc.Release("v2", sc.files("v2"))
	sc.Until(v2, after("canary-25"))
	everywhere("canary-25", "v2", 25)
	sc.Advance(v2, "canary-50")
	sc.Until(v2, after("canary-50"))
	everywhere("canary-50", "v2", 50)
	by := sc.stream("grpc.m-routes.test", "/shop.v1.Shop/Buy", map[string]string{"x-canary": "yes"})
	sc.only(by, "the GRPCRoute by header", "v2")
	sc.restore(v2)
	sc.only(by, "restored, the GRPCRoute by header", "v1")
	for what, spec := range specs() {
		equalSpec(t, "restored, "+what, spec, before[what])
	}
	v3 := sc.Release("v3", sc.files("v3"))
	sc.Advance(v3, "canary-50", rollout.StablePhase)
	sc.Until(v3, drive.In(rollout.StateSucceeded))
	everywhere("stable", "v3", 100)
	for what, spec := range specs() {
		equalSpec(t, what, spec, before[what])
	}
	sc.end()
	sc.nothingLeft()
}

// routesIn lets the worker change the routes of another namespace.
func (s *scene) routesIn(namespace string) {
	s.T.Helper()
	for _, r := range s.roles("gateway") {
		if r.Name != "serin-routes" {
			continue
		}
		_, err := s.cluster.Client.RbacV1().Roles(namespace).Create(s.Ctx, &r, metav1.CreateOptions{})
		s.must(err)
		_, err = s.cluster.Client.RbacV1().RoleBindings(namespace).Create(s.Ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: r.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: r.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "serin-worker", Namespace: s.namespace}},
		}, metav1.CreateOptions{})
		s.must(err)
	}
}

// watchRoutes holds the routes of another namespace to the law too.
func (s *scene) watchRoutes(namespace string) {
	s.T.Helper()
	for _, r := range []schema.GroupVersionResource{watched()["route"], grpcRoutes()} {
		w, err := s.cluster.Dynamic.Resource(r).Namespace(namespace).Watch(s.Ctx, metav1.ListOptions{})
		s.must(err)
		go s.law.follow("route", w)
	}
}
