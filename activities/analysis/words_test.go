package analysis

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
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
