package kubernetes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// TestFreshPodsOnARealAPIServer: pods of stable begin with the canary, behind the original's
// Service and owned by nobody else, and leave the Service before they end.
func TestFreshPodsOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for name, scene := range map[string]func(*routeScene){
		"they begin with the canary and grow with it": freshGrow,
		"a promotion takes them out first":            freshPromoted,
		"a restore takes them out, a retry lets them": freshRestored,
		"another canary has pods of its own":          freshAgain,
		"the next rollout takes them away":            freshSettled,
		"a phase waits for them":                      freshWaits,
		"a deployment of others stays":                freshForeign,
		"a deployment of the manifest stays":          freshOwn,
		"a restore ends whatever keeps them":          freshKept,
		"one that does not end leaves too":            freshStuck,
		"a Service that selects nothing keeps none":   freshUnselected,
		"one that does not end keeps no traffic":      freshLingers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openRoutes(t, c)
			s.work.Kubernetes.Fresh = true
			scene(s)
		})
	}
	t.Run("what the network loses is found again", func(t *testing.T) {
		t.Parallel()
		freshLost(openCore(t, c))
	})
}

func freshGrow(s *routeScene) {
	s.begin()
	s.wantTwin(1, 1)
	s.shift(s.at(25))
	s.shift(s.at(50))
	s.wantTwin(2, 2)
	began := time.Now()
	s.must("deploy the same", s.Deploy, s.at(50))
	if got := s.writes(began); len(got) > 0 {
		s.Errorf("repeated, it wrote %v", got)
	}
	twin := s.deployment("shop-baseline")
	if got := fmt.Sprint(twin.Spec.Template.Spec.Containers); got != fmt.Sprint(s.deployment("shop").Spec.Template.Spec.Containers) {
		s.Errorf("its containers are %s", got)
	}
	if owner := metav1.GetControllerOf(twin); owner != nil || len(twin.OwnerReferences) != 1 || twin.OwnerReferences[0].Name != "shop-canary" {
		s.Errorf("it is owned by %v, want the canary's Service", twin.OwnerReferences)
	}
	if a := twin.Annotations; a["serin.dev/pipeline"] != "shop" || a["serin.dev/rollout"] != s.work.Rollout {
		s.Errorf("it is stamped %v", a)
	}
	if d := s.deployment("shop"); *d.Spec.Replicas != 4 || d.Status.Replicas != 4 || d.Annotations["deployment.kubernetes.io/revision"] != "1" {
		s.Errorf("the original has %d of %d pods, revision %s", d.Status.Replicas, *d.Spec.Replicas, d.Annotations["deployment.kubernetes.io/revision"])
	}
	if o := s.observe(s.at(50)); !o.StableReady || o.Split.String() != "shop-2222222222 50%, "+s.work.Stable+" 50%" {
		s.Errorf("observed %+v", o)
	}
}

// freshPromoted: the events are the order of the writes to them, and to the original.
func freshPromoted(s *routeScene) {
	s.begin()
	s.shift(s.at(50))
	s.wantTwin(2, 2)
	w := s.at(100)
	w.Promotion, w.Phase = true, rollout.StablePhase
	w.Manifest = s.store(appOf("", "v2") + strings.ReplaceAll(coreRoute, "%s", "shop"))
	began := time.Now()
	s.must("promote", s.Promote, w)
	s.until(w, "the original to be ready", func(o rollout.Observed) bool { return o.Ready && o.Settled })
	s.wantTwin(2, 0)
	s.shift(w)
	s.must("remove", s.Remove, w)
	s.until(w, "the canary to be gone", func(o rollout.Observed) bool { return o.Settled })
	s.wantNoTwin()
	got := slices.DeleteFunc(s.writes(began), func(e string) bool {
		return strings.Contains(e, "httproutes") || e == "patch services/shop" || e == "patch deployments/shop-canary"
	})
	want := []string{"patch pods", "patch pods", "patch deployments/shop", "delete deployments/shop-baseline", "delete services/shop-canary"}
	if !slices.Equal(got, want) {
		s.Errorf("it wrote %v, want %v", got, want)
	}
}

