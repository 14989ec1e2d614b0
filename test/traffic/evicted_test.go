package traffic_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// verifiedFor is a canary whose phases are verified by a pod that runs for some seconds.
const verifiedFor = `          runtimeConfig:
            kubernetes:
              ` + byRoute + `
          canaryDeployment:
            percentages: [50]
            advance: {mode: automatic}
            verifyConfig:
              tasks:
                - container: {image: serin.test/job:0, env: {DURATION: 5s}}
`

// evicted: that the cluster takes a verifying pod's node away says nothing about the release. The requests
// stay where they are, a person lets it be verified again, and it goes on.
func evicted(t *testing.T, s site) {
	t.Helper()
	sc := s.make(t, "m-evicted", options{canary: verifiedFor, role: "gateway tasks"})
	sc.begin("/")
	v2 := sc.Release("v2", sc.files("v2"))
	sc.evict("serin.dev/task-run")
	got := sc.Until(v2, drive.WaitsFor(rollout.WaitPerson))
	const why = "the pod of task task-1 was evicted before it ended: Eviction API: evicting"
	path := []string{
		"created by ann", "granted", "baseline", "settled",
		"canary-50 started", "canary-50 shifted 50%", "canary-50 succeeded", "canary-50 verify started",
		"canary-50 verify judged inconclusive: " + why,
		"waits for person: verify of canary-50 is inconclusive: " + why,
	}
	sc.Went(got, path...)
	sc.gives("held", "v2", 50)
	sc.Must(sc.World.Client.Resume(sc.Ctx, sc.Pipeline, v2, rollout.Command{Actor: "bob", Reason: "a node was drained"}))
	got = sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.Went(got, slices.Concat(path, []string{
		"resumed by bob (a node was drained)", "canary-50 verify started (attempt 2)", "canary-50 verify succeeded",
		"stable advanced by automation", "stable started", "stable shifted 100%", "stable succeeded",
		"stable verify started", "stable verify succeeded", "ended SUCCEEDED",
	})...)
	sc.gives("stable", "v2", 100)
	sc.end()
}

// evict waits until a pod with a label runs, and evicts it as a drain of its node does.
func (s *scene) evict(label string) {
	s.T.Helper()
	pods, err := s.cluster.Client.CoreV1().Pods(s.namespace).Watch(s.Ctx, metav1.ListOptions{LabelSelector: label})
	s.must(err)
	defer pods.Stop()
	for e := range pods.ResultChan() {
		if p, ok := e.Object.(*corev1.Pod); ok && p.Status.Phase == corev1.PodRunning {
			s.must(s.cluster.Client.PolicyV1().Evictions(s.namespace).Evict(s.Ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: p.Name}}))
			return
		}
	}
	s.T.Fatalf("no pod with label %s has run", label)
}
