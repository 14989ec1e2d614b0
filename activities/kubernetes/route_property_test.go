package kubernetes

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/serin-dev/serin/rollout"
)

// TestRouteKeepsWhatOthersWrote takes any route through any weights and matches, and
// back. At each moment the canary has exactly what was asked for, those who match
// reach it, and nothing else of the route has changed.
func TestRouteKeepsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		original := drawRoute(t)
		live := original
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			p := rollout.Weight(rapid.OneOf(rapid.IntRange(0, 100), rapid.SampledFrom([]int{0, 25, 50, 100})).Draw(t, "weight"))
			match := drawMatch(t)
			r := mustParse(t, live)
			ops, err := r.weigh(p, match)
			if err != nil {
				continue // refused as a whole
			}
			if live, err = applyPatch(live, ops); err != nil {
				t.Fatalf("patch %v: %v", ops, err)
			}
			checkWeights(t, original, live, p)
			checkForeign(t, original, live)
			checkRequests(t, original, live, match)
			if ops, err = mustParse(t, live).weigh(p, match); err != nil || len(ops) > 0 {
				t.Fatalf("weighed again: %v, %v, want nothing to write", ops, err)
			}
		}
		ops, err := mustParse(t, live).clear(mustParse(t, original))
		if err != nil {
			t.Fatal(err)
		}
		if live, err = applyPatch(live, ops); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(live.Object, original.Object) {
			t.Fatalf("restored, it is\n%v\nit was\n%v", live.Object, original.Object)
		}
	})
}

func checkWeights(t *rapid.T, original, live *unstructured.Unstructured, p rollout.Weight) {
	before := slices.DeleteFunc(mustParse(t, original).rules, rule.ours)
	after := slices.DeleteFunc(mustParse(t, live).rules, rule.ours)
	for i, l := range after {
		if !before[i].managed() {
			continue
		}
		var canary int64
		if l.canary >= 0 {
			canary = weightOf(l.refs[l.canary])
		}
		if canary*fullWeight != int64(p)*l.sum() || l.percent() != p {
			t.Fatalf("rule %d gives the canary %d of %d, want %d%%", i, canary, l.sum(), p)
		}
		if l.others > 0 && l.sum() != before[i].sum() {
			t.Fatalf("the Service and its canary have weight %d beside others, want %d", l.sum(), before[i].sum())
		}
	}
}

// checkForeign compares all but our rules, the canary's backendRefs and the weights of
// the Service in the rules that split.
func checkForeign(t *rapid.T, original, live *unstructured.Unstructured) {
	strip := func(o *unstructured.Unstructured) *unstructured.Unstructured {
		o = o.DeepCopy()
		managed := map[int]bool{}
		var kept []any
		for i, l := range slices.DeleteFunc(mustParse(t, original).rules, rule.ours) {
			managed[i] = l.managed()
		}
		for _, l := range mustParse(t, o).rules {
			if l.ours() {
				continue
			}
			if managed[len(kept)] {
				l.spec["backendRefs"] = l.unweighted()
			}
			kept = append(kept, any(l.spec))
		}
		if err := unstructured.SetNestedSlice(o.Object, kept, "spec", "rules"); err != nil {
			t.Fatal(err)
		}
		return o
	}
	if a, b := strip(original), strip(live); !reflect.DeepEqual(a.Object, b.Object) {
		t.Fatalf("what is not ours is now\n%v\nit was\n%v", b.Object, a.Object)
	}
}

// visit is what the routes of the property look at.
type visit struct{ path, app, canary string }

// checkRequests sends every request to both routes. Who matches reaches only the
// canary where the Service had answered before; everybody else stays.
func checkRequests(t *rapid.T, original, live *unstructured.Unstructured, match []rollout.Match) {
	before, after := mustParse(t, original), mustParse(t, live)
	for _, path := range []string{"/", "/a", "/b"} {
		for _, app := range []string{"", "ios", "web"} {
			for _, canary := range []string{"", "yes", "no"} {
				q := visit{path, app, canary}
				was, is := before.serve(q), after.serve(q)
				wanted := slices.ContainsFunc(match, func(m rollout.Match) bool {
					return !slices.ContainsFunc(m.Headers, func(h rollout.ValueMatch) bool { return q.header(h.Name) != h.Value })
				})
				switch {
				case was == nil || is == nil:
					if was != nil || is != nil {
						t.Fatalf("%v is served by %v, was %v", q, is, was)
					}
				case was.managed() && wanted != is.ours():
					t.Fatalf("%v goes only to the canary: %t, want %t", q, is.ours(), wanted)
				case !is.ours() && !reflect.DeepEqual(was.spec["matches"], is.spec["matches"]):
					t.Fatalf("%v is served by the rule %v, was %v", q, is.spec, was.spec)
				}
			}
		}
	}
}

