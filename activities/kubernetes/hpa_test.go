package kubernetes

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
)

func scaler(t *testing.T, spec string) *unstructured.Unstructured {
	t.Helper()
	return objectFrom(t, "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: shop, namespace: prod, resourceVersion: \"7\"}, spec: "+spec+"}")
}

func TestScaledBounds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		from    bounds
		percent int64
		want    bounds
	}{
		{bounds{2, 10}, 100, bounds{2, 10}},
		{bounds{2, 10}, 25, bounds{1, 3}},
		{bounds{4, 10}, 50, bounds{2, 5}},
		{bounds{1, 1}, 1, bounds{1, 1}},
		{bounds{0, 10}, 50, bounds{1, 5}},
		{bounds{2, 10}, 0, bounds{1, 1}},
		{bounds{2, 10}, 200, bounds{4, 20}},
	} {
		if got := row.from.scaled(row.percent); got != row.want {
			t.Errorf("%d%% of %v is %v, want %v", row.percent, row.from, got, row.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Int64Range(0, 1000).Draw(t, "min")
		from := bounds{low, rapid.Int64Range(max(1, low), 2000).Draw(t, "max")}
		got := from.scaled(rapid.Int64Range(0, 100).Draw(t, "percent"))
		if got.min < 1 || got.max < got.min || got.max > max(1, from.max) {
			t.Fatalf("%v became %v", from, got)
		}
	})
}

func TestRaised(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		from bounds
		pods int64
		want int64
	}{
		{bounds{2, 10}, 6, 6}, {bounds{2, 10}, 1, 2}, {bounds{2, 10}, 12, 10}, {bounds{3, 3}, 3, 3},
	} {
		if got := row.from.raised(row.pods); got.min != row.want || got.max != row.from.max {
			t.Errorf("%v at %d pods became %v, want a floor of %d", row.from, row.pods, got, row.want)
		}
	}
}

func TestScalersOf(t *testing.T) {
	t.Parallel()
	ours := scaler(t, `{scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, maxReplicas: 3}`)
	list := []*unstructured.Unstructured{
		scaler(t, `{scaleTargetRef: {kind: Deployment, name: shop-canary}}`), scaler(t, `{scaleTargetRef: {kind: StatefulSet, name: shop}}`),
		objectFrom(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: shop}}`), ours,
	}
	if got := scalersOf(list, "shop"); len(got) != 1 || got[0] != ours {
		t.Errorf("got %v", got)
	}
	if got, want := boundsOf(ours), (bounds{1, 3}); got != want {
		t.Errorf("bounds are %v, want %v", got, want)
	}
}

func TestScaledObject(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, metadata, want string }{
		{"of nobody", `{name: shop}`, ""},
		{"by owner", `{name: keda-hpa-shop, ownerReferences: [{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: shop, uid: "1"}]}`, "shop"},
		{"by label", `{name: keda-hpa-shop, labels: {scaledobject.keda.sh/name: shop}}`, "shop"},
	} {
		o := objectFrom(t, "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: "+row.metadata+"}")
		if got := scaledObject(o); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestFloorOps(t *testing.T) {
	t.Parallel()
	version := op{Op: "test", Path: "/metadata/resourceVersion", Value: "7"}
	for _, row := range []struct {
		name, spec string
		from, to   int64
		want       []op
	}{
		{"raised", `{minReplicas: 2, maxReplicas: 9}`, 2, 5, []op{
			version, {Op: "test", Path: "/spec/minReplicas", Value: int64(2)}, {Op: "replace", Path: "/spec/minReplicas", Value: int64(5)},
		}},
		{"none was written", `{maxReplicas: 9}`, 1, 5, []op{version, {Op: "add", Path: "/spec/minReplicas", Value: int64(5)}}},
		{"it is what it shall be", `{minReplicas: 5, maxReplicas: 9}`, 2, 5, nil},
		{"somebody else has changed it", `{minReplicas: 3, maxReplicas: 9}`, 2, 5, nil},
		{"there is nothing to change", `{minReplicas: 2, maxReplicas: 9}`, 2, 2, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := floorOps(scaler(t, row.spec), row.from, row.to); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}
