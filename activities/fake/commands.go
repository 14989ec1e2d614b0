package fake

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Deploy makes the release's revision, ready at once unless it is held or fails.
func (p *Platform) Deploy(ctx context.Context, w activities.Work) error {
	return p.call(ctx, "Deploy", func() error { return p.deploy("deploy", w) })
}

// Promote is Deploy: the service itself has nothing to change here.
func (p *Platform) Promote(ctx context.Context, w activities.Work) error {
	return p.call(ctx, "Promote", func() error { return p.deploy("promote", w) })
}

func (p *Platform) deploy(op string, w activities.Work) error {
	s := p.services[Name(w)]
	if s == nil && w.Stable != "" {
		return fail(op, w, rollout.NotFound, "the service does not exist")
	}
	if err := owned(op, w, s); err != nil {
		return err
	}
	name := s.own(w)
	if s != nil && s.revisions[name] != nil {
		return nil
	}
	if s == nil {
		s = &service{revisions: map[string]*revision{}, pipeline: w.Pipeline, rollout: w.Rollout}
		p.services[Name(w)] = s
	}
	if len(s.split) == 0 { // nothing else could take the requests
		s.pending = rollout.Split{{Revision: name, Percent: 100}}
	}
	r := &revision{release: w.Release, attempt: max(w.Attempt, 1), failure: cmp.Or(p.failing[w.Target.Name+"/"+w.Release], p.failing[w.Release])}
	r.ready = r.failure == "" && !p.held[w.Release]
	s.revisions[name] = r
	p.wrote(s, op+" "+name)
	s.settle()
	return nil
}

// settle lets what waited for a ready revision serve.
func (s *service) settle() {
	if len(s.pending) > 0 && s.revisions[s.pending[0].Revision].ready {
		s.serve(s.pending)
	}
}

func (s *service) serve(split rollout.Split) {
	s.split, s.pending = clone(split), nil
	s.splits = append(s.splits, clone(split))
}

// SetWeight writes Next and the stamps.
func (p *Platform) SetWeight(ctx context.Context, w activities.Work) error {
	return p.call(ctx, "SetWeight", func() error {
		split, err := next(w, p.services[Name(w)].own(w))
		if err != nil {
			return err
		}
		return p.route("set weight", w, split)
	})
}

// Restore gives w.Stable everything; without one it changes nothing.
func (p *Platform) Restore(ctx context.Context, w activities.Work) error {
	return p.call(ctx, "Restore", func() error {
		if w.Stable == "" {
			return nil
		}
		return p.route("restore", w, rollout.Split{{Revision: w.Stable, Percent: 100}})
	})
}

func (p *Platform) route(op string, w activities.Work, split rollout.Split) error {
	s := p.services[Name(w)]
	if s == nil {
		if len(split) == 0 {
			return nil
		}
		return fail(op, w, rollout.NotFound, "the service does not exist")
	}
	if err := owned(op, w, s); err != nil {
		return err
	}
	if err := s.reachable(op, w, split); err != nil {
		return err
	}
	same := len(split) == 0 || reflect.DeepEqual(s.split, clone(split))
	if same && s.pipeline == w.Pipeline && s.rollout == w.Rollout {
		return nil
	}
	s.pipeline, s.rollout = w.Pipeline, w.Rollout
	p.wrote(s, fmt.Sprintf("%s %s", op, split))
	if !same {
		s.serve(split)
	}
	return nil
}

// reachable checks that every revision of split can take its share.
func (s *service) reachable(op string, w activities.Work, split rollout.Split) error {
	for _, share := range split {
		r := s.revisions[share.Revision]
		switch own := share.Revision == s.own(w); {
		case r == nil:
			return fail(op, w, rollout.NotFound, "revision %s does not exist", share.Revision)
		case own && r.failure != "":
			return fail(op, w, rollout.Failed, "revision %s is not ready: %s", share.Revision, r.failure)
		case own && !r.ready:
			return fail(op, w, rollout.Transient, "revision %s is not ready yet", share.Revision)
		}
	}
	return nil
}

// Remove takes away the canary's and the prior revision's tags.
func (p *Platform) Remove(ctx context.Context, w activities.Work) error {
	return p.call(ctx, "Remove", func() error {
		s := p.services[Name(w)]
		if err := owned("remove", w, s); err != nil || s == nil || w.CloudRun == nil {
			return err
		}
		drop := slices.Concat(w.CloudRun.CanaryTags, w.CloudRun.PriorTags)
		split := clone(s.split)
		for i := range split {
			split[i].Tags = slices.DeleteFunc(split[i].Tags, func(tag string) bool {
				return slices.Contains(drop, tag) && !slices.Contains(w.CloudRun.StableTags, tag)
			})
		}
		if tags(split) == tags(s.split) {
			return nil
		}
		p.wrote(s, "remove")
		s.serve(split)
		return nil
	})
}

func tags(split rollout.Split) int {
	n := 0
	for _, share := range split {
		n += len(share.Tags)
	}
	return n
}

// wrote counts a change and wakes whoever waits for one. p.mu is held, so nobody
// looks before the change is complete.
func (p *Platform) wrote(s *service, what string) {
	p.writes++
	s.generation++
	s.by = Identity
	s.path = append(s.path, what)
	p.broadcast()
}

func (p *Platform) broadcast() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func owned(op string, w activities.Work, s *service) error {
	if s == nil || s.pipeline == "" || s.pipeline == w.Pipeline {
		return nil
	}
	return fail(op, w, rollout.Conflict, "the service belongs to pipeline %s, not %s", s.pipeline, w.Pipeline)
}

// Leave does nothing: the fake guards nothing.
func (p *Platform) Leave(ctx context.Context, _ activities.Work) error {
	return p.call(ctx, "Leave", func() error { return nil })
}

// ScaleStable does nothing: a revision of the fake has no size.
func (p *Platform) ScaleStable(ctx context.Context, _ activities.Work) error {
	return p.call(ctx, "ScaleStable", func() error { return nil })
}
