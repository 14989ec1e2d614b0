package kubernetes_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/kubernetes"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/kube"
)

// readyPatience is more than a pod's trouble may stand before it is a failure.
const readyPatience = 2 * time.Minute

// TestReadinessOnARealAPIServer deploys what cannot become ready: real controllers, and
// containers that are processes.
func TestReadinessOnARealAPIServer(t *testing.T) {
	t.Parallel()
	c := kube.Start(t, kube.Options{})
	for _, row := range []struct {
		name   string
		before string // is there first
		fields string // of the pods' spec
		more   string // of the Deployment's spec
		want   []string
	}{{
		name: "crash", fields: "containers: [{name: app, image: 'serin.test/crash:1'}]",
		want: []string{"container app of pod shop-", "crashes (", "exit code 1, Error"},
	}, {
		name: "crash-at-first", fields: "initContainers: [{name: migrate, image: 'serin.test/job:3'}]\n      containers: [{name: app, image: 'serin.test/app:v1'}]",
		want: []string{"container migrate of pod shop-", "crashes (", "exit code 3"},
	}, {
		name: "missing-image", fields: "containers: [{name: app, image: 'serin.test/missing:v1'}]",
		want: []string{"container app of pod shop-", ": ImagePullBackOff: Back-off pulling image", "serin.test/missing:v1: not found"},
	}, {
		name: "missing-settings", fields: "containers: [{name: app, image: 'serin.test/app:v1', envFrom: [{configMapRef: {name: settings}}]}]",
		want: []string{"container app of pod shop-", `: CreateContainerConfigError: configmap "settings" not found`},
	}, {
		name:   "quota",
		before: "{apiVersion: v1, kind: ResourceQuota, metadata: {name: few}, spec: {hard: {pods: 1}}}",
		more:   "replicas: 2", fields: "containers: [{name: app, image: 'serin.test/app:v1'}]",
		want: []string{"deployment shop cannot make pods: FailedCreate: ", "exceeded quota: few"},
	}, {
		name: "nowhere", fields: "nodeSelector: {disk: fast}\n      containers: [{name: app, image: 'serin.test/app:v1'}]",
		want: []string{"pod shop-", " cannot be scheduled: 0/", "didn't match Pod's node affinity/selector"},
	}, {
		name: "deadline", more: "progressDeadlineSeconds: 3",
		fields: "containers: [{name: app, image: 'serin.test/app:v1', env: [{name: START_DELAY, value: 10m}], readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}}]",
		want:   []string{"deployment shop exceeded its progress deadline: ReplicaSet", "0 of 1 pod of deployment shop available; pod shop-", "runs, but container app is not ready"},
	}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := openReady(t, c, "ready-"+row.name)
			if row.before != "" {
				s.apply(row.before)
			}
			began := time.Now()
			o := s.deploy("v1", row.more, row.fields)
			if !s.reaches(&o, func(o rollout.Observed) bool { return o.Failure != "" }) {
				t.Fatalf("after %s it is %+v", time.Since(began), o)
			}
			t.Logf("after %s: %s", time.Since(began).Round(time.Second), o.Failure)
			for _, part := range row.want {
				if !strings.Contains(o.Failure, part) {
					t.Errorf("failure is %q, want %q in it", o.Failure, part)
				}
			}
		})
	}
	t.Run("the pods that are replaced are not to blame", func(t *testing.T) {
		t.Parallel()
		openReady(t, c, "ready-replaced").replaces()
	})
	t.Run("an autoscaler that adds a node is waited for", func(t *testing.T) {
		t.Parallel()
		openReady(t, c, "ready-autoscaled").autoscaled()
	})
}

// readyScene is a pipeline without a canary in a namespace of its own.
type readyScene struct {
	*testing.T
	*kubernetes.Provider
	ctx       context.Context
	cluster   *kube.Cluster
	artifacts *fake.Artifacts
	namespace string
	work      activities.Work
}

func openReady(t *testing.T, c *kube.Cluster, namespace string) *readyScene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyPatience)
	t.Cleanup(cancel)
	s := &readyScene{T: t, ctx: ctx, cluster: c, artifacts: &fake.Artifacts{}, namespace: namespace}
	s.Provider = kubernetes.New(s.artifacts, kubernetes.Options{})
	t.Cleanup(s.Close)
	if err := c.Apply(ctx, "{apiVersion: v1, kind: Namespace, metadata: {name: "+namespace+"}}"); err != nil {
		t.Fatal(err)
	}
	return s
}

