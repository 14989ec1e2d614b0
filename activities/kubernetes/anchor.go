package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/serin-dev/serin/rollout"
)

// anchor is the one object of a manifest without a named Deployment that carries what
// was deployed last, and with which weight.
type anchor struct {
	ref  ref
	live *unstructured.Unstructured // nil where nothing was deployed

	digest string // under which the session's release is deployed, "<64 hex>" or "<64 hex>-<attempt>"
	name   string // of its revision

	revision string         // live; "" where nothing is
	weight   rollout.Weight // of revision, as it was configured
	stable   string         // has the rest
}

// split is what is configured.
func (a anchor) split() rollout.Split {
	if a.live == nil {
		return nil
	}
	var out rollout.Split
	if a.weight > 0 {
		out = give(out, a.revision, a.weight)
	}
	if a.weight < 100 {
		out = give(out, a.stable, 100-a.weight)
	}
	return out
}

// anchor finds the anchor of the session's manifests and reads what it carries.
func (s *session) anchor(ctx context.Context) (anchor, error) {
	a := anchor{digest: s.fresh()}
	var err error
	if a.ref, err = s.anchorRef(ctx); err != nil {
		return a, err
	}
	if a.live, err = s.get(ctx, a.ref); err != nil {
		return a, err
	}
	if a.live == nil {
		if a.live, err = s.formerAnchor(ctx, a.ref); err != nil {
			return a, err
		}
	}
	if a.live != nil {
		s.readStamps(&a)
		if err := s.chooseAnchored(ctx, &a); err != nil {
			return a, err
		}
	}
	a.name = revisionName(s.w.Pipeline, a.digest)
	return a, nil
}

// readStamps fills in what the live object says. One that nobody has stamped is its
// own revision and has everything.
func (s *session) readStamps(a *anchor) {
	stamps := a.live.GetAnnotations()
	digest := stamps[annotationDigest]
	if digest == "" {
		digest = sum(content(a.live))
	}
	a.revision = revisionName(s.w.Pipeline, digest)
	a.weight, a.stable = 100, stamps[annotationStable]
	if n, err := strconv.Atoi(stamps[annotationWeight]); err == nil && rollout.Weight(n).Valid() && a.stable != "" {
		a.weight = rollout.Weight(n)
	}
}

// content is what makes an object another: its template, or its spec, or all of it.
func content(o *unstructured.Unstructured) any {
	if template, ok, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "template"); ok {
		return template
	}
	if spec, ok := o.Object["spec"]; ok {
		return spec
	}
	rest := desired(o)
	delete(rest, "metadata")
	return rest
}

// chooseAnchored takes the digest that is live if it is the release's and has not
// failed, whichever attempt made it.
func (s *session) chooseAnchored(ctx context.Context, a *anchor) error {
	live := a.live.GetAnnotations()[annotationDigest]
	hexes, _, _ := strings.Cut(live, "-")
	if hexes == "" || !strings.HasPrefix(s.hexDigest(), hexes) {
		return nil
	}
	if live == a.digest || s.picked() == live {
		a.digest = live
		return nil
	}
	v, err := s.healthOf(ctx, s.w.Manifest)
	if err == nil && v.failure == "" {
		a.digest = live
	}
	return err
}

// healthOf is what all objects of a manifest are worth together.
func (s *session) healthOf(ctx context.Context, digest string) (judgement, error) {
	v := judgement{ours: true, ready: true}
	objects, err := s.manifest(ctx, digest)
	if err != nil {
		return v, err
	}
	for _, o := range objects {
		if err := s.addHealth(ctx, o, &v); err != nil {
			return v, err
		}
	}
	return v, nil
}

// anchorRef chooses the anchor: the first workload of the last manifest that every
// manifest has, else the last one's first workload, else its first object.
func (s *session) anchorRef(ctx context.Context) (ref, error) {
	all := s.allManifests()
	if len(all) == 0 {
		return ref{}, s.fail(rollout.Invalid, errors.New("the plan names no manifest"))
	}
	var lists [][]*unstructured.Unstructured
	for _, digest := range all {
		list, err := s.manifest(ctx, digest)
		if err != nil {
			return ref{}, err
		}
		lists = append(lists, list)
	}
	last := lists[len(lists)-1]
	for _, wanted := range []func(*unstructured.Unstructured) bool{
		func(o *unstructured.Unstructured) bool { return isWorkload(o) && everywhere(lists, refOf(o)) },
		isWorkload,
		func(o *unstructured.Unstructured) bool { return rank(o) > 1 },
		func(*unstructured.Unstructured) bool { return true },
	} {
		if i := slices.IndexFunc(last, wanted); i >= 0 {
			return refOf(last[i]), nil
		}
	}
	return ref{}, s.fail(rollout.Invalid, fmt.Errorf("manifest %s has no objects", all[len(all)-1]))
}

func everywhere(lists [][]*unstructured.Unstructured, r ref) bool {
	return !slices.ContainsFunc(lists, func(list []*unstructured.Unstructured) bool { return find(list, r) == nil })
}

func isWorkload(o *unstructured.Unstructured) bool {
	switch o.GetKind() {
	case "Deployment", "StatefulSet", "DaemonSet":
		return o.GroupVersionKind().Group == "apps"
	default:
		return false
	}
}

// formerAnchor finds the anchor of the pipeline's earlier release if this one has
// another name: the object of the same kind that carries the stamps.
func (s *session) formerAnchor(ctx context.Context, r ref) (*unstructured.Unstructured, error) {
	if r.namespace == "" {
		return nil, nil
	}
	list, err := s.list(ctx, r.gvk, r.namespace, labels.Everything())
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		stamps := o.GetAnnotations()
		if stamps[annotationPipeline] == s.w.Pipeline && stamps[annotationDigest] != "" {
			return o, nil
		}
	}
	return nil, nil
}
