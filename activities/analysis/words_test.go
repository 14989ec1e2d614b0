package analysis

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// TestFill is what becomes of each form of a word.
func TestFill(t *testing.T) {
	t.Parallel()
	ws := words{wordCanary: "shop.v2", wordStable: "shop-v1"}.with(90 * time.Second)
	for query, want := range map[string]string{
		`up`:                               `up`,
		`up{r="{{.Canary}}"}`:              `up{r="shop.v2"}`,
		`up{r=~"{{regex .Canary}}-.+"}`:    `up{r=~"shop[.]v2-.+"}`,
		`up{r=~"x_{{snake .Canary}}"}`:     `up{r=~"x_shop_v2"}`,
		`{{ .Canary }}/{{.Stable}}`:        `shop.v2/shop-v1`,
		`rate(x[{{.Interval}}])`:           `rate(x[90s])`,
		`up{{.Service}}`:                   `error: {{.Service}} has no value for this release`,
		`{{.Pod}}`:                         `error: {{.Pod}}: there is no word Pod: there are Canary, Stable, Service, Namespace, Interval`,
		`{{html .Canary}}`:                 `error: {{html .Canary}}: there is no function html: there are regex and snake`,
		`{{range .Canary}}`:                `error: {{range .Canary}}: there is no function range: there are regex and snake`,
		`{{if true}}1{{end}}`:              `error: {{if true}} is not {{.WORD}}`,
		`{{.Canary | printf "%s"}}`:        `error: {{.Canary | printf "%s"}} is not {{.WORD}}`,
		`up{r="{{.Canary"}`:                `error: a {{ is not closed`,
		"up{r=\"{{\n.Canary\n}}\"}":        "up{r=\"shop.v2\"}",
		`label_replace(up, "a", "$1", "")`: `label_replace(up, "a", "$1", "")`,
	} {
		got, err := ws.fill(query)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%q\n got %s\nwant %s", query, got, want)
		}
	}
	if got := promDuration(1500 * time.Millisecond); got != "1500ms" {
		t.Errorf("1.5 s is %s", got)
	}
}

// TestWordsOfKubernetes is what both sides of a comparison ask for.
func TestWordsOfKubernetes(t *testing.T) {
	t.Parallel()
	const query = `{{.Canary}} {{.Stable}} {{.Service}}`
	for name, row := range map[string]struct {
		k                     rollout.Kubernetes
		promotion, fresh      bool
		wantCanary, wantOther string
	}{
		"stable as it runs":            {k: rollout.Kubernetes{}, wantCanary: "web-canary web shop", wantOther: "web web shop"},
		"beside a check of fresh pods": {k: rollout.Kubernetes{Fresh: true}, wantCanary: "web-canary web shop", wantOther: "web web shop"},
		"fresh pods of stable": {
			k: rollout.Kubernetes{Fresh: true}, fresh: true,
			wantCanary: "web-canary web shop", wantOther: "web-baseline web-baseline shop",
		},
		"fresh pods that nobody has made": {
			k: rollout.Kubernetes{}, fresh: true,
			wantCanary: "web-canary web shop", wantOther: "error: {{.Canary}} has no value for this release",
		},
		"fresh pods that are gone": {
			k: rollout.Kubernetes{Fresh: true}, fresh: true, promotion: true,
			wantCanary: "web web shop", wantOther: "error: {{.Canary}} has no value for this release",
		},
	} {
		row.k.Deployment, row.k.Service, row.k.Gateway = "web", "shop", &rollout.Gateway{}
		ws := ofKubernetes(activities.Work{Kubernetes: &row.k, Promotion: row.promotion})
		for _, side := range []struct {
			ws   words
			want string
		}{{ws, row.wantCanary}, {ws.ofStable(row.fresh), row.wantOther}} {
			got, err := side.ws.fill(query)
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != side.want {
				t.Errorf("%s: %q, want %q", name, got, side.want)
			}
		}
	}
}

// TestFillIsSafe draws names: either the query keeps its form, or it is refused.
func TestFillIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		word := rapid.SampledFrom([]string{"{{.Service}}", "{{regex .Service}}"}).Draw(t, "word")
		got, err := words{wordService: name}.fill(`a{s="` + word + `"}`)
		if err != nil {
			return
		}
		inside := strings.TrimSuffix(strings.TrimPrefix(got, `a{s="`), `"}`)
		if strings.ContainsAny(inside, "\"'`\\{}\n \x00") || strings.ReplaceAll(inside, "[.]", ".") != name {
			t.Fatalf("%q became %q", name, got)
		}
	})
}
