package kube_test

import (
	"context"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/test/kube"
)

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers: [{name: app, image: "serin.test/app:v1"}]
`

func TestADeploymentComesUpAndScales(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	if err := c.Apply(ctx, deployment); err != nil {
		t.Fatal(err)
	}
	key := types.NamespacedName{Namespace: "default", Name: "shop"}
	available := func(n int64) func(*unstructured.Unstructured) bool {
		return func(o *unstructured.Unstructured) bool {
			got, _, err := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
			return err == nil && got == n
		}
	}
	deployments := apps.SchemeGroupVersion.WithResource("deployments")
	if err := c.Wait(ctx, deployments, key, available(2)); err != nil {
		t.Fatal(err)
	}
	t.Logf("2 pods after %s", time.Since(began))
	scale := &autoscaling.Scale{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "default"}, Spec: autoscaling.ScaleSpec{Replicas: 5}}
	if _, err := c.Client.AppsV1().Deployments("default").UpdateScale(ctx, "shop", scale, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx, deployments, key, available(5)); err != nil {
		t.Fatal(err)
	}

	got, err := c.Requests(ctx, began)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range got {
		if r.User == "admin" && r.Resource != "" {
			count[r.Verb+" "+r.Resource+"/"+r.Subresource]++
		}
	}
	want := map[string]int{"patch deployments/": 1, "watch deployments/": 2, "update deployments/scale": 1}
	for k, n := range want {
		if count[k] != n {
			t.Errorf("%s: %d requests in the audit log, want %d (all: %v)", k, count[k], n, count)
		}
	}
}
