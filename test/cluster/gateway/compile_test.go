package gateway

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// parse reads one object; its UID is its name.
func parse[T any, P interface {
	*T
	metav1.Object
}](t *testing.T, text string) P {
	t.Helper()
	object := P(new(T))
	if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	object.SetUID(types.UID(object.GetName()))
	return object
}

func service(namespace, name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
}

// world is a Gateway of ours with these routes, and the Services shop/web, shop/web-canary and bank/web.
func world(t *testing.T) Objects {
	t.Helper()
	return Objects{
		Classes: []*gatewayv1.GatewayClass{
			parse[gatewayv1.GatewayClass](t, `{metadata: {name: serin}, spec: {controllerName: serin.dev/test-gateway}}`),
			parse[gatewayv1.GatewayClass](t, `{metadata: {name: other}, spec: {controllerName: example.com/other}}`),
		},
		Gateways: []*gatewayv1.Gateway{
			parse[gatewayv1.Gateway](t, `
metadata: {namespace: shop, name: ours, generation: 2}
spec:
  gatewayClassName: serin
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: example, port: 80, protocol: HTTP, hostname: "*.example", allowedRoutes: {namespaces: {from: All}}}`),
			parse[gatewayv1.Gateway](t, `{metadata: {namespace: shop, name: theirs}, spec: {gatewayClassName: other, listeners: [{name: http, port: 80, protocol: HTTP}]}}`),
		},
		Services: []*corev1.Service{service("shop", "web"), service("shop", "web-canary"), service("bank", "web")},
	}
}

func backends(bs ...Backend) []Backend { return bs }

