package pipeline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// fleet is a pipeline web with one multi-target.
type fleet struct {
	children  []string
	waves     [][]string
	phases    []string // before stable
	approvers []string
}

func (f fleet) load(t fataler) *pipeline.Config {
	t.Helper()
	quoted := func(words []string) string { return "[" + strings.Join(words, ", ") + "]" }
	var waves, phases []string
	for _, w := range f.waves {
		waves = append(waves, quoted(w))
	}
	for i, p := range f.phases {
		phases = append(phases, fmt.Sprintf("{phaseId: %s, percentage: %d, advance: {mode: automatic, wait: 335h59m59s}}", p, i))
	}
	phases = append(phases, "{phaseId: stable, percentage: 100}")
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: serin.dev/v1\nkind: DeliveryPipeline\nmetadata: {name: web}\nserialPipeline:\n  stages:\n"+
		"  - targetId: all\n    strategy: {canary: {runtimeConfig: {cloudRun: {automaticTrafficControl: true}}, customCanaryDeployment: {phaseConfigs: %s}}}\n", quoted(phases))
	fmt.Fprintf(&b, "---\napiVersion: serin.dev/v1\nkind: Target\nmetadata: {name: all}\nmultiTarget:\n  targetIds: %s\n", quoted(f.children))
	if len(waves) > 0 {
		fmt.Fprintf(&b, "  waves: %s\n", quoted(waves))
	}
	if len(f.approvers) > 0 {
		fmt.Fprintf(&b, "requireApproval: true\napproval: {expireAfter: 24h, approvers: %s}\n", quoted(f.approvers))
	}
	for _, c := range f.children {
		b.WriteString("---\n" + strings.ReplaceAll(target, "NAME", c))
	}
	c, err := pipeline.Load(pipeline.File{Name: "fleet.yaml", Content: []byte(b.String())})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return c
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (f fleet) compile(t fataler) pipeline.Stage {
	t.Helper()
	stages, err := pipeline.Compile(f.load(t), pipeline.Request{Pipeline: "web", Release: "r1"})
	if err != nil || len(stages) != 1 {
		t.Fatalf("%d stages, %v", len(stages), err)
	}
	return stages[0]
}

// long is the nth of different words of n characters.
func long(letter string, i, n int) string {
	tail := fmt.Sprintf("%03d", i)
	return strings.Repeat(letter, n-len(tail)) + tail
}

// limit is what a controller's plan may have as JSON: it is in several histories.
const limit = 32 << 10

func TestTheLargestControllerPlanIsSmall(t *testing.T) {
	t.Parallel()
	var f fleet
	for i := range 100 {
		name := long("c", i, 63)
		f.children, f.waves = append(f.children, name), append(f.waves, []string{name})
	}
	for i := range 20 {
		f.phases = append(f.phases, long("p", i, 63))
	}
	for i := range 50 {
		f.approvers = append(f.approvers, long("a", i, 128))
	}
	content, err := json.Marshal(f.compile(t).Plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(content))
	if len(content) >= limit {
		t.Errorf("the plan has %d bytes, want fewer than %d", len(content), limit)
	}
}

// Whatever the fleet: every child is planned once, in order and in its wave, with the
// phases of the controller, which is all that begins them, and the plan stays small.
func TestAControllerPlansEveryChild(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := fleet{children: rapid.SliceOfNDistinct(rapid.StringMatching(`[b-z][a-z0-9]{0,62}`), 1, 100, rapid.ID[string]).Draw(r, "children")}
		if rapid.Bool().Draw(r, "in waves") {
			rest := rapid.Permutation(f.children).Draw(r, "order")
			for len(rest) > 0 {
				n := rapid.IntRange(1, len(rest)).Draw(r, "wave")
				f.waves, rest = append(f.waves, rest[:n]), rest[n:]
			}
		}
		for i := range rapid.IntRange(0, 20).Draw(r, "phases") {
			f.phases = append(f.phases, fmt.Sprintf("phase-%d", i))
		}
		s := f.compile(r)
		if content, err := json.Marshal(s.Plan); err != nil || len(content) >= limit {
			r.Errorf("the plan has %d bytes, %v", len(content), err)
		}
		if len(s.Children) != len(f.children) || len(s.Plan.Parallel.Children) != len(f.children) {
			r.Fatalf("%d children and %d of the plan, want %d", len(s.Children), len(s.Plan.Parallel.Children), len(f.children))
		}
		for i, name := range f.children {
			f.child(r, s, i, name)
		}
	})
}

func (f fleet) child(t *rapid.T, s pipeline.Stage, i int, name string) {
	t.Helper()
	own, told := s.Children[i], s.Plan.Parallel.Children[i]
	if own.Target != name || own.Plan.Target.Name != name || told.Target != name {
		t.Errorf("child %d is %s, %s and %s, want %s", i, own.Target, own.Plan.Target.Name, told.Target, name)
	}
	for w, wave := range f.waves {
		for _, c := range wave {
			if c == name && told.Wave != w {
				t.Errorf("%s is in wave %d, want %d", name, told.Wave, w)
			}
		}
	}
	if len(own.Plan.Phases) != len(s.Plan.Phases) || len(own.Renders) != len(s.Plan.Phases) {
		t.Fatalf("%s has %d phases and %d renders, its controller %d", name, len(own.Plan.Phases), len(own.Renders), len(s.Plan.Phases))
	}
	for j, ph := range own.Plan.Phases {
		all := s.Plan.Phases[j]
		if ph.ID != all.ID || ph.Weight != all.Weight || ph.Advance != (rollout.Advance{}) || len(ph.Jobs) == 0 || len(all.Jobs) > 0 {
			t.Errorf("%s has phase %+v, its controller %+v", name, ph, all)
		}
	}
}
