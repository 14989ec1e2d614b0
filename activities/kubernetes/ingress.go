package kubernetes

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

var _ router = ingressRouter{}

// ingressRouter splits by a second Ingress beside the original, which the
// controller takes for its canary. Nothing in the API says whether the controller has
// done so: a probe finds out, and without one the split is assumed.
type ingressRouter struct {
	probed *memory[string] // the version of each canary Ingress that a probe has confirmed, by uid; nil asks each time
}

func (s *session) ingressRef(name string) ref {
	return ref{gvk: kindIngress(), namespace: s.ns, name: name}
}

// ingresses returns the original Ingress and its canary, nil where they do not exist.
func (s *session) ingresses(ctx context.Context) (original, canary *unstructured.Unstructured, err error) {
	if original, err = s.get(ctx, s.ingressRef(s.k.Ingress.Name)); err != nil {
		return nil, nil, err
	}
	canary, err = s.get(ctx, s.ingressRef(canaryOf(s.k.Ingress.Name)))
	return original, canary, err
}

func (r ingressRouter) read(ctx context.Context, s *session) (traffic, error) {
	original, canary, err := s.ingresses(ctx)
	if err != nil || original == nil && canary == nil {
		return traffic{}, err
	}
	in := s.k.Ingress
	t := traffic{exists: original != nil, assumed: canary != nil && in.Probe == nil}
	t.canary, t.note = ingressWeight(canary, in)
	var last writer
	if original != nil {
		t.generation, last = original.GetGeneration(), wroteLast(original, "spec")
	} else {
		t.note = "ingress " + in.Name + " does not exist"
	}
	if canary != nil {
		t.generation += version(canary)
		last = last.or(wroteCanary(canary, in))
		if t.note == "" {
			t.note = matchNote(canary, in)
		}
		if t.pending, err = r.confirm(ctx, s, canary, t.canary); err != nil {
			return traffic{}, err
		}
	}
	if t.pending != "" {
		t.again = probeAgain
	}
	t.by, t.at = last.by, last.at
	return t, nil
}

// confirm asks the probe about a state of the canary Ingress that it has not confirmed yet.
func (r ingressRouter) confirm(ctx context.Context, s *session, canary *unstructured.Unstructured, p rollout.Weight) (string, error) {
	if s.k.Ingress.Probe == nil {
		return "", nil
	}
	uid, now := string(canary.GetUID()), canary.GetResourceVersion()
	if r.probed != nil {
		if confirmed, _ := r.probed.get(uid); confirmed == now {
			return "", nil
		}
	}
	pending, err := newProbe(*s.k.Ingress.Probe, s.k.Deployment).confirm(ctx, p)
	if err == nil && pending == "" && r.probed != nil {
		r.probed.put(uid, now)
	}
	return pending, err
}

// matchNote tells which requests reach the canary beside its share.
func matchNote(canary *unstructured.Unstructured, in *rollout.Ingress) string {
	all := canary.GetAnnotations()
	var by []string
	for _, what := range []string{"header", "cookie"} {
		if name := all[canaryAnnotation(in, "-by-"+what)]; name != "" {
			by = append(by, what+" "+name)
		}
	}
	if len(by) == 0 {
		return ""
	}
	return "requests can reach the canary by " + strings.Join(by, " or ") + " too"
}

// set gives the canary Ingress its weight; it is made with the first one above 0, or for
// the first phase at 0 that a header or a cookie leads to. In a
// promotion the original has the release already and takes everything, and only
// then the Ingress of the manifest is applied.
func (r ingressRouter) set(ctx context.Context, s *session) error {
	if s.w.Promotion {
		return r.promote(ctx, s)
	}
	if s.w.Weight == 0 {
		if chosen, err := r.chosen(ctx, s); err != nil || !chosen {
			return errors.Join(err, r.restore(ctx, s))
		}
	}
	original, canary, err := s.ingresses(ctx)
	if err != nil {
		return err
	}
	if err = s.ours(canary); err != nil {
		return err
	}
	if original == nil {
		return s.failOn(s.ingressRef(s.k.Ingress.Name), rollout.NotFound, errors.New("the ingress does not exist"))
	}
	service := s.serviceRef(canaryOf(s.k.Service))
	owner, err := s.get(ctx, service)
	if err != nil {
		return err
	}
	if owner == nil {
		return s.failOn(service, rollout.NotFound, errors.New("the canary's service does not exist"))
	}
	o, err := canaryIngress(original, owner, s.k.Ingress, s.k.Service)
	if err != nil {
		return s.failOn(refOf(original), rollout.Invalid, err)
	}
	_, err = s.apply(ctx, withMatch(withWeight(o, s.k.Ingress, s.w.Weight), s.k.Ingress))
	return err
}

