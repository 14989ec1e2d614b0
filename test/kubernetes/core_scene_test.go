package kubernetes_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// coreScene is a provider, a namespace and a release that is about to go there.
type coreScene struct {
	*testing.T
	*kubernetes.Provider
	ctx       context.Context
	cluster   *kube.Cluster
	artifacts *fake.Artifacts
	namespace string
	began     time.Time
	work      activities.Work
}

func openCore(t *testing.T, c *kube.Cluster) *coreScene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	s := &coreScene{T: t, ctx: ctx, cluster: c, artifacts: &fake.Artifacts{}}
	s.Provider = kubernetes.New(s.artifacts, kubernetes.Options{})
	t.Cleanup(s.Close)
	ns := &unstructured.Unstructured{}
	ns.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	ns.SetGenerateName("core-")
	ns, err := c.Dynamic.Resource(coreResource("namespaces")).Create(ctx, ns, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.namespace = ns.GetName()
	s.work = activities.Work{
		Rollout: "v1-to-prod-0001", Pipeline: "shop", Phase: rollout.StablePhase, Promotion: true, Weight: 100, Attempt: 1,
		Target: rollout.Target{
			Name: "prod", Runtime: rollout.RuntimeKubernetes,
			Cluster: &rollout.Cluster{Kubeconfig: c.Kubeconfig, Namespace: s.namespace},
		},
		Kubernetes: &rollout.Kubernetes{},
	}
	return s
}

// release is the scene's work for another release.
func (s *coreScene) release(n int, manifest string) activities.Work {
	w := s.work
	w.Release, w.Rollout = fmt.Sprintf("v%d", n), fmt.Sprintf("v%d-to-prod-%04d", n, n)
	w.Digest = "sha256:" + strings.Repeat(fmt.Sprint(n), 64)
	w.Manifest = s.store(manifest)
	return w
}

func (s *coreScene) store(content string) string {
	s.Helper()
	digest, err := s.artifacts.Put(s.ctx, []byte(content))
	if err != nil {
		s.Fatal(err)
	}
	return digest
}

func (s *coreScene) observe(w activities.Work) rollout.Observed {
	s.Helper()
	o, err := s.Observe(s.ctx, w)
	if err != nil {
		s.Fatalf("observe: %v", err)
	}
	return o
}

func (s *coreScene) until(w activities.Work, what string, met func(rollout.Observed) bool) rollout.Observed {
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

func (s *coreScene) must(what string, do func(context.Context, activities.Work) error, w activities.Work) {
	s.Helper()
	if err := do(s.ctx, w); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

func coreReady(o rollout.Observed) bool   { return o.Ready && o.Settled }
func coreSettled(o rollout.Observed) bool { return o.Settled }

// promote takes a release through its stable phase.
func (s *coreScene) promote(w activities.Work) rollout.Observed {
	s.Helper()
	s.must("promote", s.Promote, w)
	s.until(w, "the release to be ready", coreReady)
	s.must("set weight", s.SetWeight, w)
	s.until(w, "the split", coreSettled)
	s.must("remove", s.Remove, w)
	return s.until(w, "the canary to be gone", coreSettled)
}

// keepBaseline stores what is live as the baseline of w.
func (s *coreScene) keepBaseline(w *activities.Work) {
	s.Helper()
	spec, err := s.Record(s.ctx, *w)
	if err != nil || spec == nil {
		s.Fatalf("record: %q, %v", spec, err)
	}
	w.Baseline = s.store(string(spec))
}

func coreResource(name string) schema.GroupVersionResource {
	r := schema.GroupVersionResource{Version: "v1", Resource: name}
	switch name {
	case "deployments":
		r.Group = "apps"
	case "jobs":
		r.Group = "batch"
	case "httproutes":
		r.Group = "gateway.networking.k8s.io"
	case "bells":
		r.Group = "serin.test"
	}
	return r
}

// live returns an object, nil if it does not exist.
func (s *coreScene) live(resource, name string) *unstructured.Unstructured {
	s.Helper()
	list, err := s.cluster.Dynamic.Resource(coreResource(resource)).Namespace(s.namespace).
		List(s.ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		s.Fatal(err)
	}
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}

// requests are those that the provider has made since the scene began to count. Other
// scenes make theirs in other namespaces.
func (s *coreScene) requests() []kube.Request {
	s.Helper()
	all, err := s.cluster.Requests(s.ctx, s.began)
	if err != nil {
		s.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r kube.Request) bool { return r.UserAgent != "serin" || r.Namespace != s.namespace })
}

func (s *coreScene) wantNoWrites(what string) {
	s.Helper()
	for _, r := range s.requests() {
		if r.Verb != "get" && r.Verb != "list" && r.Verb != "watch" {
			s.Errorf("%s: it wrote: %s %s/%s", what, r.Verb, r.Resource, r.Name)
		}
	}
}

func coreDeployment(name, version string, more ...string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  %[3]s
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers:
      - name: app
        image: serin.test/app:%[2]s
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 1000m, memory: 0.5Gi}}
`, name, version, strings.Join(more, "\n  "))
}

func coreService(name string) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{port: 80, targetPort: 8080}]
---
`, name)
}

const coreBell = `---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: bells.serin.test}
spec:
  group: serin.test
  scope: Namespaced
  names: {plural: bells, singular: bell, kind: Bell}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: serin.test/v1
kind: Bell
metadata: {name: shop}
spec: {tone: a}
---
`

func (s *coreScene) wantGone(resource, name string) {
	s.Helper()
	client := s.cluster.Dynamic.Resource(coreResource(resource)).Namespace(s.namespace)
	watch, err := client.Watch(s.ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		s.Fatal(err)
	}
	defer watch.Stop()
	if s.live(resource, name) == nil {
		return
	}
	for e := range watch.ResultChan() {
		if e.Type == "DELETED" {
			return
		}
	}
	s.Errorf("%s/%s is still there", resource, name)
}

// kubeconfigOf returns the path of a kubeconfig for another user.
func (s *coreScene) kubeconfigOf(user string) string {
	s.Helper()
	cfg, err := clientcmd.LoadFromFile(s.cluster.Kubeconfig)
	if err != nil {
		s.Fatal(err)
	}
	for _, a := range cfg.AuthInfos {
		a.Impersonate = user
	}
	path := filepath.Join(s.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		s.Fatal(err)
	}
	return path
}
