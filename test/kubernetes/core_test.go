package kubernetes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

func TestCoreOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for name, scene := range map[string]func(*coreScene){
		"a standard release is applied whole":      coreStandard,
		"kubectl's fields are taken over":          coreTakenOver,
		"an autoscaled number of pods stays":       coreReplicas,
		"a failed job fails the release":           coreJob,
		"a custom canary goes back as a whole":     coreCustom,
		"a gateway canary stays within its budget": coreBudget,
		"with copies it stays within its budget":   coreBudgetWithCopies,
		"what may not be read is denied at once":   coreDenied,
		"a retry makes another revision":           coreRetry,
		"others label it all the time":             coreTorn,
		"what the network loses is found again":    coreLost,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scene(openCore(t, c))
		})
	}
}

func coreStandard(s *coreScene) {
	manifest := func(version string) string {
		return coreDeployment("shop", version, "replicas: 2") + coreService("shop") + coreBell
	}
	w := s.release(1, manifest("v1"))
	if o := s.observe(w); o.Exists || o.Revision != "shop-1111111111" || !o.Settled || !o.StableReady {
		s.Errorf("where nothing is, observed %+v", o)
	}
	if spec, err := s.Record(s.ctx, w); err != nil || spec != nil {
		s.Errorf("where nothing is, the record is %q, %v", spec, err)
	}
	o := s.promote(w)
	if got := o.Split.String(); got != "shop-1111111111 100%" || o.By != "serin" || o.Generation == 0 {
		s.Errorf("observed %+v, want v1 to have everything", o)
	}
	if s.live("bells", "shop") == nil {
		s.Error("the manifest's own kind was not applied")
	}
	s.began = time.Now()
	s.promote(w)
	s.wantNoWrites("the same again")

	second := s.release(2, manifest("v2"))
	second.Stable = o.Revision
	s.keepBaseline(&second)
	if o = s.observe(second); !o.StableReady || o.Ready {
		s.Errorf("before the second release, observed %+v", o)
	}
	o = s.promote(second)
	if got := o.Split.String(); got != "shop-2222222222 100%" {
		s.Errorf("split is %s, want v2", got)
	}
	if got := s.live("services", "shop").GetAnnotations()["serin.dev/rollout"]; got != second.Rollout {
		s.Errorf("the service is stamped with rollout %q", got)
	}
	stranger := s.release(3, manifest("v3"))
	stranger.Pipeline, stranger.Stable = "other", ""
	if kind := rollout.KindOf(s.Promote(s.ctx, stranger)); kind != rollout.Conflict {
		s.Errorf("another pipeline's release ends with %q, want Conflict", kind)
	}
}

