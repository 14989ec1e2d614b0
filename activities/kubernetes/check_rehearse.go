package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/serin-dev/serin/rollout"
)

func toFields(v any) (map[string]any, error) {
	return runtime.DefaultUnstructuredConverter.ToUnstructured(v)
}

// rehearse applies each object of the manifests in a dry run: schemas, immutable fields,
// quotas of objects and admission are only known to the API server. Nothing is asked where
// it is known already that it would be refused, or where a kind or a namespace is
// made by the manifest itself.
func (c *inspection) rehearse(ctx context.Context) error {
	for _, o := range c.objects {
		if err := c.rehearseOne(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (c *inspection) rehearseOne(ctx context.Context, o *unstructured.Unstructured) error {
	able, err := c.able(ctx, o)
	if err != nil || !able {
		return err
	}
	tried, err := c.s.remade(ctx, o)
	if err != nil {
		return err
	}
	err = c.s.dryRun(ctx, tried)
	var e *rollout.Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Kind != rollout.Transient:
		c.add(refOf(o), "the API server refuses it: %v", e.Err)
	default:
		return err
	}
	return nil
}

// remade returns what is rehearsed for o. A Job whose template is another is made anew when it
// is deployed, but the one that is there cannot be changed: that is tried under another name.
func (s *session) remade(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if !isJob(o) {
		return o, nil
	}
	live, err := s.get(ctx, refOf(o))
	if err != nil || live == nil || covers(live.Object["spec"], o.Object["spec"]) {
		return o, err
	}
	const longest = 57 // with the suffix it is a label's value
	other := o.DeepCopy()
	other.SetName(o.GetName()[:min(len(o.GetName()), longest)] + "-again")
	return other, nil
}

// able reports whether a dry run of o says anything new.
func (c *inspection) able(ctx context.Context, o *unstructured.Unstructured) (bool, error) {
	if c.strange[o.GroupVersionKind()] {
		return false, nil
	}
	namespace := ref{gvk: builtin("", "v1", "Namespace"), name: o.GetNamespace()}
	if o.GetNamespace() != "" && len(c.named(namespace)) > 0 {
		return false, nil
	}
	gr, known, err := c.resourceOf(ctx, o.GroupVersionKind())
	if err != nil || !known {
		return false, err
	}
	needs := permissions{}
	needs.add(gr, o.GetNamespace(), o.GetName(), "create", "patch")
	list := needs.in(o.GetNamespace())
	g := grants{partial: true}
	if o.GetNamespace() != "" {
		if g, err = c.grants(ctx, c.s, o.GetNamespace()); err != nil {
			return false, err
		}
	}
	if list = missing(g.rules, list); g.partial {
		list, err = c.s.refused(ctx, list)
	}
	return len(list) == 0, err
}

// dryRun asks the API server whether it would take o.
func (s *session) dryRun(ctx context.Context, o *unstructured.Unstructured) error {
	r := refOf(o)
	body, err := json.Marshal(o)
	if err != nil {
		return s.failOn(r, rollout.Invalid, err)
	}
	m, err := s.c.mapping(ctx, r.gvk)
	if err != nil {
		return s.typed(r, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	force := true
	_, err = s.c.resource(m, r.namespace).Patch(ctx, r.name, types.ApplyPatchType, body, metav1.PatchOptions{
		FieldManager: fieldManager, Force: &force, DryRun: []string{metav1.DryRunAll},
	})
	if err == nil || cannotRehearse(err) {
		return nil
	}
	return s.typed(r, err)
}

// misfits reports whether an object has a field that its kind does not have, or one of
// another type. An API server answers that to an apply with an internal error without a
// reason, so nothing but the words tells it from one that passes.
func misfits(err error) bool { return strings.Contains(err.Error(), "failed to create typed") }

// cannotRehearse reports whether an admission webhook has side effects, so that the
// API server does not call it in a dry run: nothing but the words tells it from a bad request.
func cannotRehearse(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsBadRequest(err) && errors.As(err, &status) && strings.Contains(status.Status().Message, "does not support dry run")
}
