package kube_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/serin-dev/serin/test/kube"
)

// serving is a Deployment of real pods and its Service.
func serving(name, version string) string {
	return strings.NewReplacer("NAME", name, "VERSION", version).Replace(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 2
  selector: {matchLabels: {app: NAME}}
  strategy: {rollingUpdate: {maxUnavailable: 0}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
      - name: app
        image: serin.test/app:VERSION
        env: [{name: PRESTOP, value: 1s}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 80, targetPort: 8080}]}
`)
}

const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [shop.example]
  rules:
  - backendRefs: [{name: shop, port: 80, weight: 75}, {name: shop-canary, port: 80, weight: 25}]
`

// world is a cluster in which shop.example is served: 75% by v1, 25% by v2.
func world(t *testing.T) (context.Context, *kube.Cluster) {
	t.Helper()
	c := kube.Start(t, kube.Options{GatewayDelay: 100 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // after the start, which may have to build
	t.Cleanup(cancel)
	if err := c.Apply(ctx, serving("shop", "v1")+"---"+serving("shop-canary", "v2")+"---"+route); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"shop", "shop-canary"} {
		if err := c.Wait(ctx, apps.SchemeGroupVersion.WithResource("deployments"), inDefault(name), rolledOut); err != nil {
			t.Fatal(err)
		}
	}
	routes := schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
	if err := c.Wait(ctx, routes, inDefault("shop"), accepted); err != nil {
		t.Fatal(err)
	}
	// The gateway hears of a ready endpoint later than the Deployment does.
	for seen := map[string]bool{}; !seen["v1"] || !seen["v2"]; {
		version, err := get(ctx, c)
		if ctx.Err() != nil {
			t.Fatalf("the gateway does not serve both: %v", err)
		}
		seen[version] = true
	}
	return ctx, c
}

func inDefault(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: metav1.NamespaceDefault, Name: name}
}

func rolledOut(o *unstructured.Unstructured) bool {
	field := func(names ...string) int64 {
		n, _, err := unstructured.NestedInt64(o.Object, names...)
		if err != nil {
			return -1
		}
		return n
	}
	want := field("spec", "replicas")
	return field("status", "observedGeneration") == o.GetGeneration() && field("status", "updatedReplicas") == want &&
		field("status", "availableReplicas") == want && field("status", "replicas") == want
}

func accepted(o *unstructured.Unstructured) bool {
	parents, _, err := unstructured.NestedSlice(o.Object, "status", "parents")
	return err == nil && len(parents) == 1
}

// get asks the gateway for shop.example, and returns the version that has answered.
func get(ctx context.Context, c *kube.Cluster) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Gateway+"/", http.NoBody)
	if err != nil {
		return "", err
	}
	req.Host = "shop.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", res.Status, body)
	}
	return res.Header.Get("X-Version"), nil
}

func TestTrafficIsSplitAndSurvivesARollout(t *testing.T) {
	t.Parallel()
	ctx, c := world(t)
	count := map[string]int{}
	for range 400 {
		version, err := get(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		count[version]++
	}
	if count["v1"] != 300 || count["v2"] != 100 {
		t.Errorf("of 400 requests %v were answered, want 300 by v1 and 100 by v2", count)
	}

	rolled := make(chan error, 1)
	go func() {
		if err := c.Apply(ctx, serving("shop", "v3")); err != nil {
			rolled <- err
			return
		}
		rolled <- c.Wait(ctx, apps.SchemeGroupVersion.WithResource("deployments"), inDefault("shop"), rolledOut)
	}()
	for sent := 0; ; sent++ {
		select {
		case err := <-rolled:
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d requests while v3 rolled out", sent)
			return
		default:
		}
		if _, err := get(ctx, c); err != nil {
			t.Fatalf("request %d during the rollout: %v", sent, err)
		}
	}
}

func TestAServiceAccountMayDoWhatItsRoleSays(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	ctx := t.Context()
	if err := c.Apply(ctx, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default, namespace: default}]
`); err != nil {
		t.Fatal(err)
	}
	token, err := c.Client.CoreV1().ServiceAccounts("default").CreateToken(ctx, "default", &authentication.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := rest.AnonymousClientConfig(c.Config)
	cfg.BearerToken = token.Status.Token
	viewer, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = viewer.AppsV1().Deployments("default").List(ctx, metav1.ListOptions{}); err != nil {
		t.Errorf("list with the role view: %v", err)
	}
	err = viewer.AppsV1().Deployments("default").Delete(ctx, "shop", metav1.DeleteOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("delete with the role view: %v, want forbidden", err)
	}
}
