package kubernetes

import (
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/serin-dev/serin/rollout"
)

// fullWeight is what the weights of the Service and its canary sum to, in a rule
// that has no other backend.
const fullWeight = 100

// routeKind is what differs between the kinds of routes.
type routeKind struct {
	match map[string]any // what a rule without matches stands for
}

// routeKinds returns the kinds of routes by name.
func routeKinds() map[string]routeKind {
	return map[string]routeKind{
		rollout.KindHTTPRoute: {match: map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/"}}},
		rollout.KindGRPCRoute: {match: map[string]any{}},
	}
}

// backends are the Services between which a route splits.
type backends struct{ stable, canary, namespace string }

// route is one live route, as a rollout of its backends sees it.
type route struct {
	kind     routeKind
	object   *unstructured.Unstructured
	backends backends
	rules    []rule
}

// rule is one rule of a route.
type rule struct {
	spec           map[string]any
	refs           []any // backendRefs of spec
	stable, canary int   // positions in refs; -1 where there is none
	others         int64 // the weights of all other backends
}

// parseRoute reads o, which it never changes. A rule that names one of the
// backends twice is an error: nothing says which of the two to shift.
func parseRoute(o *unstructured.Unstructured, b backends) (*route, error) {
	r := &route{kind: routeKinds()[o.GetKind()], object: o, backends: b}
	list, _, err := unstructured.NestedSlice(o.Object, "spec", "rules")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	for i, item := range list {
		spec, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: %s is not an object", r, ruleAt(i))
		}
		one, err := r.parseRule(spec)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r, ruleAt(i), err)
		}
		r.rules = append(r.rules, one)
	}
	return r, nil
}

func (r *route) parseRule(spec map[string]any) (rule, error) {
	one := rule{spec: spec, stable: -1, canary: -1}
	one.refs, _ = spec["backendRefs"].([]any)
	for i, ref := range one.refs {
		position := &one.canary
		switch r.service(ref) {
		case r.backends.stable:
			position = &one.stable
		case r.backends.canary:
		default:
			one.others += weightOf(ref)
			continue
		}
		if *position >= 0 {
			return rule{}, fmt.Errorf("two backendRefs name Service %s; give it one", r.service(ref))
		}
		*position = i
	}
	return one, nil
}

// service returns the name of the Service that ref names in the namespace of the
// backends, else "".
func (r *route) service(ref any) string {
	fields, _ := ref.(map[string]any)
	text := func(key, absent string) string {
		if s, ok := fields[key].(string); ok {
			return s
		}
		return absent
	}
	if text("group", "") != "" || text("kind", "Service") != "Service" ||
		text("namespace", r.object.GetNamespace()) != r.backends.namespace {
		return ""
	}
	return text("name", "")
}

// String reads "HTTPRoute shop".
func (r *route) String() string { return r.object.GetKind() + " " + r.object.GetName() }

// ruleAt names a rule as the API does.
func ruleAt(i int) string { return fmt.Sprintf("spec.rules[%d]", i) }

// ours reports whether a rollout has added the rule: it leads only to the canary.
func (l rule) ours() bool { return len(l.refs) == 1 && l.canary == 0 }

// managed reports whether the rule splits. One that names the Service with weight
// 0 sends it nothing, and stays as it is.
func (l rule) managed() bool {
	return l.stable >= 0 && (l.canary >= 0 || weightOf(l.refs[l.stable]) > 0)
}

// sum returns the weight of the Service and its canary together.
func (l rule) sum() int64 {
	var sum int64
	for _, i := range []int{l.stable, l.canary} {
		if i >= 0 {
			sum += weightOf(l.refs[i])
		}
	}
	return sum
}

// percent returns the canary's share of what the Service receives, in whole percent.
// A little is never shown as nothing, nor nearly everything as all.
func (l rule) percent() rollout.Weight {
	sum := l.sum()
	if l.canary < 0 || sum == 0 {
		return 0
	}
	canary := weightOf(l.refs[l.canary])
	p := rollout.Weight((canary*fullWeight + sum/2) / sum)
	switch {
	case canary > 0 && p == 0:
		return 1
	case canary < sum && p == fullWeight:
		return fullWeight - 1
	}
	return p
}

