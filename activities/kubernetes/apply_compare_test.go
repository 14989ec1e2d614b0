package kubernetes

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// comparedLive is a Deployment as a server returns it: defaults are filled in, a
// sidecar of somebody else is first in the list, and a quantity is written in another way.
const comparedLive = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  generation: 3
  annotations: {serin.dev/pipeline: shop, deployment.kubernetes.io/revision: "1"}
  managedFields:
  - manager: serin
    operation: Apply
    apiVersion: apps/v1
    fieldsType: FieldsV1
    fieldsV1:
      f:metadata: {f:annotations: {f:serin.dev/pipeline: {}}}
      f:spec:
        f:replicas: {}
        f:selector: {}
        f:template:
          f:spec:
            f:containers:
              k:{"name":"app"}:
                .: {}
                f:name: {}
                f:image: {}
                f:ports:
                  k:{"containerPort":8080,"protocol":"TCP"}: {.: {}, f:containerPort: {}}
                f:resources: {f:requests: {f:cpu: {}}}
            f:tolerations: {}
  - {manager: %s, operation: Update, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {f:status: {}}%s}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate}
  template:
    spec:
      containers:
      - {name: sidecar, image: proxy:v1}
      - name: app
        image: app:v1
        ports: [{containerPort: 8080, protocol: TCP}]
        resources: {requests: {cpu: "1"}}
        terminationMessagePath: /dev/termination-log
      tolerations: [{key: a, operator: Exists}]
status: {replicas: 2}
`

const comparedWant = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {serin.dev/pipeline: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    spec:
      containers:
      - name: app
        image: app:v1
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 1000m}}
      tolerations: [{key: a, operator: Exists}]
`

func TestAnApplyThatChangesNothingIsNotSent(t *testing.T) {
	t.Parallel()
	set := func(value any, path ...string) func(o *unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) {
			if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
				t.Fatal(err)
			}
		}
	}
	drop := func(path ...string) func(o *unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) { unstructured.RemoveNestedField(o.Object, path...) }
	}
	app := func(field string, value any) func(o *unstructured.Unstructured) {
		return func(o *unstructured.Unstructured) {
			list, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			c := list[0].(map[string]any)
			if c[field] = value; value == nil {
				delete(c, field)
			}
			set(list, "spec", "template", "spec", "containers")(o)
		}
	}
	nothing := func(*unstructured.Unstructured) {}
	for _, row := range []struct {
		name       string
		want, live func(o *unstructured.Unstructured)
		same       bool
	}{
		{"the same", nothing, nothing, true},
		{"null asks for nothing", set(nil, "spec", "template", "metadata"), nothing, true},
		{"another value", app("image", "app:v2"), nothing, false},
		{"a value that somebody has changed", nothing, set(int64(5), "spec", "replicas"), false},
		{"a field more", set(int64(3), "spec", "minReadySeconds"), nothing, false},
		{"a field that others have set already", set(int64(3), "spec", "minReadySeconds"), set(int64(3), "spec", "minReadySeconds"), false},
		{"a field less", drop("spec", "replicas"), nothing, false},
		{"an annotation less", drop("metadata", "annotations", "serin.dev/pipeline"), nothing, false},
		{"a port less", app("ports", nil), nothing, false},
		{"another port", app("ports", []any{map[string]any{"containerPort": int64(8081)}}), nothing, false},
		{"a container more", set([]any{
			map[string]any{"name": "app", "image": "app:v1"}, map[string]any{"name": "sidecar", "image": "proxy:v1"},
		}, "spec", "template", "spec", "containers"), nothing, false},
		{"what is set as a whole", set([]any{map[string]any{"key": "b"}}, "spec", "template", "spec", "tolerations"), nothing, false},
		{"nobody has applied it", nothing, drop("metadata", "managedFields"), false},
	} {
		want, live := decode(t, comparedWant), decode(t, fmt.Sprintf(comparedLive, "kube-controller-manager", ", subresource: status"))
		row.want(want)
		row.live(live)
		if got := upToDate(live, want); got != row.same {
			t.Errorf("%s: up to date is %v, want %v", row.name, got, row.same)
		}
	}
	if upToDate(decode(t, fmt.Sprintf(comparedLive, managerKubectl, "")), decode(t, comparedWant)) {
		t.Error("what kubectl has applied was not taken over")
	}
}

func decode(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	j, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(j); err != nil {
		t.Fatal(err)
	}
	return o
}
