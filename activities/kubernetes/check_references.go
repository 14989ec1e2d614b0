package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// checkReferences looks whether a route of another namespace may name the canary's
// Service: a gateway takes a backend from elsewhere only where a ReferenceGrant allows it.
func (c *inspection) checkReferences(ctx context.Context, at routeSite) error {
	if at.ref.namespace == at.ns {
		return nil
	}
	kind := builtin("gateway.networking.k8s.io", "v1beta1", "ReferenceGrant") // every version of the Gateway API serves this one
	known, err := at.knows(ctx, kind)
	if err != nil || !known {
		return err
	}
	needs := permissions{}
	needs.add(schema.GroupResource{Group: kind.Group, Resource: "referencegrants"}, at.ns, "", reads()...)
	if err = c.demand(ctx, at.session, needs); err != nil {
		return err
	}
	list, err := at.list(ctx, kind, at.ns, labels.Everything())
	if err != nil {
		return err
	}
	if canary := canaryOf(at.k.Service); !referable(list, at.ref, canary) {
		c.note(at, "no ReferenceGrant in namespace %s lets a %s of namespace %s name service %s: name it in one, or leave the name of the service out",
			at.ns, at.ref.gvk.Kind, at.ref.namespace, canary)
	}
	return nil
}

// referable reports whether one of the grants lets route name the Service.
func referable(grants []*unstructured.Unstructured, route ref, service string) bool {
	for _, g := range grants {
		from := anyOf(g, "from", func(f map[string]any) bool {
			return f["group"] == route.gvk.Group && f["kind"] == route.gvk.Kind && f["namespace"] == route.namespace
		})
		to := anyOf(g, "to", func(t map[string]any) bool {
			name, named := t["name"].(string)
			return t["group"] == "" && t["kind"] == kindService().Kind && (!named || name == "" || name == service)
		})
		if from && to {
			return true
		}
	}
	return false
}

// anyOf reports whether an entry of the list at spec.field is what is asked for.
func anyOf(o *unstructured.Unstructured, field string, is func(map[string]any) bool) bool {
	list, _, _ := unstructured.NestedSlice(o.Object, "spec", field)
	for _, entry := range list {
		if fields, ok := entry.(map[string]any); ok && is(fields) {
			return true
		}
	}
	return false
}
