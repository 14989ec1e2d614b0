package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// checkAccess asks for every permission that the rollout needs in the target's
// cluster, before it needs them.
func (c *inspection) checkAccess(ctx context.Context) error {
	needs := c.s.needs()
	verbs := applies()
	if !c.s.k.Canary() && len(c.s.w.Manifests) > 0 {
		verbs = owns() // a custom canary's restore deletes what only its phases made
	}
	for _, o := range c.objects {
		gr, known, err := c.resourceOf(ctx, o.GroupVersionKind())
		if err != nil {
			return err
		}
		if known {
			needs.add(gr, o.GetNamespace(), o.GetName(), verbs...)
		}
	}
	return c.demand(ctx, c.s, needs)
}

// needs returns the permissions that the plan needs in the target's cluster besides
// those for the objects of its manifests.
func (s *session) needs() permissions {
	p := permissions{}
	core := func(resource string) schema.GroupResource { return schema.GroupResource{Resource: resource} }
	apps := func(resource string) schema.GroupResource {
		return schema.GroupResource{Group: "apps", Resource: resource}
	}
	p.add(core("pods"), s.ns, "", reads()...)
	p.add(apps("replicasets"), s.ns, "", reads()...)
	if !s.k.Canary() {
		return p
	}
	p.add(apps("deployments"), s.ns, s.k.Deployment, applies()...)
	p.add(apps("deployments"), s.ns, canaryOf(s.k.Deployment), applies()...)
	p.add(core("services"), s.ns, s.k.Service, applies()...)
	p.add(schema.GroupResource{Group: "discovery.k8s.io", Resource: "endpointslices"}, s.ns, "", reads()...)
	p.add(scalers(), s.ns, "", reads()...)
	if s.k.Pods != nil { // one delete of the owner takes the rest of the canary with it
		p.add(apps("deployments"), s.ns, canaryOf(s.k.Deployment), "delete")
		return p
	}
	p.add(core("services"), s.ns, canaryOf(s.k.Service), owns()...)
	if in := s.k.Ingress; in != nil {
		ingresses := schema.GroupResource{Group: "networking.k8s.io", Resource: "ingresses"}
		p.add(ingresses, s.ns, "", reads()...)
		p.add(ingresses, s.ns, canaryOf(in.Name), applies()...)
	}
	return p
}

func scalers() schema.GroupResource {
	return schema.GroupResource{Group: kindScaler().Group, Resource: "horizontalpodautoscalers"}
}
