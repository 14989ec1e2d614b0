package kubernetes

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// labelKEDA names the ScaledObject that an autoscaler was made from. KEDA writes its
// bounds back whenever somebody changes them.
const labelKEDA = "scaledobject.keda.sh/name"

// bounds are the limits of an autoscaler, in pods.
type bounds struct{ min, max int64 }

// boundsOf reads the bounds of an autoscaler. Without minReplicas the API means 1.
func boundsOf(hpa *unstructured.Unstructured) bounds {
	b := bounds{min: 1}
	if n, ok, err := unstructured.NestedInt64(hpa.Object, "spec", "minReplicas"); ok && err == nil {
		b.min = n
	}
	if n, ok, err := unstructured.NestedInt64(hpa.Object, "spec", "maxReplicas"); ok && err == nil {
		b.max = n
	}
	return b
}

// scaled returns the bounds for the given percent of the pods, rounded up: at least
// one pod, and never a maximum below the minimum.
func (b bounds) scaled(percent int64) bounds {
	part := func(n int64) int64 { return max(1, (n*percent+99)/100) }
	lo := part(b.min)
	return bounds{min: lo, max: max(lo, part(b.max))}
}

// raised returns the bounds with a floor of at least pods, or of the maximum where
// that is less.
func (b bounds) raised(pods int64) bounds {
	b.min = max(b.min, min(pods, b.max))
	return b
}

// scalersOf returns the autoscalers of list that scale the Deployment.
func scalersOf(list []*unstructured.Unstructured, deployment string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, o := range list {
		if o.GetKind() != kindScaler().Kind || o.GroupVersionKind().Group != kindScaler().Group {
			continue
		}
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
		if kind == kindDeployment().Kind && name == deployment {
			found = append(found, o)
		}
	}
	return found
}

// scaledObject returns the name of the ScaledObject of KEDA that owns hpa, "" if none does.
func scaledObject(hpa *unstructured.Unstructured) string {
	for _, o := range hpa.GetOwnerReferences() {
		if o.Kind == "ScaledObject" {
			return o.Name
		}
	}
	return hpa.GetLabels()[labelKEDA]
}

// setBounds gives an autoscaler that is about to be applied other bounds than its
// manifest has: a canary's those of its size, and an original's a raised floor
// while its canary has requests.
func setBounds(hpa *unstructured.Unstructured, b bounds) error {
	if err := unstructured.SetNestedField(hpa.Object, b.min, "spec", "minReplicas"); err != nil {
		return err
	}
	return unstructured.SetNestedField(hpa.Object, b.max, "spec", "maxReplicas")
}

// scalers returns the live autoscalers of a Deployment, by name.
func (s *session) scalers(ctx context.Context, deployment string) ([]*unstructured.Unstructured, error) {
	all, err := s.list(ctx, kindScaler(), s.ns, labels.Everything())
	if err != nil {
		return nil, err
	}
	return scalersOf(all, deployment), nil
}

// isScaled reports whether an autoscaler decides, or will once the manifest of
// the phase is applied, how many pods the Deployment has: then nobody else does.
func (s *session) isScaled(ctx context.Context, deployment string) (bool, error) {
	live, err := s.scalers(ctx, deployment)
	if err != nil || len(live) > 0 || s.w.Manifest == "" {
		return len(live) > 0, err
	}
	objects, err := s.manifest(ctx, s.w.Manifest)
	if err != nil {
		return false, err
	}
	return len(scalersOf(objects, deployment)) > 0, nil
}

// annotationFloor is on an autoscaler while its floor is raised: "<its own>/<raised>". So a
// rollout that finds the floor of one that was ended by force knows what it was.
const annotationFloor = "serin.dev/floor"

// floorOf reads annotationFloor; not ok where it is not there, or the floor has been
// changed since.
func floorOf(hpa *unstructured.Unstructured) (own, raised int64, ok bool) {
	_, err := fmt.Sscanf(hpa.GetAnnotations()[annotationFloor], "%d/%d", &own, &raised)
	return own, raised, err == nil && boundsOf(hpa).min == raised
}

