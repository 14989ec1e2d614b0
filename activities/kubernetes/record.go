package kubernetes

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// baseline is what was live before the first write of a rollout, without status,
// managedFields and secrets. Literal values of environment variables and probe
// headers are replaced by fingerprints.
type baseline struct {
	Namespace  string                       `json:"namespace"`
	Revision   string                       `json:"revision,omitempty"` // that was stable
	Digest     string                       `json:"digest,omitempty"`   // of its release, where no Deployment is named
	Replicas   int32                        `json:"replicas"`           // of the original
	Deployment *unstructured.Unstructured   `json:"deployment,omitempty"`
	Service    *unstructured.Unstructured   `json:"service,omitempty"`
	Routes     []*unstructured.Unstructured `json:"routes,omitempty"` // in the target's own cluster
	Ingress    *unstructured.Unstructured   `json:"ingress,omitempty"`
	HPAs       []*unstructured.Unstructured `json:"hpas,omitempty"`    // that scale the original
	Objects    []object                     `json:"objects,omitempty"` // of the manifests, that existed

	// Elsewhere holds the routes of destinations, by the destination's id.
	Elsewhere map[string][]*unstructured.Unstructured `json:"elsewhere,omitempty"`
}

// object is a ref as JSON.
type object struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

func objectOf(r ref) object {
	return object{Group: r.gvk.Group, Version: r.gvk.Version, Kind: r.gvk.Kind, Namespace: r.namespace, Name: r.name}
}

// selfDestination is the id of a destination that is the target's own cluster.
const selfDestination = "@self"

// route returns a recorded route, nil if there was none. destination is its id; ""
// and "@self" are the target's own cluster.
func (b *baseline) route(destination string, r ref) *unstructured.Unstructured {
	if b == nil {
		return nil
	}
	list := b.Routes
	if destination != "" && destination != selfDestination {
		list = b.Elsewhere[destination]
	}
	for _, o := range list {
		if o.GetKind() == r.gvk.Kind && o.GetNamespace() == r.namespace && o.GetName() == r.name {
			return o
		}
	}
	return nil
}

// had reports whether the object existed.
func (b *baseline) had(r ref) bool {
	for _, o := range b.Objects {
		if o.Group == r.gvk.Group && o.Kind == r.gvk.Kind && o.Namespace == r.namespace && o.Name == r.name {
			return true
		}
	}
	return false
}

// baseline returns what the rollout has recorded; nil if it has not yet.
func (s *session) baseline(ctx context.Context) (*baseline, error) {
	if s.w.Baseline == "" {
		return nil, nil
	}
	content, err := s.art.Get(ctx, s.w.Baseline)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %s target %s: baseline: %w", s.op, s.w.Target.Name, err)
	}
	b := &baseline{}
	if err := json.Unmarshal(content, b); err != nil {
		return nil, s.fail(rollout.Corrupt, fmt.Errorf("baseline %s is not what Record writes", s.w.Baseline))
	}
	return b, nil
}

// Record returns the live spec of every object that the rollout may change, as
// JSON; nil where nothing of it exists.
func (p *Provider) Record(ctx context.Context, w activities.Work) ([]byte, error) {
	s, err := p.open(ctx, "record", w)
	if err != nil {
		return nil, err
	}
	b, err := s.record(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	out, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, s.fail(rollout.Invalid, err)
	}
	return out, nil
}

func (s *session) record(ctx context.Context) (*baseline, error) {
	b := &baseline{Namespace: s.ns, Revision: s.w.Stable}
	found, err := s.recordObjects(ctx, b)
	if err != nil {
		return nil, err
	}
	if s.k.Canary() {
		named, err := s.recordNamed(ctx, b)
		if err != nil {
			return nil, err
		}
		found = found || named
	} else if found {
		a, err := s.anchor(ctx)
		if err != nil {
			return nil, err
		}
		b.Revision = cmp.Or(b.Revision, a.revision)
		if a.live != nil {
			b.Digest = a.live.GetAnnotations()[annotationDigest]
		}
	}
	if !found {
		return nil, nil
	}
	return b, nil
}

