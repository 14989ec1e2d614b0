package kubernetes

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// checkKinds finds the kinds that the cluster does not have and that no
// CustomResourceDefinition of the manifest brings along.
func (c *inspection) checkKinds(ctx context.Context) error {
	users := map[schema.GroupVersionKind][]ref{}
	for _, o := range c.objects {
		users[o.GroupVersionKind()] = append(users[o.GroupVersionKind()], refOf(o))
	}
	for _, r := range c.s.planned() {
		users[r.gvk] = append(users[r.gvk], r)
	}
	for _, gvk := range slices.SortedFunc(maps.Keys(users), func(a, b schema.GroupVersionKind) int { return cmp.Compare(a.String(), b.String()) }) {
		known, err := c.s.knows(ctx, gvk)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		c.strange[gvk] = true
		if _, defined := definedScope(gvk, c.objects); defined {
			continue
		}
		for _, r := range users[gvk] {
			c.add(r, "the cluster has no kind %s in %s: install what defines it, or use a version that it has", gvk.Kind, gvk.GroupVersion())
		}
	}
	return nil
}

// planned names the objects of the plan in the target's cluster: the original Deployment and
// Service, and the Ingress that splits. Routes may be in other clusters.
func (s *session) planned() []ref {
	if !s.k.Canary() {
		return nil
	}
	list := []ref{s.deploymentRef(s.k.Deployment), s.serviceRef(s.k.Service)}
	if in := s.k.Ingress; in != nil {
		list = append(list, ref{gvk: kindIngress(), namespace: s.ns, name: in.Name})
	}
	return list
}

// resourceOf returns the resource of a kind: as the cluster says, else as a
// CustomResourceDefinition of the manifest does.
func (c *inspection) resourceOf(ctx context.Context, gvk schema.GroupVersionKind) (gr schema.GroupResource, known bool, err error) {
	if !c.strange[gvk] {
		m, err := c.s.c.mapping(ctx, gvk)
		return m.gvr.GroupResource(), m.known, c.s.typed(ref{gvk: gvk, name: "*"}, err)
	}
	for _, o := range c.objects {
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		plural, _, _ := unstructured.NestedString(o.Object, "spec", "names", "plural")
		if o.GetKind() == "CustomResourceDefinition" && group == gvk.Group && kind == gvk.Kind {
			return schema.GroupResource{Group: group, Resource: plural}, true, nil
		}
	}
	return schema.GroupResource{}, false, nil
}
