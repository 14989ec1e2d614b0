package kubernetes

import (
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestRolledOut(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, deployment string
		want             verdict
	}{{
		name: "complete", want: verdict{complete: true},
		deployment: `{spec: {replicas: 2}, status: {replicas: 2, updatedReplicas: 2, availableReplicas: 2}}`,
	}, {
		name: "without spec.replicas one pod is wanted", want: verdict{complete: true},
		deployment: `{status: {replicas: 1, updatedReplicas: 1, availableReplicas: 1}}`,
	}, {
		name: "of no pods all are there", want: verdict{complete: true},
		deployment: `{spec: {replicas: 0}}`,
	}, {
		name: "the controller has not looked", want: verdict{progress: "the controller has not seen generation 3 of deployment shop"},
		deployment: `{metadata: {generation: 3}, spec: {replicas: 1}, status: {observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1}}`,
	}, {
		name: "not all are updated", want: verdict{progress: "deployment shop has 1 of 3 pods of the new template"},
		deployment: `{spec: {replicas: 3}, status: {replicas: 4, updatedReplicas: 1, availableReplicas: 3}}`,
	}, {
		name: "old ones are left", want: verdict{progress: "deployment shop still has 1 pod of an older template"},
		deployment: `{spec: {replicas: 3}, status: {replicas: 4, updatedReplicas: 3, availableReplicas: 4}}`,
	}, {
		name: "scaling down", want: verdict{progress: "deployment shop still has 2 pods too many"},
		deployment: `{spec: {replicas: 1}, status: {replicas: 3, updatedReplicas: 3, availableReplicas: 3}}`,
	}, {
		name: "not all are available", want: verdict{progress: "1 of 3 pods of deployment shop available"},
		deployment: `{spec: {replicas: 3}, status: {replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 1}}`,
	}, {
		name: "the progress deadline has passed",
		want: verdict{
			progress: "0 of 1 pod of deployment shop available",
			failure:  `deployment shop exceeded its progress deadline: ReplicaSet "shop-7d9f" has timed out progressing; 0 of 1 pod of deployment shop available`,
			expired:  true,
		},
		deployment: `{spec: {replicas: 1}, status: {replicas: 1, updatedReplicas: 1, conditions: [
  {type: Available, status: "False"},
  {type: Progressing, status: "False", reason: ProgressDeadlineExceeded, message: 'ReplicaSet "shop-7d9f" has timed out progressing.'}]}}`,
	}, {
		name: "a deadline is not remembered", want: verdict{complete: true},
		deployment: `{spec: {replicas: 1}, status: {replicas: 1, updatedReplicas: 1, availableReplicas: 1, conditions: [
  {type: Progressing, status: "False", reason: ProgressDeadlineExceeded}]}}`,
	}, {
		name: "the deadline of an older template says nothing",
		want: verdict{progress: "the controller has not seen generation 3 of deployment shop"},
		deployment: `{metadata: {generation: 3}, status: {observedGeneration: 2, conditions: [
  {type: Progressing, status: "False", reason: ProgressDeadlineExceeded}]}}`,
	}, {
		name: "the quota is used up",
		want: verdict{
			progress: "deployment shop has 0 of 2 pods of the new template",
			failure:  `deployment shop cannot make pods: FailedCreate: pods "shop-7d9f-x1" is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3`,
			refused:  true,
		},
		deployment: `{spec: {replicas: 2}, status: {conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, lastTransitionTime: "2026-05-04T11:59:00Z",
  message: 'pods "shop-7d9f-x1" is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3'}]}}`,
	}, {
		name: "pods that end may still give their quota back",
		want: verdict{progress: `deployment shop cannot make pods: FailedCreate: exceeded quota: few`, due: born().Add(20 * time.Second)},
		deployment: `{spec: {replicas: 2}, status: {conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, lastTransitionTime: "2026-05-04T11:59:50Z",
  message: 'exceeded quota: few'}]}}`,
	}, {
		name: "a pause is nobody's failure",
		want: verdict{progress: "deployment shop has 0 of 1 pod of the new template, and it is paused: kubectl rollout resume -n prod deployment/shop"},
		deployment: `{spec: {paused: true}, status: {replicas: 1, availableReplicas: 1, conditions: [
  {type: Progressing, status: "False", reason: ProgressDeadlineExceeded}]}}`,
	}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := &appsv1.Deployment{}
			if err := yaml.UnmarshalStrict([]byte(row.deployment), d); err != nil {
				t.Fatal(err)
			}
			d.Name, d.Namespace = "shop", "prod"
			got := rolledOut(d, born())
			got.due = got.due.UTC()
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, row.want)
			}
		})
	}
}