func TestCompileRoute(t *testing.T) {
	t.Parallel()
	stable := Backend{Service: "shop/web:80", Weight: 75}
	canary := Backend{Service: "shop/web-canary:80", Weight: 25}
	tests := map[string]struct {
		route    string // spec of HTTPRoute shop/web, generation 3
		want     Table  // without names
		accepted string // reason of Accepted
		resolved string // reason of ResolvedRefs
	}{
		"weights": {
			route:    `{parentRefs: [{name: ours, sectionName: http}], rules: [{backendRefs: [{name: web, port: 80, weight: 75}, {name: web-canary, port: 80, weight: 25}]}]}`,
			want:     Table{{Match: anyPath(), Backends: backends(stable, canary)}},
			accepted: "Accepted", resolved: "ResolvedRefs",
		},
		"matches and hosts": {
			route: `
parentRefs: [{name: ours}]
hostnames: [shop.example, other.test]
rules:
- matches: [{path: {type: Exact, value: /cart}, method: GET}, {headers: [{name: X-Canary, value: always}], queryParams: [{name: v, value: "2"}]}]
  backendRefs: [{name: web, port: 80, weight: 75}]`,
			want: Table{
				{Match: Match{Host: "shop.example", Path: Path{Kind: Exact, Value: "/cart"}, Method: "GET"}, Backends: backends(stable)},
				{Match: Match{Host: "shop.example", Path: Path{Value: "/"}, Headers: []Value{{Name: "X-Canary", Value: "always"}}, Query: []Value{{Name: "v", Value: "2"}}}, Backends: backends(stable)},
				{Match: Match{Host: "other.test", Path: Path{Kind: Exact, Value: "/cart"}, Method: "GET"}, Backends: backends(stable)},
				{Match: Match{Host: "other.test", Path: Path{Value: "/"}, Headers: []Value{{Name: "X-Canary", Value: "always"}}, Query: []Value{{Name: "v", Value: "2"}}}, Backends: backends(stable)},
			},
			accepted: "Accepted", resolved: "ResolvedRefs",
		},
		"filters of rule and backend": {
			route: `
parentRefs: [{name: ours, sectionName: http}]
rules:
- filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: A, value: a}], remove: [B]}}]
  backendRefs:
  - {name: web, port: 80, filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: C, value: c}]}}]}`,
			want: Table{{Match: anyPath(), Backends: backends(Backend{
				Service: "shop/web:80", Weight: 1,
				Request:  []Edit{{Set: map[string]string{"A": "a"}, Remove: []string{"B"}}},
				Response: []Edit{{Add: map[string]string{"C": "c"}}},
			})}},
			accepted: "Accepted", resolved: "ResolvedRefs",
		},
		"a missing Service": {
			route:    `{parentRefs: [{name: ours, sectionName: http}], rules: [{backendRefs: [{name: web, port: 80, weight: 75}, {name: gone, port: 80, weight: 25}]}]}`,
			want:     Table{{Match: anyPath(), Backends: backends(stable, Backend{Weight: 25, Invalid: true})}},
			accepted: "Accepted", resolved: "BackendNotFound",
		},
		"a missing port": {
			route:    `{parentRefs: [{name: ours, sectionName: http}], rules: [{backendRefs: [{name: web, port: 81}]}]}`,
			want:     Table{{Match: anyPath(), Backends: backends(Backend{Weight: 1, Invalid: true})}},
			accepted: "Accepted", resolved: "BackendNotFound",
		},
		"another namespace": {
			route:    `{parentRefs: [{name: ours, sectionName: http}], rules: [{backendRefs: [{name: web, namespace: bank, port: 80}]}]}`,
			want:     Table{{Match: anyPath(), Backends: backends(Backend{Weight: 1, Invalid: true})}},
			accepted: "Accepted", resolved: "RefNotPermitted",
		},
		"not a Service": {
			route:    `{parentRefs: [{name: ours, sectionName: http}], rules: [{backendRefs: [{name: web, kind: Bucket, group: example.com}]}]}`,
			want:     Table{{Match: anyPath(), Backends: backends(Backend{Weight: 1, Invalid: true})}},
			accepted: "Accepted", resolved: "InvalidKind",
		},
		"an unknown filter": {
			route:    `{parentRefs: [{name: ours}], rules: [{filters: [{type: RequestMirror}], backendRefs: [{name: web, port: 80}]}]}`,
			accepted: "UnsupportedValue", resolved: "ResolvedRefs",
		},
		"a timeout": {
			route:    `{parentRefs: [{name: ours}], rules: [{timeouts: {request: 1s}, backendRefs: [{name: web, port: 80}]}]}`,
			accepted: "UnsupportedValue", resolved: "ResolvedRefs",
		},
		"a regular expression that is none": {
			route:    `{parentRefs: [{name: ours}], rules: [{matches: [{path: {type: RegularExpression, value: "("}}]}]}`,
			accepted: "UnsupportedValue", resolved: "ResolvedRefs",
		},
		"an unknown listener": {
			route:    `{parentRefs: [{name: ours, sectionName: https}], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
			accepted: "NoMatchingParent", resolved: "ResolvedRefs",
		},
		"a host that is none of the listener": {
			route:    `{parentRefs: [{name: ours, sectionName: example}], hostnames: [other.test], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
			accepted: "NoMatchingListenerHostname", resolved: "ResolvedRefs",
		},
		"a Gateway of another class": {
			route: `{parentRefs: [{name: theirs}, {name: web, kind: Service, group: ""}], rules: [{backendRefs: [{name: web, port: 80}]}]}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := world(t)
			route := parse[gatewayv1.HTTPRoute](t, `{metadata: {namespace: shop, name: web, generation: 3}}`)
			if err := yaml.UnmarshalStrict([]byte(tt.route), &route.Spec); err != nil {
				t.Fatal(err)
			}
			o.HTTPRoutes = []*gatewayv1.HTTPRoute{route}
			got := Compile(o, "10.65.0.1")
			for i := range got.Table {
				if got.Table[i].Name != "HTTPRoute shop/web 0" {
					t.Errorf("rule %d has name %q", i, got.Table[i].Name)
				}
				got.Table[i].Name = ""
			}
			if !reflect.DeepEqual(got.Table, tt.want) {
				t.Errorf("got table\n%+v\nwant\n%+v", got.Table, tt.want)
			}
			checkParent(t, got.Routes["web"], tt.accepted, tt.resolved)
		})
	}
}

func checkParent(t *testing.T, parents []gatewayv1.RouteParentStatus, accepted, resolved string) {
	t.Helper()
	if accepted == "" {
		if parents == nil || len(parents) != 0 {
			t.Errorf("got parents %v, want an empty list", parents)
		}
		return
	}
	if len(parents) != 1 || parents[0].ControllerName != "serin.dev/test-gateway" || len(parents[0].Conditions) != 2 {
		t.Fatalf("got parents %+v", parents)
	}
	for i, want := range []metav1.Condition{
		{Type: "Accepted", Reason: accepted, ObservedGeneration: 3},
		{Type: "ResolvedRefs", Reason: resolved, ObservedGeneration: 3},
	} {
		want.Status = metav1.ConditionFalse
		if want.Reason == want.Type {
			want.Status = metav1.ConditionTrue
		}
		got := parents[0].Conditions[i]
		if (got.Message == "") != (want.Status == metav1.ConditionTrue) {
			t.Errorf("%s is %s with message %q", got.Type, got.Status, got.Message)
		}
		if got.Message = ""; got != want {
			t.Errorf("got condition %+v, want %+v", got, want)
		}
	}
}

func TestCompileRouteOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	route := parse[gatewayv1.HTTPRoute](t, `
metadata: {namespace: bank, name: web, generation: 3}
spec: {parentRefs: [{name: ours, namespace: shop}], rules: [{backendRefs: [{name: web, namespace: shop, port: 80}]}]}`)
	grant := parse[gatewayv1.ReferenceGrant](t, `
metadata: {namespace: shop, name: grant}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: bank}], to: [{group: "", kind: Service, name: web}]}`)
	o := world(t)
	o.HTTPRoutes, o.Grants = []*gatewayv1.HTTPRoute{route}, []*gatewayv1.ReferenceGrant{grant}
	got := Compile(o, "10.65.0.1")
	checkParent(t, got.Routes["web"], "Accepted", "ResolvedRefs")
	want := Table{{Name: "HTTPRoute bank/web 0", Match: Match{Host: "*.example", Path: Path{Value: "/"}}, Backends: backends(Backend{Service: "shop/web:80", Weight: 1})}}
	if !reflect.DeepEqual(got.Table, want) {
		t.Errorf("got %+v, want %+v", got.Table, want)
	}
	gw := got.Gateways["ours"]
	var attached []int32
	for _, l := range gw.Listeners {
		attached = append(attached, l.AttachedRoutes)
	}
	if !slices.Equal(attached, []int32{0, 1}) || gw.Addresses[0].Value != "10.65.0.1" || len(gw.Conditions) != 2 || gw.Conditions[1] != condition("Programmed", "", "", 2) {
		t.Errorf("attached %v in Gateway status %+v", attached, gw)
	}
	if got := slices.Collect(maps.Keys(got.Gateways)); !slices.Equal(got, []types.UID{"ours"}) {
		t.Errorf("statuses of Gateways %v, want ours only", got)
	}
	if got := slices.Collect(maps.Keys(got.Classes)); !slices.Equal(got, []types.UID{"serin"}) {
		t.Errorf("statuses of GatewayClasses %v, want serin only", got)
	}
}

func TestCompileGRPCRoute(t *testing.T) {
	t.Parallel()
	o := world(t)
	o.GRPCRoutes = []*gatewayv1.GRPCRoute{parse[gatewayv1.GRPCRoute](t, `
metadata: {namespace: shop, name: cart, generation: 3}
spec:
  parentRefs: [{name: ours, sectionName: http}]
  rules:
  - {matches: [{method: {service: shop.Cart, method: Get}}], backendRefs: [{name: web, port: 80, weight: 75}]}
  - {matches: [{method: {service: shop.Cart}}], backendRefs: [{name: web-canary, port: 80, weight: 25}]}
  - {backendRefs: [{name: web, port: 80, weight: 75}]}`)}
	got := Compile(o, "10.65.0.1")
	checkParent(t, got.Routes["cart"], "Accepted", "ResolvedRefs")
	pattern, err := whole(`/shop\.Cart/[^/]+`)
	if err != nil {
		t.Fatal(err)
	}
	want := Table{
		{Name: "GRPCRoute shop/cart 0", Match: Match{Path: Path{Kind: Exact, Value: "/shop.Cart/Get"}}, Backends: backends(Backend{Service: "shop/web:80", Weight: 75})},
		{Name: "GRPCRoute shop/cart 1", Match: Match{Path: Path{Kind: Regex, Value: `/shop\.Cart/[^/]+`, Pattern: pattern}}, Backends: backends(Backend{Service: "shop/web-canary:80", Weight: 25})},
		{Name: "GRPCRoute shop/cart 2", Match: anyPath(), Backends: backends(Backend{Service: "shop/web:80", Weight: 75})},
	}
	if !reflect.DeepEqual(got.Table, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got.Table, want)
	}
}

func TestCompileIngress(t *testing.T) {
	t.Parallel()
	const stable = `
metadata: {namespace: shop, name: web}
spec:
  ingressClassName: nginx
  rules: [{host: Shop.Example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}, {path: /cart, pathType: Exact, backend: {service: {name: cart, port: {number: 80}}}}]}}]`
	canary := func(annotations string) string {
		return `
