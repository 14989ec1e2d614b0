package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// shortDigest is how many hexadecimal digits of a digest stand in a revision's name.
const shortDigest = 10

// revisionOf names what a live Deployment runs: DEPLOYMENT-<10 hex> of the release
// that its template carries, plus "-<attempt>" where a retry made it. What somebody
// else has deployed is named after its template.
func revisionOf(o *unstructured.Unstructured) string {
	name := strings.TrimSuffix(o.GetName(), canaryOf(""))
	if digest := digestOf(o); digest != "" {
		return revisionName(name, digest)
	}
	template, _, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "template")
	return revisionName(name, sum(template))
}

// digestOf returns the release that the template of a workload carries, "" if none.
func digestOf(o *unstructured.Unstructured) string {
	digest, _, _ := unstructured.NestedString(o.Object, "spec", "template", "metadata", "annotations", annotationDigest)
	return digest
}

// revisionName shortens a digest, which may end in "-<attempt>".
func revisionName(name, digest string) string {
	hexes, attempt, retried := strings.Cut(digest, "-")
	if len(hexes) > shortDigest {
		hexes = hexes[:shortDigest]
	}
	if retried {
		hexes += "-" + attempt
	}
	return name + "-" + hexes
}

// sum is the digest of a value as canonical JSON: keys sorted, no spaces.
func sum(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // what came as JSON goes as JSON
		return ""
	}
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}

// release is what the release of a session is called, and what it is beside.
type release struct {
	digest           string // as the template carries it
	name             string
	original, canary *unstructured.Unstructured // live; nil where they do not exist
}

// hexDigest is w's digest without the algorithm.
func (s *session) hexDigest() string { return strings.TrimPrefix(s.w.Digest, "sha256:") }

// release finds out what the release's revision is called. One that did not fail
// is used again, whichever attempt made it. Else a retry makes another,
// with "-<attempt>" at its name, because the same template again changes nothing.
func (s *session) release(ctx context.Context) (release, error) {
	var r release
	var err error
	if r.original, err = s.get(ctx, s.deploymentRef(s.k.Deployment)); err != nil {
		return r, err
	}
	if r.canary, err = s.get(ctx, s.deploymentRef(canaryOf(s.k.Deployment))); err != nil {
		return r, err
	}
	own, other := r.canary, r.original
	if s.w.Promotion {
		own, other = other, own
	}
	r.digest, err = s.choose(ctx, own, other)
	r.name = revisionName(s.k.Deployment, r.digest)
	return r, err
}

// choose returns the digest that own carries or will carry.
func (s *session) choose(ctx context.Context, own, other *unstructured.Unstructured) (string, error) {
	for _, o := range []*unstructured.Unstructured{own, other} {
		digest := s.carried(o)
		if digest == "" {
			continue
		}
		if s.picked() == digest {
			return digest, nil // if it fails now, this attempt has failed
		}
		f, err := s.fleet(ctx, o.GetName(), "")
		if err != nil {
			return "", err
		}
		if f.failure == "" {
			return digest, nil
		}
		if o == own {
			break // the other cannot answer for it
		}
	}
	return s.fresh(), nil
}

// carried returns the digest of o's template if it is the session's release.
func (s *session) carried(o *unstructured.Unstructured) string {
	if o == nil {
		return ""
	}
	digest := digestOf(o)
	if hexes, _, _ := strings.Cut(digest, "-"); hexes != s.hexDigest() {
		return ""
	}
	return digest
}

// fresh is the digest under which this attempt makes a revision.
func (s *session) fresh() string {
	if s.w.Attempt > 1 {
		return s.hexDigest() + "-" + strconv.Itoa(s.w.Attempt)
	}
	return s.hexDigest()
}

// called is the revision of a live Deployment as this session names it. In a
// promotion original and canary are the same release, whichever attempt made either.
func (s *session) called(o *unstructured.Unstructured, r release) string {
	name := revisionOf(o)
	if s.w.Promotion && name != s.w.Stable && s.carried(o) != "" {
		return r.name
	}
	return name
}

// attempt names the session's attempt among all.
func (s *session) attempt() string {
	return s.w.Target.Name + "/" + s.w.Pipeline + "/" + s.w.Rollout + "/" + strconv.Itoa(s.w.Attempt) + "/" + s.hexDigest()
}

// picks remembers under which digest an attempt has deployed. Without it, as after
// a restart, an attempt whose revision fails late would make another at once
// instead of failing.
type picks = memory[string]

// picked is the digest under which this attempt has deployed, "" if it is not known.
func (s *session) picked() string {
	digest, _ := s.picks.get(s.attempt())
	return digest
}
