package kubernetes

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// fieldManager is who writes, as managedFields show it.
const fieldManager = "serin"

// The annotations that are written. All but annotationDigest stand on an object
// itself only: in a template they would restart pods in each phase.
const (
	annotationPipeline = "serin.dev/pipeline"
	annotationRollout  = "serin.dev/rollout"
	annotationDigest   = "serin.dev/release-digest" // "<64 hex>", or "<64 hex>-<attempt>"
	annotationWeight   = "serin.dev/weight"         // what was asked for last, in percent
	annotationStable   = "serin.dev/stable"         // the revision that has the rest
)

// stamps are the annotations of every object that the session writes.
func (s *session) stamps() map[string]any {
	return map[string]any{annotationPipeline: s.w.Pipeline, annotationRollout: s.w.Rollout}
}

// stamp adds annotations to o.
func stamp(o *unstructured.Unstructured, annotations map[string]any) {
	all := o.GetAnnotations()
	if all == nil {
		all = map[string]string{}
	}
	for k, v := range annotations {
		all[k] = fmt.Sprint(v)
	}
	o.SetAnnotations(all)
}

// owned refuses an object that another pipeline has stamped.
func (s *session) owned(o *unstructured.Unstructured) error {
	owner := o.GetAnnotations()[annotationPipeline]
	if owner == "" || owner == s.w.Pipeline {
		return nil
	}
	return &rollout.Error{
		Op: "kubernetes: " + s.op, On: s.on(refOf(o)), Kind: rollout.Conflict,
		Err: fmt.Errorf("it belongs to pipeline %s, not %s", owner, s.w.Pipeline),
		Fix: "if " + owner + " no longer deploys it, remove the annotation " + annotationPipeline,
	}
}