// recordNamed fills in the objects that the plan names.
func (s *session) recordNamed(ctx context.Context, b *baseline) (found bool, err error) {
	live, err := s.get(ctx, s.deploymentRef(s.k.Deployment))
	if err != nil {
		return false, err
	}
	if live != nil {
		b.Revision = cmp.Or(b.Revision, revisionOf(live))
		b.Deployment = bare(live)
		var canary *unstructured.Unstructured
		canary, err = s.get(ctx, s.deploymentRef(canaryOf(s.k.Deployment)))
		if err != nil {
			return false, err
		}
		b.Replicas = int32(undivided(live, canary)) // the API's own type
		b.HPAs, err = s.scalers(ctx, s.k.Deployment)
		if err != nil {
			return false, err
		}
		for i, o := range b.HPAs {
			b.HPAs[i] = bare(o)
		}
	}
	if b.Service, err = s.saved(ctx, s.serviceRef(s.k.Service)); err != nil {
		return false, err
	}
	if in := s.k.Ingress; in != nil {
		if b.Ingress, err = s.saved(ctx, ref{gvk: kindIngress(), namespace: s.ns, name: in.Name}); err != nil {
			return false, err
		}
	}
	err = s.recordRoutes(ctx, b)
	return b.Deployment != nil || b.Service != nil, err
}

// recordRoutes fills in the routes, of every destination.
func (s *session) recordRoutes(ctx context.Context, b *baseline) error {
	g := s.k.Gateway
	if g == nil {
		return nil
	}
	places := g.Destinations
	if len(places) == 0 {
		places = []rollout.Destination{{ID: selfDestination}}
	}
	for _, d := range places {
		at, err := s.at(ctx, d.Cluster)
		if err != nil {
			return err
		}
		var list []*unstructured.Unstructured
		for _, r := range g.Routes {
			o, err := at.saved(ctx, at.routeRef(r))
			if err != nil {
				return err
			}
			if o != nil {
				list = append(list, o)
			}
		}
		switch {
		case d.ID == selfDestination:
			b.Routes = list
		case len(list) > 0:
			if b.Elsewhere == nil {
				b.Elsewhere = map[string][]*unstructured.Unstructured{}
			}
			b.Elsewhere[d.ID] = list
		}
	}
	return nil
}

// saved returns a live object as it is recorded, nil if it does not exist.
func (s *session) saved(ctx context.Context, r ref) (*unstructured.Unstructured, error) {
	o, err := s.get(ctx, r)
	if err != nil || o == nil {
		return nil, err
	}
	return bare(o), nil
}

// bare drops from o what only a server writes, and hides what may be a secret.
func bare(o *unstructured.Unstructured) *unstructured.Unstructured {
	o = clean(o)
	unstructured.RemoveNestedField(o.Object, "metadata", "annotations", annotationLastApplied)
	for _, kind := range []string{"containers", "initContainers"} {
		list, _, _ := unstructured.NestedFieldNoCopy(o.Object, "spec", "template", "spec", kind)
		containers, _ := list.([]any)
		for _, c := range containers {
			if container, ok := c.(map[string]any); ok {
				hide(container)
			}
		}
	}
	return o
}

// annotationLastApplied is kubectl's copy of the whole object.
const annotationLastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// hide replaces the literal values of environment variables and probe headers.
func hide(container map[string]any) {
	lists := [][]string{
		{"env"},
		{"startupProbe", "httpGet", "httpHeaders"},
		{"livenessProbe", "httpGet", "httpHeaders"},
		{"readinessProbe", "httpGet", "httpHeaders"},
	}
	for _, path := range lists {
		found, _, _ := unstructured.NestedFieldNoCopy(container, path...)
		list, _ := found.([]any)
		for _, e := range list {
			if entry, ok := e.(map[string]any); ok {
				if value, ok := entry["value"].(string); ok && value != "" {
					d := sha256.Sum256([]byte(value))
					entry["value"] = "sha256:" + hex.EncodeToString(d[:6])
				}
			}
		}
	}
}
