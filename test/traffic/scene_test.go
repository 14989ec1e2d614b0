package traffic_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/fault"
	"github.com/serin-dev/serin/test/kube"
	"github.com/serin-dev/serin/test/load"
	"github.com/serin-dev/serin/test/world"
)

const (
	// patience is how long a scene may take.
	patience = 5 * time.Minute
	// tolerance of a share is in points.
	tolerance = 5
)

// site is what all scenes share.
type site struct {
	cluster *kube.Cluster
	world   *world.World
	report  *report
}

// scene is a pipeline in a namespace of the same name.
type scene struct {
	*drive.Driver
	site
	namespace  string
	kubeconfig string
	load       *load.Load
	law        *law
	worker     *world.Process // of the target's own queue
	proxy      *fault.Proxy   // between the worker and the API server; nil for most
	shared     bool           // both Deployments are behind one Service
	files      func(version string) map[string]string
	sample     int // how many answers a share is judged by
	shares     []share
}

// options are how a scene differs from a canary by an HTTPRoute.
type options struct {
	canary string // below canary:
	role   string // the files in deploy/kubernetes/rbac, with spaces between; "" is gateway
	queue  string // of the target; "" is the default
	host   string // of the requests; "" is NAMESPACE.test
	setup  string // is there before v1
	fault  bool   // the worker goes through a proxy
	rate   int    // requests per second; 0 is 300
	shared bool
	files  func(version string) map[string]string
}

// open makes a scene in which v1 serves and requests come.
func (s site) open(tb testing.TB, namespace string, o options) *scene {
	tb.Helper()
	sc := s.make(tb, namespace, o)
	sc.law = watchLaw(sc.Ctx, tb, s.cluster, namespace)
	sc.Until(sc.Release("v1", sc.files("v1")), drive.In(rollout.StateSucceeded))
	sc.load = load.Start(sc.Ctx, load.Options{
		URL: "http://" + s.cluster.Gateway + "/", Host: or(o.host, namespace+".test"), Answer: "X-Version", Rate: o.rate,
	})
	return sc
}

// make makes the namespace with the worker's account in it, and applies the pipeline.
func (s site) make(tb testing.TB, namespace string, o options) *scene {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	sc := &scene{
		site: s, namespace: namespace, shared: o.shared, files: o.files, sample: 1000,
		Driver: &drive.Driver{T: tb, Ctx: ctx, World: s.world, Pipeline: namespace, Target: namespace + "-prod"},
	}
	if sc.files == nil {
		sc.files = func(version string) map[string]string {
			return manifestFiles(namespace, version)
		}
	}
	sc.must(s.cluster.Apply(ctx, place(namespace)))
	sc.must(s.cluster.Apply(ctx, o.setup))
	if o.fault {
		sc.sample = 200 // the gateway deals shares out evenly
		var err error
		sc.proxy, err = fault.New(s.cluster.Config)
		sc.must(err)
		tb.Cleanup(sc.proxy.Close)
	}
	sc.kubeconfig = sc.account(or(o.role, "gateway"))
	queue := or(o.queue, rollout.DefaultTaskQueue)
	if o.canary == "" {
		o.canary = byGateway("")
	}
	if o.queue != "" {
		sc.newWorker(o.queue)
	}
	sc.Driver.Apply(pipelineYAML(namespace, o.canary, sc.kubeconfig, queue))
	return sc
}

func key(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// available is a condition of Wait: a Deployment has exactly so many pods available.
func available(n int64) func(*unstructured.Unstructured) bool {
	return func(o *unstructured.Unstructured) bool {
		got, _, _ := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
		all, _, _ := unstructured.NestedInt64(o.Object, "status", "replicas")
		return got == n && all == n
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (s *scene) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// share is what a phase was measured to give.
type share struct {
	Phase    string  `json:"phase"`
	Weight   int     `json:"weight"`
	Observed float64 `json:"observed"` // percent
	Answers  int     `json:"answers"`
}

// gives wants the release to answer its weight of the next requests, within the tolerance.
func (s *scene) gives(phase, release string, weight int) {
	s.T.Helper()
	answers, err := s.load.Next(s.Ctx, s.sample)
	s.must(err)
	sum := 0
	for _, n := range answers {
		sum += n
	}
	m := share{Phase: phase, Weight: weight, Observed: 100 * float64(answers[release]) / float64(sum), Answers: sum}
	s.shares = append(s.shares, m)
	if math.Abs(m.Observed-float64(weight)) > tolerance {
		s.T.Errorf("%s gives %s %.1f%%, want %d%% (%v)", phase, release, m.Observed, weight, answers)
	}
}

// through takes a rollout to each phase and measures what it gives, with weights by phase.
func (s *scene) through(name, release string, phases ...string) {
	s.T.Helper()
	for i, phase := range phases {
		weight := 0
		_, err := fmt.Sscanf(phase, "canary-%d", &weight)
		s.must(err)
		if i > 0 || phase != "canary-25" {
			s.Advance(name, phase)
		}
		s.Until(name, after(phase))
		s.gives(phase, release, weight)
	}
}

// end stops the load and holds the scene to the law: no request was lost.
func (s *scene) end() {
	s.T.Helper()
	got := s.load.Stop()
	breaches, routes := s.law.breaches(s.shared)
	for _, b := range breaches {
		s.T.Error(b)
	}
	if routes == 0 && !s.shared {
		s.T.Error("no state of a route was seen")
	}
	if len(got.Failed) > 0 {
		s.T.Errorf("%d of %d requests failed: %s", len(got.Failed), got.Requests, strings.Join(got.Failed[:min(5, len(got.Failed))], "\n  "))
	}
	s.site.report.add(result{Scene: s.namespace, Requests: got.Requests, Failed: len(got.Failed), Answers: got.Answers, Shares: s.shares})
}

// spec is the spec of an object, nil if it is not there.
func (s *scene) spec(resource schema.GroupVersionResource, name string) map[string]any {
	s.T.Helper()
	list, err := s.cluster.Dynamic.Resource(resource).Namespace(s.namespace).List(s.Ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	s.must(err)
	if len(list.Items) == 0 {
		return nil
	}
	spec, _, err := unstructured.NestedMap(list.Items[0].Object, "spec")
	s.must(err)
	return spec
}

// waitGone waits until no canary object is left.
func (s *scene) waitGone() {
	s.T.Helper()
	for _, r := range []schema.GroupVersionResource{
		{Group: "apps", Version: "v1", Resource: "deployments"}, {Version: "v1", Resource: "services"},
	} {
		if s.spec(r, canaryService) != nil {
			s.T.Errorf("%s %s is still there", r.Resource, canaryService)
		}
	}
}

func deployments() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
}

func (s *scene) scale(replicas int) {
	s.T.Helper()
	_, err := s.cluster.Dynamic.Resource(deployments()).Namespace(s.namespace).Patch(s.Ctx, service, types.MergePatchType,
		fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas), metav1.PatchOptions{FieldManager: "kubectl-scale"})
	s.must(err)
}
