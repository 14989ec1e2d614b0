package kubernetes

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// promote ends the split once the original runs the release: the Service is as its
// manifest says, and an original that was divided and whose manifest leaves its
// size to others has all of its pods again. The canary's own are taken away with it.
func (r podRouter) promote(ctx context.Context, s *session, p podScene) error {
	objects, err := s.manifest(ctx, s.w.Manifest)
	if err != nil {
		return err
	}
	if err := r.grow(ctx, s, p, objects); err != nil {
		return err
	}
	return r.reselect(ctx, s, p.service, objects)
}

// grow gives an original that a constant total made smaller its pods back, unless its
// manifest says how many it is to have.
func (r podRouter) grow(ctx context.Context, s *session, p podScene, objects []*unstructured.Unstructured) error {
	if !s.k.Pods.Constant || p.original == nil {
		return nil
	}
	if own := find(objects, refOf(p.original)); own != nil {
		if _, ok, _ := unstructured.NestedFieldNoCopy(own.Object, "spec", "replicas"); ok {
			return nil
		}
	}
	total, err := r.total(ctx, s, p)
	if err != nil {
		return err
	}
	return s.writeAll(ctx, []podWrite{p.raise(total)})
}

// raise gives the original the pods it had before it was divided, where it has fewer.
func (p podScene) raise(total int) podWrite {
	return podWrite{p.original, sizeOps(p.original, max(total, replicasOf(p.original)))}
}

// reselect applies the manifest's Service over one that was narrowed.
func (podRouter) reselect(ctx context.Context, s *session, svc *unstructured.Unstructured, objects []*unstructured.Unstructured) error {
	if svc == nil || !narrowed(svc) {
		return nil
	}
	r := refOf(svc)
	own := find(objects, r)
	if own == nil {
		ops, err := widening(svc)
		if err != nil {
			return s.failOn(r, rollout.Conflict, err)
		}
		_, err = s.patch(ctx, r, ops)
		return err
	}
	applied, err := s.apply(ctx, own)
	if err != nil {
		return err
	}
	_, err = s.patch(ctx, r, forgetSelector(applied))
	return err
}

// find returns the object of list that r names, or nil.
func find(list []*unstructured.Unstructured, r ref) *unstructured.Unstructured {
	for _, o := range list {
		if o.GetKind() == r.gvk.Kind && o.GroupVersionKind().Group == r.gvk.Group && o.GetName() == r.name && o.GetNamespace() == r.namespace {
			return o
		}
	}
	return nil
}

// restore gives the original everything. A baseline or a kept selector that cannot be read
// does not keep the canary's pods alive: the error comes last.
func (r podRouter) restore(ctx context.Context, s *session) error {
	p, err := r.scene(ctx, s)
	if err != nil {
		return err
	}
	total, unread := r.total(ctx, s, p)
	if unread != nil {
		total = undivided(p.original, p.canary)
	}
	list, unclear := p.back(*s.k.Pods, total)
	if err := s.writeAll(ctx, list); err != nil {
		return err
	}
	if unclear != nil {
		unclear = s.failOn(refOf(p.service), rollout.Conflict, unclear)
	}
	return errors.Join(unread, unclear)
}

// back returns the writes of a restore: the original gets the pods back that a constant
// total took from it, then the canary leaves the Service and loses its pods.
func (p podScene) back(mode rollout.Pods, total int) ([]podWrite, error) {
	var (
		list   []podWrite
		unread error
	)
	if p.original != nil && mode.Constant {
		list = append(list, p.raise(total))
	}
	if p.service != nil {
		var ops []op
		ops, unread = widening(p.service)
		list = append(list, podWrite{p.service, ops})
	}
	if p.canary != nil {
		list = append(list, podWrite{p.canary, append(sizeOps(p.canary, 0), weightOps(p.canary, 0)...)})
	}
	return list, unread
}
