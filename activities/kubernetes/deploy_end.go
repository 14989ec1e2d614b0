package kubernetes

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/activities"
)

func errNotInManifest() error { return errors.New("the manifest has no such object") }

// setDigest stamps the template of a workload.
func setDigest(o *unstructured.Unstructured, digest string) {
	path := []string{"spec", "template", "metadata", "annotations"}
	all, _, err := unstructured.NestedMap(o.Object, path...)
	if err != nil || all == nil {
		all = map[string]any{}
	}
	all[annotationDigest] = digest
	if err := unstructured.SetNestedMap(o.Object, all, path...); err != nil {
		return // a template that is no object is refused by the API
	}
}

// prepare reads the manifest and refuses if any object is another pipeline's, so that
// nothing is half done.
func (s *session) prepare(ctx context.Context) (release, []*unstructured.Unstructured, error) {
	r, err := s.release(ctx)
	if err != nil {
		return r, nil, err
	}
	if err = s.ownedAll(ctx, r); err != nil {
		return r, nil, err
	}
	objects, err := s.ownManifest(ctx, s.w.Manifest)
	return r, objects, err
}

// ownManifest is manifest, refused if any live object of it is another pipeline's.
func (s *session) ownManifest(ctx context.Context, digest string) ([]*unstructured.Unstructured, error) {
	objects, err := s.manifest(ctx, digest)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		live, err := s.get(ctx, refOf(o))
		if err != nil {
			return nil, err
		}
		if live != nil {
			if err := s.owned(live); err != nil {
				return nil, err
			}
		}
	}
	return objects, nil
}

// Remove takes the canary away, in one deletion that its other objects follow, and
// puts the bounds of an autoscaler back. Nothing there is not an error.
func (p *Provider) Remove(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "remove", w)
	if err != nil {
		return err
	}
	if !s.k.Canary() {
		return s.removeAnchored(ctx)
	}
	r, err := s.release(ctx)
	if err != nil {
		return err
	}
	if err = s.ownedAll(ctx, r); err != nil {
		return err
	}
	if err = s.dismiss(ctx); err != nil {
		return err
	}
	if err = s.removeCanary(ctx); err != nil {
		return err
	}
	if s.k.Gateway != nil {
		if err = (routeRouter{}).remove(ctx, s); err != nil {
			return err
		}
	}
	return s.restoreFloor(ctx)
}

// removeCanary deletes the owner of the canary's objects. A canary Deployment whose
// owner is gone already is deleted itself.
func (s *session) removeCanary(ctx context.Context) error {
	if s.k.Pods == nil {
		r := s.serviceRef(canaryOf(s.k.Service))
		owner, err := s.get(ctx, r)
		if err != nil {
			return err
		}
		if owner != nil {
			return s.delete(ctx, r)
		}
	}
	return s.delete(ctx, s.deploymentRef(canaryOf(s.k.Deployment)))
}

// ScaleStable gives the original the pods that the baseline records, where somebody
// has made it smaller and no autoscaler decides.
func (p *Provider) ScaleStable(ctx context.Context, w activities.Work) error {
	s, err := p.open(ctx, "scale stable of", w)
	if err != nil || !s.k.Canary() {
		return err
	}
	b, err := s.baseline(ctx)
	if err != nil || b == nil {
		return err
	}
	live, err := s.get(ctx, s.deploymentRef(s.k.Deployment))
	if err != nil || live == nil || replicasOf(live) >= int(b.Replicas) {
		return err
	}
	if err = s.owned(live); err != nil {
		return err
	}
	hpas, err := s.scalers(ctx, s.k.Deployment)
	if err != nil || len(hpas) > 0 {
		return err
	}
	_, err = s.patch(ctx, refOf(live), []op{
		{Op: "test", Path: "/spec/replicas", Value: int64(replicasOf(live))},
		{Op: "replace", Path: "/spec/replicas", Value: int64(b.Replicas)},
	})
	return err
}

// others adds to v what the other objects of the stable manifest are worth.
func (s *session) others(ctx context.Context, v *judgement) error {
	objects, err := s.manifest(ctx, s.w.Manifest)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if r := refOf(o); r == s.deploymentRef(s.k.Deployment) || s.splitting(r) {
			continue
		}
		if err := s.addHealth(ctx, o, v); err != nil {
			return err
		}
	}
	return nil
}