metadata: {namespace: shop, name: web-canary, annotations: {nginx.ingress.kubernetes.io/canary: "true"` + annotations + `}}
spec:
  ingressClassName: nginx
  rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web-canary, port: {number: 80}}}}]}}]`
	}
	cart := Rule{Name: "Ingress shop/web 1", Match: Match{Host: "shop.example", Path: Path{Kind: Exact, Value: "/cart"}}, Backends: backends(Backend{Service: "shop/cart:80", Weight: 1})}
	split := func(stable, weight int64, c *Canary) Table {
		return Table{cart, {
			Name: "Ingress shop/web 0", Match: Match{Host: "shop.example", Path: Path{Value: "/"}}, Canary: c,
			Backends: backends(Backend{Service: "shop/web:80", Weight: stable}, Backend{Service: "shop/web-canary:80", Weight: weight}),
		}}
	}
	const prefix = `, nginx.ingress.kubernetes.io/canary-`
	pattern, err := whole("be.*")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		ingresses []string
		want      Table
	}{
		"no canary": {[]string{stable}, Table{cart, {
			Name: "Ingress shop/web 0", Match: Match{Host: "shop.example", Path: Path{Value: "/"}},
			Backends: backends(Backend{Service: "shop/web:80", Weight: 1}),
		}}},
		"weight":                {[]string{canary(prefix + `weight: "25"`), stable}, split(75, 25, &Canary{})},
		"weight of a total":     {[]string{stable, canary(prefix + `weight: "25"` + prefix + `weight-total: "1000"`)}, split(975, 25, &Canary{})},
		"weight above all":      {[]string{stable, canary(prefix + `weight: "250"`)}, split(0, 100, &Canary{})},
		"weight is no number":   {[]string{stable, canary(prefix + `weight: many`)}, split(100, 0, &Canary{})},
		"header and cookie":     {[]string{stable, canary(prefix + `by-header: X-Canary` + prefix + `by-cookie: canary`)}, split(100, 0, &Canary{Header: "X-Canary", Cookie: "canary"})},
		"header value":          {[]string{stable, canary(prefix + `by-header: X-Canary` + prefix + `by-header-value: beta` + prefix + `by-header-pattern: "be.*"`)}, split(100, 0, &Canary{Header: "X-Canary", Value: "beta"})},
		"header pattern":        {[]string{stable, canary(prefix + `by-header: X-Canary` + prefix + `by-header-pattern: "be.*"`)}, split(100, 0, &Canary{Header: "X-Canary", Pattern: pattern})},
		"canary without a main": {[]string{canary(prefix + `weight: "25"`)}, nil},
		"class by annotation": {
			[]string{`
