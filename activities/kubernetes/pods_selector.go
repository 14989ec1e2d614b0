package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// annotationSelector keeps the selector of a Service while it is narrowed, as JSON.
const annotationSelector = "serin.dev/selector"

// serviceSelector returns the labels by which svc selects pods.
func serviceSelector(svc *unstructured.Unstructured) map[string]string {
	selector, _, _ := unstructured.NestedStringMap(svc.Object, "spec", "selector")
	return selector
}

// templateLabels returns the labels of d's pods.
func templateLabels(d *unstructured.Unstructured) map[string]string {
	labels, _, _ := unstructured.NestedStringMap(d.Object, "spec", "template", "metadata", "labels")
	return labels
}

// selects reports whether pods with these labels match selector. An empty selector of a
// Service selects nothing.
func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return len(selector) > 0
}

// narrowing returns what makes svc select pods with the labels pods too: only the label
// by which both are selected is left of its selector, and what it was is kept in an annotation.
// There is nothing to do where svc selects them already.
func narrowing(svc *unstructured.Unstructured, label string, pods map[string]string) ([]op, error) {
	old := serviceSelector(svc)
	if selects(old, pods) {
		return nil, nil
	}
	value, ok := old[label]
	if !ok {
		return nil, fmt.Errorf("the selector of service %s has no label %s by which it could select the canary", svc.GetName(), label)
	}
	if pods[label] != value {
		return nil, fmt.Errorf("service %s selects %s=%s, but the canary's pods have %s=%q", svc.GetName(), label, value, label, pods[label])
	}
	kept, err := json.Marshal(old)
	if err != nil {
		return nil, err
	}
	return []op{
		sameVersion(svc),
		{Op: "test", Path: "/spec/selector", Value: old},
		{Op: "replace", Path: "/spec/selector", Value: map[string]string{label: value}},
		{Op: "add", Path: pointer("metadata", "annotations", annotationSelector), Value: string(kept)},
	}, nil
}

// narrowed reports whether a rollout has changed the selector of svc and not yet put it back.
func narrowed(svc *unstructured.Unstructured) bool {
	_, ok := svc.GetAnnotations()[annotationSelector]
	return ok
}

// widening returns what puts the selector of svc back to what it was before narrowing,
// nothing if it is not narrowed. A selector that somebody has changed since is left as
// it is.
func widening(svc *unstructured.Unstructured) ([]op, error) {
	kept, ok := svc.GetAnnotations()[annotationSelector]
	if !ok {
		return nil, nil
	}
	ops := append([]op{sameVersion(svc)}, forgetSelector(svc)...)
	var old map[string]string
	if err := json.Unmarshal([]byte(kept), &old); err != nil {
		return nil, fmt.Errorf("annotation %s of service %s is not the selector that was kept there: %w", annotationSelector, svc.GetName(), err)
	}
	now := serviceSelector(svc)
	if maps.Equal(now, old) || !narrowerThan(now, old) {
		return ops, nil
	}
	return append(
		ops,
		op{Op: "test", Path: "/spec/selector", Value: now},
		op{Op: "replace", Path: "/spec/selector", Value: old},
	), nil
}

// narrowerThan reports whether now is one label of old.
func narrowerThan(now, old map[string]string) bool {
	return len(now) == 1 && selects(now, old)
}

// forgetSelector returns what makes svc count as not narrowed, whatever it selects now.
func forgetSelector(svc *unstructured.Unstructured) []op {
	kept, ok := svc.GetAnnotations()[annotationSelector]
	if !ok {
		return nil
	}
	path := pointer("metadata", "annotations", annotationSelector)
	return []op{{Op: "test", Path: path, Value: kept}, {Op: "remove", Path: path}}
}