// ownBounds are the bounds that an autoscaler has without a raised floor.
func ownBounds(hpa *unstructured.Unstructured) bounds {
	b := boundsOf(hpa)
	if own, _, ok := floorOf(hpa); ok {
		b.min = own
	}
	return b
}

// floorOps changes the floor of a live autoscaler, if it is what it would be changed from.
func floorOps(live *unstructured.Unstructured, from, to int64) []op {
	if from == to || boundsOf(live).min != from {
		return nil
	}
	if _, ok, _ := unstructured.NestedFieldNoCopy(live.Object, "spec", "minReplicas"); !ok {
		return []op{sameVersion(live), {Op: "add", Path: "/spec/minReplicas", Value: to}}
	}
	return []op{
		sameVersion(live),
		{Op: "test", Path: "/spec/minReplicas", Value: from},
		{Op: "replace", Path: "/spec/minReplicas", Value: to},
	}
}

// raiseFloor keeps the autoscaler of the original from making it smaller than it was
// when the rollout began: with a canary beside it each of its pods has less to do,
// but the requests may come back at any time.
func (s *session) raiseFloor(ctx context.Context) error {
	return s.moveFloor(ctx, func(hpa *unstructured.Unstructured, was bounds, pods int64) []op {
		to := was.raised(pods).min
		ops := floorOps(hpa, was.min, to)
		if len(ops) == 0 {
			return nil
		}
		note := op{Op: "add", Path: pointer("metadata", "annotations", annotationFloor), Value: fmt.Sprintf("%d/%d", was.min, to)}
		return append(ops, note)
	})
}

// restoreFloor undoes raiseFloor. A floor that somebody else has set meanwhile stays.
// After a promotion that applied the autoscaler it becomes what its manifest says.
func (s *session) restoreFloor(ctx context.Context) error {
	return s.moveFloor(ctx, func(hpa *unstructured.Unstructured, was bounds, pods int64) []op {
		from := was.raised(pods).min
		_, raised, stamped := floorOf(hpa)
		if stamped {
			from = raised
		}
		ops := floorOps(hpa, from, was.min)
		if _, has := hpa.GetAnnotations()[annotationFloor]; !has {
			return ops
		}
		if len(ops) == 0 {
			ops = []op{sameVersion(hpa)}
		}
		return append(ops, op{Op: "remove", Path: pointer("metadata", "annotations", annotationFloor)})
	})
}

// moveFloor changes the original's autoscalers as step says of each, of the bounds it has
// without the rollout, and of the pods there were when that began.
func (s *session) moveFloor(ctx context.Context, step func(hpa *unstructured.Unstructured, was bounds, pods int64) []op) error {
	if s.k.Deployment == "" {
		return nil
	}
	b, err := s.baseline(ctx)
	if err != nil || b == nil || len(b.HPAs) == 0 {
		return err
	}
	own, err := s.boundsWithout(ctx, b)
	if err != nil {
		return err
	}
	live, err := s.scalers(ctx, s.k.Deployment)
	if err != nil {
		return err
	}
	for _, hpa := range live {
		was, ok := own[hpa.GetName()]
		if !ok {
			continue // it was not there when the rollout began
		}
		if _, err := s.patch(ctx, refOf(hpa), step(hpa, was, int64(b.Replicas))); err != nil {
			return err
		}
	}
	return nil
}

// boundsWithout returns the bounds that the original's autoscalers have without the
// rollout, by name: those of the baseline, and in a promotion those of its manifest.
func (s *session) boundsWithout(ctx context.Context, b *baseline) (map[string]bounds, error) {
	own := map[string]bounds{}
	for _, hpa := range scalersOf(b.HPAs, s.k.Deployment) {
		own[hpa.GetName()] = ownBounds(hpa)
	}
	if !s.w.Promotion {
		return own, nil
	}
	objects, err := s.manifest(ctx, s.w.Manifest)
	if err != nil {
		return nil, err
	}
	for _, hpa := range scalersOf(objects, s.k.Deployment) {
		own[hpa.GetName()] = boundsOf(hpa)
	}
	return own, nil
}