// coreTakenOver: what kubectl has applied and the manifest no longer says goes away.
func coreTakenOver(s *coreScene) {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "shop"},
		"data": map[string]any{"old": "1", "kept": "1"},
	}}
	client := s.cluster.Dynamic.Resource(coreResource("configmaps")).Namespace(s.namespace)
	if _, err := client.Create(s.ctx, o, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}); err != nil {
		s.Fatal(err)
	}
	if _, err := client.Patch(s.ctx, "shop", types.MergePatchType, []byte(`{"data":{"others":"1"}}`), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		s.Fatal(err)
	}
	apply := func(n int, data string) {
		s.promote(s.release(n, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: "+data+"\n"))
	}
	apply(1, "{kept: '1', new: '1'}")
	s.wantData("kept,new,others")
	apply(2, "{kept: '1'}")
	s.wantData("kept,others")
}

func (s *coreScene) wantData(want string) {
	s.Helper()
	data, _, _ := unstructured.NestedMap(s.live("configmaps", "shop").Object, "data")
	var keys []string
	for k := range data {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if got := strings.Join(keys, ","); got != want {
		s.Errorf("data has %s, want %s", got, want)
	}
}

// coreReplicas: a manifest that stops to say the number of pods does not reset it.
func coreReplicas(s *coreScene) {
	s.promote(s.release(1, coreDeployment("shop", "v1", "replicas: 3")))
	s.promote(s.release(2, coreDeployment("shop", "v2")))
	if n, _, _ := unstructured.NestedInt64(s.live("deployments", "shop").Object, "spec", "replicas"); n != 3 {
		s.Errorf("the deployment asks for %d pods, want 3", n)
	}
}

func coreJob(s *coreScene) {
	const job = `apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  backoffLimit: 0
  activeDeadlineSeconds: %d
  template:
    spec:
      restartPolicy: Never
      %s
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers: [{name: app, image: "serin.test/app:v1"}]
`
	w := s.release(1, fmt.Sprintf(job, 1, "nodeSelector: {type: nowhere}"))
	s.must("promote", s.Promote, w)
	o := s.until(w, "the failure", func(o rollout.Observed) bool { return o.Failure != "" })
	if o.Ready || !strings.Contains(o.Failure, "job/migrate in "+s.namespace) {
		s.Errorf("observed %+v, want the job's failure", o)
	}
	first := s.live("jobs", "migrate").GetUID()
	s.must("promote again", s.Promote, w)
	if s.live("jobs", "migrate").GetUID() != first {
		s.Error("the same attempt has run the job again")
	}
	w.Attempt = 2
	s.must("promote in another attempt", s.Promote, w)
	if s.live("jobs", "migrate").GetUID() == first {
		s.Error("another attempt has not run the job again")
	}
	second := s.release(2, fmt.Sprintf(job, 60, "nodeSelector: {type: kwok}"))
	s.until(w, "the job to end", func(o rollout.Observed) bool { return o.Failure != "" })
	s.promote(second)
	done := s.live("jobs", "migrate").GetUID()
	s.promote(second)
	if s.live("jobs", "migrate").GetUID() != done {
		s.Error("a job that is done has run again")
	}
}

// coreCustom: a custom canary's phases apply manifests of their own; a restore applies that of
// the stable release and takes away what only these phases have made.
func coreCustom(s *coreScene) {
	first := s.release(1, coreDeployment("shop", "v1", "replicas: 2")+coreService("shop"))
	o := s.promote(first)

	w := s.release(2, coreDeployment("shop", "v1", "replicas: 2")+coreService("shop")+coreDeployment("shop-beta", "v2", "replicas: 1"))
	last := s.store(coreDeployment("shop", "v2", "replicas: 2") + coreService("shop"))
	w.Custom, w.Promotion, w.Phase, w.Weight = true, false, "canary-25", 25
	w.Stable, w.Manifests = o.Revision, []string{w.Manifest, last}
	s.keepBaseline(&w)
	s.must("deploy", s.Deploy, w)
	s.until(w, "the canary", coreReady)
	s.must("set weight", s.SetWeight, w)
	o = s.observe(w)
	if got := o.Split.String(); got != "shop-1111111111 75%, shop-2222222222 25%" || !o.Assumed {
		s.Errorf("observed %+v, want the configured split", o)
	}
	w.Weight = 0
	if kind := rollout.KindOf(s.Restore(s.ctx, w)); kind != rollout.Refused {
		s.Errorf("without a recorded manifest a restore ends with %q, want Refused", kind)
	}
	w.StableManifest = first.Manifest
	s.must("restore", s.Restore, w)
	o = s.until(w, "the stable release", coreSettled)
	if got := o.Split.String(); got != "shop-1111111111 100%" {
		s.Errorf("restored, the split is %s", got)
	}
	s.wantGone("deployments", "shop-beta")
	s.began = time.Now()
	s.must("restore again", s.Restore, w)
	s.wantNoWrites("a restore again")
}

// coreDenied: a worker without a permission learns it at once, not after a wait.
func coreDenied(s *coreScene) {
	w := s.release(1, coreDeployment("shop", "v1"))
	w.Target.Cluster = &rollout.Cluster{Kubeconfig: s.cluster.Kubeconfig, Context: "nowhere", Namespace: s.namespace}
	if _, err := s.Observe(s.ctx, w); rollout.KindOf(err) != rollout.NotFound {
		s.Errorf("a context that does not exist ends with %v, want NotFound", err)
	}
	w.Target.Cluster = &rollout.Cluster{Kubeconfig: s.kubeconfigOf("nobody"), Namespace: s.namespace}
	began := time.Now()
	_, err := s.Observe(s.ctx, w)
	if rollout.KindOf(err) != rollout.Denied || !strings.Contains(err.Error(), "deployment/shop in "+s.namespace) {
		s.Errorf("without a permission it ends with %v, want Denied", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		s.Errorf("the refusal took %s", took)
	}
}