// TestExcuse: a retry makes a new template, and the condition of the one before still stands.
func TestExcuse(t *testing.T) {
	t.Parallel()
	now := born()
	refused := verdict{progress: "0 of 2 pods", failure: "exceeded quota", refused: true}
	made := func(before time.Duration) *unstructured.Unstructured {
		rs := &unstructured.Unstructured{}
		rs.SetCreationTimestamp(metav1.NewTime(now.Add(-before)))
		return rs
	}
	for _, row := range []struct {
		name   string
		from   verdict
		newest *unstructured.Unstructured
		want   verdict
	}{
		{"the newest ReplicaSet is young", refused, made(10 * time.Second), verdict{progress: "exceeded quota", due: now.Add(20 * time.Second)}},
		{"it has stood for a while", refused, made(patience), refused},
		{"there is none", refused, nil, refused},
		{"another failure", verdict{failure: "it crashes"}, made(time.Second), verdict{failure: "it crashes"}},
	} {
		got := row.from
		if got.excuse(row.newest, now); got.due.IsZero() != row.want.due.IsZero() || !got.due.Equal(row.want.due) {
			t.Errorf("%s: due %s, want %s", row.name, got.due, row.want.due)
		}
		got.due, row.want.due = time.Time{}, time.Time{}
		if got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	now := born()
	standing := verdict{progress: "0 of 3 pods available"}
	soon := trouble{pod: "a", text: "pod a cannot be scheduled", fatalAt: now.Add(20 * time.Second)}
	sooner := trouble{pod: "b", text: "pod b cannot pull", fatalAt: now.Add(10 * time.Second)}
	crash := trouble{pod: "c", text: "pod c crashes"}
	for _, row := range []struct {
		name  string
		from  verdict
		found []trouble
		want  verdict
	}{
		{"no trouble", standing, nil, standing},
		{"what may pass is progress", standing, []trouble{soon}, verdict{progress: "pod a cannot be scheduled", due: soon.fatalAt}},
		{
			"what fails first is told", standing,
			[]trouble{soon, sooner},
			verdict{progress: "pod b cannot pull (and 1 pod more in trouble)", due: sooner.fatalAt},
		},
		{
			"what has failed comes first", standing,
			[]trouble{soon, sooner, crash},
			verdict{progress: "0 of 3 pods available", failure: "pod c crashes (and 2 pods more in trouble)"},
		},
		{
			"a pod says more than a deadline",
			verdict{progress: "0 of 3", failure: "exceeded its progress deadline"},
			[]trouble{crash},
			verdict{progress: "0 of 3", failure: "pod c crashes"},
		},
		{
			"a deadline is kept while a pod's trouble is young",
			verdict{progress: "0 of 3", failure: "exceeded its progress deadline"},
			[]trouble{soon},
			verdict{progress: "pod a cannot be scheduled", failure: "exceeded its progress deadline", due: soon.fatalAt},
		},
		{
			"the earlier due is kept",
			verdict{progress: "quota", due: now.Add(time.Second)},
			[]trouble{soon},
			verdict{progress: "pod a cannot be scheduled", due: now.Add(time.Second)},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := row.from
			if got.blame(row.found, now); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, row.want)
			}
		})
	}
}

