package render_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// split is a plan with one canary phase in one of the three modes.
func split(mode string) rollout.Plan {
	k := &rollout.Kubernetes{Deployment: "shop", Service: "shop", SelectorLabel: "app"}
	switch mode {
	case "gateway":
		k.Gateway = &rollout.Gateway{Routes: []rollout.Route{{Kind: rollout.KindHTTPRoute, Name: "shop"}}}
	case "ingress":
		k.Ingress = &rollout.Ingress{Name: "shop", Prefix: "nginx.ingress.kubernetes.io"}
	default:
		k.Pods = &rollout.Pods{}
	}
	return rollout.Plan{
		Kubernetes: k, Target: rollout.Target{Cluster: &rollout.Cluster{}},
		Phases: []rollout.Phase{{ID: "canary-25", Weight: 25}, {ID: rollout.StablePhase, Weight: 100}},
	}
}

// object is as much of a manifest's object as says who selects whom.
type object struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Selector yaml.Node `yaml:"selector"`
		Template struct {
			Metadata struct {
				Labels map[string]string `yaml:"labels"`
			} `yaml:"metadata"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

func objects(t *rapid.T, m render.Manifest) map[string]object {
	out := map[string]object{}
	for _, doc := range strings.Split(string(m.Content), "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		out[o.Kind+"/"+o.Metadata.Name] = o
	}
	return out
}

// selector of a Service or of a Deployment.
func (o object) selector(t *rapid.T) map[string]string {
	var plain map[string]string
	if o.Kind == "Service" {
		if err := o.Spec.Selector.Decode(&plain); err != nil {
			t.Fatal(err)
		}
		return plain
	}
	var of struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	if err := o.Spec.Selector.Decode(&of); err != nil {
		t.Fatal(err)
	}
	return of.MatchLabels
}

func (o object) selects(t *rapid.T, pods object) bool {
	by := o.selector(t)
	for k, v := range by {
		if got, ok := pods.Spec.Template.Metadata.Labels[k]; !ok || got != v {
			return false
		}
	}
	return len(by) > 0
}

func labels(m map[string]string) string {
	var b strings.Builder
	for k, v := range m {
		fmt.Fprintf(&b, "%s: %q, ", k, v)
	}
	return "{" + strings.TrimSuffix(b.String(), ", ") + "}"
}

// Whatever the labels are: each Deployment selects its own pods and not the other's, and
// the original Service selects the canary's pods where their number makes the share and
// nowhere else.
func TestWhoSelectsWhom(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-z]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]string{"gateway", "ingress", "pods"}).Draw(t, "mode")
		pods := rapid.MapOfN(rapid.SampledFrom([]string{"part", "tier", "x"}), word, 0, 3).Draw(t, "pods")
		pods["app"] = word.Draw(t, "app")
		matched, selected := map[string]string{"app": pods["app"]}, map[string]string{"app": pods["app"]}
		for k, v := range pods {
			if rapid.Bool().Draw(t, "matched "+k) {
				matched[k] = v
			}
			if rapid.Bool().Draw(t, "selected "+k) {
				selected[k] = v
			}
		}
		files := fstest.MapFS{"a.yaml": {Data: []byte(fmt.Sprintf(
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {selector: {matchLabels: %s}, template: {metadata: {labels: %s}}}\n"+
				"---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: %s}\n", labels(matched), labels(pods), labels(selected)))}}
		s, err := render.Open(files)
		if err != nil {
			t.Fatal(err)
		}
		p := split(mode)
		manifests, err := render.Complete(s, &p, make([]render.Request, len(p.Phases)))
		if err != nil {
			t.Fatal(err)
		}
		canary, stable := objects(t, manifests[0]), objects(t, manifests[1])
		original, copied, service := stable["Deployment/shop"], canary["Deployment/shop-canary"], stable["Service/shop"]
		if !copied.selects(t, copied) || copied.selects(t, original) {
			t.Errorf("the canary selects %v", copied.selector(t))
		}
		if !original.selects(t, original) || !service.selects(t, original) {
			t.Errorf("the original is selected by %v and %v", original.selector(t), service.selector(t))
		}
		if service.selects(t, copied) != (mode == "pods") {
			t.Errorf("the Service selects %v, the canary's pods have %v", service.selector(t), copied.Spec.Template.Metadata.Labels)
		}
		own, ok := canary["Service/shop-canary"]
		if ok != (mode != "pods") || (ok && (!own.selects(t, copied) || own.selects(t, original))) {
			t.Errorf("the canary's Service selects %v", own.selector(t))
		}
		if mode != "pods" && original.selects(t, copied) {
			t.Errorf("the original selects the canary's pods by %v", original.selector(t))
		}
	})
}

// Whatever a manifest holds, completing a plan ends with an error of the user's, or with
// manifests that can be read back, a canary phase's only with names of canaries.
func FuzzComplete(f *testing.F) {
	f.Add("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {selector: {matchLabels: &a {app: shop}}, template: {metadata: {labels: *a}, spec: {containers: [{envFrom: [{secretRef: {name: s}}]}]}}}\n" +
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n")
	f.Add("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {selector: [], template: {<<: {metadata: {labels: [app]}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: 1\n")
	f.Fuzz(func(t *testing.T, manifest string) {
		s, err := render.Open(fstest.MapFS{"a.yaml": {Data: []byte(manifest)}})
		if err != nil {
			return
		}
		for _, mode := range []string{"gateway", "ingress", "pods"} {
			p := split(mode)
			requests := []render.Request{{Labels: map[string]string{"l": "no"}}, {Annotations: map[string]string{"a": "1"}}}
			manifests, err := render.Complete(s, &p, requests)
			if err != nil {
				if rollout.KindOf(err) != rollout.Invalid {
					t.Fatalf("untyped: %v", err)
				}
				continue
			}
			for i, m := range manifests {
				again, err := render.Parse(m.Content)
				if err != nil || len(again.Objects) != len(m.Objects) {
					t.Fatalf("cannot be read back: %v\n%s", err, m.Content)
				}
				for _, o := range again.Objects {
					if i == 0 && !strings.HasSuffix(o.Name, rollout.CanarySuffix) {
						t.Fatalf("%s is in a canary's manifest", o)
					}
				}
			}
		}
	})
}