metadata: {namespace: shop, name: old, annotations: {kubernetes.io/ingress.class: nginx}}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}`},
			Table{{Name: "Ingress shop/old 0", Match: anyPath(), Backends: backends(Backend{Service: "shop/web:80", Weight: 1})}},
		},
		"another class": {[]string{`{metadata: {namespace: shop, name: web}, spec: {ingressClassName: other, defaultBackend: {service: {name: web, port: {number: 80}}}}}`}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := world(t)
			for _, text := range tt.ingresses {
				o.Ingresses = append(o.Ingresses, parse[networkingv1.Ingress](t, text))
			}
			if got := Compile(o, "10.65.0.1").Table; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, tt.want)
			}
		})
	}
}

func TestCompileIsTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	o := world(t)
	for _, name := range []string{"a", "b", "c"} {
		route := parse[gatewayv1.HTTPRoute](t, `{metadata: {namespace: shop, name: `+name+`}, spec: {parentRefs: [{name: ours}], rules: [{backendRefs: [{name: web, port: 80}]}, {backendRefs: [{name: gone, port: 80}]}]}}`)
		o.HTTPRoutes = append(o.HTTPRoutes, route)
		o.Ingresses = append(o.Ingresses, parse[networkingv1.Ingress](t, `{metadata: {namespace: shop, name: `+name+`}, spec: {ingressClassName: nginx, defaultBackend: {service: {name: web, port: {number: 80}}}}}`))
	}
	want := Compile(o, "10.65.0.1")
	slices.Reverse(o.HTTPRoutes)
	slices.Reverse(o.Ingresses)
	slices.Reverse(o.Gateways)
	if got := Compile(o, "10.65.0.1"); !same(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	slice := parse[discoveryv1.EndpointSlice](t, `
