package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/pipeline"
)

const presetPipeline = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: web}
serialPipeline:
  stages:
  - targetId: prod
    strategy:
      canary:
        runtimeConfig: RUNTIME
        customCanaryDeployment:
          phaseConfigs:
          - phaseId: half
            percentage: 50
            analysis: &a {duration: 60s, prometheus: {address: "http://p", checks: [{id: a, preset: PRESET, provider: PROVIDER, max: 1}]}}
          - {phaseId: stable, percentage: 100, analysis: *a}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: prod}
TARGET
`

// presetQueries are what the canary and then stable is asked.
func presetQueries(t *testing.T, preset, provider string) (canary, stable string) {
	t.Helper()
	runtime, target := "{kubernetes: {gatewayServiceMesh: {httpRoute: a, service: b, deployment: c}}}", "kubernetes: {}"
	if strings.HasPrefix(provider, "cloudRun") {
		runtime, target = "{cloudRun: {automaticTrafficControl: true}}", "run: {location: projects/p/locations/europe-west1}"
	}
	text := strings.NewReplacer("RUNTIME", runtime, "TARGET", target, "PRESET", preset, "PROVIDER", provider).Replace(presetPipeline)
	c, err := pipeline.Load(pipeline.File{Name: "a.yaml", Content: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	stages, err := pipeline.Compile(c, pipeline.Request{Pipeline: "web", Release: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	query := func(phase int) string {
		for _, s := range stages[0].Specs[phase] {
			if s.Analysis != nil {
				return s.Analysis.Prometheus.Checks[0].Query
			}
		}
		t.Fatalf("phase %d has no analysis", phase)
		return ""
	}
	return query(0), query(1)
}

// knownProviders are those that a wrong one is answered with.
func knownProviders(t *testing.T) []string {
	t.Helper()
	text := strings.NewReplacer("RUNTIME", "{cloudRun: {automaticTrafficControl: true}}", "TARGET", "kubernetes: {}",
		"PRESET", "request-duration", "PROVIDER", "prometheus").Replace(presetPipeline)
	_, err := pipeline.Load(pipeline.File{Name: "a.yaml", Content: []byte(text)})
	if err == nil {
		t.Fatal("an unknown provider is accepted")
	}
	return strings.Split(regexp.MustCompile(`provider: is "prometheus", want one of ([^:\n]*)`).FindStringSubmatch(err.Error())[1], ", ")
}

func TestPresets(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, provider := range knownProviders(t) {
		for _, preset := range []string{"request-success-rate", "request-duration"} {
			canary, stable := presetQueries(t, preset, provider)
			fmt.Fprintf(&got, "%s %s\n  canary %s\n", provider, preset, canary)
			if stable != canary {
				fmt.Fprintf(&got, "  stable %s\n", stable)
			}
		}
	}
	path := filepath.Join("testdata", "presets.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got.String(), want)
	}
}

// What is left in a query is for the workers to fill in, and they know no more words.
func TestPresetsLeaveOnlyWordsOfQueries(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile(`\{\{((regex|snake) )?\.(Canary|Service|Namespace|Interval)\}\}`)
	for _, provider := range knownProviders(t) {
		for _, preset := range []string{"request-success-rate", "request-duration"} {
			canary, stable := presetQueries(t, preset, provider)
			for _, query := range []string{canary, stable} {
				if rest := word.ReplaceAllString(query, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "$") {
					t.Errorf("%s of %s: something is not filled in: %s", preset, provider, rest)
				}
			}
		}
	}
}

func TestEveryLabelOfAPresetCanBeCalledSomethingElse(t *testing.T) {
	t.Parallel()
	for _, provider := range knownProviders(t) {
		text := strings.NewReplacer("RUNTIME", "{cloudRun: {automaticTrafficControl: true}}", "TARGET", "kubernetes: {}",
			"PRESET", "request-success-rate", "PROVIDER", provider+", labels: {none: x}").Replace(presetPipeline)
		_, err := pipeline.Load(pipeline.File{Name: "a.yaml", Content: []byte(text)})
		m := regexp.MustCompile(`is no label of provider ` + provider + `; known are (.*)`).FindStringSubmatch(fmt.Sprint(err))
		if m == nil {
			t.Errorf("%s: an unknown label is answered with %v", provider, err)
			continue
		}
		known := strings.Split(m[1], ", ")
		if !slices.Contains(known, "code") {
			t.Errorf("%s: code is not among %s", provider, known)
		}
		for _, label := range known {
			canary, _ := presetQueries(t, "request-success-rate", provider+", labels: {"+label+": my_label}")
			if !regexp.MustCompile(`my_label(=|!=|=~|!~)"`).MatchString(canary) {
				t.Errorf("%s: %s is not in %s", provider, label, canary)
			}
		}
	}
}
