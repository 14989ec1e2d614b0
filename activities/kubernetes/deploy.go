package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Deploy makes the canary of w exist, with the pods that its share needs, and no
// requests. The original is only touched so far that an autoscaler does not make it smaller.
//
// Errors: NotFound if w.Stable should serve but the original does not exist; Conflict
// if an object is another pipeline's; Invalid for what the API refuses; Transient
// while an earlier canary is being deleted.
func (p *Provider) Deploy(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "deploy", w)
	if err != nil {
		return err
	}
	if !s.k.Canary() {
		return s.deployAnchor(ctx)
	}
	r, objects, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	if r.original == nil {
		return s.errMissing(s.k.Deployment, "a canary needs an original beside it: deploy stable first")
	}
	if err = s.raiseFloor(ctx); err != nil {
		return err
	}
	size, err := s.canarySize(ctx, r)
	if err != nil {
		return err
	}
	s.picks.put(s.attempt(), r.digest)
	owner := ref{gvk: kindService(), namespace: s.ns, name: canaryOf(s.k.Service)}
	if s.k.Pods != nil {
		owner = s.deploymentRef(canaryOf(s.k.Deployment))
	}
	return s.applyCanary(ctx, canaryWork{release: r, objects: objects, size: size, owner: owner})
}

// canaryWork is what a canary consists of.
type canaryWork struct {
	release release
	objects []*unstructured.Unstructured
	size    canarySize
	owner   ref // of the others: one deletion takes all away
}

// applyCanary applies the owner first and the Deployment last, and with it its twin.
func (s *session) applyCanary(ctx context.Context, c canaryWork) error {
	first := find(c.objects, c.owner)
	if first == nil {
		return s.failOn(c.owner, rollout.Invalid, errNotInManifest())
	}
	if err := s.fitCanary(ctx, first, c); err != nil {
		return err
	}
	if s.wantsTwin() {
		stamp(first, map[string]any{annotationTwin: s.twinRef().name})
	} else if err := s.dismiss(ctx); err != nil {
		return err
	}
	owner, err := s.apply(ctx, first)
	if err != nil {
		return err
	}
	for _, o := range c.objects {
		if refOf(o) == c.owner {
			continue
		}
		if err := s.fitCanary(ctx, o, c); err != nil {
			return err
		}
		own(o, owner)
		if _, err := s.apply(ctx, o); err != nil {
			return err
		}
	}
	if s.wantsTwin() {
		return s.deployTwin(ctx, c, owner)
	}
	return nil
}

// fitCanary gives an object of the canary what the manifest leaves to the provider.
func (s *session) fitCanary(ctx context.Context, o *unstructured.Unstructured, c canaryWork) error {
	switch {
	case refOf(o) == s.deploymentRef(canaryOf(s.k.Deployment)):
		setDigest(o, c.release.digest)
		return s.fitReplicas(ctx, o, c)
	case len(scalersOf([]*unstructured.Unstructured{o}, canaryOf(s.k.Deployment))) > 0:
		return setBounds(o, c.size.bounds(boundsOf(o)))
	}
	return nil
}

// fitReplicas says how many pods the canary has, unless an autoscaler does or the
// split is its number of pods: then it is born without any, and keeps those it has.
func (s *session) fitReplicas(ctx context.Context, o *unstructured.Unstructured, c canaryWork) error {
	scaled, err := s.isScaled(ctx, o.GetName())
	if err != nil {
		return err
	}
	if scaled {
		unstructured.RemoveNestedField(o.Object, "spec", "replicas")
		return nil
	}
	pods := c.size.pods
	if s.k.Pods != nil {
		pods = 0
		if c.release.canary != nil {
			pods = replicasOf(c.release.canary)
		}
	}
	return unstructured.SetNestedField(o.Object, int64(pods), "spec", "replicas")
}

// canarySize is how many pods a canary has beside an original.
type canarySize struct{ pods, original int }

// bounds are those of the canary's autoscaler: the original's in proportion, and
// never fewer than the pods that its share needs.
func (z canarySize) bounds(original bounds) bounds {
	all := max(1, z.original)
	b := original.scaled(int64((100*z.pods + all - 1) / all))
	b.min = max(b.min, int64(z.pods))
	b.max = max(b.max, b.min)
	return b
}

// canarySize is what the phase's share needs of the original's size when the rollout
// began. In a split by pods the router knows.
func (s *session) canarySize(ctx context.Context, r release) (canarySize, error) {
	if s.k.Pods != nil {
		return canarySize{}, nil
	}
	b, err := s.baseline(ctx)
	if err != nil {
		return canarySize{}, err
	}
	z := canarySize{}
	switch {
	case b != nil:
		z.original = int(b.Replicas)
	case r.original != nil:
		z.original = replicasOf(r.original)
	}
	z.pods = s.w.Size.Pods(z.original, s.w.Weight)
	return z, nil
}

// Promote applies the stable manifest, all but the routes and the Ingress that the
// plan names, which SetWeight does, and the original Deployment last.
func (p *Provider) Promote(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "promote", w)
	if err != nil {
		return err
	}
	if !s.k.Canary() {
		return s.deployAnchor(ctx)
	}
	r, objects, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	if err = s.bench(ctx); err != nil { // what was stable serves no longer once the original changes
		return err
	}
	s.picks.put(s.attempt(), r.digest)
	var last *unstructured.Unstructured
	var rest []*unstructured.Unstructured
	for _, o := range objects {
		if refOf(o) == s.deploymentRef(s.k.Deployment) {
			last = o
		} else {
			rest = append(rest, o)
		}
	}
	if last == nil {
		return s.failOn(s.deploymentRef(s.k.Deployment), rollout.Invalid, errNotInManifest())
	}
	for _, o := range rest {
		if err = s.applyStable(ctx, o); err != nil {
			return err
		}
	}
	setDigest(last, r.digest)
	scaled, err := s.isScaled(ctx, s.k.Deployment)
	if err != nil {
		return err
	}
	if scaled {
		unstructured.RemoveNestedField(last.Object, "spec", "replicas")
	}
	_, err = s.apply(ctx, last)
	return err
}

// applyStable applies one object of the stable manifest, unless the split depends on
// it: that waits until the original is ready.
func (s *session) applyStable(ctx context.Context, o *unstructured.Unstructured) error {
	r := refOf(o)
	if s.splitting(r) {
		return nil
	}
	live, err := s.get(ctx, r)
	if err != nil {
		return err
	}
	if r == s.serviceRef(s.k.Service) && live != nil && narrowed(live) {
		return nil
	}
	if len(scalersOf([]*unstructured.Unstructured{o}, s.k.Deployment)) > 0 && live != nil {
		b, err := s.baseline(ctx)
		if err != nil {
			return err
		}
		if b != nil { // while the canary has requests the floor stays up
			if err := setBounds(o, boundsOf(o).raised(int64(b.Replicas))); err != nil {
				return err
			}
		}
	}
	return s.applyAndWait(ctx, o)
}

// splitting reports whether r is a route or the Ingress that the plan names.
func (s *session) splitting(r ref) bool {
	if in := s.k.Ingress; in != nil && r.gvk.Kind == kindIngress().Kind && r.name == in.Name {
		return true
	}
	if g := s.k.Gateway; g != nil {
		for _, route := range g.Routes {
			if want := s.routeRef(route); want.gvk.Group == r.gvk.Group && want.gvk.Kind == r.gvk.Kind && want.namespace == r.namespace && want.name == r.name {
				return true
			}
		}
	}
	return false
}
