package kubernetes

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// annotationRevision counts the templates of a Deployment: the ReplicaSet that has
// the same count as its Deployment is that of the newest template.
const annotationRevision = "deployment.kubernetes.io/revision"

// fleet is the pods of one Deployment, and those of them that its Service lists.
type fleet struct {
	exists               bool
	version              string // of the Deployment that was looked at
	revision             string
	want, ready, updated int32
	endpoints            int    // ready ones
	complete             bool   // rolled out: what was asked for is there and available
	progress             string // what is missing, for people; "" if complete
	failure              string // why it will not be complete; "" while it may

	// again is how soon what is seen now becomes a failure although no object
	// changes; 0 is never.
	again time.Duration
}

// completes reports whether live is rolled out. If it has changed since it was read, so may have
// what was read with it: all of it is read again.
func (f fleet) completes(live *unstructured.Unstructured) bool {
	return f.complete && f.version == live.GetResourceVersion()
}

// fleet looks at a Deployment of the session's namespace. Pods are read only where
// they say more than the Deployment: while it is not complete, and where a Service has
// the pods of more than one. service "" counts no endpoints.
func (s *session) fleet(ctx context.Context, deployment, service string) (fleet, error) {
	r := s.deploymentRef(deployment)
	o, err := s.get(ctx, r)
	if err != nil || o == nil {
		return fleet{}, err
	}
	d := &appsv1.Deployment{}
	if err = convert(o, d); err != nil {
		return fleet{}, s.failOn(r, rollout.Invalid, err)
	}
	now := time.Now()
	v := rolledOut(d, now)
	shared := service != "" && s.k.Pods != nil
	var pods []*corev1.Pod
	if !v.complete || shared {
		if pods, err = s.podsOf(ctx, d); err == nil {
			err = s.explain(ctx, d, pods, &v)
		}
	}
	if err != nil {
		return fleet{}, err
	}
	f := fleet{
		exists: true, version: o.GetResourceVersion(), revision: revisionOf(o), want: wanted(d), ready: d.Status.ReadyReplicas, updated: d.Status.UpdatedReplicas,
		complete: v.complete, progress: v.progress, failure: v.failure,
	}
	if !v.due.IsZero() {
		f.again = max(v.due.Sub(now), time.Millisecond)
	}
	if service != "" {
		f.endpoints, err = s.endpoints(ctx, service, pods)
	}
	return f, err
}

// endpoints counts the ready endpoints of a Service, without those of a twin; of one that both
// Deployments of a split are behind, those of these pods.
func (s *session) endpoints(ctx context.Context, service string, pods []*corev1.Pod) (int, error) {
	list, err := s.slices(ctx, service)
	if err != nil {
		return 0, err
	}
	if s.k.Pods != nil {
		return readyEndpoints(list, names(pods)), nil
	}
	all := readyEndpoints(list, nil)
	if service != s.k.Service {
		return all, nil
	}
	fresh, err := s.twinEndpoints(ctx)
	return all - fresh, err
}

// podsOf returns the pods that ReplicaSets of d control. Its selector may select more:
// an original and a canary behind one Service have the same labels.
func (s *session) podsOf(ctx context.Context, d *appsv1.Deployment) ([]*corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, s.failOn(s.deploymentRef(d.Name), rollout.Invalid, err)
	}
	all, err := s.pods(ctx, selector)
	if err != nil {
		return nil, err
	}
	var own []*corev1.Pod
	for _, p := range all {
		if madeFor(p, d.Name) {
			own = append(own, p)
		}
	}
	return own, nil
}

func names(pods []*corev1.Pod) func(string) bool {
	set := map[string]bool{}
	for _, p := range pods {
		set[p.Name] = true
	}
	return func(name string) bool { return set[name] }
}

// explain adds what the pods say of why d is not complete. Pods of older templates are
// not to blame: they are what the rollout replaces. Which are, is asked only when
// there is something to blame.
func (s *session) explain(ctx context.Context, d *appsv1.Deployment, pods []*corev1.Pod, v *verdict) error {
	if v.complete || d.Status.ObservedGeneration < d.Generation {
		return nil
	}
	now := time.Now()
	found := troubles(pods)
	if len(found) > 0 || v.refused {
		newest, err := s.newest(ctx, d)
		if err != nil {
			return err
		}
		v.excuse(newest, now)
		pods = ofReplicaSet(pods, nameOf(newest))
		found = troubles(pods)
	}
	if len(found) == 0 {
		switch text := unready(pods); {
		case text == "":
		case v.expired:
			v.failure += "; " + text
		case v.failure == "":
			v.progress += "; " + text
		}
		return nil
	}
	if err := s.ease(ctx, found, now); err != nil {
		return err
	}
	v.blame(found, now)
	return nil
}

func ofReplicaSet(pods []*corev1.Pod, name string) []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range pods {
		if replicaSetOf(p) == name {
			out = append(out, p)
		}
	}
	return out
}

// newest returns the ReplicaSet of d's newest template, nil if there is none yet.
func (s *session) newest(ctx context.Context, d *appsv1.Deployment) (*unstructured.Unstructured, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, s.failOn(s.deploymentRef(d.Name), rollout.Invalid, err)
	}
	list, err := s.list(ctx, builtin("apps", "v1", "ReplicaSet"), s.ns, selector)
	if err != nil {
		return nil, err
	}
	return newestOf(list, d), nil
}

func newestOf(sets []*unstructured.Unstructured, d *appsv1.Deployment) *unstructured.Unstructured {
	for _, rs := range sets {
		owner := metav1.GetControllerOf(rs)
		if owner != nil && owner.UID == d.UID && d.Annotations[annotationRevision] != "" &&
			rs.GetAnnotations()[annotationRevision] == d.Annotations[annotationRevision] {
			return rs
		}
	}
	return nil
}

func nameOf(o *unstructured.Unstructured) string {
	if o == nil {
		return ""
	}
	return o.GetName()
}

// ease gives pods that no node takes more time while an autoscaler adds nodes. It asks
// only once a pod has waited for too long, and for the first such pod: what
// helps one helps the others.
func (s *session) ease(ctx context.Context, found []trouble, now time.Time) error {
	for _, t := range found {
		if !t.unplaced || !t.fatal(now) {
			continue
		}
		note, err := s.scaleUp(ctx, t.pod)
		if err != nil || note == "" {
			return err
		}
		for i := range found {
			if found[i].unplaced {
				found[i].fatalAt = now.Add(patience)
				found[i].text += "; " + note
			}
		}
		return nil
	}
	return nil
}

// scaleUp returns what an autoscaler of nodes says that it does for the pod, "" if
// none does anything.
func (s *session) scaleUp(ctx context.Context, pod string) (string, error) {
	m, err := s.c.mapping(ctx, builtin("", "v1", "Event"))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := s.c.resource(m, s.ns).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=Pod,involvedObject.name=" + pod,
	})
	if kindOf(err) == rollout.Denied {
		return "whether an autoscaler adds a node is unknown: this worker may not list events", nil
	}
	if err != nil {
		return "", s.typed(ref{gvk: kindPod(), namespace: s.ns, name: pod}, err)
	}
	events := make([]corev1.Event, len(list.Items))
	for i := range list.Items {
		if err := convert(&list.Items[i], &events[i]); err != nil {
			return "", fmt.Errorf("event %s: %w", list.Items[i].GetName(), err)
		}
	}
	return scaleUpNote(events), nil
}