func freshRestored(s *routeScene) {
	s.begin()
	s.shift(s.at(50))
	s.wantTwin(2, 2)
	before := s.twinPods()
	s.must("restore", s.Restore, s.at(0))
	s.wantTwin(2, 0)
	s.must("restore again", s.Restore, s.at(0))
	s.shift(s.at(50)) // the canary has not failed: its pods, and those beside it, are used again
	s.wantTwin(2, 2)
	if after := s.twinPods(); !slices.Equal(after, before) {
		s.Errorf("its pods are %v, they were %v", after, before)
	}
	s.must("restore", s.Restore, s.at(0))
	began := time.Now()
	s.must("remove", s.Remove, s.at(0))
	s.until(s.at(0), "the canary to be gone", func(o rollout.Observed) bool { return o.Settled })
	s.wantNoTwin()
	want := []string{"delete deployments/shop-baseline", "delete services/shop-canary"}
	if got := s.writes(began); !slices.Equal(got, want) {
		s.Errorf("it wrote %v, want %v", got, want)
	}
	if d := s.deployment("shop"); *d.Spec.Replicas != 4 || d.Status.ReadyReplicas != 4 {
		s.Errorf("the original has %d ready of %d pods", d.Status.ReadyReplicas, *d.Spec.Replicas)
	}
}

func freshAgain(s *routeScene) {
	s.begin()
	s.shift(s.at(50))
	s.wantTwin(2, 2)
	before := s.twinPods()
	s.work.Digest, s.work.Manifest = "sha256:"+strings.Repeat("3", 64), s.store(appOf("-canary", "v3"))
	s.shift(s.at(50))
	s.wantTwin(2, 2)
	for _, p := range s.twinPods() {
		if slices.Contains(before, p) {
			s.Errorf("pod %s began with the canary before", p)
		}
	}
}

// freshSettled: its plan compares with nothing.
func freshSettled(s *routeScene) {
	s.begin()
	s.shift(s.at(50))
	s.wantTwin(2, 2)
	s.must("leave", s.Leave, s.at(50)) // a cancel
	s.wantTwin(2, 2)
	s.work.Rollout, s.work.Digest = "v3-to-prod-0002", "sha256:"+strings.Repeat("3", 64)
	s.work.Manifest = s.store(appOf("-canary", "v3"))
	plain := *s.work.Kubernetes
	plain.Fresh = false
	s.work.Kubernetes = &plain
	if found, err := s.Check(s.ctx, s.at(25)); err != nil || len(found) > 0 {
		s.Errorf("preflight finds %v, %v", found, err)
	}
	s.must("settle", s.SetWeight, s.at(0))
	s.until(s.at(0), "the split to be settled", func(o rollout.Observed) bool { return o.Settled })
	s.wantNoTwin()
	s.shift(s.at(25))
	if got := s.service("shop-canary").Annotations["serin.dev/baseline"]; got != "" {
		s.Errorf("the canary's Service still tells of %s", got)
	}
	s.wantNoTwin()
}

// freshWaits: the original's image has gone meanwhile, so that no new pod of it can start.
func freshWaits(s *routeScene) {
	s.begin()
	s.shift(s.at(25))
	s.apply(fmt.Sprintf(`apiVersion: v1
kind: ResourceQuota
metadata: {name: room, namespace: %s}
spec: {hard: {pods: "7"}}
`, s.namespace))
	s.must("deploy", s.Deploy, s.at(50)) // 4, 2 and 1: the last pod of either is refused
	o := s.until(s.at(50), "a pod to be refused", func(o rollout.Observed) bool { return strings.Contains(o.Progress, "exceeded quota") })
	if o.Ready {
		s.Errorf("observed %+v", o)
	}
}

func freshForeign(s *routeScene) {
	s.apply(strings.SplitN(strings.ReplaceAll(appOf("-baseline", "v1"), "progressDeadlineSeconds: 60", "replicas: 1"), "---\n", 2)[0])
	s.work.Stable = s.observe(s.work).Split.Serving()[0].Revision
	const text = "somebody else has made it, and compare.fresh needs the name: delete it or give it another name"
	found, err := s.Check(s.ctx, s.at(25))
	if err != nil || len(found) != 1 || found[0].Path != "Deployment/shop-baseline" || found[0].Text != text {
		s.Errorf("preflight finds %v, %v", found, err)
	}
	if err := s.Deploy(s.ctx, s.at(25)); rollout.KindOf(err) != rollout.Conflict || !strings.Contains(err.Error(), text) {
		s.Errorf("deploy ends with %v", err)
	}
	for what, do := range map[string]func() error{
		"restore": func() error { return s.Restore(s.ctx, s.at(0)) },
		"remove":  func() error { return s.Remove(s.ctx, s.at(0)) },
	} {
		if err := do(); err != nil {
			s.Errorf("%s: %v", what, err)
		}
	}
	if d := s.deployment("shop-baseline"); d.DeletionTimestamp != nil || *d.Spec.Replicas != 1 {
		s.Errorf("it was changed: %v", d)
	}
}

