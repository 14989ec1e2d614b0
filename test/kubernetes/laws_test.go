package kubernetes_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/activities/providertest"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/fault"
	"github.com/serin-dev/serin/test/kube"
)

// TestLawsOnARealAPIServer holds the provider to what every platform passes.
func TestLawsOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for name, k := range map[string]*rollout.Kubernetes{
		"by a route": coreGatewayPlan(),
		"by pods":    {Deployment: "shop", Service: "shop", SelectorLabel: "app", Pods: &rollout.Pods{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(t *testing.T) providertest.Harness {
				t.Helper()
				return openLaw(t, c, k).harness()
			})
		})
	}
}

// lawScene is an empty namespace behind a proxy, and who schedules pods there: what it
// holds gets no node, and what it fails crashes. All others run on a node that only
// pretends to run them.
type lawScene struct {
	*testing.T
	ctx       context.Context
	cluster   *kube.Cluster
	proxy     *fault.Proxy
	artifacts *fake.Artifacts
	namespace string
	target    rollout.Target
	plan      *rollout.Kubernetes

	mu      sync.Mutex
	writes  int
	breaks  lawBreak
	held    map[string]bool   // by release
	failing map[string]string // by release, why
	waiting []*corev1.Pod     // that are held
}

// lawBreak is which write breaks, and how; "" is none.
type lawBreak struct {
	write int
	kind  fault.Kind
}

