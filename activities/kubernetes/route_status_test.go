package kubernetes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestUnsettledRoute(t *testing.T) {
	t.Parallel()
	const edge = `parentRef: {name: edge, namespace: infra}, controllerName: example.com/gateway, conditions: `
	const fine = `{type: Accepted, status: "True", observedGeneration: 3, reason: Accepted, message: ""}, ` +
		`{type: ResolvedRefs, status: "True", observedGeneration: 3, reason: ResolvedRefs, message: ""}`
	for _, c := range []struct{ name, parents, want string }{
		{"nobody has looked yet", ``, "no gateway says anything of HTTPRoute shop yet: does a controller serve its parentRefs?"},
		{"accepted", `{` + edge + `[` + fine + `]}`, ""},
		{
			"of an older generation", `{` + edge + `[{type: Accepted, status: "True", observedGeneration: 2, reason: Accepted}]}`,
			"HTTPRoute shop: Gateway infra/edge has not seen generation 3, Accepted is of generation 2",
		},
		{
			"a condition is missing", `{` + edge + `[{type: Accepted, status: "True", observedGeneration: 3, reason: Accepted}]}`,
			"HTTPRoute shop: Gateway infra/edge has not set the condition ResolvedRefs",
		},
		{
			"pending", `{` + edge + `[{type: Accepted, status: "False", observedGeneration: 3, reason: Pending, message: "waits for the load\n balancer."}]}`,
			"HTTPRoute shop: Gateway infra/edge says Accepted is False: Pending: waits for the load balancer",
		},
		{
			"rejected", `{` + edge + `[{type: Accepted, status: "False", observedGeneration: 3, reason: NotAllowedByListeners, message: "namespace web is not allowed"}]}`,
			"HTTPRoute shop: Gateway infra/edge rejects it: NotAllowedByListeners: namespace web is not allowed",
		},
		{
			"a backend is missing", `{` + edge + `[{type: Accepted, status: "True", observedGeneration: 3, reason: Accepted}, ` +
				`{type: ResolvedRefs, status: "False", observedGeneration: 3, reason: BackendNotFound, message: 'Service "shop-canary" not found'}]}`,
			`HTTPRoute shop: Gateway infra/edge says ResolvedRefs is False: BackendNotFound: Service "shop-canary" not found`,
		},
		{
			"served in part", `{` + edge + `[` + fine + `, {type: PartiallyInvalid, status: "True", observedGeneration: 3, reason: UnsupportedValue, message: "dropped rule(s) 0"}]}`,
			"HTTPRoute shop: Gateway infra/edge serves it only in part: UnsupportedValue: dropped rule(s) 0",
		},
		{
			"every parent counts", `{` + edge + `[` + fine + `]}, {parentRef: {kind: Service, name: shop, sectionName: http}, conditions: []}`,
			"HTTPRoute shop: Service shop (section http) has not set the condition Accepted",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := routeFrom(t, "kind: HTTPRoute\nmetadata: {name: shop, namespace: web, generation: 3}\nstatus: {parents: ["+c.parents+"]}")
			if got := unsettled(o); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestLastWriter(t *testing.T) {
	t.Parallel()
	// An entry is "manager second fields", with "/subresource" behind the manager.
	for _, c := range []struct {
		name string
		list [][]string
		want string
	}{
		{"nobody", [][]string{{}}, "nobody 0"},
		{"the newest", [][]string{{"kubectl 1 spec", "serin 2 spec", "helm 1 spec"}}, "serin 2"},
		{"of all objects", [][]string{{"serin 2 spec"}, {"kubectl 3 spec"}}, "kubectl 3"},
		{"others before us in the same second", [][]string{{"mallory 2 spec", "serin 2 spec"}}, "mallory 2"},
		{"and after us", [][]string{{"serin 2 spec", "mallory 2 spec"}}, "mallory 2"},
		{"of others the first by name", [][]string{{"zoe 2 spec", "eve 2 spec", "mallory 2 spec"}}, "eve 2"},
		{"a status is no change of it", [][]string{{"kubectl 1 spec", "gateway/status 2 status", "scaler/scale 3 spec"}}, "kubectl 1"},
		{"nor are other fields", [][]string{{"kubectl 1 spec", "helm 2 metadata"}}, "kubectl 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var list []*unstructured.Unstructured
			for _, entries := range c.list {
				list = append(list, writtenBy(t, entries))
			}
			by, at := lastWriter(list, "spec", "rules")
			got := "nobody 0"
			if by != "" {
				got = fmt.Sprint(by, " ", at.Unix())
			}
			if got != c.want {
				t.Errorf("last writer is %s, want %s", got, c.want)
			}
		})
	}
}

func writtenBy(t *testing.T, entries []string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{}}
	var all []metav1.ManagedFieldsEntry
	for _, entry := range entries {
		var manager, field string
		var second int64
		if _, err := fmt.Sscan(entry, &manager, &second, &field); err != nil {
			t.Fatal(err)
		}
		manager, sub, _ := strings.Cut(manager, "/")
		all = append(all, metav1.ManagedFieldsEntry{
			Manager: manager, Subresource: sub, Operation: metav1.ManagedFieldsOperationUpdate,
			Time:     &metav1.Time{Time: time.Unix(second, 0)},
			FieldsV1: metav1.NewFieldsV1(`{"f:` + field + `":{"f:rules":{}}}`),
		})
	}
	o.SetManagedFields(all)
	return o
}
