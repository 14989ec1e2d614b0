package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// A case is one file: settings, then "-- plan.json --" with the plan to complete, then
// the files of the source as for TestRender, then "----" and each phase's manifest with
// its objects, the namespace and the warnings, or the error. The settings are those of
// TestRender, and "canary label", "canary annotation", "stable label" and "stable
// annotation: key=value", and "profile of PHASE: name".
func TestComplete(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/complete/*.txt", complete)
}

// added are the settings that only complete plans know, by what they begin with.
type added map[string]map[string]string

func (a added) take(line string) bool {
	name, setting, _ := strings.Cut(line, ": ")
	if phase, ok := strings.CutPrefix(name, "profile of "); ok {
		setting, name = phase+"="+setting, "profile"
	}
	key, value, _ := strings.Cut(setting, "=")
	if _, known := a[name]; !known || !strings.Contains(setting, "=") {
		return false
	}
	a[name][key] = value
	return true
}

func complete(t *testing.T, input string) string {
	t.Helper()
	own := added{"canary label": {}, "canary annotation": {}, "stable label": {}, "stable annotation": {}, "profile": {}}
	settings, rest, _ := strings.Cut(input, "-- plan.json --")
	var others []string
	for line := range strings.Lines(settings) {
		if !own.take(strings.TrimSpace(line)) {
			others = append(others, line)
		}
	}
	c := parse(t, strings.Join(others, "")+"-- plan.json --"+rest)
	var p rollout.Plan
	if err := json.Unmarshal(c.files["plan.json"].Data, &p); err != nil {
		t.Fatalf("plan.json: %v", err)
	}
	delete(c.files, "plan.json")
	s, err := render.Open(c.files)
	if err != nil {
		return err.Error() + "\n"
	}
	var requests []render.Request
	for _, ph := range p.Phases {
		r := c.request
		r.Labels, r.Annotations = own["canary label"], own["canary annotation"]
		if ph.Promotion() {
			r.Labels, r.Annotations = own["stable label"], own["stable annotation"]
		}
		if profile := own["profile"][ph.ID]; profile != "" {
			r.Profiles = append(slices.Clone(r.Profiles), profile)
		}
		requests = append(requests, r)
	}
	return outcome(s, p, requests)
}

// outcome completes p and prints what came of it. Whatever is wrong must be typed.
func outcome(s *render.Source, p rollout.Plan, requests []render.Request) string {
	manifests, err := render.Complete(s, &p, requests)
	if err != nil {
		var ps render.Problems
		if rollout.KindOf(err) != rollout.Invalid {
			return fmt.Sprintf("untyped error: %v\n", err)
		}
		if errors.As(err, &ps) && !strings.Contains(err.Error(), ps.Error()) {
			return fmt.Sprintf("problems that are not told: %v\n", ps)
		}
		return err.Error() + "\n"
	}
	var b strings.Builder
	for i, m := range manifests {
		fmt.Fprintf(&b, "== %s\n", p.Phases[i].ID)
		if i > 0 && bytes.Equal(m.Content, manifests[i-1].Content) {
			b.WriteString("as before\n")
			continue
		}
		b.Write(m.Content)
		b.WriteString("----\n")
		for _, o := range m.Objects {
			fmt.Fprintf(&b, "%d %s %s (%s)\n", o.Line, o.APIVersion, o, o.Source)
		}
	}
	if p.Kubernetes.Canary() {
		fmt.Fprintf(&b, "== namespace %q, %d replicas\n", p.Kubernetes.Namespace, render.Replicas(manifests[len(manifests)-1], p))
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

func TestTheSamePlanIsAlwaysCompletedTheSame(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("testdata", "complete", "gateway.txt"))
	if err != nil {
		t.Fatal(err)
	}
	input, _, _ := strings.Cut(string(content), "\n----\n")
	first := complete(t, input)
	for range 20 { // the order of maps must not show
		if again := complete(t, input); again != first {
			t.Fatalf("another completion differs:\n%s", render.Diff([]byte(first), []byte(again)))
		}
	}
}
