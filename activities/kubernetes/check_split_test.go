package kubernetes

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/rollout"
)

func objectFrom(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	b, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(b); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRouteProblems(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, route string
		match       []rollout.Match
		want        []string
	}{
		{"a rule that names the service", `{rules: [{backendRefs: [{name: shop, port: 80}]}]}`, nil, nil},
		{"other rules do not matter", `{rules: [{backendRefs: [{name: cart, port: 80}]}, {backendRefs: [{name: shop, port: 80}]}]}`, nil, nil},
		{
			"no rule names it", `{rules: [{backendRefs: [{name: cart, port: 80}]}]}`, nil,
			[]string{"no rule sends anything to service shop of namespace prod: name it in the backendRefs of a rule, with a weight above 0"},
		},
		{
			"one of the same name in another namespace is another", `{rules: [{backendRefs: [{name: shop, namespace: dev, port: 80}]}]}`, nil,
			[]string{"no rule sends anything to service shop of namespace prod: name it in the backendRefs of a rule, with a weight above 0"},
		},
		{
			"with weight 0 it gets nothing to split", `{rules: [{backendRefs: [{name: shop, port: 80, weight: 0}]}]}`, nil,
			[]string{"no rule sends anything to service shop of namespace prod: name it in the backendRefs of a rule, with a weight above 0"},
		},
		{
			"twice in a rule", `{rules: [{backendRefs: [{name: shop, port: 80}, {name: shop, port: 81}]}]}`, nil,
			[]string{"HTTPRoute shop: spec.rules[0]: two backendRefs name Service shop; give it one"},
		},
		{
			"somebody else's canary", `{rules: [{backendRefs: [{name: shop, port: 80}, {name: shop-canary, port: 80}]}]}`, nil,
			[]string{"it leads to service shop-canary, and no rollout has written that: take it out, the name belongs to the canary"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := objectFrom(t, `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: shop, namespace: prod}, spec: `+row.route+`}`)
			got := routeProblems(o, backends{stable: "shop", canary: "shop-canary", namespace: "prod"}, row.match)
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	t.Run("what a rollout left behind is no problem", func(t *testing.T) {
		t.Parallel()
		o := objectFrom(t, `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: shop, namespace: prod, annotations: {serin.dev/pipeline: shop}},
  spec: {rules: [{backendRefs: [{name: shop, port: 80, weight: 75}, {name: shop-canary, port: 80, weight: 25}]}]}}`)
		if got := routeProblems(o, backends{stable: "shop", canary: "shop-canary", namespace: "prod"}, nil); got != nil {
			t.Errorf("got %q", got)
		}
	})
}

func TestIngressProblems(t *testing.T) {
	t.Parallel()
	const good = `spec: {ingressClassName: nginx, rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop}}}]}}]}`
	for _, row := range []struct {
		name, ingress, probe string
		want                 []string
	}{
		{"one class, one path", good, "", nil},
		{
			"the class by annotation",
			`{metadata: {annotations: {kubernetes.io/ingress.class: nginx}}, spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: shop}}}]}}]}}`, "", nil,
		},
		{
			"no class", `spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: shop}}}]}}]}`, "",
			[]string{"it has no class, but a canary Ingress made now gets the cluster's default one, and a controller splits only within a class: set spec.ingressClassName"},
		},
		{
			"two classes",
			`{metadata: {annotations: {kubernetes.io/ingress.class: public}}, spec: {ingressClassName: nginx, rules: [{http: {paths: [{path: /, backend: {service: {name: shop}}}]}}]}}`, "",
			[]string{"spec.ingressClassName is nginx, the annotation kubernetes.io/ingress.class is public: keep the first"},
		},
		{
			"no path to the service", `spec: {ingressClassName: nginx, defaultBackend: {service: {name: shop}}, rules: [{http: {paths: [{path: /, backend: {service: {name: cart}}}]}}]}`, "",
			[]string{"no path has service shop as its backend: a canary needs one, a default backend is not split"},
		},
		{
			"a canary itself",
			`{metadata: {annotations: {nginx.ingress.kubernetes.io/canary: "true"}}, spec: {ingressClassName: nginx, rules: [{http: {paths: [{path: /, backend: {service: {name: shop}}}]}}]}}`, "",
			[]string{`it is a canary itself (nginx.ingress.kubernetes.io/canary: "true"): name the original`},
		},
		{"a probe of its host", good, "https://shop.example.com/version", nil},
		{
			"a probe of another host", good, "https://cart.example.com/", []string{
				"the probe asks https://cart.example.com/, but no rule for that host leads to service shop: nothing it sees would be of the canary",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := objectFrom(t, "apiVersion: networking.k8s.io/v1\nkind: Ingress\n"+blockOf(row.ingress))
			o.SetName("shop")
			in := &rollout.Ingress{Name: "shop", Prefix: "nginx.ingress.kubernetes.io"}
			if row.probe != "" {
				in.Probe = &rollout.Probe{URL: row.probe}
			}
			if got := ingressProblems(o, in, "shop"); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// blockOf makes fields that may be written in braces those of a block.
func blockOf(fields string) string {
	b, err := yaml.YAMLToJSON([]byte(fields))
	if err != nil {
		return fields
	}
	b, err = yaml.JSONToYAML(b)
	if err != nil {
		return fields
	}
	return string(b)
}

func TestServes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, host string
		want       bool
	}{
		{"", "anything.example.com", true},
		{"shop.example.com", "Shop.example.com", true},
		{"shop.example.com", "a.shop.example.com", false},
		{"*.example.com", "shop.example.com", true},
		{"*.example.com", "a.shop.example.com", false},
		{"*.example.com", "example.com", false},
	} {
		if got := serves([]hostPath{{row.rule, "/"}}, row.host); got != row.want {
			t.Errorf("%s for %s is %v, want %v", row.rule, row.host, got, row.want)
		}
	}
}

func TestRival(t *testing.T) {
	t.Parallel()
	const spec = `spec: {rules: [{host: shop.example.com, http: {paths: [{path: /, backend: {service: {name: shop}}}, {path: /cart, backend: {service: {name: cart}}}]}}]}`
	original := objectFrom(t, "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: shop}, "+spec+"}")
	canary := `annotations: {nginx.ingress.kubernetes.io/canary: "true"}`
	for _, row := range []struct{ name, other, want string }{
		{"no canary", "metadata: {name: other}, " + spec, ""},
		{"itself", "metadata: {name: shop}, " + spec, ""},
		{
			"a canary of the same host and path",
			"metadata: {name: beta, " + canary + "}, spec: {rules: [{host: shop.example.com, http: {paths: [{path: /, backend: {service: {name: beta}}}]}}]}",
			"it is a canary for shop.example.com/ already, and the controller takes only one: delete it, or take the path out",
		},
		{
			"a canary of another path",
			"metadata: {name: beta, " + canary + "}, spec: {rules: [{host: shop.example.com, http: {paths: [{path: /cart, backend: {service: {name: beta}}}]}}]}", "",
		},
		{"the rollout's own", `metadata: {name: shop-canary, annotations: {serin.dev/pipeline: shop, nginx.ingress.kubernetes.io/canary: "true"}}, ` + spec, ""},
		{
			"somebody's under its name", `metadata: {name: shop-canary, ` + canary + `}, ` + spec,
			"it exists and no rollout has made it: delete it, the name belongs to the canary",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			other := objectFrom(t, "{apiVersion: networking.k8s.io/v1, kind: Ingress, "+row.other+"}")
			in := &rollout.Ingress{Name: "shop", Prefix: "nginx.ingress.kubernetes.io"}
			if got := rival(original, other, in, "shop"); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestReferable(t *testing.T) {
	t.Parallel()
	route := ref{gvk: kindRoute(rollout.KindHTTPRoute), namespace: "infra", name: "shop"}
	for _, row := range []struct {
		name, grant string
		want        bool
	}{
		{"every service", `{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}], to: [{group: "", kind: Service}]}`, true},
		{"the canary", `{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}], to: [{group: "", kind: Service, name: shop}, {group: "", kind: Service, name: shop-canary}]}`, true},
		{"only the original", `{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}], to: [{group: "", kind: Service, name: shop}]}`, false},
		{"another kind of route", `{from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}], to: [{group: "", kind: Service}]}`, false},
		{"another namespace", `{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge}], to: [{group: "", kind: Service}]}`, false},
		{"another kind of backend", `{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}], to: [{group: "", kind: Secret}]}`, false},
	} {
		g := objectFrom(t, "{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: {name: g}, spec: "+row.grant+"}")
		if got := referable([]*unstructured.Unstructured{g}, route, "shop-canary"); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
	if referable(nil, route, "shop-canary") {
		t.Error("without any grant it is granted")
	}
}
