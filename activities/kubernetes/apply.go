package kubernetes

import (
	"context"
	"encoding/json"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"github.com/serin-dev/serin/rollout"
)

const (
	// managerKubectl owns what kubectl has applied on the client's side.
	managerKubectl = "kubectl-client-side-apply"
	// managerReplicas owns the number of pods that a manifest no longer says, so that it
	// is not reset to one.
	managerReplicas = "serin-replicas"
)

// apply makes o exist as it says, stamped. What o does not say stays as it is, except
// what an earlier apply of ours, or of kubectl's, has said: that goes away. Nothing is
// sent if nothing would change.
//
// Errors: Conflict if the object is another pipeline's; Transient while it is being
// deleted; NotFound if the cluster has no such kind.
func (s *session) apply(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	o = o.DeepCopy()
	stamp(o, s.stamps())
	r := refOf(o)
	live, err := s.get(ctx, r)
	if err != nil {
		return nil, err
	}
	if live != nil {
		if err = s.writable(live); err != nil {
			return nil, err
		}
		if upToDate(live, o) {
			return live, nil
		}
		if err = s.takeOver(ctx, live, o); err != nil {
			return nil, err
		}
	}
	m, err := s.c.mapping(ctx, r.gvk)
	if err != nil {
		return nil, s.typed(r, err)
	}
	if !m.known {
		return nil, s.errUnknownKind(r)
	}
	body, err := json.Marshal(o)
	if err != nil {
		return nil, s.failOn(r, rollout.Invalid, err)
	}
	return s.send(ctx, r, request{manager: fieldManager, how: types.ApplyPatchType, body: body})
}

// writable refuses an object of another pipeline, and one that is going away.
func (s *session) writable(live *unstructured.Unstructured) error {
	if err := s.owned(live); err != nil {
		return err
	}
	if live.GetDeletionTimestamp() != nil {
		return s.failOn(refOf(live), rollout.Transient, errors.New("it is still being deleted; it is made again once it is gone"))
	}
	return nil
}

// takeOver prepares a live object for o. What kubectl has applied on the client's side
// becomes ours, and a number of pods that o leaves open does not fall back to one.
func (s *session) takeOver(ctx context.Context, live, o *unstructured.Unstructured) error {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(managerKubectl), fieldManager)
	if err != nil {
		return s.failOn(refOf(live), rollout.Invalid, err)
	}
	if len(patch) > 0 {
		upgraded, err := s.send(ctx, refOf(live), request{manager: fieldManager, how: types.JSONPatchType, body: patch})
		if err != nil {
			return err
		}
		live.Object = upgraded.Object
	}
	return s.keepReplicas(ctx, live, o)
}

// keepReplicas hands the number of pods over to a manager of its own if o no longer
// says it, as server-side apply asks of whoever gives a field away.
func (s *session) keepReplicas(ctx context.Context, live, o *unstructured.Unstructured) error {
	n, has, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
	_, said, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "replicas")
	owned, ok := appliedFields(live)
	if !has || said || !ok || !owned.has("spec", "replicas") {
		return nil
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": live.GetAPIVersion(), "kind": live.GetKind(),
		"metadata": map[string]any{"name": live.GetName(), "namespace": live.GetNamespace()},
		"spec":     map[string]any{"replicas": n},
	})
	if err != nil {
		return s.failOn(refOf(live), rollout.Invalid, err)
	}
	_, err = s.send(ctx, refOf(live), request{manager: managerReplicas, how: types.ApplyPatchType, body: body})
	return err
}

// delete asks for an object to go after everything that it owns. One that is not
// there, or is going already, is left alone.
func (s *session) delete(ctx context.Context, r ref) error {
	live, err := s.get(ctx, r)
	if err != nil || live == nil || live.GetDeletionTimestamp() != nil {
		return err
	}
	if err = s.owned(live); err != nil {
		return err
	}
	m, err := s.c.mapping(ctx, r.gvk)
	if err != nil {
		return s.typed(r, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	foreground, uid := metav1.DeletePropagationForeground, live.GetUID()
	err = s.c.resource(m, r.namespace).Delete(ctx, r.name, metav1.DeleteOptions{
		PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if kindOf(err) == rollout.NotFound && err != nil {
		return nil
	}
	if err != nil {
		err = s.typed(r, err)
		s.doubt(m, r, err)
		return err
	}
	s.c.view.deleted(m.gvr, live)
	return nil
}
