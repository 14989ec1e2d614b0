package kubernetes

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// observeAnchor is observe without a named Deployment.
func (s *session) observeAnchor(ctx context.Context) (rollout.Observed, time.Duration, error) {
	a, err := s.anchor(ctx)
	if err != nil {
		return rollout.Observed{}, look, err
	}
	o := rollout.Observed{Revision: a.name, Settled: true, StableReady: s.w.Stable == ""}
	if a.live == nil {
		return o, look, nil
	}
	o.Exists, o.Split = true, a.split()
	o.Assumed = len(s.w.Manifests) > 1 // of a custom canary
	o.Generation, o.By = anchorWritten(a.live)
	if o.StableReady, err = s.anchorStableReady(ctx, a); err != nil {
		return rollout.Observed{}, look, err
	}
	if a.revision != a.name {
		o.Progress, err = s.departing(ctx)
		o.Settled = o.Progress == ""
		return o, look, err
	}
	v, err := s.healthOf(ctx, s.w.Manifest)
	if err != nil {
		return rollout.Observed{}, look, err
	}
	o.Ready, o.Failure = v.ready && v.failure == "", v.failure
	if !o.Ready {
		o.Progress = v.progress
	}
	going, err := s.departing(ctx)
	o.Progress = cmp.Or(o.Progress, going)
	o.Settled = (s.idle() || o.Ready || o.Failure != "") && going == ""
	return o, soonest(v.again), err
}

// departing says which object of an earlier phase is being deleted, "" if none is.
func (s *session) departing(ctx context.Context) (string, error) {
	if !s.w.Promotion && !s.idle() {
		return "", nil
	}
	for _, digest := range s.w.Manifests {
		objects, err := s.manifest(ctx, digest)
		if err != nil {
			return "", err
		}
		for _, o := range objects {
			live, err := s.get(ctx, refOf(o))
			if err != nil {
				return "", err
			}
			if live != nil && live.GetDeletionTimestamp() != nil {
				return refOf(o).String() + " is being deleted", nil
			}
		}
	}
	return "", nil
}

// anchorStableReady reports whether the anchor is ready and w.Stable has a share of it.
func (s *session) anchorStableReady(ctx context.Context, a anchor) (bool, error) {
	switch s.w.Stable {
	case "": // nothing to wait for
		return true, nil
	case a.revision, a.stable:
	default:
		return false, nil
	}
	h, err := s.health(ctx, a.live)
	return h.current, err
}

// anchorWritten is a number that grows with each change of the anchor's template, and
// who made the last one. Other kinds count every change of their spec.
func anchorWritten(live *unstructured.Unstructured) (generation int64, by string) {
	path := []string{"spec"}
	generation = live.GetGeneration()
	if isWorkload(live) {
		path = append(path, "template")
	}
	if n, err := strconv.ParseInt(live.GetAnnotations()[annotationRevision], 10, 64); err == nil {
		generation = n
	}
	by, _ = lastWriter([]*unstructured.Unstructured{live}, path...)
	return generation, by
}
