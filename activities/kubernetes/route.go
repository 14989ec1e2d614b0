package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

var _ router = routeRouter{}

// routeRouter splits by the weights of the plan's routes, the same in every
// destination. A route belongs to others: what is changed is the backendRefs of the
// rules that name the Service, and rules of our own in front of them.
type routeRouter struct{}

// placed is one route of the plan in one destination.
type placed struct {
	s           *session // to the destination's cluster
	destination string   // its id
	ref         ref
	live        *unstructured.Unstructured // nil if it does not exist
}

// destinations returns where the routes go.
func (s *session) destinations() []rollout.Destination {
	if d := s.k.Gateway.Destinations; len(d) > 0 {
		return d
	}
	return []rollout.Destination{{ID: selfDestination}}
}

// routes reads the routes of the plan in one destination.
func (routeRouter) routes(ctx context.Context, s *session, d rollout.Destination) ([]placed, error) {
	to, err := s.at(ctx, d.Cluster)
	if err != nil {
		return nil, err
	}
	var list []placed
	for _, r := range s.k.Gateway.Routes {
		p := placed{s: to, destination: d.ID, ref: to.routeRef(r)}
		if p.live, err = to.get(ctx, p.ref); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// all reads the routes of every destination.
func (r routeRouter) all(ctx context.Context, s *session) ([]placed, error) {
	var list []placed
	for _, d := range s.destinations() {
		some, err := r.routes(ctx, s, d)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

// where is "", or names a destination in front of what is said of its route.
func (p placed) where() string {
	if p.destination == selfDestination {
		return ""
	}
	return "destination " + p.destination + ": "
}

func (p placed) String() string { return p.where() + p.ref.gvk.Kind + " " + p.ref.name }

func (p placed) fail(kind rollout.Kind, err error) error {
	if where := p.where(); where != "" {
		err = fmt.Errorf("%s%w", where, err)
	}
	return p.s.failOn(p.ref, kind, err)
}

// parse reads the live route.
func (p placed) parse() (*route, error) {
	r, err := parseRoute(p.live, p.s.backends())
	if err != nil {
		return nil, p.fail(rollout.Invalid, err)
	}
	return r, nil
}

// before returns the route as the baseline has it, nil where that cannot be told.
func (p placed) before(b *baseline) *route {
	o := b.route(p.destination, p.ref)
	if o == nil {
		return nil
	}
	r, err := parseRoute(o, p.s.backends())
	if err != nil {
		return nil
	}
	return r
}

func (s *session) backends() backends {
	return backends{stable: s.k.Service, canary: canaryOf(s.k.Service), namespace: s.ns}
}

// read returns what every rule of every route gives the canary. Where they do not
// agree it is that of the first rule which differs from what the session asks for:
// then the step writes again, or finds that somebody else has written.
func (r routeRouter) read(ctx context.Context, s *session) (traffic, error) {
	list, err := r.all(ctx, s)
	if err != nil {
		return traffic{}, err
	}
	t := traffic{canary: s.w.Weight}
	if s.w.Promotion {
		t.canary = 0
	}
	agree, rules, asked := true, 0, t.canary
	var live []*unstructured.Unstructured
	for _, p := range list {
		if p.live == nil {
			t.say(p.String() + " does not exist")
			continue
		}
		one, err := p.parse()
		if err != nil {
			return traffic{}, err
		}
		percents := one.percents()
		for _, w := range percents {
			if agree && w != asked {
				t.canary, agree = w, false
			}
		}
		rules += len(percents)
		t.look(p, one, len(percents) > 0)
		live = append(live, p.live)
	}
	t.exists = len(live) > 0
	if rules == 0 {
		t.canary = 0 // nothing leads to it
	}
	t.by, t.at = lastWriter(live, "spec")
	return t, nil
}

// look adds to t what one route says.
func (t *traffic) look(p placed, r *route, splits bool) {
	t.generation += p.live.GetGeneration()
	if t.pending == "" {
		if why := unsettled(p.live); why != "" {
			t.pending = p.where() + why
		}
	}
	switch {
	case !splits:
		t.say(fmt.Sprintf("no rule of %s sends requests to Service %s", p, r.backends.stable))
	case r.matched():
		t.say(p.String() + " sends the canary also what matches")
	}
}

// say adds to the note.
func (t *traffic) say(text string) {
	if t.note != "" {
		t.note += "; "
	}
	t.note += text
}

// restore takes everything of the canary out of the routes, and gives the Service the
// weights that the baseline has. One destination that cannot be reached, or a
// baseline that cannot be read, does not keep the others from it.
func (r routeRouter) restore(ctx context.Context, s *session) error {
	b, err := s.baseline(ctx)
	problems := []error{err}
	for _, d := range s.destinations() {
		list, err := r.routes(ctx, s, d)
		problems = append(problems, err)
		for _, p := range list {
			problems = append(problems, p.restore(ctx, b))
		}
	}
	return joined(problems)
}

// joined puts what may pass by trying again first, because the first kind decides.
func joined(problems []error) error {
	slices.SortStableFunc(problems, func(a, b error) int { return cmp.Compare(final(a), final(b)) })
	return errors.Join(problems...)
}

// final is 1 for what trying again does not help.
func final(err error) int {
	if kind := rollout.KindOf(err); kind == "" || kind == rollout.Transient || kind == rollout.Unreachable {
		return 0
	}
	return 1
}

func (p placed) restore(ctx context.Context, b *baseline) error {
	if p.live == nil {
		if b.route(p.destination, p.ref) == nil {
			return nil
		}
		e := &rollout.Error{
			Op: "kubernetes: " + p.s.op, On: p.s.on(p.ref), Kind: rollout.NotFound,
			Err: fmt.Errorf("%s was there when the rollout began, and is gone", p), Fix: "apply it again",
		}
		return e
	}
	c, err := p.cleared(b)
	if err != nil {
		return err
	}
	return c.write(ctx)
}

// cleared is the change that takes everything of the canary out.
func (p placed) cleared(b *baseline) (change, error) {
	if err := p.s.owned(p.live); err != nil {
		return change{}, err
	}
	one, err := p.parse()
	if err != nil {
		return change{}, err
	}
	ops, err := one.clear(p.before(b))
	if err != nil {
		return change{}, p.fail(rollout.Invalid, err)
	}
	return change{placed: p, ops: ops}, nil
}

// change is what is written to one route.
type change struct {
	placed
	ops []op
}

func (c change) write(ctx context.Context) error {
	_, err := c.s.patch(ctx, c.ref, c.ops)
	return err
}
