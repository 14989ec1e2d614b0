package kubernetes

import (
	"context"
	"errors"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// A twin is the fresh pods of stable that a canary is compared with: as many, begun together. It
// is a Deployment with the template of the original, whose pods the original's Service selects, so
// that they get their part of what stable gets. No weight knows of it.
const (
	labelTrack       = "serin.dev/track"
	trackBaseline    = "baseline"
	labelTwin        = "serin.dev/baseline-of" // the original
	annotationTwin   = "serin.dev/baseline"    // on the canary's Service, where there may be a twin
	annotationBeside = "serin.dev/beside"      // on the twin's pods: the canary that they began with
)

func (s *session) twinRef() ref { return s.deploymentRef(s.k.Deployment + rollout.BaselineSuffix) }

// wantsTwin reports whether the canary of the phase has a twin. Where it has all requests, pods of
// stable would have none.
func (s *session) wantsTwin() bool {
	return s.k.Fresh && s.k.Pods == nil && !s.w.Promotion && s.w.Weight < 100
}

// knowsTwin reports whether there may be a twin. What an earlier rollout has left is told by the
// canary's Service, which owns it: so who has none reads nothing for it.
func (s *session) knowsTwin(ctx context.Context) (bool, error) {
	if !s.k.Canary() || s.k.Pods != nil {
		return false, nil
	}
	if s.k.Fresh {
		return true, nil
	}
	svc, err := s.get(ctx, s.serviceRef(canaryOf(s.k.Service)))
	return svc != nil && svc.GetAnnotations()[annotationTwin] != "", err
}

// twin returns the live twin, nil if there is none of this pipeline.
func (s *session) twin(ctx context.Context) (*unstructured.Unstructured, error) {
	if known, err := s.knowsTwin(ctx); err != nil || !known {
		return nil, err
	}
	live, err := s.get(ctx, s.twinRef())
	if err != nil || live == nil || !s.isTwin(live) {
		return nil, err
	}
	return live, nil
}

// isTwin reports whether a live Deployment with a twin's name is one, of this pipeline. The manifest of the pipeline
// may have one of that name too, but none with this selector.
func (s *session) isTwin(live *unstructured.Unstructured) bool {
	selector, _, _ := unstructured.NestedStringMap(live.Object, "spec", "selector", "matchLabels")
	return live.GetAnnotations()[annotationPipeline] == s.w.Pipeline && maps.Equal(selector, twinLabels(s.k.Deployment))
}

// twinLabels are what a twin is selected by, and nothing else is.
func twinLabels(original string) map[string]string {
	return map[string]string{labelTrack: trackBaseline, labelTwin: original}
}

// twinObject returns the twin of a live original that begins with the canary of this digest.
func twinObject(original *unstructured.Unstructured, beside string, pods int) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetGroupVersionKind(kindDeployment())
	o.SetName(original.GetName() + rollout.BaselineSuffix)
	o.SetNamespace(original.GetNamespace())
	template, _, _ := unstructured.NestedMap(original.Object, "spec", "template") // a copy
	if template == nil {
		template = map[string]any{}
	}
	unstructured.RemoveNestedField(template, "metadata", "creationTimestamp")
	selector := map[string]any{}
	put := func(value string, path ...string) {
		if err := unstructured.SetNestedField(template, value, path...); err != nil {
			return // a template that is no object is none that runs
		}
	}
	for k, v := range twinLabels(original.GetName()) {
		selector[k] = v
		put(v, "metadata", "labels", k)
	}
	put(beside, "metadata", "annotations", annotationBeside)
	spec := map[string]any{
		"replicas": int64(pods), "revisionHistoryLimit": int64(0),
		"selector": map[string]any{"matchLabels": selector}, "template": template,
	}
	for _, key := range []string{"minReadySeconds", "progressDeadlineSeconds"} {
		if v, ok, _ := unstructured.NestedInt64(original.Object, "spec", key); ok {
			spec[key] = v
		}
	}
	o.Object["spec"] = spec
	return o
}

// besideOf returns the canary that the newest pods of a twin begin with.
func besideOf(twin *unstructured.Unstructured) string {
	beside, _, _ := unstructured.NestedString(twin.Object, "spec", "template", "metadata", "annotations", annotationBeside)
	return beside
}

// deployTwin makes the twin of the canary exist, of its size, and lets the Service have its pods,
// those too that a restore has taken out. Pods that began with another canary leave the
// Service before others take their place.
func (s *session) deployTwin(ctx context.Context, c canaryWork, owner *unstructured.Unstructured) error {
	r := s.twinRef()
	if s.w.Stable != "" && s.called(c.release.original, c.release) != s.w.Stable {
		return s.errMissing(s.w.Stable, "it was replaced: deploy its release again")
	}
	live, err := s.get(ctx, r)
	if err != nil {
		return err
	}
	if text := s.strangeTwin(live); text != "" {
		return s.failOn(r, rollout.Conflict, errors.New(text))
	}
	if live != nil && besideOf(live) != c.release.digest {
		if err = s.withdraw(ctx); err != nil {
			return err
		}
	}
	o := twinObject(c.release.original, c.release.digest, c.size.pods)
	own(o, owner)
	if _, err = s.apply(ctx, o); err != nil {
		return err
	}
	return s.admit(ctx, c.release.digest)
}

// strangeTwin says why a live Deployment with a twin's name is none of this pipeline, "" if it is, or is
// not there.
func (s *session) strangeTwin(live *unstructured.Unstructured) string {
	if text := s.foreign(live); text != "" {
		return text
	}
	switch {
	case live == nil || s.isTwin(live):
		return ""
	case live.GetAnnotations()[annotationPipeline] == "":
		return "somebody else has made it, and compare.fresh needs the name: delete it or give it another name"
	}
	return notFresh
}

// notFresh says why a Deployment of the pipeline itself cannot have a twin's name.
const notFresh = "it is no fresh pods of stable, and compare.fresh needs the name: give it another name"
