package kubernetes

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// verdict is how far the pods of a Deployment are.
type verdict struct {
	complete bool
	progress string    // what is missing; "" if complete
	failure  string    // why it will not be complete; "" while it may
	due      time.Time // when the same facts become a failure; the zero time: never
	expired  bool      // failure is the progress deadline's: the pods may say more
	refused  bool      // failure is that no pod could be made: perhaps one of an older template
}

// rolledOut judges a Deployment as `kubectl rollout status` does: the controller has
// seen this generation, every pod is of the newest template, none of an older one
// is left, and all are available. Nothing of that is remembered: a Deployment
// that exceeded its progress deadline and is complete is complete.
func rolledOut(d *appsv1.Deployment, now time.Time) verdict {
	want, st := wanted(d), d.Status
	if st.ObservedGeneration < d.Generation {
		return verdict{progress: fmt.Sprintf("the controller has not seen generation %d of deployment %s", d.Generation, d.Name)}
	}
	var v verdict
	switch {
	case st.UpdatedReplicas < want:
		v.progress = fmt.Sprintf("deployment %s has %d of %s of the new template", d.Name, st.UpdatedReplicas, count(int(want), "pod"))
	case st.Replicas > st.UpdatedReplicas:
		v.progress = fmt.Sprintf("deployment %s still has %s of an older template", d.Name, count(int(st.Replicas-st.UpdatedReplicas), "pod"))
	case st.Replicas > want:
		v.progress = fmt.Sprintf("deployment %s still has %s too many", d.Name, count(int(st.Replicas-want), "pod"))
	case st.AvailableReplicas < want:
		v.progress = fmt.Sprintf("%d of %s of deployment %s available", st.AvailableReplicas, count(int(want), "pod"), d.Name)
	default:
		return verdict{complete: true}
	}
	if d.Spec.Paused {
		v.progress += fmt.Sprintf(", and it is paused: kubectl rollout resume -n %s deployment/%s", d.Namespace, d.Name)
		return v
	}
	v.condition(d, now)
	return v
}

// condition adds what the conditions of d say of a failure.
func (v *verdict) condition(d *appsv1.Deployment, now time.Time) {
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			text := fmt.Sprintf("deployment %s cannot make pods: %s: %s", d.Name, c.Reason, brief(c.Message))
			since := c.LastTransitionTime.Time
			if at := progressed(d); at.After(since) {
				since = at
			}
			if due := since.Add(patience); now.Before(due) {
				v.progress, v.due = text, due
				continue
			}
			v.failure, v.expired, v.refused = text, false, true
			return
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == "ProgressDeadlineExceeded":
			v.failure, v.expired = fmt.Sprintf("deployment %s exceeded its progress deadline: %s; %s", d.Name, brief(c.Message), v.progress), true
		}
	}
}

// progressed is when d last came further, such as with a ReplicaSet of a new template: what
// the pods of the one before failed by is no fault of the new ones.
func progressed(d *appsv1.Deployment) time.Time {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing {
			return c.LastUpdateTime.Time
		}
	}
	return time.Time{}
}

// excuse takes back that no pod could be made while the newest ReplicaSet is young: the
// condition keeps its time and its text from the template before, and a retry begins with them.
func (v *verdict) excuse(newest *unstructured.Unstructured, now time.Time) {
	if !v.refused || newest == nil {
		return
	}
	if due := newest.GetCreationTimestamp().Add(patience); now.Before(due) {
		v.progress, v.failure, v.due, v.refused = v.failure, "", due, false
	}
}

// blame adds what the pods of the newest template are in trouble with.
func (v *verdict) blame(found []trouble, now time.Time) {
	if len(found) == 0 {
		return
	}
	worst := found[0]
	for _, t := range found {
		if t.fatal(now) {
			worst = t
			break
		}
		if t.fatalAt.Before(worst.fatalAt) {
			worst = t
		}
	}
	text := worst.text
	if n := len(found) - 1; n > 0 {
		text += fmt.Sprintf(" (and %s more in trouble)", count(n, "pod"))
	}
	if worst.fatal(now) {
		v.failure, v.due = text, time.Time{} // the pod's own reason says more than a deadline
		return
	}
	v.progress = text
	if v.due.IsZero() || worst.fatalAt.Before(v.due) {
		v.due = worst.fatalAt
	}
}

// wanted returns the number of pods that d asks for.
func wanted(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// readyEndpoints counts the pods that slices list as ready, each once, whatever
// families of addresses it has. own, if not nil, says which pods count.
func readyEndpoints(list []*discoveryv1.EndpointSlice, own func(pod string) bool) int {
	pods, bare := map[string]bool{}, map[discoveryv1.AddressType]int{}
	for _, slice := range list {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && !*e.Conditions.Ready { // no answer means ready
				continue
			}
			switch ref := e.TargetRef; {
			case ref != nil && ref.Kind == "Pod":
				if own == nil || own(ref.Name) {
					pods[ref.Name] = true
				}
			case own == nil:
				bare[slice.AddressType] += len(e.Addresses)
			}
		}
	}
	most := 0
	for _, n := range bare {
		most = max(most, n)
	}
	return len(pods) + most
}