func (q visit) header(name string) string {
	if strings.EqualFold(name, "X-App") {
		return q.app
	}
	return q.canary
}

// serve returns the rule that a gateway chooses: the longest path, then the most
// headers, then the first.
func (r *route) serve(q visit) *rule {
	var best *rule
	rank := -1
	for i := range r.rules {
		list, _ := r.rules[i].spec["matches"].([]any)
		if len(list) == 0 {
			list = []any{r.kind.match}
		}
		for _, m := range list {
			if n := specificity(m, q); n > rank {
				best, rank = &r.rules[i], n
			}
		}
	}
	return best
}

func specificity(match any, q visit) int {
	m, _ := match.(map[string]any)
	prefix := "/"
	if path, ok := m["path"].(map[string]any); ok {
		prefix = fmt.Sprint(path["value"])
	}
	if !strings.HasPrefix(q.path, prefix) {
		return -1
	}
	headers, _ := m["headers"].([]any)
	for _, item := range headers {
		h, _ := item.(map[string]any)
		if q.header(fmt.Sprint(h["name"])) != h["value"] {
			return -1
		}
	}
	return len(prefix)*100 + len(headers)
}

func drawMatch(t *rapid.T) []rollout.Match {
	header := rapid.Custom(func(t *rapid.T) rollout.ValueMatch {
		return rollout.ValueMatch{
			Name:  rapid.SampledFrom([]string{"X-Canary", "x-app"}).Draw(t, "name"),
			Value: rapid.SampledFrom([]string{"yes", "ios", "web"}).Draw(t, "value"),
		}
	})
	var list []rollout.Match
	for range rapid.IntRange(0, 2).Draw(t, "matches") {
		list = append(list, rollout.Match{Headers: rapid.SliceOfN(header, 1, 2).Draw(t, "headers")})
	}
	return list
}

// drawRoute draws a route in which no foreign rule looks at the header by which the
// canary is matched: of two rules with equally many headers the first one wins.
func drawRoute(t *rapid.T) *unstructured.Unstructured {
	kind := rapid.SampledFrom([]string{rollout.KindHTTPRoute, rollout.KindGRPCRoute}).Draw(t, "kind")
	var rules []any
	for i := range rapid.IntRange(1, 5).Draw(t, "rules") {
		l := map[string]any{"backendRefs": drawRefs(t)}
		if rapid.Bool().Draw(t, "named") {
			l["name"] = fmt.Sprintf("rule-%d", i)
		}
		if rapid.Bool().Draw(t, "filtered") {
			l["filters"] = []any{map[string]any{"type": "X", "x": map[string]any{"n": int64(i)}}}
		}
		var matches []any
		for range rapid.IntRange(0, 2).Draw(t, "matches") {
			m := map[string]any{"path": map[string]any{
				"type": "PathPrefix", "value": rapid.SampledFrom([]string{"/", "/a", "/b"}).Draw(t, "path"),
			}}
			if rapid.Bool().Draw(t, "by app") {
				m["headers"] = []any{map[string]any{
					"name": "X-App", "value": rapid.SampledFrom([]string{"ios", "web"}).Draw(t, "app"),
				}}
			}
			matches = append(matches, any(m))
		}
		if len(matches) > 0 {
			l["matches"] = matches
		}
		rules = append(rules, any(l))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
		"metadata": map[string]any{"name": "shop", "namespace": "web", "resourceVersion": "1"},
		"spec":     map[string]any{"hostnames": []any{"shop.example"}, "rules": rules},
	}}
}

func drawRefs(t *rapid.T) []any {
	weight := rapid.SampledFrom([]int64{-1, 0, 1, 7, 50, 80, 100, 300})
	draw := func(name string) any {
		ref := map[string]any{"name": name, "port": int64(80)}
		if w := weight.Draw(t, "weight"); w >= 0 { // else it is absent, which is 1
			ref["weight"] = w
		}
		return ref
	}
	refs := []any{}
	if rapid.Bool().Draw(t, "of the Service") {
		refs = append(refs, draw("shop"))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "others") {
		refs = slices.Insert(refs, rapid.IntRange(0, len(refs)).Draw(t, "at"), draw(fmt.Sprintf("other-%d", i)))
	}
	return refs
}

func mustParse(t *rapid.T, o *unstructured.Unstructured) *route {
	r, err := parseRoute(o, shop())
	if err != nil {
		t.Fatal(err)
	}
	return r
}