// freshOwn: the pipeline's own manifest has a Deployment of that name, which then is live too.
func freshOwn(s *routeScene) {
	own := strings.SplitN(strings.ReplaceAll(appOf("-baseline", "v1"), "progressDeadlineSeconds: 60", "replicas: 1"), "---\n", 2)[0]
	s.begin()
	s.must("remove", s.Remove, s.at(0))
	s.until(s.at(0), "the canary to be gone", func(o rollout.Observed) bool { return o.Settled })
	both := s.at(25)
	both.Manifests = []string{s.store(own)}
	const text = "it is no fresh pods of stable, and compare.fresh needs the name: give it another name"
	for _, w := range []activities.Work{both, s.at(25)} {
		found, err := s.Check(s.ctx, w)
		if err != nil || len(found) != 1 || found[0].Path != "Deployment/shop-baseline" || found[0].Text != text {
			s.Errorf("preflight finds %v, %v", found, err)
		}
		s.apply(strings.Replace(own, "{name: shop-baseline}", "{name: shop-baseline, annotations: {serin.dev/pipeline: shop, serin.dev/rollout: v1-to-prod-0001}}", 1))
	}
	if err := s.Deploy(s.ctx, s.at(25)); rollout.KindOf(err) != rollout.Conflict || !strings.Contains(err.Error(), text) {
		s.Errorf("deploy ends with %v", err)
	}
	s.must("settle", s.SetWeight, s.at(0))
	s.must("restore", s.Restore, s.at(0))
	s.must("remove", s.Remove, s.at(0))
	if d := s.deployment("shop-baseline"); d.DeletionTimestamp != nil || *d.Spec.Replicas != 1 {
		s.Errorf("it was changed: %v", d)
	}
}

// freshKept: the worker may no longer patch pods.
func freshKept(s *routeScene) {
	s.begin()
	s.shift(s.at(50))
	s.wantTwin(2, 2)
	s.work.Target.Cluster = &rollout.Cluster{
		Kubeconfig: checkCase{roles: []string{"gateway"}}.worker(s.T, s.cluster, s.namespace), Namespace: s.namespace,
	}
	s.must("restore", s.Restore, s.at(0))
	if o := s.observe(s.at(0)); o.Split.String() != s.work.Stable+" 100%" {
		s.Errorf("observed %+v", o)
	}
	s.wantTwin(2, 2)
	if err := s.Remove(s.ctx, s.at(0)); rollout.KindOf(err) != rollout.Denied {
		s.Errorf("remove ends with %v, want what it lacks", err)
	}
	s.wantTwin(2, 2)
}

