package kubernetes

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestAManifestIsReadInTheOrderOfItsNeeds(t *testing.T) {
	t.Parallel()
	const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, creationTimestamp: null, resourceVersion: "7", uid: x}
status: {replicas: 3}
---
# nothing but a comment
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: web}}
- {apiVersion: v1, kind: Secret, metadata: {name: web}, data: {a: YQ==}, stringData: {b: b}}
---
{"apiVersion": "serin.test/v1", "kind": "Bell", "metadata": {"name": "web"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
`
	list, err := parse([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range list {
		kinds = append(kinds, o.GetKind())
	}
	if got, want := strings.Join(kinds, " "), "Namespace Secret Service Bell Deployment HTTPRoute"; got != want {
		t.Errorf("order is %s, want %s", got, want)
	}
	d := list[4].Object
	if _, ok := d["status"]; ok || len(d) != 3 || len(d["metadata"].(map[string]any)) != 1 {
		t.Errorf("the deployment keeps what a server writes: %v", d)
	}
	data, _, _ := unstructured.NestedStringMap(list[1].Object, "data")
	if _, plain := list[1].Object["stringData"]; plain || data["a"] != "YQ==" || data["b"] != "Yg==" {
		t.Errorf("the secret is %v, want all of it as data", list[1].Object)
	}
}

func TestAManifestThatIsNoneSaysWhere(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, manifest, want string }{
		{"not yaml", "apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n{", "document 2"},
		{"a key twice", "apiVersion: v1\nkind: A\nkind: B\n", "document 1"},
		{"no kind", "apiVersion: v1\nmetadata: {name: a}\n", "document 1"},
		{"no name", "apiVersion: v1\nkind: ConfigMap\n", "a ConfigMap has no metadata.name"},
		{"no name in a list", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap}]\n", "a ConfigMap has no metadata.name"},
	} {
		if _, err := parse([]byte(row.manifest)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error is %v, want %q in it", row.name, err, row.want)
		}
	}
}
