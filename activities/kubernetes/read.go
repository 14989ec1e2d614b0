package kubernetes

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
)

// get returns a copy of an object; nil, nil if it does not exist, nor its kind.
func (s *session) get(ctx context.Context, r ref) (*unstructured.Unstructured, error) {
	m, err := s.c.mapping(ctx, r.gvk)
	if err != nil {
		return nil, s.typed(r, err)
	}
	if !m.known {
		return nil, nil
	}
	q := query{gvr: m.gvr, namespace: r.namespace, name: r.name}
	if !m.namespaced {
		q.namespace = ""
	}
	list, err := s.c.view.read(ctx, q, s.sub)
	if err != nil || len(list) == 0 {
		return nil, s.typed(r, err)
	}
	return list[0].DeepCopy(), nil
}

// list returns copies of the objects of a kind in a namespace that selector
// selects, by name.
func (s *session) list(ctx context.Context, gvk schema.GroupVersionKind, namespace string, selector labels.Selector) ([]*unstructured.Unstructured, error) {
	all := ref{gvk: gvk, namespace: namespace, name: "*"}
	m, err := s.c.mapping(ctx, gvk)
	if err != nil {
		return nil, s.typed(all, err)
	}
	if !m.known {
		return nil, nil
	}
	found, err := s.c.view.read(ctx, query{gvr: m.gvr, namespace: namespace, labels: selector.String()}, s.sub)
	if err != nil {
		return nil, s.typed(all, err)
	}
	out := make([]*unstructured.Unstructured, len(found))
	for i, o := range found {
		out[i] = o.DeepCopy()
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out, nil
}

// slices returns the EndpointSlices of a Service of the session's namespace. Those
// of an original and of its canary come from one watch.
func (s *session) slices(ctx context.Context, service string) ([]*discoveryv1.EndpointSlice, error) {
	names := []string{service}
	if base := strings.TrimSuffix(service, rollout.CanarySuffix); base == s.k.Service && s.k.Service != "" {
		names = []string{base, canaryOf(base)}
	}
	selector, err := labels.Parse(discoveryv1.LabelServiceName + " in (" + strings.Join(names, ",") + ")")
	if err != nil {
		return nil, s.failOn(s.serviceRef(service), rollout.Invalid, err)
	}
	list, err := s.list(ctx, kindSlice(), s.ns, selector)
	if err != nil {
		return nil, err
	}
	var out []*discoveryv1.EndpointSlice
	for _, o := range list {
		if o.GetLabels()[discoveryv1.LabelServiceName] != service {
			continue
		}
		slice := &discoveryv1.EndpointSlice{}
		if err := convert(o, slice); err != nil {
			return nil, s.failOn(refOf(o), rollout.Invalid, err)
		}
		out = append(out, slice)
	}
	return out, nil
}

// pods returns the pods of the session's namespace that selector selects.
func (s *session) pods(ctx context.Context, selector labels.Selector) ([]*corev1.Pod, error) {
	list, err := s.list(ctx, kindPod(), s.ns, selector)
	if err != nil {
		return nil, err
	}
	out := make([]*corev1.Pod, len(list))
	for i, o := range list {
		out[i] = &corev1.Pod{}
		if err := convert(o, out[i]); err != nil {
			return nil, s.failOn(refOf(o), rollout.Invalid, err)
		}
	}
	return out, nil
}

func convert(o *unstructured.Unstructured, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into)
}