// apply makes an object of somebody else's, written in one line.
func (s *readyScene) apply(object string) {
	s.Helper()
	object = strings.Replace(object, "metadata: {", "metadata: {namespace: "+s.namespace+", ", 1)
	if err := s.cluster.Apply(s.ctx, object); err != nil {
		s.Fatal(err)
	}
}

// deploy deploys a release with these pods, and says what is seen then.
func (s *readyScene) deploy(release, more, fields string) rollout.Observed {
	s.Helper()
	if more != "" {
		more = "\n  " + more
	}
	manifest := fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:%s
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop, release: %s}}
    spec:
      terminationGracePeriodSeconds: 1
      %s
`, more, release, fields)
	digest, err := s.artifacts.Put(s.ctx, []byte(manifest))
	if err != nil {
		s.Fatal(err)
	}
	s.work = activities.Work{
		Rollout: release + "-to-prod-0001", Pipeline: "shop", Release: release, Digest: digest, Manifest: digest,
		Phase: rollout.StablePhase, Weight: 100, Promotion: true,
		Target: rollout.Target{
			Name: "prod", Runtime: rollout.RuntimeKubernetes,
			Cluster: &rollout.Cluster{Kubeconfig: s.cluster.Kubeconfig, Namespace: s.namespace},
		},
	}
	if err := s.Promote(s.ctx, s.work); err != nil {
		s.Fatal(err)
	}
	return s.observe()
}

func (s *readyScene) observe() rollout.Observed {
	s.Helper()
	o, err := s.Observe(s.ctx, s.work)
	if err != nil {
		s.Fatal(err)
	}
	return o
}

// reaches watches until met holds of o, and reports false when the time is up.
func (s *readyScene) reaches(o *rollout.Observed, met func(rollout.Observed) bool) bool {
	s.Helper()
	for !met(*o) {
		err := s.Changed(s.ctx, s.work, *o)
		if s.ctx.Err() != nil {
			return false
		}
		if err != nil {
			s.Fatal(err)
		}
		*o = s.observe()
	}
	return true
}

func (s *readyScene) replaces() {
	o := s.deploy("v1", "replicas: 2", "containers: [{name: app, image: 'serin.test/crash:1'}]")
	if !s.reaches(&o, func(o rollout.Observed) bool { return o.Failure != "" }) {
		s.Fatalf("v1 is %+v", o)
	}
	o = s.deploy("v2", "replicas: 2", "containers: [{name: app, image: 'serin.test/app:v2', env: [{name: START_DELAY, value: 3s}], readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}}]")
	if !s.reaches(&o, func(o rollout.Observed) bool { return o.Ready || o.Failure != "" }) || o.Failure != "" {
		s.Errorf("v2 is %+v, want it ready", o)
	}
}

func (s *readyScene) autoscaled() {
	o := s.deploy("v1", "", "nodeSelector: {disk: fast}\n      containers: [{name: app, image: 'serin.test/app:v1'}]")
	if !s.reaches(&o, func(o rollout.Observed) bool { return strings.Contains(o.Progress, "cannot be scheduled") }) {
		s.Fatalf("it is %+v", o)
	}
	pods, err := s.cluster.Client.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{})
	if err != nil || len(pods.Items) != 1 {
		s.Fatalf("%d pods, %v", len(pods.Items), err)
	}
	p := pods.Items[0]
	_, err = s.cluster.Client.CoreV1().Events(s.namespace).Create(s.ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "scale-up", Namespace: s.namespace},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID, APIVersion: "v1"},
		Reason:         "TriggeredScaleUp", Message: "pod triggered scale-up: [{pool 1->2 (max: 5)}]", Type: "Normal",
		Source: corev1.EventSource{Component: "cluster-autoscaler"}, LastTimestamp: metav1.Now(),
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	met := func(o rollout.Observed) bool {
		return o.Failure != "" || strings.Contains(o.Progress, "TriggeredScaleUp")
	}
	if !s.reaches(&o, met) || o.Failure != "" {
		s.Errorf("it is %+v, want it to be waited for", o)
	}
}
