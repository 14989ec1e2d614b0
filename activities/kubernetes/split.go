package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// traffic is what a router reads.
type traffic struct {
	exists  bool           // the objects that split exist
	canary  rollout.Weight // of the canary Deployment; the original has the rest
	pending string         // why the data plane may still do something else; "" when it has taken the split
	assumed bool           // nobody can tell what the data plane does
	note    string         // what canary does not say, for people

	generation int64     // of the objects that split; it grows with each change by anybody
	by         string    // who wrote them last, and
	at         time.Time // when: lastWriter tells both

	// again is how soon reading may give another answer although no object has
	// changed, as with a probe; 0 is never.
	again time.Duration
}

// router is how a mode splits.
type router interface {
	read(ctx context.Context, s *session) (traffic, error)
	set(ctx context.Context, s *session) error     // w.Weight, promotion included; w is checked before
	restore(ctx context.Context, s *session) error // everything to the original, as the baseline has it
}

// router returns that of the plan's mode.
func (s *session) router() router {
	switch {
	case s.k.Gateway != nil:
		return routeRouter{}
	case s.k.Ingress != nil:
		return ingressRouter{}
	case s.k.Pods != nil:
		return podRouter{}
	default:
		return anchorRouter{}
	}
}

// Next returns the split that SetWeight writes for w: the release, then the stable
// revision.
//
// Errors: Invalid for a weight that nothing can make up to 100; those of reading
// what the release's revision is called.
func (p *Provider) Next(ctx context.Context, w activities.Work) (rollout.Split, error) {
	s, err := p.open(ctx, "plan the split of", w)
	if err != nil {
		return nil, err
	}
	name, err := s.revisionName(ctx)
	if err != nil {
		return nil, err
	}
	return s.next(name)
}

// revisionName is what the release's revision is called.
func (s *session) revisionName(ctx context.Context) (string, error) {
	if s.k.Canary() {
		r, err := s.release(ctx)
		return r.name, err
	}
	a, err := s.anchor(ctx)
	return a.name, err
}

// next gives the revision of this name its weight and the stable one the rest.
func (s *session) next(name string) (rollout.Split, error) {
	w := s.w
	switch {
	case !w.Weight.Valid():
		return nil, s.fail(rollout.Invalid, fmt.Errorf("weight %d is not from 0 to 100", w.Weight))
	case w.Stable == "" && w.Weight == 0:
		return nil, nil
	case w.Stable == "" && w.Weight < 100:
		return nil, s.fail(rollout.Invalid, fmt.Errorf("nothing serves that could take the other %d%%, so the release gets 100%% or nothing", 100-w.Weight))
	}
	var out rollout.Split
	if w.Weight > 0 {
		out = give(out, name, w.Weight)
	}
	if w.Weight < 100 {
		out = give(out, w.Stable, 100-w.Weight)
	}
	return out, nil
}

// give adds percent to the share of a revision, so that each is in the split once.
func give(split rollout.Split, revision string, percent rollout.Weight) rollout.Split {
	for i := range split {
		if split[i].Revision == revision {
			split[i].Percent += percent
			return split
		}
	}
	return append(split, rollout.Share{Revision: revision, Percent: percent})
}

// SetWeight gives the release w.Weight, in the way of the plan's mode. A share for
// pods that are not ready is refused before it is written: the data plane would
// take it, and requests would fail.
//
// Errors: NotFound for a revision that does not exist; Transient while the release is not
// ready; Failed once it never will be; Conflict if an object is another pipeline's;
// Invalid as Next.
func (p *Provider) SetWeight(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "set weight", w)
	if err != nil {
		return err
	}
	if !s.k.Canary() {
		return anchorRouter{}.set(ctx, s)
	}
	r, err := s.release(ctx)
	if err != nil {
		return err
	}
	split, err := s.next(r.name)
	if err != nil || len(split) == 0 && r.original == nil {
		return err
	}
	if err := s.ownedAll(ctx, r); err != nil {
		return err
	}
	if err := s.shiftable(ctx, r); err != nil {
		return err
	}
	if s.w.Promotion { // the manifest's Service may have selected it anew
		if err := s.bench(ctx); err != nil {
			return err
		}
	}
	if err := s.router().set(ctx, s); err != nil {
		return err
	}
	return s.dismissOther(ctx)
}