func openLaw(t *testing.T, c *kube.Cluster, k *rollout.Kubernetes) *lawScene {
	t.Helper()
	s := &lawScene{
		T: t, ctx: t.Context(), cluster: c, artifacts: &fake.Artifacts{}, plan: k,
		held: map[string]bool{}, failing: map[string]string{},
	}
	var err error
	if s.proxy, err = fault.New(c.Config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.proxy.Close)
	s.proxy.Break(s.fate)
	ns, err := c.Client.CoreV1().Namespaces().Create(
		s.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "law-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.namespace = ns.Name
	if err = c.Apply(s.ctx, strings.ReplaceAll(coreGateway, "metadata: {name:", "metadata: {namespace: "+s.namespace+", name:")); err != nil {
		t.Fatal(err)
	}
	s.target = rollout.Target{
		Name: "prod", Runtime: rollout.RuntimeKubernetes,
		Cluster: &rollout.Cluster{Kubeconfig: s.kubeconfig(), Namespace: s.namespace},
	}
	s.schedule()
	return s
}

// kubeconfig is the admin's, by way of the proxy.
func (s *lawScene) kubeconfig() string {
	s.Helper()
	cfg, err := clientcmd.LoadFromFile(s.cluster.Kubeconfig)
	if err != nil {
		s.Fatal(err)
	}
	for _, c := range cfg.Clusters {
		c.Server, c.CertificateAuthority, c.CertificateAuthorityData = s.proxy.URL, "", s.proxy.CA
	}
	path := filepath.Join(s.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		s.Fatal(err)
	}
	return path
}

// fate counts the writes that the provider sends.
func (s *lawScene) fate(r *http.Request) fault.Kind {
	if !fault.IsWrite(r) {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.breaks.write == s.writes {
		return s.breaks.kind
	}
	return ""
}

func (s *lawScene) harness() providertest.Harness {
	p := kubernetes.New(s.artifacts, kubernetes.Options{})
	s.Cleanup(p.Close)
	return providertest.Harness{
		Platform: p, Forgets: true, Sized: s.plan.Pods != nil,
		Work: s.work,
		Promotion: func(w activities.Work) activities.Work {
			manifest := s.deployment("shop", w.Release) + coreService("shop")
			if s.plan.Gateway != nil {
				manifest += fmt.Sprintf(coreRoute, s.namespace)
			}
			w.Manifest = s.keep(manifest)
			return w
		},
		Keep:      func(spec []byte) string { return s.keep(string(spec)) },
		Hold:      func(release string) { s.decide(func() { s.held[release] = true }) },
		MakeReady: s.makeReady,
		Fail:      func(release, reason string) { s.decide(func() { s.failing[release] = reason }) },
		Meddle:    s.meddle,
		Break: func(skip int, when providertest.When) func() {
			kind := fault.Lost
			if when == providertest.After {
				kind = fault.Cut
			}
			s.decide(func() { s.breaks = lawBreak{s.writes + skip + 1, kind} })
			return func() { s.decide(func() { s.breaks = lawBreak{} }) }
		},
		Writes: func() (n int) {
			s.decide(func() { n = s.writes })
			return n
		},
	}
}

func (s *lawScene) decide(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
}

func (s *lawScene) work(release string) activities.Work {
	s.Helper()
	digest := sha256.Sum256([]byte(release))
	manifest := s.deployment("shop-canary", release)
	if s.plan.Pods != nil {
		manifest = strings.ReplaceAll(manifest, "{app: shop-canary}", "{app: shop, serin.dev/track: canary}")
	} else {
		manifest += coreService("shop-canary")
	}
	return activities.Work{
		Rollout: release + "-to-prod-0001", Pipeline: "web", Release: release, Digest: "sha256:" + hex.EncodeToString(digest[:]),
		Manifest: s.keep(manifest), Target: s.target, Kubernetes: s.plan,
	}
}

// deployment is one whose pods wait for this scene's scheduler.
func (s *lawScene) deployment(name, release string) string {
	return strings.ReplaceAll(coreDeployment(name, release, "replicas: 2"), "nodeSelector: {type: kwok}", "schedulerName: law")
}

func (s *lawScene) keep(content string) string {
	s.Helper()
	digest, err := s.artifacts.Put(s.ctx, []byte(content))
	if err != nil {
		s.Fatal(err)
	}
	return digest
}

// meddle lets somebody patch the route, or what the Service selects, so that the named
// revision gets everything.
func (s *lawScene) meddle(by, revision string) {
	s.Helper()
	var err error
	if s.plan.Pods != nil {
		patch := fmt.Sprintf(`{"spec":{"selector":{"pod-template-hash":%q}}}`, s.hash(revision))
		_, err = s.cluster.Client.CoreV1().Services(s.namespace).
			Patch(s.ctx, "shop", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: by})
	} else {
		err = s.reroute(by, revision)
	}
	if err != nil {
		s.Fatal(err)
	}
}

func (s *lawScene) reroute(by, revision string) error {
	s.Helper()
	client := s.cluster.Dynamic.Resource(coreResource("httproutes")).Namespace(s.namespace)
	route, err := client.Get(s.ctx, "shop", metav1.GetOptions{})
	if err != nil {
		return err
	}
	rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
	met := false
	for _, rule := range rules {
		fields, _ := rule.(map[string]any)
		backends, _ := fields["backendRefs"].([]any)
		for _, b := range backends {
			backend, _ := b.(map[string]any)
			name, _ := backend["name"].(string)
			backend["weight"] = int64(0)
			if s.runs(name) == revision {
				backend["weight"], met = int64(1), true
			}
		}
	}
	if !met {
		return fmt.Errorf("no rule leads to revision %s", revision)
	}
	if err = unstructured.SetNestedSlice(route.Object, rules, "spec", "rules"); err != nil {
		return err
	}
	_, err = client.Update(s.ctx, route, metav1.UpdateOptions{FieldManager: by})
	return err
}

// hash is the label of the pods of a revision.
func (s *lawScene) hash(revision string) string {
	s.Helper()
	list, err := s.cluster.Client.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	for _, pod := range list.Items {
		if lawRevision(pod.Annotations) == revision {
			return pod.Labels["pod-template-hash"]
		}
	}
	s.Fatalf("no pod is of revision %s", revision)
	return ""
}

// runs returns the revision of a Deployment.
func (s *lawScene) runs(deployment string) string {
	s.Helper()
	d, err := s.cluster.Client.AppsV1().Deployments(s.namespace).Get(s.ctx, deployment, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return lawRevision(d.Spec.Template.Annotations)
}

// lawRevision names the revision of a template with these annotations.
func lawRevision(annotations map[string]string) string {
	return "shop-" + annotations["serin.dev/release-digest"][:10]
}
