package kubernetes_test

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// splitScene is a Deployment and its Service in a namespace of their own, and a release
// that is about to go there.
type splitScene struct {
	*testing.T
	*kubernetes.Provider
	ctx       context.Context
	cluster   *kube.Cluster
	artifacts *fake.Artifacts
	namespace string
	work      activities.Work
}

func openSplit(t *testing.T, c *kube.Cluster, k rollout.Kubernetes, documents string) *splitScene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	s := &splitScene{T: t, ctx: ctx, cluster: c, artifacts: &fake.Artifacts{}}
	s.Provider = kubernetes.New(s.artifacts, kubernetes.Options{})
	t.Cleanup(s.Close)
	ns := &unstructured.Unstructured{}
	ns.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	ns.SetGenerateName("split-")
	ns, err := c.Dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(ctx, ns, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.namespace = ns.GetName()
	s.apply(documents)
	k.Deployment, k.Service, k.SelectorLabel = "shop", "web", "app"
	s.work = activities.Work{
		Rollout: "v2-to-prod-0001", Pipeline: "shop", Release: "v2", Phase: "canary", Digest: "sha256:" + strings.Repeat("2", 64),
		Target:     rollout.Target{Name: "prod", Runtime: rollout.RuntimeKubernetes, Cluster: &rollout.Cluster{Kubeconfig: c.Kubeconfig, Namespace: s.namespace}},
		Kubernetes: &k,
	}
	s.await("deployments", "shop", func(o *unstructured.Unstructured) bool {
		return number(o, "status", "availableReplicas") == number(o, "spec", "replicas")
	})
	return s
}

// begin records what is there, settles, and deploys the canary.
func (s *splitScene) begin(canary string) {
	s.Helper()
	s.work.Manifest = s.store(canary)
	o, err := s.Observe(s.ctx, s.work)
	if err != nil {
		s.Fatal(err)
	}
	s.work.Stable = o.Split.Serving()[0].Revision
	spec, err := s.Record(s.ctx, s.work)
	if err != nil {
		s.Fatal(err)
	}
	if s.work.Baseline, err = s.artifacts.Put(s.ctx, spec); err != nil {
		s.Fatal(err)
	}
	s.shift(s.at(0), s.SetWeight)
	s.deploy(s.at(25))
}