// chosen reports whether a header or a cookie sends requests to the canary at weight 0:
// in a phase of the rollout that has made it, and once it is ready.
func (ingressRouter) chosen(ctx context.Context, s *session) (bool, error) {
	if in := s.k.Ingress; in.Header == "" && in.Cookie == "" {
		return false, nil
	}
	rel, err := s.release(ctx)
	if err != nil || rel.canary == nil || rel.canary.GetAnnotations()[annotationRollout] != s.w.Rollout {
		return false, err
	}
	err = s.ready(ctx, canaryOf(s.k.Deployment), rel)
	switch rollout.KindOf(err) {
	case rollout.NotFound, rollout.Transient, rollout.Failed:
		return false, nil
	default:
		return err == nil, err
	}
}

// restore takes everything from the canary; the Ingress itself goes with its owner.
func (ingressRouter) restore(ctx context.Context, s *session) error {
	canary, err := s.get(ctx, s.ingressRef(canaryOf(s.k.Ingress.Name)))
	if err != nil || canary == nil {
		return err
	}
	if err = s.ours(canary); err != nil {
		return err
	}
	if !routesRequests(canary, s.k.Ingress) {
		return nil
	}
	_, err = s.apply(ctx, quietIngress(canary, s.k.Ingress))
	return err
}

// promote gives the original everything, and then makes the Ingress what the manifest says.
func (r ingressRouter) promote(ctx context.Context, s *session) error {
	if err := r.restore(ctx, s); err != nil {
		return err
	}
	objects, err := s.manifest(ctx, s.w.Manifest)
	if err != nil {
		return err
	}
	if own := find(objects, s.ingressRef(s.k.Ingress.Name)); own != nil {
		_, err = s.apply(ctx, own)
	}
	return err
}

// ours refuses a canary Ingress that no rollout of this pipeline has made.
func (s *session) ours(canary *unstructured.Unstructured) error {
	if canary == nil || canary.GetAnnotations()[annotationPipeline] == s.w.Pipeline {
		return nil
	}
	if err := s.owned(canary); err != nil {
		return err
	}
	return &rollout.Error{
		Op: "kubernetes: " + s.op, On: s.on(refOf(canary)), Kind: rollout.Conflict,
		Err: errors.New("somebody else has made it, and a rollout needs the name"), Fix: "delete it or give it another name",
	}
}

// own makes owner the owner of o: who deletes it in the foreground waits for o.
func own(o, owner *unstructured.Unstructured) {
	block := true
	o.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(),
		BlockOwnerDeletion: &block,
	}})
}

// version is the resource version of o: it grows with each write, also where the generation
// does not, as with annotations. One that is no number is 0.
func version(o *unstructured.Unstructured) int64 {
	n, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// writer is who wrote something, and when.
type writer struct {
	by string
	at time.Time
}

func wroteLast(o *unstructured.Unstructured, path ...string) writer {
	by, at := lastWriter([]*unstructured.Unstructured{o}, path...)
	return writer{by, at}
}

// or returns the later of both. Of the same second it is the one that is not us.
func (w writer) or(o writer) writer {
	if o.at.After(w.at) || o.at.Equal(w.at) && w.by == fieldManager && o.by != "" {
		return o
	}
	return w
}

// wroteCanary tells who wrote last what makes the canary Ingress split.
func wroteCanary(canary *unstructured.Unstructured, in *rollout.Ingress) writer {
	last := wroteLast(canary, "spec")
	for k := range canary.GetAnnotations() {
		if splits(k, in) {
			last = last.or(wroteLast(canary, "metadata", "annotations", k))
		}
	}
	return last
}
