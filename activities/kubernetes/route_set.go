package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// set gives the canary w.Weight by every route of every destination. Nothing is written
// before all of it is known to be possible.
//
// Errors: NotFound for a destination without any of the routes; Invalid for a weight
// that a rule cannot express, and for what is over the limits of the API; Conflict for a
// route of another pipeline.
func (r routeRouter) set(ctx context.Context, s *session) error {
	if s.w.Promotion {
		return r.promote(ctx, s)
	}
	list, err := r.all(ctx, s)
	if err != nil {
		return err
	}
	match, err := r.match(ctx, s)
	if err != nil {
		return err
	}
	changes, err := r.changes(ctx, list, match)
	if err != nil {
		return err
	}
	if s.w.Weight > 0 || len(match) > 0 {
		if err := r.routed(s, list); err != nil {
			return err
		}
		if err := r.propagate(ctx, s); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if err := c.write(ctx); err != nil {
			return err
		}
	}
	return nil
}

// changes returns what is to be written, to routes that only lack the stamps too.
func (r routeRouter) changes(ctx context.Context, list []placed, match []rollout.Match) ([]change, error) {
	var changes []change
	for _, p := range list {
		if p.live == nil {
			continue
		}
		c, err := r.weigh(ctx, p, match)
		if err != nil {
			return nil, err
		}
		if len(c.ops) == 0 && len(p.s.stampOps(p.live)) > 0 {
			c.ops = []op{sameVersion(p.live)}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// match returns which requests go to the canary whatever its weight. At weight 0 they do
// so only once the release's own canary is ready: before, what is there is left of another.
func (routeRouter) match(ctx context.Context, s *session) ([]rollout.Match, error) {
	if s.w.Weight > 0 || len(s.w.Match) == 0 {
		return s.w.Match, nil
	}
	rel, err := s.release(ctx)
	if err != nil {
		return nil, err
	}
	err = s.ready(ctx, canaryOf(s.k.Deployment), rel)
	switch kind := rollout.KindOf(err); {
	case err == nil:
		return s.w.Match, nil
	case kind == rollout.NotFound, kind == rollout.Transient, kind == rollout.Failed:
		return nil, nil
	}
	return nil, err
}

// weigh is the change that gives the canary the session's weight by one route. A canary
// that is gone is taken out: a gateway does not accept a route to a Service
// that does not exist, whatever its weight.
func (routeRouter) weigh(ctx context.Context, p placed, match []rollout.Match) (change, error) {
	if err := p.s.owned(p.live); err != nil {
		return change{}, err
	}
	one, err := p.parse()
	if err != nil {
		return change{}, err
	}
	w := p.s.w.Weight
	switch {
	case w > 0 || len(match) > 0:
		if len(one.percents()) == 0 {
			return change{}, p.fail(rollout.Invalid, fmt.Errorf("no rule of %s sends requests to Service %s", one, one.backends.stable))
		}
	case one.leftovers():
		if c, gone, fault := p.orphaned(ctx); gone || fault != nil {
			return c, fault
		}
	}
	ops, err := one.weigh(w, match)
	if err != nil {
		return change{}, p.fail(rollout.Invalid, err)
	}
	return change{placed: p, ops: ops}, nil
}

// orphaned is the change that takes a canary out whose Service is gone, if it is.
func (p placed) orphaned(ctx context.Context) (c change, gone bool, err error) {
	canary, err := p.s.get(ctx, p.s.serviceRef(canaryOf(p.s.k.Service)))
	if err != nil || canary != nil && canary.GetDeletionTimestamp() == nil {
		return change{}, false, err
	}
	b, err := p.s.baseline(ctx)
	if err != nil {
		return change{}, false, err
	}
	c, err = p.cleared(b)
	return c, true, err
}

// routed refuses requests for the canary where none of the routes exists.
func (routeRouter) routed(s *session, list []placed) error {
	for _, d := range s.destinations() {
		there := func(p placed) bool { return p.destination == d.ID && p.live != nil }
		if slices.ContainsFunc(list, there) {
			continue
		}
		for _, p := range list {
			if p.destination == d.ID {
				return p.fail(rollout.NotFound, fmt.Errorf("%s does not exist: apply it, with Service %s as a backend", p, s.k.Service))
			}
		}
	}
	return nil
}

// promote makes every route what the release's manifest says, or, where it says nothing
// of a route, what it was without the canary.
func (r routeRouter) promote(ctx context.Context, s *session) error {
	if err := r.propagate(ctx, s); err != nil {
		return err
	}
	b, err := s.baseline(ctx)
	if err != nil {
		return err
	}
	list, err := r.all(ctx, s)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := p.promote(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (p placed) promote(ctx context.Context, b *baseline) error {
	objects, err := p.s.manifest(ctx, p.s.w.Manifest)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if p.ref.is(o) {
			_, err = p.s.apply(ctx, o)
			return err
		}
	}
	if p.live == nil {
		return p.fail(rollout.NotFound, fmt.Errorf("%s does not exist, and is not in the manifest", p))
	}
	c, err := p.cleared(b)
	if err != nil {
		return err
	}
	return c.write(ctx)
}

// is reports whether r names o, in whichever version of its API.
func (r ref) is(o *unstructured.Unstructured) bool {
	have := refOf(o)
	return have.gvk.GroupKind() == r.gvk.GroupKind() && have.namespace == r.namespace && have.name == r.name
}

// propagate applies the manifest's Service, and that of the canary, to the destinations,
// where the plan wants that: a gateway there resolves the names of backends there.
func (routeRouter) propagate(ctx context.Context, s *session) error {
	if !s.k.Gateway.PropagateService {
		return nil
	}
	for _, d := range s.destinations() {
		if d.Cluster == nil {
			continue // the manifest is applied there
		}
		to, err := s.at(ctx, d.Cluster)
		if err != nil {
			return err
		}
		objects, err := to.manifest(ctx, s.w.Manifest)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if to.serviceRef(s.k.Service).is(o) || to.serviceRef(canaryOf(s.k.Service)).is(o) {
				if _, err := to.apply(ctx, o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// remove deletes the canary's Services that propagate has made.
func (routeRouter) remove(ctx context.Context, s *session) error {
	if !s.k.Gateway.PropagateService {
		return nil
	}
	var problems []error
	for _, d := range s.destinations() {
		if d.Cluster != nil {
			problems = append(problems, s.removeService(ctx, d))
		}
	}
	return errors.Join(problems...)
}

func (s *session) removeService(ctx context.Context, d rollout.Destination) error {
	to, err := s.at(ctx, d.Cluster)
	if err != nil {
		return err
	}
	canary := to.serviceRef(canaryOf(s.k.Service))
	live, err := to.get(ctx, canary)
	if err != nil || live == nil {
		return err
	}
	if err := to.owned(live); err != nil {
		return err
	}
	return to.delete(ctx, canary)
}
