package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/rollout"
)

// TestTwinObject compares what is made of a live original with the golden files. It is no part of
// what is live: that stays as it is.
func TestTwinObject(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/twin/*.yaml")
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
			original := &unstructured.Unstructured{}
			if content, err = yaml.YAMLToJSONStrict(content); err == nil {
				err = original.UnmarshalJSON(content)
			}
			if err != nil {
				t.Fatal(err)
			}
			before, o := original.DeepCopy(), twinObject(original, strings.Repeat("2", 64)+"-3", 2)
			if fmt.Sprint(before) != fmt.Sprint(original) {
				t.Errorf("the original has become %v", original)
			}
			if !selects(twinLabels(original.GetName()), templateLabels(o)) || selects(twinLabels(original.GetName()), templateLabels(original)) {
				t.Error("its selector selects other pods than its own")
			}
			got, err := yaml.Marshal(o.Object)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err = os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || string(got) != string(want) {
				t.Errorf("got\n%s\nwant\n%s%v", got, want, err)
			}
		})
	}
}

// TestTwinLabels is what takes a pod out of a Service, and what brings it back.
func TestTwinLabels(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		selector, have map[string]string
		in             bool
		want           string
	}{
		"out by the plan's label":       {selector: map[string]string{"app": "shop", "a": "b"}, have: map[string]string{"app": "shop", "a": "b"}, want: `[{"op":"test","path":"/metadata/labels/app","value":"shop"},{"op":"remove","path":"/metadata/labels/app"}]`},
		"out by another":                {selector: map[string]string{"x/name": "shop"}, have: map[string]string{"x/name": "shop", "app": "shop"}, want: `[{"op":"test","path":"/metadata/labels/x~1name","value":"shop"},{"op":"remove","path":"/metadata/labels/x~1name"}]`},
		"out already":                   {selector: map[string]string{"app": "shop"}, have: map[string]string{"a": "b"}, want: `null`},
		"out by what somebody has done": {selector: map[string]string{"app": "shop"}, have: map[string]string{"app": "debug"}, want: `null`},
		"in":                            {selector: map[string]string{"app": "shop"}, have: map[string]string{"a": "b"}, in: true, want: `[{"op":"add","path":"/metadata/labels/app","value":"shop"}]`},
		"in already":                    {selector: map[string]string{"app": "shop"}, have: map[string]string{"app": "shop"}, in: true, want: `null`},
	} {
		key, value := chosenLabel(row.selector, "app")
		got, err := json.Marshal(labelOps(row.have, key, value, row.in))
		if err != nil || string(got) != row.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, row.want, err)
		}
	}
	if key, _ := chosenLabel(nil, "app"); key != "" {
		t.Errorf("a Service that selects nothing selects by %s", key)
	}
}

// TestTwinIsWaitedFor: the phase is as ready as the worse of the two.
func TestTwinIsWaitedFor(t *testing.T) {
	t.Parallel()
	view := twinView{name: "shop-baseline", service: "shop", listed: 2, settled: true}
	short, young := view, view
	short.listed, young.settled = 1, false
	for name, row := range map[string]struct {
		canary, want judgement
		fleet        fleet
		view         twinView
	}{
		"both are ready": {judgement{ready: true}, judgement{ready: true}, fleet{want: 2}, view},
		"the Service does not have it yet": {
			judgement{ready: true},
			judgement{progress: "service shop lists 1 ready of 2 pods of deployment shop-baseline"},
			fleet{want: 2},
			short,
		},
		"it is made": {judgement{ready: true}, judgement{progress: "1 of 2"}, fleet{want: 2, progress: "1 of 2"}, young},
		"its pods are others'": {
			judgement{ready: true}, judgement{progress: "deployment shop-baseline is rolling out"}, fleet{want: 2}, young,
		},
		"the canary is told first": {
			judgement{progress: "canary", failure: "bad"}, judgement{progress: "canary", failure: "bad"}, fleet{want: 2, progress: "1 of 2", failure: "worse"}, young,
		},
		"it fails": {
			judgement{ready: true, again: 5},
			judgement{failure: "crashes", progress: "1 of 2", again: 3},
			fleet{want: 2, progress: "1 of 2", failure: "crashes", again: 3},
			young,
		},
	} {
		got := row.canary
		got.addTwin(row.fleet, row.view)
		if got != row.want {
			t.Errorf("%s: %+v, want %+v", name, got, row.want)
		}
	}
}

// TestWaitIsCancelled: whoever waits hears that it was cancelled, and not that it has waited for too long.
func TestWaitIsCancelled(t *testing.T) {
	t.Parallel()
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		err := (&session{}).until(ctx, ref{}, "it is there", func(ctx context.Context) (bool, error) {
			cancel()
			return false, ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("it ends with %v", err)
		}
	}
}

// TestWhoHasATwin: nobody who did not ask for one, and nobody whose split is a number of pods.
func TestWhoHasATwin(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*session)
		want   bool
	}{
		"a phase":           {func(*session) {}, true},
		"weight 0":          {func(s *session) { s.w.Weight = 0 }, true},
		"a bake":            {func(s *session) { s.w.Weight = 100 }, false},
		"a promotion":       {func(s *session) { s.w.Promotion = true }, false},
		"a split by pods":   {func(s *session) { s.k.Pods = &rollout.Pods{} }, false},
		"a plan without it": {func(s *session) { s.k.Fresh = false }, false},
	} {
		s := &session{k: rollout.Kubernetes{Fresh: true}}
		s.w.Weight = 50
		row.change(s)
		if got := s.wantsTwin(); got != row.want {
			t.Errorf("%s: %t, want %t", name, got, row.want)
		}
	}
}
