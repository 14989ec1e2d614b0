package kubernetes

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/rollout"
)

// routeCase is the first document of a file in testdata/route. The second is the
// live route; a third is what it was before the rollout, where that is another.
type routeCase struct {
	Clear  bool            `json:"clear"` // take everything of the canary out, instead of weighing
	Weight rollout.Weight  `json:"weight"`
	Match  []rollout.Match `json:"match"`
}

// TestRoutePatch compares what is written to a route with the golden file beside it:
// the patch, an operation a line, and the rules that it leaves.
func TestRoutePatch(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/route/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			c, docs := readCase(t, file)
			got := c.outcome(t, docs)
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// outcome is the text of the golden file. What is written once is not written again.
func (c routeCase) outcome(t *testing.T, docs []*unstructured.Unstructured) []byte {
	t.Helper()
	write := func(o *unstructured.Unstructured) ([]op, error) {
		r := parsed(t, o)
		if !c.Clear {
			return r.weigh(c.Weight, c.Match)
		}
		if len(docs) > 1 {
			return r.clear(parsed(t, docs[1]))
		}
		return r.clear(nil)
	}
	before := docs[0].DeepCopy()
	ops, err := write(docs[0])
	if err != nil {
		return []byte("error: " + err.Error() + "\n")
	}
	if !reflect.DeepEqual(before, docs[0]) {
		t.Error("the live object was changed in place")
	}
	if len(ops) == 0 {
		return []byte("nothing to write\n")
	}
	after := patched(t, docs[0], ops)
	again, err := write(after)
	if err != nil || len(again) > 0 {
		t.Errorf("written again: %v, %v, want nothing", again, err)
	}
	var out bytes.Buffer
	for _, o := range ops {
		var line []byte
		if line, err = json.Marshal(o); err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	out.WriteString("\n")
	rules, err := yaml.Marshal(after.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	out.Write(rules)
	return out.Bytes()
}

func readCase(t *testing.T, file string) (routeCase, []*unstructured.Unstructured) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c routeCase
	var docs []*unstructured.Unstructured
	for i, doc := range strings.Split(string(content), "\n---\n") {
		if i > 0 {
			docs = append(docs, routeFrom(t, doc))
		} else if err := yaml.UnmarshalStrict([]byte(doc), &c); err != nil {
			t.Fatal(err)
		}
	}
	return c, docs
}

func routeFrom(t *testing.T, doc string) *unstructured.Unstructured {
	t.Helper()
	asJSON, err := yaml.YAMLToJSONStrict([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(asJSON); err != nil {
		t.Fatal(err)
	}
	return o
}

func shop() backends { return backends{stable: "shop", canary: "shop-canary", namespace: "web"} }

func parsed(t *testing.T, o *unstructured.Unstructured) *route {
	t.Helper()
	r, err := parseRoute(o, shop())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// patched applies ops as an API server does: all of them, or none if a test fails.
func patched(t *testing.T, o *unstructured.Unstructured, ops []op) *unstructured.Unstructured {
	t.Helper()
	out, err := applyPatch(o, ops)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func applyPatch(o *unstructured.Unstructured, ops []op) (*unstructured.Unstructured, error) {
	body, err := json.Marshal(ops)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, err
	}
	doc, err := o.MarshalJSON()
	if err != nil {
		return nil, err
	}
	if doc, err = patch.Apply(doc); err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	return out, out.UnmarshalJSON(doc)
}

// TestRoutePatchTestsWhatItRead holds that a patch does nothing to a route that
// somebody has changed meanwhile.
func TestRoutePatchTestsWhatItRead(t *testing.T) {
	t.Parallel()
	_, docs := readCase(t, "testdata/route/first-weight.yaml")
	ops, err := parsed(t, docs[0]).weigh(25, nil)
	if err != nil {
		t.Fatal(err)
	}
	newer := docs[0].DeepCopy()
	newer.SetResourceVersion("another")
	if _, err := applyPatch(newer, ops); err == nil {
		t.Error("it was applied to another version")
	}
	moved := docs[0].DeepCopy()
	rules, _, _ := unstructured.NestedSlice(moved.Object, "spec", "rules")
	if err := unstructured.SetNestedSlice(moved.Object, append(rules[1:], rules[0]), "spec", "rules"); err != nil {
		t.Fatal(err)
	}
	if _, err := applyPatch(moved, ops); err == nil {
		t.Error("it was applied to other rules")
	}
}

func TestRouteRefusesTwoRefsOfAService(t *testing.T) {
	t.Parallel()
	_, docs := readCase(t, "testdata/route/first-weight.yaml")
	path := []string{"spec", "rules"}
	rules, _, _ := unstructured.NestedSlice(docs[0].Object, path...)
	rule, ok := rules[0].(map[string]any)
	if !ok {
		t.Fatal("the first rule is not an object")
	}
	refs, _, _ := unstructured.NestedSlice(rule, "backendRefs")
	rule["backendRefs"] = append(refs, refs[0])
	if err := unstructured.SetNestedSlice(docs[0].Object, rules, path...); err != nil {
		t.Fatal(err)
	}
	_, err := parseRoute(docs[0], shop())
	want := "HTTPRoute shop: spec.rules[0]: two backendRefs name Service shop; give it one"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestRoutePercents(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]rollout.Weight{
		"[{name: shop}]": {0},
		"[{name: shop, weight: 75}, {name: shop-canary, weight: 25}]":                            {25},
		"[{name: shop-canary, weight: 3}, {name: shop, weight: 1}]":                              {75},
		"[{name: shop, weight: 0}, {name: shop-canary, weight: 7}]":                              {100},
		"[{name: shop, weight: 999999}, {name: shop-canary, weight: 1}]":                         {1},
		"[{name: shop, weight: 1}, {name: shop-canary, weight: 999999}]":                         {99},
		"[{name: shop, weight: 2}, {name: shop-canary, weight: 1}]":                              {33},
		"[{name: shop, weight: 30}, {name: shop-canary, weight: 10}, {name: other, weight: 60}]": {25},
		"[{name: shop, weight: 0}, {name: shop-canary, weight: 0}]":                              {0},
		"[{name: shop, weight: 0}, {name: other}]":                                               nil,
		"[{name: shop-canary}]":                                    nil,
		"[{name: shop-canary}, {name: other}]":                     nil,
		"[{name: shop, namespace: elsewhere}]":                     nil,
		"[{name: shop, kind: ServiceImport, group: net.gke.io}]":   nil,
		"[{name: shop, namespace: web, kind: Service, group: ''}]": {0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := routeFrom(t, "kind: HTTPRoute\nmetadata: {name: shop, namespace: web}\nspec: {rules: [{backendRefs: "+name+"}]}")
			if got := parsed(t, o).percents(); !reflect.DeepEqual(got, want) {
				t.Errorf("percents are %v, want %v", got, want)
			}
		})
	}
}