func TestReadyEndpoints(t *testing.T) {
	t.Parallel()
	ours := func(pod string) bool { return pod == "shop-1" || pod == "shop-2" }
	for _, row := range []struct {
		name, slices string
		own          func(string) bool
		want         int
	}{
		{"none", `[]`, nil, 0},
		{"no answer means ready", `[{addressType: IPv4, endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: shop-1}}]}]`, nil, 1},
		{
			"what is not ready does not count", `[{addressType: IPv4, endpoints: [
  {addresses: [10.0.0.1], conditions: {ready: false, serving: true, terminating: true}, targetRef: {kind: Pod, name: shop-1}},
  {addresses: [10.0.0.2], conditions: {ready: true}, targetRef: {kind: Pod, name: shop-2}}]}]`, nil, 1,
		},
		{
			"a pod with two families is one pod", `[
  {addressType: IPv4, endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: shop-1}}, {addresses: [10.0.0.2], targetRef: {kind: Pod, name: shop-2}}]},
  {addressType: IPv6, endpoints: [{addresses: ["fd00::1"], targetRef: {kind: Pod, name: shop-1}}]}]`, nil, 2,
		},
		{
			"only the Deployment's own pods", `[{addressType: IPv4, endpoints: [
  {addresses: [10.0.0.1], targetRef: {kind: Pod, name: shop-1}}, {addresses: [10.0.0.9], targetRef: {kind: Pod, name: shop-canary-1}}, {addresses: [10.0.0.8]}]}]`, ours, 1,
		},
		{
			"addresses without a pod count by family", `[
  {addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.2]}]},
  {addressType: IPv6, endpoints: [{addresses: ["fd00::1"]}, {addresses: ["fd00::2"]}]}]`, nil, 2,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var list []*discoveryv1.EndpointSlice
			if err := yaml.Unmarshal([]byte(row.slices), &list); err != nil {
				t.Fatal(err)
			}
			if got := readyEndpoints(list, row.own); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

func TestNewestOf(t *testing.T) {
	t.Parallel()
	d := &appsv1.Deployment{}
	d.UID, d.Annotations = "1", map[string]string{annotationRevision: "2"}
	set := func(name, owner, revision string) *unstructured.Unstructured {
		return objectFrom(t, `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: `+name+`, annotations: {`+annotationRevision+`: "`+revision+`"},
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: shop, controller: true, uid: "`+owner+`"}]}}`)
	}
	old, newest, other := set("shop-1", "1", "1"), set("shop-2", "1", "2"), set("shop-canary-2", "9", "2")
	if got := nameOf(newestOf([]*unstructured.Unstructured{other, old, newest}, d)); got != "shop-2" {
		t.Errorf("got %q, want shop-2", got)
	}
	if got := nameOf(newestOf([]*unstructured.Unstructured{other, old}, d)); got != "" {
		t.Errorf("got %q before the ReplicaSet is there", got)
	}
}

func TestScaleUpNote(t *testing.T) {
	t.Parallel()
	event := func(reason string, seconds int) corev1.Event {
		return corev1.Event{Reason: reason, Message: "pool 1->2", LastTimestamp: metav1.NewTime(born().Add(time.Duration(seconds) * time.Second))}
	}
	byEventTime := corev1.Event{Reason: "Nominated", Message: "should schedule on nodeclaim/a", EventTime: metav1.NewMicroTime(born().Add(time.Minute))}
	for _, row := range []struct {
		name   string
		events []corev1.Event
		want   string
	}{
		{"nothing is said", []corev1.Event{event("FailedScheduling", 1)}, ""},
		{"a node is added", []corev1.Event{event("FailedScheduling", 1), event("TriggeredScaleUp", 2)}, "TriggeredScaleUp: pool 1->2"},
		{"no group fits", []corev1.Event{event("NotTriggerScaleUp", 2)}, ""},
		{"it was taken back", []corev1.Event{event("TriggeredScaleUp", 2), event("NotTriggerScaleUp", 9)}, ""},
		{"it helped itself", []corev1.Event{event("TriggeredScaleUp", 9), event("NotTriggerScaleUp", 2)}, "TriggeredScaleUp: pool 1->2"},
		{"the newer kind of event", []corev1.Event{event("NotTriggerScaleUp", 2), byEventTime}, "Nominated: should schedule on nodeclaim/a"},
	} {
		if got := scaleUpNote(row.events); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
