package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

var _ router = anchorRouter{}

// anchorRouter is the split of standard strategies and custom canaries: what the
// manifests themselves do with requests nobody can read, so the weight is what the anchor says was configured.
type anchorRouter struct{}

func (anchorRouter) read(ctx context.Context, s *session) (traffic, error) {
	a, err := s.anchor(ctx)
	return traffic{exists: a.live != nil, canary: a.split().Of(a.name)}, err
}

// set stamps the anchor with the weight. Weight 0 for what is not stable takes the
// stable manifest, as restore does: only another manifest moves requests.
func (r anchorRouter) set(ctx context.Context, s *session) error {
	a, err := s.anchor(ctx)
	if err != nil {
		return err
	}
	split, err := s.next(a.name)
	if err != nil || len(split) == 0 {
		return err
	}
	if a.live == nil {
		return s.errMissing(cmp.Or(s.w.Stable, a.name), "deploy it first")
	}
	if err = s.owned(a.live); err != nil {
		return err
	}
	if s.w.Weight == 0 {
		return r.restore(ctx, s)
	}
	if err = s.anchorReady(ctx, a); err != nil || a.split().SameTraffic(split) {
		return err
	}
	return s.stampAnchor(ctx, refOf(a.live), s.anchorStamps(a.digest))
}

// anchorReady refuses while not everything of the release is there and ready.
func (s *session) anchorReady(ctx context.Context, a anchor) error {
	if a.revision != a.name {
		return s.errMissing(a.name, "deploy it first")
	}
	v, err := s.healthOf(ctx, s.w.Manifest)
	switch {
	case err != nil:
		return err
	case v.failure != "":
		return s.fail(rollout.Failed, fmt.Errorf("revision %s is not ready: %s", a.name, v.failure))
	case !v.ready:
		return s.fail(rollout.Transient, fmt.Errorf("revision %s is not ready yet: %s", a.name, v.progress))
	}
	return nil
}

// anchorStamps are what the anchor carries of a release: in a custom canary phase
// also who has the rest.
func (s *session) anchorStamps(digest string) map[string]any {
	out := map[string]any{annotationDigest: digest, annotationWeight: strconv.Itoa(int(s.w.Weight))}
	if s.w.Weight < 100 {
		out[annotationStable] = s.w.Stable
	}
	return out
}

// restore applies the manifest of the recorded stable release, and then deletes what
// only the phases of this rollout have created.
func (anchorRouter) restore(ctx context.Context, s *session) error {
	a, err := s.anchor(ctx)
	if err != nil {
		return err
	}
	switch {
	case a.live == nil:
		return s.errMissing(s.w.Stable, "deploy it first")
	case s.owned(a.live) != nil:
		return s.owned(a.live)
	case a.split().SameTraffic(rollout.Split{{Revision: s.w.Stable, Percent: 100}}):
		return nil
	case a.stable != s.w.Stable && a.revision != s.w.Stable:
		return s.errMissing(s.w.Stable, "it was replaced: deploy its release again")
	case s.w.StableManifest == "":
		return &rollout.Error{
			Op: "kubernetes: " + s.op, On: s.on(a.ref), Kind: rollout.Refused,
			Err: fmt.Errorf("no rollout has recorded the manifest of %s, so nothing says what to go back to", s.w.Stable),
			Fix: "roll back to a release, or mend the objects by hand and resume with --accept",
		}
	}
	digest, err := s.stableDigest(ctx)
	if err != nil {
		return err
	}
	back := *s
	back.w.Weight, back.w.Manifest = 100, s.w.StableManifest
	if err := back.applyAnchored(ctx, a.ref, digest, a.stamps()); err != nil {
		return err
	}
	if err := s.deleteOnly(ctx, s.w.StableManifest); err != nil {
		return err
	}
	return back.stampAnchor(ctx, a.ref, back.anchorStamps(digest)) // last: it says that all of this is done
}

// stableDigest is what the anchor carries of the stable release: whole where the baseline
// has it, else as much as the revision's name has.
func (s *session) stableDigest(ctx context.Context) (string, error) {
	b, err := s.baseline(ctx)
	if err != nil {
		return "", err
	}
	if b != nil && revisionName(s.w.Pipeline, b.Digest) == s.w.Stable {
		return b.Digest, nil
	}
	return strings.TrimPrefix(s.w.Stable, s.w.Pipeline+"-"), nil
}