metadata: {namespace: shop, name: web-x, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}, {name: metrics, port: 9090}]
endpoints:
- {addresses: [10.64.0.2], conditions: {ready: true}}
- {addresses: [10.64.0.1]}
- {addresses: [10.64.0.3], conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [10.64.0.4], conditions: {ready: true, terminating: true}}
- {addresses: [10.64.0.5], conditions: {ready: false}}`)
	other := slice.DeepCopy()
	other.Namespace = "bank"
	other.Endpoints = other.Endpoints[2:]
	services := []*corev1.Service{service("shop", "web"), service("shop", "web-canary"), service("bank", "web")}
	want := map[string][]string{"shop/web:80": {"10.64.0.1:8080", "10.64.0.2:8080"}}
	if got := Endpoints(services, []*discoveryv1.EndpointSlice{slice, other}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStatusesKeepWhatOthersWroteAndTheirTimes(t *testing.T) {
	t.Parallel()
	before, now := metav1.Unix(1000, 0), time.Unix(2000, 0)
	at := func(c metav1.Condition, at metav1.Time) metav1.Condition {
		c.LastTransitionTime = at
		return c
	}
	ref := gatewayv1.ParentReference{Name: "ours"}
	theirs := gatewayv1.RouteParentStatus{ParentRef: ref, ControllerName: "example.com/other"}
	old := []gatewayv1.RouteParentStatus{
		{ParentRef: gatewayv1.ParentReference{Name: "left"}, ControllerName: Controller},
		{ParentRef: ref, ControllerName: Controller, Conditions: []metav1.Condition{
			at(condition("Accepted", "", "", 1), before), at(condition("ResolvedRefs", "BackendNotFound", "gone", 1), before),
		}},
		theirs,
	}
	ours := []gatewayv1.RouteParentStatus{{ParentRef: ref, ControllerName: Controller, Conditions: []metav1.Condition{
		condition("Accepted", "", "", 2), condition("ResolvedRefs", "", "", 2),
	}}}
	want := []gatewayv1.RouteParentStatus{theirs, {ParentRef: ref, ControllerName: Controller, Conditions: []metav1.Condition{
		at(condition("Accepted", "", "", 2), before), at(condition("ResolvedRefs", "", "", 2), metav1.NewTime(now)),
	}}}
	w := &writer{now: func() time.Time { return now }}
	got := w.parents(old, ours)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	w.now = func() time.Time { return now.Add(time.Hour) }
	if again := w.parents(got, ours); !reflect.DeepEqual(again, got) {
		t.Errorf("a second write would change it to\n%+v", again)
	}
}