// shifted returns the backendRefs with which the canary receives p. Where others
// have a share of the rule they keep it exactly; so the sum stays, and p of it has
// to be a whole number.
func (l rule) shifted(p rollout.Weight, b backends) ([]any, error) {
	if p == 0 && l.canary < 0 {
		return l.refs, nil
	}
	sum := int64(fullWeight)
	if l.others > 0 {
		sum = l.sum()
	}
	if sum*int64(p)%fullWeight != 0 {
		factor := fullWeight / gcd(fullWeight, sum)
		return nil, fmt.Errorf("%d%% of weight %d of Service %s is not a whole number, and other backends have a share too: "+
			"multiply the weights of the rule by %d, so that Service %s has %d", p, sum, b.stable, factor, b.stable, factor*sum)
	}
	canary := sum * int64(p) / fullWeight
	refs := slices.Clone(l.refs)
	refs[l.stable] = weighted(l.refs[l.stable], sum-canary)
	ref := weighted(l.refs[l.stable], canary) // with the port and the filters of the original
	ref["name"] = b.canary
	if l.canary >= 0 {
		refs[l.canary] = ref
		return refs, nil
	}
	return append(refs, any(ref)), nil
}

// bare returns the backendRefs without the canary, and with the weight that the
// Service has in base, the same rule before the rollout. base may be nil.
func (l rule) bare(base *rule) []any {
	refs := slices.Clone(l.refs)
	switch {
	case l.stable < 0:
	case base != nil && base.canary < 0:
		refs[l.stable] = likeWeight(l.refs[l.stable], base.refs[base.stable])
	case l.canary < 0: // nothing of ours is there
	case l.others > 0:
		refs[l.stable] = weighted(l.refs[l.stable], l.sum())
	default:
		refs[l.stable] = weighted(l.refs[l.stable], 1)
	}
	if l.canary >= 0 {
		refs = slices.Delete(refs, l.canary, l.canary+1)
	}
	return refs
}

// sameBut reports whether both rules are the same but for the weights of the
// Service and for the canary.
func (l rule) sameBut(o rule) bool {
	a, b := maps.Clone(l.spec), maps.Clone(o.spec)
	a["backendRefs"], b["backendRefs"] = l.unweighted(), o.unweighted()
	return reflect.DeepEqual(a, b)
}

func (l rule) unweighted() []any {
	refs := slices.Clone(l.refs)
	if l.stable >= 0 {
		refs[l.stable] = weighted(l.refs[l.stable], 0)
	}
	if l.canary >= 0 {
		refs = slices.Delete(refs, l.canary, l.canary+1)
	}
	return refs
}

// weightOf returns the weight of a backendRef; one that names none has 1.
func weightOf(ref any) int64 {
	fields, _ := ref.(map[string]any)
	switch w := fields["weight"].(type) {
	case int64:
		return w
	case float64:
		return int64(w)
	}
	return 1
}

// weighted returns a copy of ref with weight w.
func weighted(ref any, w int64) map[string]any {
	out := copyOf(ref)
	out["weight"] = w
	return out
}

// likeWeight returns a copy of ref with the weight of base, or without one.
func likeWeight(ref, base any) map[string]any {
	out := copyOf(ref)
	delete(out, "weight")
	if w, ok := copyOf(base)["weight"]; ok {
		out["weight"] = w
	}
	return out
}

func copyOf(ref any) map[string]any {
	fields, ok := ref.(map[string]any)
	if !ok {
		return map[string]any{}
	}
	return runtime.DeepCopyJSON(fields)
}

func gcd(a, b int64) int64 {
	return new(big.Int).GCD(nil, nil, big.NewInt(a), big.NewInt(b)).Int64()
}