// stamps are what the live anchor carries of a release.
func (a anchor) stamps() map[string]any {
	out := map[string]any{}
	for _, key := range []string{annotationDigest, annotationWeight, annotationStable} {
		if value, ok := a.live.GetAnnotations()[key]; ok {
			out[key] = value
		}
	}
	return out
}

// deployAnchor applies the phase's manifest, because what is applied is what splits. In a
// canary phase the anchor is stamped before anything else, so that a restore never takes
// what is half applied for stable.
func (s *session) deployAnchor(ctx context.Context) error {
	a, err := s.anchor(ctx)
	if err != nil {
		return err
	}
	if a.live == nil && s.w.Stable != "" {
		return s.errMissing(s.w.Stable, "resume with --accept if it was taken away on purpose")
	}
	if a.live != nil {
		if err := s.owned(a.live); err != nil {
			return err
		}
	}
	if _, err := s.next(a.name); err != nil {
		return err
	}
	s.picks.put(s.attempt(), a.digest)
	stamps := s.anchorStamps(a.digest)
	if a.live != nil && !s.w.Promotion && refOf(a.live) == a.ref {
		if err := s.stampAnchor(ctx, a.ref, stamps); err != nil {
			return err
		}
	}
	return s.applyAnchored(ctx, a.ref, a.digest, stamps)
}

// applyAnchored applies the session's manifest under a digest, the anchor with stamps.
func (s *session) applyAnchored(ctx context.Context, at ref, digest string, stamps map[string]any) error {
	objects, err := s.ownManifest(ctx, s.w.Manifest)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if refOf(o) == at {
			stamp(o, stamps)
		}
		// The same template again would not be tried again.
		if isWorkload(o) && strings.Contains(digest, "-") {
			setDigest(o, digest)
		}
		if err := s.leaveReplicas(ctx, o); err != nil {
			return err
		}
		if err := s.applyAndWait(ctx, o); err != nil {
			return err
		}
	}
	if find(objects, at) == nil { // this phase's manifest leaves the anchor as it is
		return s.stampAnchor(ctx, at, stamps)
	}
	return nil
}

func (s *session) stampAnchor(ctx context.Context, at ref, stamps map[string]any) error {
	live, err := s.get(ctx, at)
	if err != nil || live == nil {
		return err
	}
	var ops []op
	for key, value := range stamps {
		if live.GetAnnotations()[key] != value {
			ops = append(ops, op{Op: "add", Path: pointer("metadata", "annotations", key), Value: value})
		}
	}
	_, err = s.patch(ctx, at, ops)
	return err
}

// leaveReplicas drops the number of pods of a Deployment that an autoscaler sizes.
func (s *session) leaveReplicas(ctx context.Context, o *unstructured.Unstructured) error {
	_, said, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "replicas")
	if !said || o.GroupVersionKind() != kindDeployment() {
		return nil
	}
	in := *s
	in.ns = o.GetNamespace()
	scaled, err := in.isScaled(ctx, o.GetName())
	if scaled {
		unstructured.RemoveNestedField(o.Object, "spec", "replicas")
	}
	return err
}

// removeAnchored deletes what the phases before stable have created and stable does
// not have.
func (s *session) removeAnchored(ctx context.Context) error {
	if !s.w.Promotion {
		return nil
	}
	return s.deleteOnly(ctx, s.w.Manifest)
}

// deleteOnly deletes the objects of all phases that keep does not have and that did
// not exist when the rollout began.
func (s *session) deleteOnly(ctx context.Context, keep string) error {
	b, err := s.baseline(ctx)
	if err != nil || b == nil {
		return err
	}
	kept, err := s.manifest(ctx, keep)
	if err != nil {
		return err
	}
	for _, digest := range s.w.Manifests {
		objects, err := s.manifest(ctx, digest)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if r := refOf(o); find(kept, r) == nil && !b.had(r) {
				if err := s.delete(ctx, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
