package traffic_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// standardFiles are one manifest whose objects come in the wrong order.
func standardFiles(version string) map[string]string {
	deployment := strings.Replace(app(version), "          ports:\n", `          envFrom:
            - configMapRef: {name: shop-config}
            - secretRef: {name: shop-secret}
          ports:
`, 1)
	return map[string]string{
		"b.yaml": deployment + "---\n" + route("m-standard"),
		"a.yaml": strings.NewReplacer("VERSION", version, "SIZE", strings.TrimPrefix(version, "v")).Replace(`apiVersion: batch/v1
kind: Job
metadata: {name: migrate, labels: {version: VERSION}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: job
          image: serin.test/job:0
          env:
            - {name: DURATION, value: 2s}
            - {name: TO, value: VERSION}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  replicas: 2
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      containers:
        - {name: app, image: "serin.test/app:VERSION", readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: store}
spec:
  clusterIP: None
  selector: {app: store}
  ports: [{port: 8080}]
---
apiVersion: standard.serin.test/v1
kind: Widget
metadata: {name: shop}
spec: {size: SIZE}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.standard.serin.test}
spec:
  group: standard.serin.test
  scope: Namespaced
  names: {kind: Widget, singular: widget, plural: widgets}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: v1
kind: Secret
metadata: {name: shop-secret}
stringData: {PASSWORD: VERSION}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop-config}
data: {COLOR: VERSION}
`),
	}
}

// standardRights are those that the manifest needs besides the ones of the role: its own kind, and the making of kinds.
const standardRights = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: widgets, namespace: m-standard}
rules:
  - {apiGroups: [standard.serin.test], resources: [widgets], verbs: [get, list, watch, create, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: widgets, namespace: m-standard}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: widgets}
subjects: [{kind: ServiceAccount, name: serin-worker, namespace: m-standard}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: m-standard-kinds}
rules:
  - {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [get, list, watch, create, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: m-standard-kinds}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: m-standard-kinds}
subjects: [{kind: ServiceAccount, name: serin-worker, namespace: m-standard}]
`

// standard: one manifest with objects of many kinds is applied in the order that they need, and waited for.
func standard(t *testing.T, s site) {
	t.Helper()
	sc := s.make(t, "m-standard", options{role: "manifests", files: standardFiles})
	sc.must(s.cluster.Apply(sc.Ctx, standardRights))
	before, _, _ := strings.Cut(string(pipelineYAML("m-standard", "", sc.kubeconfig, rollout.DefaultTaskQueue)), "        canary:")
	_, target, _ := strings.Cut(string(pipelineYAML("m-standard", "", sc.kubeconfig, rollout.DefaultTaskQueue)), "---")
	sc.Driver.Apply([]byte(before + "        standard: {}\n---" + target))
	since := time.Now()
	sc.begin("/env/COLOR")
	sc.standing(1)
	sc.inOrder(since, "customresourcedefinitions", "configmaps", "services", "widgets", "statefulsets", "jobs", "httproutes")
	sc.setWidget(1)

	v2 := sc.Release("v2", sc.files("v2"))
	widget := func(o *unstructured.Unstructured) bool { return o.GetGeneration() == 2 }
	sc.must(s.cluster.Wait(sc.Ctx, widgets(), key(sc.namespace, "shop"), widget))
	sc.must(s.cluster.Wait(sc.Ctx, jobs(), key(sc.namespace, "migrate"), ofVersion("v2", 1)))
	sc.must(s.cluster.Wait(sc.Ctx, statefulSets(), key(sc.namespace, "store"), updated))
	sc.must(s.cluster.Wait(sc.Ctx, deployments(), key(sc.namespace, service), updated))
	if got := sc.Read(v2); got.State != rollout.StateInProgress {
		t.Errorf("v2 is %s before its custom resource is ready", got.State)
	}
	sc.setWidget(2)
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.only(sc.load, "v2", "v2")

	files := sc.files("v3")
	files["a.yaml"] = strings.Replace(files["a.yaml"], "serin.test/job:0", "serin.test/job:7", 1)
	got := sc.Until(sc.Release("v3", files), drive.In(rollout.StateFailed))
	if !strings.Contains(got.Failure, "migrate") || !strings.Contains(got.Failure, "specified backoff limit") {
		t.Errorf("it is not said in the Job's own words: %s", got.Failure)
	}
	sc.end()
}

// standing wants all that a release waits for to be so.
func (s *scene) standing(generation int64) {
	s.T.Helper()
	for what, ok := range map[string]bool{
		"the Job has ended":               ofVersion(fmt.Sprintf("v%d", generation), 1)(s.one(jobs(), "migrate")),
		"the StatefulSet is rolled out":   updated(s.one(statefulSets(), "store")),
		"the Deployment is rolled out":    updated(s.one(deployments(), service)),
		"the custom resource was applied": s.one(widgets(), "shop").GetGeneration() == generation,
	} {
		if !ok {
			s.T.Errorf("it does not hold that %s", what)
		}
	}
}

// one is a live object, which has to be there.
func (s *scene) one(resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	s.T.Helper()
	o, err := s.cluster.Dynamic.Resource(resource).Namespace(s.namespace).Get(s.Ctx, name, metav1.GetOptions{})
	s.must(err)
	return o
}

// inOrder wants the worker to have written each of these resources first after the one before.
func (s *scene) inOrder(since time.Time, want ...string) {
	s.T.Helper()
	own, err := s.cluster.Requests(s.Ctx, since)
	s.must(err)
	var got []string
	for _, r := range own {
		if r.Verb == "patch" && strings.HasPrefix(r.User, "system:serviceaccount:"+s.namespace+":") && !strings.Contains(r.URI, "dryRun") &&
			slices.Contains(want, r.Resource) && !slices.Contains(got, r.Resource) {
			got = append(got, r.Resource)
		}
	}
	if !slices.Equal(got, want) {
		s.T.Errorf("it was applied in the order %v, want %v", got, want)
	}
}

// setWidget is the controller of the custom resource: it has taken a generation.
func (s *scene) setWidget(generation int64) {
	s.T.Helper()
	o := s.one(widgets(), "shop")
	o.Object["status"] = map[string]any{
		"observedGeneration": generation, "conditions": []any{map[string]any{"type": "Ready", "status": "True"}},
	}
	_, err := s.cluster.Dynamic.Resource(widgets()).Namespace(s.namespace).UpdateStatus(s.Ctx, o, metav1.UpdateOptions{})
	s.must(err)
}

func widgets() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "standard.serin.test", Version: "v1", Resource: "widgets"}
}

func jobs() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
}

func statefulSets() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
}

// ofVersion is a condition: the Job of a version has so many pods that succeeded.
func ofVersion(version string, succeeded int64) func(*unstructured.Unstructured) bool {
	return func(o *unstructured.Unstructured) bool {
		n, _, _ := unstructured.NestedInt64(o.Object, "status", "succeeded")
		return o.GetLabels()["version"] == version && n == succeeded
	}
}

// updated is a condition: all pods of a workload are of its last template, and ready.
func updated(o *unstructured.Unstructured) bool {
	number := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(o.Object, path...)
		return n
	}
	want := number("spec", "replicas")
	return o.GetGeneration() == number("status", "observedGeneration") && number("status", "updatedReplicas") == want &&
		number("status", "readyReplicas") == want && number("status", "replicas") == want
}
