package kubernetes

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
)

// twinPods returns the pods of the twin, also those that end.
func (s *session) twinPods(ctx context.Context) ([]*corev1.Pod, error) {
	if known, err := s.knowsTwin(ctx); err != nil || !known {
		return nil, err
	}
	return s.pods(ctx, labels.SelectorFromSet(twinLabels(s.k.Deployment)))
}

// admit gives the Service the pods that began with this canary, and takes all others of the
// twin out.
func (s *session) admit(ctx context.Context, beside string) error {
	svc, err := s.get(ctx, s.serviceRef(s.k.Service))
	if err != nil || svc == nil {
		return err
	}
	pods, err := s.twinPods(ctx)
	if err != nil {
		return err
	}
	key, value := chosenLabel(serviceSelector(svc), s.k.SelectorLabel)
	if key == "" {
		return nil // it selects nothing
	}
	for _, p := range pods {
		in := beside != "" && p.Annotations[annotationBeside] == beside
		if in && gone(p) {
			continue
		}
		if err := s.relabel(ctx, p, labelOps(p.Labels, key, value, in)); err != nil {
			return err
		}
	}
	return nil
}

// chosenLabel returns the label of a selector without which a pod leaves it: the one by which the
// plan selects, else its first.
func chosenLabel(selector map[string]string, wanted string) (key, value string) {
	if v, ok := selector[wanted]; ok {
		return wanted, v
	}
	for _, k := range slices.Sorted(maps.Keys(selector)) {
		return k, selector[k]
	}
	return "", ""
}

// labelOps gives a pod with these labels the label, or takes it from it.
func labelOps(have map[string]string, key, value string, in bool) []op {
	path := pointer("metadata", "labels", key)
	now, has := have[key]
	switch {
	case in && (!has || now != value):
		return []op{{Op: "add", Path: path, Value: value}}
	case !in && has && now == value:
		return []op{{Op: "test", Path: path, Value: now}, {Op: "remove", Path: path}}
	}
	return nil
}

// relabel changes labels of a pod, which carries no stamps. One that is gone meanwhile needs none.
func (s *session) relabel(ctx context.Context, p *corev1.Pod, ops []op) error {
	if len(ops) == 0 {
		return nil
	}
	r := ref{gvk: kindPod(), namespace: p.Namespace, name: p.Name}
	body, err := json.Marshal(ops)
	if err != nil {
		return s.failOn(r, rollout.Invalid, err)
	}
	_, err = s.send(ctx, r, request{manager: fieldManager, how: types.JSONPatchType, body: body})
	if rollout.KindOf(err) == rollout.NotFound {
		return nil
	}
	return err
}

// retire takes the label from the twin's pods by which the Service selects them, if there is a twin.
// They go on serving: its ReplicaSet does not select by it.
func (s *session) retire(ctx context.Context) error {
	live, err := s.twin(ctx)
	if err != nil || live == nil {
		return err
	}
	return s.admit(ctx, "")
}

// withdraw retires the twin, and returns once no endpoint of the Service is one of its pods. A pod
// that its ReplicaSet makes meanwhile is retired too.
func (s *session) withdraw(ctx context.Context) error {
	why := "it still has pods of deployment " + s.twinRef().name + " among its endpoints"
	return s.until(ctx, s.serviceRef(s.k.Service), why, func(ctx context.Context) (bool, error) {
		if err := s.retire(ctx); err != nil {
			return false, err
		}
		svc, err := s.get(ctx, s.serviceRef(s.k.Service))
		if err != nil || svc == nil || len(serviceSelector(svc)) == 0 {
			return err == nil, err // what it lists is not chosen by labels
		}
		n, err := s.twinEndpoints(ctx)
		return n == 0, err
	})
}

// bench withdraws the twin, if there is one.
func (s *session) bench(ctx context.Context) error {
	live, err := s.twin(ctx)
	if err != nil || live == nil {
		return err
	}
	return s.withdraw(ctx)
}

// dismiss takes the twin away: out of the Service first, so that no request is lost with it.
func (s *session) dismiss(ctx context.Context) error {
	if err := s.bench(ctx); err != nil {
		return err
	}
	live, err := s.twin(ctx)
	if err != nil || live == nil {
		return err
	}
	return s.delete(ctx, s.twinRef())
}

// lingers reports whether a twin ends for so long, as with a pod on a node that is lost, that neither a restore nor
// the next rollout waits for it: it has no requests. The canary's Service stays until it is gone.
func lingers(twin *unstructured.Unstructured, now time.Time) bool {
	since := twin.GetDeletionTimestamp()
	return since != nil && now.Sub(since.Time) > patience
}

// dismissOther takes away the twin that another rollout has left.
func (s *session) dismissOther(ctx context.Context) error {
	live, err := s.twin(ctx)
	if err != nil || live == nil || live.GetAnnotations()[annotationRollout] == s.w.Rollout {
		return err
	}
	return s.dismiss(ctx)
}
