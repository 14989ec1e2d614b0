package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// recordObjects notes which objects of the phases' manifests exist. What this pipeline has
// left there without stable having it is no part of what was live, but of an earlier canary.
func (s *session) recordObjects(ctx context.Context, b *baseline) (found bool, err error) {
	var stable []*unstructured.Unstructured
	if s.w.StableManifest != "" && !s.k.Canary() {
		if stable, err = s.manifest(ctx, s.w.StableManifest); err != nil {
			return false, err
		}
	}
	for _, digest := range s.allManifests() {
		objects, err := s.manifest(ctx, digest)
		if err != nil {
			return false, err
		}
		for _, o := range objects {
			live, err := s.get(ctx, refOf(o))
			if err != nil {
				return false, err
			}
			if live == nil {
				continue
			}
			found = true
			if !s.leftBehind(live, stable) && !b.had(refOf(o)) {
				b.Objects = append(b.Objects, objectOf(refOf(o)))
			}
		}
	}
	return found, nil
}

// allManifests are the digests of every manifest of the rollout that the work names,
// none where the plan names the objects.
func (s *session) allManifests() []string {
	switch {
	case s.k.Canary():
		return nil
	case len(s.w.Manifests) > 0:
		return s.w.Manifests
	case s.w.Manifest != "":
		return []string{s.w.Manifest}
	}
	return nil
}

// leftBehind reports whether a live object is this pipeline's although its stable manifest,
// if there is one, does not have it.
func (s *session) leftBehind(live *unstructured.Unstructured, stable []*unstructured.Unstructured) bool {
	return stable != nil && find(stable, refOf(live)) == nil && live.GetAnnotations()[annotationPipeline] == s.w.Pipeline
}