func (s *splitScene) deploy(w activities.Work) {
	s.Helper()
	if err := s.Deploy(s.ctx, w); err != nil {
		s.Fatalf("deploy: %v", err)
	}
	s.until(w, "the canary to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
}

func (s *splitScene) at(p rollout.Weight) activities.Work {
	w := s.work
	w.Weight = p
	return w
}

// shift does what a step does: it writes, waits, and writes again until the split is the
// one that was announced. Then nothing is left to write.
func (s *splitScene) shift(w activities.Work, write func(context.Context, activities.Work) error) rollout.Observed {
	s.Helper()
	next, err := s.Next(s.ctx, w)
	if err != nil {
		s.Fatal(err)
	}
	var o rollout.Observed
	for !o.Settled || !o.Split.SameTraffic(next) {
		if err = write(s.ctx, w); err != nil {
			s.Fatalf("shift to %s: %v", next, err)
		}
		o = s.until(w, "the platform to accept "+next.String(), func(o rollout.Observed) bool { return o.Settled })
	}
	since := time.Now()
	if err = write(s.ctx, w); err != nil {
		s.Fatalf("shift to %s again: %v", next, err)
	}
	s.wantNoWrites(since)
	return o
}

// promote ends the rollout with these documents as the stable manifest.
func (s *splitScene) promote(stable string) {
	s.Helper()
	w := s.at(100)
	w.Phase, w.Promotion, w.Manifest = rollout.StablePhase, true, s.store(stable)
	if err := s.Promote(s.ctx, w); err != nil {
		s.Fatalf("promote: %v", err)
	}
	s.until(w, "the original to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
	s.shift(w, s.SetWeight)
	if err := s.Remove(s.ctx, w); err != nil {
		s.Fatalf("remove: %v", err)
	}
	o := s.until(w, "the canary to be removed", func(o rollout.Observed) bool { return o.Settled })
	if o.Split.Of(o.Revision) != 100 {
		s.Errorf("promoted, the split is %s", o.Split)
	}
	for _, r := range []string{"deployments", "services", "ingresses"} {
		list, err := s.resource(r).List(s.ctx, metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for _, o := range list.Items {
			if strings.HasSuffix(o.GetName(), "-canary") {
				s.Errorf("%s %s is left", r, o.GetName())
			}
		}
	}
}

// wantNoWrites fails if this scene's namespace was written to since then by the worker.
func (s *splitScene) wantNoWrites(since time.Time) {
	s.Helper()
	list, err := s.cluster.Requests(s.ctx, since)
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range list {
		write := r.Verb != "get" && r.Verb != "list" && r.Verb != "watch"
		if r.Namespace == s.namespace && r.User == "admin" && write {
			s.Errorf("repeated, it sends %s %s %s", r.Verb, r.Resource, r.Name)
		}
	}
}

func (s *splitScene) until(w activities.Work, what string, met func(rollout.Observed) bool) rollout.Observed {
	s.Helper()
	for {
		o, err := s.Observe(s.ctx, w)
		if err != nil {
			s.Fatal(err)
		}
		if met(o) {
			return o
		}
		if err := s.Changed(s.ctx, w, o); err != nil {
			s.Fatalf("waiting for %s, seen %+v: %v", what, o, err)
		}
	}
}

func (s *splitScene) apply(documents string) {
	s.Helper()
	if err := s.cluster.Apply(s.ctx, strings.ReplaceAll(documents, "metadata: {name:", "metadata: {namespace: "+s.namespace+", name:")); err != nil {
		s.Fatal(err)
	}
}

func (s *splitScene) store(documents string) string {
	s.Helper()
	digest, err := s.artifacts.Put(s.ctx, []byte(documents))
	if err != nil {
		s.Fatal(err)
	}
	return digest
}

func (s *splitScene) await(resource, name string, is func(*unstructured.Unstructured) bool) {
	s.Helper()
	if err := s.cluster.Wait(s.ctx, gvrOf(resource), types.NamespacedName{Namespace: s.namespace, Name: name}, is); err != nil {
		s.Fatal(err)
	}
}

func (s *splitScene) live(resource, name string) *unstructured.Unstructured {
	s.Helper()
	o, err := s.resource(resource).Get(s.ctx, name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return o
}

// wantPods fails unless the Deployments ask for so many pods, and have them.
func (s *splitScene) wantPods(canary, original int64) {
	s.Helper()
	for name, want := range map[string]int64{"shop-canary": canary, "shop": original} {
		o := s.live("deployments", name)
		if asked, ready := number(o, "spec", "replicas"), number(o, "status", "readyReplicas"); asked != want || ready != want {
			s.Errorf("deployment %s has %d ready of %d pods, want %d", name, ready, asked, want)
		}
	}
}

func (s *splitScene) selector() map[string]string {
	s.Helper()
	selector, _, _ := unstructured.NestedStringMap(s.live("services", "web").Object, "spec", "selector")
	return selector
}

func number(o *unstructured.Unstructured, path ...string) int64 {
	n, _, err := unstructured.NestedInt64(o.Object, path...)
	if err != nil {
		return -1
	}
	return n
}

// gvrOf names a resource by its plural, of the groups that these tests use.
func gvrOf(resource string) schema.GroupVersionResource {
	group := map[string]string{"deployments": "apps", "ingresses": "networking.k8s.io"}[resource]
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}
}

func (s *splitScene) resource(name string) dynamic.ResourceInterface {
	return s.cluster.Dynamic.Resource(gvrOf(name)).Namespace(s.namespace)
}
