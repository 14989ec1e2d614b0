package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/serin-dev/serin/rollout"
)

// checkSplit looks at what divides the requests.
func (c *inspection) checkSplit(ctx context.Context) error {
	switch k := c.s.k; {
	case k.Gateway != nil:
		return c.checkGateway(ctx, k.Gateway)
	case k.Ingress != nil:
		return c.checkIngress(ctx, k.Ingress)
	case k.Pods != nil:
		return c.checkPods(ctx)
	}
	return nil
}

// checkGateway looks at the routes, in every cluster that gets them.
func (c *inspection) checkGateway(ctx context.Context, g *rollout.Gateway) error {
	places := g.Destinations
	if len(places) == 0 {
		places = []rollout.Destination{{ID: selfDestination}}
	}
	routes, err := routeRouter{}.all(ctx, c.s)
	if err != nil && rollout.KindOf(err) != rollout.Denied { // what is denied is told of each route below
		return err
	}
	routed := slices.ContainsFunc(routes, func(p placed) bool { return p.live != nil })
	var all error
	for _, d := range places {
		at, err := c.s.at(ctx, d.Cluster)
		if err != nil {
			return err
		}
		for _, r := range g.Routes {
			all = errors.Join(all, c.checkRoute(ctx, routeSite{session: at, ref: at.routeRef(r), id: d.ID, routed: routed}))
		}
	}
	return all
}

// routeSite is a route in the cluster of one destination.
type routeSite struct {
	*session
	ref    ref
	id     string // of the destination
	routed bool   // one of the plan's routes exists somewhere
}

// note adds a problem with the route, and says where it is.
func (c *inspection) note(at routeSite, format string, args ...any) {
	path := c.path(at.ref)
	if at.id != selfDestination {
		path += " at " + at.id
	}
	c.found = append(c.found, rollout.Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (c *inspection) checkRoute(ctx context.Context, at routeSite) error {
	known, err := at.knows(ctx, at.ref.gvk)
	if err != nil {
		return err
	}
	if !known {
		c.note(at, "the cluster has no kind %s in %s: install the Gateway API", at.ref.gvk.Kind, at.ref.gvk.GroupVersion())
		return nil
	}
	needs := permissions{}
	needs.add(schema.GroupResource{Group: at.ref.gvk.Group, Resource: strings.ToLower(at.ref.gvk.Kind) + "s"}, at.ref.namespace, at.ref.name, changes()...)
	if err = c.demand(ctx, at.session, needs); err != nil {
		return err
	}
	live, err := at.get(ctx, at.ref)
	switch {
	case err != nil:
		return err
	case live == nil && !at.routed && c.makes(at.ref):
		return nil // nothing is routed yet, so that stable comes first
	case live == nil:
		c.note(at, missingText, at.ref.namespace)
		return nil
	}
	if text := c.s.foreign(live); text != "" {
		c.note(at, "%s", text)
		return nil
	}
	if err = c.checkReferences(ctx, at); err != nil {
		return err
	}
	for _, text := range routeProblems(live, backends{stable: at.k.Service, canary: canaryOf(at.k.Service), namespace: at.ns}, at.w.Match) {
		c.note(at, "%s", text)
	}
	return nil
}

// routeProblems returns what keeps a live route from splitting. What a rollout of the
// same pipeline has left in it is taken out by the next one.
func routeProblems(live *unstructured.Unstructured, b backends, match []rollout.Match) []string {
	r, err := parseRoute(live, b)
	if err != nil {
		return []string{err.Error()}
	}
	splits, ours := false, live.GetAnnotations()[annotationPipeline] != ""
	for _, l := range r.rules {
		splits = splits || l.managed()
	}
	switch {
	case r.leftovers() && !ours:
		return []string{fmt.Sprintf("it leads to service %s, and no rollout has written that: take it out, the name belongs to the canary", b.canary)}
	case !splits:
		return []string{fmt.Sprintf("no rule sends anything to service %s of namespace %s: name it in the backendRefs of a rule, with a weight above 0", b.stable, b.namespace)}
	}
	if _, err := r.weigh(100, match); err != nil { // a share that is no whole number is found by its phase
		return []string{err.Error()}
	}
	return nil
}

// makes reports whether the stable phase makes an object that does not exist. Where a
// plan names no manifest of that phase it is taken on trust before the first rollout.
func (c *inspection) makes(r ref) bool {
	return c.original == nil || len(c.named(r)) > 0
}

// checkIngress looks at the original Ingress, and at its neighbors.
func (c *inspection) checkIngress(ctx context.Context, in *rollout.Ingress) error {
	r := c.s.ingressRef(in.Name)
	live, err := c.s.get(ctx, r)
	switch {
	case err != nil:
		return err
	case live == nil && c.makes(r):
		return nil // nothing is routed yet, so that stable comes first
	case live == nil:
		c.add(r, missingText, r.namespace)
		return nil
	}
	for _, text := range ingressProblems(live, in, c.s.k.Service) {
		c.add(r, "%s", text)
	}
	all, err := c.s.list(ctx, kindIngress(), c.s.ns, labels.Everything())
	if err != nil {
		return err
	}
	for _, other := range all {
		if text := rival(live, other, in, c.s.k.Service); text != "" {
			c.add(refOf(other), "%s", text)
		}
	}
	return nil
}

// checkPods looks at a split by the number of pods.
func (c *inspection) checkPods(ctx context.Context) error {
	if c.original == nil || c.service == nil {
		return nil
	}
	scalers, err := c.s.scalers(ctx, c.s.k.Deployment)
	if err != nil {
		return err
	}
	site := podSite{original: c.original, service: c.service, canary: c.canary, scaled: len(scalers) > 0}
	for _, p := range podProblems(c.s.k, site) {
		for _, o := range []*unstructured.Unstructured{c.original, c.service} {
			if p.Path == refOf(o).String() {
				p.Path = c.path(refOf(o))
			}
		}
		c.found = append(c.found, p)
	}
	if c.canary == nil {
		return nil
	}
	pods, err := c.s.strangers(ctx, c.service, c.canary)
	if err == nil && len(pods) > 0 {
		c.add(refOf(c.service), "%s", strangersText(c.s.k.SelectorLabel, pods))
	}
	return err
}