// shiftable refuses a split whose revisions are not there or cannot take it.
func (s *session) shiftable(ctx context.Context, r release) error {
	w := s.w
	switch {
	case r.original == nil:
		return s.errMissing(s.k.Deployment, "deploy it first")
	case w.Stable != "" && w.Weight < 100 && s.called(r.original, r) != w.Stable:
		return s.errMissing(w.Stable, "it was replaced: deploy its release again")
	case w.Weight == 0:
		return s.heir(ctx, r)
	case w.Promotion:
		return s.ready(ctx, s.k.Deployment, r)
	case r.canary == nil:
		return s.errMissing(r.name, "deploy it first")
	}
	now, err := s.router().read(ctx, s)
	if err != nil || w.Weight <= now.canary && s.called(r.canary, r) == r.name {
		return err // less for a canary is always right
	}
	return s.ready(ctx, canaryOf(s.k.Deployment), r)
}

// heir refuses to take the requests from a canary that has the original's own revision,
// before the original can take them: a promotion that stopped half way leaves the two
// with one name, so that the names show no shift.
func (s *session) heir(ctx context.Context, r release) error {
	if s.w.Promotion || r.canary == nil || s.called(r.canary, r) != s.w.Stable {
		return nil
	}
	now, err := s.router().read(ctx, s)
	if err != nil || now.canary == 0 {
		return err
	}
	ok, err := s.stableReady(ctx, r)
	if err != nil || ok {
		return err
	}
	return s.fail(rollout.Transient, fmt.Errorf("%s is not ready to take the %d%% of its canary", s.w.Stable, now.canary))
}

// tornReads is how often what has changed while it was read is read again: a controller writes a
// status a few times and then rests.
const tornReads = 10

// ready refuses pods of a Deployment that are not the release's, or not ready.
func (s *session) ready(ctx context.Context, deployment string, r release) error {
	v, err := s.judge(ctx, deployment, r)
	for i := 0; err == nil && v.torn && i < tornReads; i++ {
		if r, err = s.release(ctx); err == nil {
			v, err = s.judge(ctx, deployment, r)
		}
	}
	switch {
	case err != nil:
		return err
	case !v.ours:
		return s.errMissing(r.name, "deploy it first")
	case v.ready:
		return nil
	case v.failure != "":
		return s.fail(rollout.Failed, fmt.Errorf("revision %s is not ready: %s", r.name, v.failure))
	default:
		return s.fail(rollout.Transient, fmt.Errorf("revision %s is not ready yet: %s", r.name, v.progress))
	}
}

// Restore gives w.Stable all requests and puts back what the baseline records.
// Without a stable revision there is nothing to go back to, and it changes nothing.
//
// Errors: NotFound if w.Stable does not exist; Conflict if an object is another
// pipeline's; Refused where a custom canary has nothing to go back to.
func (p *Provider) Restore(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "restore", w)
	if err != nil || w.Stable == "" {
		return err
	}
	if !s.k.Canary() {
		return anchorRouter{}.restore(ctx, s)
	}
	r, err := s.release(ctx)
	if err != nil {
		return err
	}
	if err := s.ownedAll(ctx, r); err != nil {
		return err
	}
	if r.original == nil || revisionOf(r.original) != w.Stable {
		return s.errMissing(w.Stable, "it was replaced: deploy its release again")
	}
	if err := s.router().restore(ctx, s); err != nil {
		return err
	}
	if err := s.restoreFloor(ctx); err != nil {
		return err
	}
	// The requests are back, and a twin that serves is as good as the original: what keeps it
	// from leaving keeps nothing from ending here. Remove tells.
	_ = s.retire(ctx)
	return nil
}

// Leave puts the floors of the original's autoscalers back.
//
// Errors: those of reading the baseline and of the writes.
func (p *Provider) Leave(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "leave", w)
	if err != nil || !s.k.Canary() {
		return err
	}
	return s.restoreFloor(ctx)
}

// ownedAll refuses if one of the named objects is another pipeline's.
func (s *session) ownedAll(ctx context.Context, r release) error {
	for _, name := range []string{s.k.Service, canaryOf(s.k.Service)} {
		o, err := s.get(ctx, s.serviceRef(name))
		if err != nil {
			return err
		}
		if o != nil {
			if err := s.owned(o); err != nil {
				return err
			}
		}
	}
	if r.original != nil {
		if err := s.owned(r.original); err != nil {
			return err
		}
	}
	if r.canary != nil {
		return s.owned(r.canary)
	}
	return nil
}

// errMissing says that a revision is not there.
func (s *session) errMissing(revision, fix string) error {
	return &rollout.Error{
		Op: "kubernetes: " + s.op, On: "target " + s.w.Target.Name, Kind: rollout.NotFound, Fix: fix,
		Err: errors.New("revision " + revision + " does not exist"),
	}
}