// freshStuck: the Service lists also pods that are not ready, and one of them has a finalizer that nobody removes.
func freshStuck(s *routeScene) {
	s.patchService(`{"spec": {"publishNotReadyAddresses": true}}`)
	s.begin()
	s.wantTwin(1, 1)
	own := s.twinPods()
	s.hold(own[0], `["serin.test/stuck"]`)
	if err := s.cluster.Client.CoreV1().Pods(s.namespace).Delete(s.ctx, own[0], metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.wantTwin(1, 1)
	s.wantListed(own, 1)
	s.must("remove", s.Remove, s.at(0))
	s.wantListed(own, 0)
	s.hold(own[0], "null")
	s.until(s.at(0), "the canary to be gone", func(o rollout.Observed) bool { return o.Settled })
	s.wantNoTwin()
}

// freshLingers: the next rollout settles, which is how a rollback begins.
func freshLingers(s *routeScene) {
	s.begin()
	s.wantTwin(1, 1)
	own := s.twinPods()
	s.hold(own[0], `["serin.test/stuck"]`)
	s.work.Rollout = "v1-to-prod-0002"
	s.must("settle", s.SetWeight, s.at(0))
	s.until(s.at(0), "the split to be settled", func(o rollout.Observed) bool { return o.Settled })
	s.wantListed(own, 0)
	s.hold(own[0], "null")
	s.must("remove", s.Remove, s.at(0))
	s.until(s.at(0), "the canary to be gone", func(o rollout.Observed) bool { return o.Settled })
	s.wantNoTwin()
}

// hold gives a pod finalizers, as JSON, or takes them from it.
func (s *routeScene) hold(pod, finalizers string) {
	s.Helper()
	body := []byte(`{"metadata": {"finalizers": ` + finalizers + `}}`)
	if _, err := s.cluster.Client.CoreV1().Pods(s.namespace).Patch(s.ctx, pod, types.MergePatchType, body, metav1.PatchOptions{}); err != nil {
		s.Fatal(err)
	}
}

// freshUnselected: nobody takes out of its EndpointSlices what is in them.
func freshUnselected(s *routeScene) {
	s.begin()
	s.wantTwin(1, 1)
	s.patchService(`{"spec": {"selector": null}}`)
	s.must("remove", s.Remove, s.at(0))
	s.until(s.at(0), "the canary to be gone", func(o rollout.Observed) bool { return o.Settled })
	s.wantNoTwin()
}

func (s *routeScene) patchService(patch string) {
	s.Helper()
	if _, err := s.cluster.Client.CoreV1().Services(s.namespace).Patch(s.ctx, "shop", types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		s.Fatal(err)
	}
}

// wantTwin waits until the twin has so many pods ready, and the Service so many of them beside the
// original's four, and holds that no other Deployment has taken them.
func (s *routeScene) wantTwin(pods, listed int) {
	s.Helper()
	s.await(deploymentResource(), "shop-baseline", func(o *unstructured.Unstructured) bool {
		ready, _, _ := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
		all, _, _ := unstructured.NestedInt64(o.Object, "status", "replicas")
		return ready == int64(pods) && all == ready
	})
	if d := s.deployment("shop-baseline"); *d.Spec.Replicas != int32(pods) {
		s.Errorf("it has %d replicas, want %d", *d.Spec.Replicas, pods)
	}
	own := s.twinPods()
	if len(own) != pods {
		s.Errorf("it has pods %v, want %d", own, pods)
	}
	s.wantListed(own, listed)
	sets, err := s.cluster.Client.AppsV1().ReplicaSets(s.namespace).List(s.ctx, metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	for _, rs := range sets.Items {
		if owner := metav1.GetControllerOf(&rs); owner == nil || !strings.HasPrefix(rs.Name, owner.Name+"-") || strings.Count(rs.Name, "-") != strings.Count(owner.Name, "-")+1 {
			s.Errorf("replicaset %s is owned by %v", rs.Name, owner)
		}
	}
}

// twinPods are the names of the twin's pods that do not end.
func (s *routeScene) twinPods() (out []string) {
	s.Helper()
	list, err := s.cluster.Client.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: "serin.dev/track=baseline"})
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			out = append(out, p.Name)
		}
		if !strings.HasPrefix(p.Name, "shop-baseline-") {
			s.Errorf("pod %s has their labels", p.Name)
		}
	}
	slices.Sort(out)
	return out
}

// wantListed waits until the Service lists so many of the pods.
func (s *routeScene) wantListed(pods []string, want int) {
	s.Helper()
	w, err := s.cluster.Client.DiscoveryV1().EndpointSlices(s.namespace).Watch(s.ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=shop"})
	if err != nil {
		s.Fatal(err)
	}
	defer w.Stop()
	for s.listed(pods) != want {
		if _, open := <-w.ResultChan(); !open {
			s.Fatalf("the Service lists %d pods of it, want %d", s.listed(pods), want)
		}
	}
}

// listed counts those of the pods that are endpoints of the Service.
func (s *routeScene) listed(pods []string) (n int) {
	s.Helper()
	list, err := s.cluster.Client.DiscoveryV1().EndpointSlices(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=shop"})
	if err != nil {
		s.Fatal(err)
	}
	for _, slice := range list.Items {
		for _, e := range slice.Endpoints {
			if e.TargetRef != nil && slices.Contains(pods, e.TargetRef.Name) {
				n++
			}
		}
	}
	return n
}

func (s *routeScene) wantNoTwin() {
	s.Helper()
	_, err := s.cluster.Client.AppsV1().Deployments(s.namespace).Get(s.ctx, "shop-baseline", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		s.Errorf("it is still there: %v", err)
	}
}

func (s *routeScene) deployment(name string) *appsv1.Deployment {
	s.Helper()
	d, err := s.cluster.Client.AppsV1().Deployments(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return d
}

func (s *routeScene) service(name string) *corev1.Service {
	s.Helper()
	svc, err := s.cluster.Client.CoreV1().Services(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return svc
}

// writes are what the provider has written since, in order. A pod's name is anybody's guess.
func (s *routeScene) writes(since time.Time) (out []string) {
	s.Helper()
	all, err := s.cluster.Requests(s.ctx, since)
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range all {
		if r.UserAgent != "serin" || r.Namespace != s.namespace || slices.Contains([]string{"get", "list", "watch"}, r.Verb) {
			continue
		}
		e := r.Verb + " " + r.Resource
		if r.Resource != "pods" {
			e += "/" + r.Name
		}
		out = append(out, e)
	}
	return out
}
