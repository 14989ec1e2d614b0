package kubernetes

import (
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
	o.Assumed = len(s.w.Manifests) > 0 // of a custom canary
	o.Generation, o.By = anchorWritten(a.live)
	if s.w.Stable != "" {
		if o.StableReady, err = s.anchorStableReady(ctx, a); err != nil {
			return rollout.Observed{}, look, err
		}
	}
	if a.revision != a.name {
		return o, look, nil
	}
	v, err := s.healthOf(ctx, s.w.Manifest)
	if err != nil {
		return rollout.Observed{}, look, err
	}
	o.Ready, o.Failure = v.ready && v.failure == "", v.failure
	if !o.Ready && o.Failure == "" {
		o.Progress = v.progress
	}
	o.Settled = s.idle() || o.Ready || o.Failure != ""
	return o, soonest(v.again), nil
}

// anchorStableReady reports whether the anchor is ready and w.Stable has a share of it.
func (s *session) anchorStableReady(ctx context.Context, a anchor) (bool, error) {
	if s.w.Stable != a.revision && s.w.Stable != a.stable {
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
