package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// checkTwin looks at what the fresh pods of stable need, or those that an earlier rollout has left:
// permissions, and the name.
func (c *inspection) checkTwin(ctx context.Context) error {
	known, err := c.s.knowsTwin(ctx)
	if err != nil || !known {
		return err
	}
	needs, r := permissions{}, c.s.twinRef()
	needs.add(schema.GroupResource{Group: "apps", Resource: "deployments"}, c.s.ns, r.name, owns()...)
	needs.add(schema.GroupResource{Resource: "pods"}, c.s.ns, "", "patch")
	if err = c.demand(ctx, c.s, needs); err != nil || !c.s.k.Fresh {
		return err
	}
	live, err := c.s.get(ctx, r)
	if err != nil {
		return err
	}
	text := c.s.strangeTwin(live)
	if text == "" && len(c.named(r)) > 0 { // promotion would apply it over the fresh pods
		text = notFresh
	}
	if text != "" {
		c.add(r, "%s", text)
	}
	if text != "" || c.original == nil {
		return nil
	}
	return c.rehearseOne(ctx, twinObject(c.original, "", 1))
}
