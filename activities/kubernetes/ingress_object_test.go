package kubernetes

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/rollout"
)

// ingressCase is the first document of a file below testdata/ingress; the second is
// the live Ingress.
type ingressCase struct {
	Weight  rollout.Weight  `json:"weight"`
	Ingress rollout.Ingress `json:"ingress"`
	Quiet   bool            `json:"quiet"`
}

// TestCanaryIngress compares what is made of a live Ingress with the golden files: the
// canary Ingress, or why there is none.
func TestCanaryIngress(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/ingress/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			got := ingressAnswer(t, string(content))
			if *update {
				if err = os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("got\n%s\nwant\n%s%v", got, want, err)
			}
		})
	}
}

func ingressAnswer(t *testing.T, content string) string {
	t.Helper()
	first, second, _ := strings.Cut(content, "\n---\n")
	c, original := ingressCase{}, &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(first), &c); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(second), &original.Object); err != nil {
		t.Fatal(err)
	}
	c.Ingress.Prefix = cmp.Or(c.Ingress.Prefix, "nginx.ingress.kubernetes.io")
	before := sum(original.Object)
	o, err := quietIngress(original, &c.Ingress), error(nil)
	if !c.Quiet {
		owner := live("v1", "Service", "shop-canary", nil)
		owner.SetUID("5e0f")
		if o, err = canaryIngress(original, owner, &c.Ingress, "shop"); err == nil {
			o = withMatch(withWeight(o, &c.Ingress, c.Weight), &c.Ingress)
		}
	}
	if sum(original.Object) != before {
		t.Error("the live Ingress was changed")
	}
	if err != nil {
		return err.Error() + "\n"
	}
	out, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestIngressWeight(t *testing.T) {
	t.Parallel()
	in := &rollout.Ingress{Prefix: "nginx.ingress.kubernetes.io"}
	const p = "nginx.ingress.kubernetes.io/canary"
	for _, row := range []struct {
		name        string
		annotations map[string]string
		want        rollout.Weight
		note        string
		routes      bool
	}{
		{name: "as written", annotations: map[string]string{p: "true", p + "-weight": "25"}, want: 25, routes: true},
		{name: "none", annotations: map[string]string{p: "true", p + "-weight": "0"}},
		{name: "no weight at all", annotations: map[string]string{p: "true"}},
		{name: "by header only", annotations: map[string]string{p: "true", p + "-weight": "0", p + "-by-header": "X"}, routes: true},
		{name: "of another total", annotations: map[string]string{p: "true", p + "-weight": "333", p + "-weight-total": "1000"}, want: 33, routes: true},
		{
			name: "above its total", annotations: map[string]string{p: "true", p + "-weight": "333"},
			note: `ingress shop-canary has the weight "333" of "", which is no share`,
		},
		{
			name: "no number", annotations: map[string]string{p: "true", p + "-weight": "a lot"},
			note: `ingress shop-canary has the weight "a lot" of "", which is no share`,
		},
		{
			name: "no canary any more", annotations: map[string]string{p: "false", p + "-weight": "25"},
			note: `ingress shop-canary has no annotation nginx.ingress.kubernetes.io/canary: "true", so it is no canary`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := live("networking.k8s.io/v1", "Ingress", "shop-canary", nil)
			o.SetAnnotations(row.annotations)
			got, note := ingressWeight(o, in)
			if got != row.want || note != row.note || routesRequests(o, in) != row.routes {
				t.Errorf("got %d, %q, routes %v", got, note, routesRequests(o, in))
			}
		})
	}
}
