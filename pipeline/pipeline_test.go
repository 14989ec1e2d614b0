package pipeline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

const target = "apiVersion: serin.dev/v1\nkind: Target\nmetadata: {name: NAME}\nrun: {location: projects/p/locations/l}\n"

func named(file, name string) pipeline.File {
	return pipeline.File{Name: file, Content: []byte(strings.ReplaceAll(target, "NAME", name))}
}

func TestProblemsOfSeveralFilesAreSortedByFileAndLine(t *testing.T) {
	t.Parallel()
	_, err := pipeline.Load(named("b.yaml", "B"), named("a.yaml", "prod"), named("c.yaml", "prod"), named("a.yaml", "A"))
	var ps pipeline.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("error is %T, want Problems: %v", err, err)
	}
	var got []string
	for _, p := range ps {
		place, _, _ := strings.Cut(p.String(), ": ")
		got = append(got, place)
	}
	if want := "a.yaml:3 b.yaml:3 c.yaml:3"; strings.Join(got, " ") != want {
		t.Errorf("problems at %s, want %s:\n%v", got, want, err)
	}
	if want := "Target prod is given twice, first at a.yaml:1"; !strings.Contains(err.Error(), want) {
		t.Errorf("error lacks %q:\n%v", want, err)
	}
}

func TestNoFilesAreAnEmptyConfig(t *testing.T) {
	t.Parallel()
	c, err := pipeline.Load()
	if err != nil || c == nil || len(c.Check()) > 0 {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestAFileThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	_, err := pipeline.Load(pipeline.File{Name: "big.yaml", Content: make([]byte, 5<<20)})
	if want := "big.yaml: has 5242880 bytes, at most 4194304 are read"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestObjectsKnowWhereTheyBegin(t *testing.T) {
	t.Parallel()
	f := named("a.yaml", "one")
	f.Content = append([]byte("# comment\n---\n"), f.Content...)
	c, err := pipeline.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	if file, line := c.Target("one").Position(); file != "a.yaml" || line != 3 {
		t.Errorf("begins at %s:%d, want a.yaml:3", file, line)
	}
}

func TestOnFailureDefaultsByAPIVersion(t *testing.T) {
	t.Parallel()
	var c pipeline.Canary
	if got := c.OnFailure(pipeline.SerinV1); got != rollout.OnFailureRestore {
		t.Errorf("serin.dev/v1: %s", got)
	}
	if got := c.OnFailure(pipeline.GoogleV1); got != rollout.OnFailureHold {
		t.Errorf("deploy.cloud.google.com/v1: %s", got)
	}
}

func TestCustomChecksRunEveryFiveMinutesByDefault(t *testing.T) {
	t.Parallel()
	if got := (pipeline.CustomCheck{}).Every(); got != 5*time.Minute {
		t.Errorf("every %s", got)
	}
}

func TestCompileRefusesWithProblemsToBranchOn(t *testing.T) {
	t.Parallel()
	f := named("a.yaml", "prod")
	f.Content = append(f.Content, "executionConfigs: [{usages: [RENDER, DEPLOY], verbose: true}]\n---\napiVersion: serin.dev/v1\nkind: DeliveryPipeline\nmetadata: {name: web}\nserialPipeline: {stages: [{targetId: prod}]}\n"...)
	c, err := pipeline.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pipeline.Compile(c, pipeline.Request{Pipeline: "web", Release: "r1"})
	var ps pipeline.Problems
	if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Path != "executionConfigs[0].verbose" || ps[0].Line != 5 {
		t.Errorf("got %v, want one problem at executionConfigs[0].verbose on line 5", err)
	}
	if got := rollout.KindOf(err); got != rollout.Unsupported {
		t.Errorf("kind is %s", got)
	}
}

// Whatever a person writes into free text comes back unchanged.
func TestAnyTextSurvivesTheRoundTrip(t *testing.T) {
	t.Parallel()
	c, err := pipeline.Load(named("a.yaml", "prod"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringN(0, 80, 240).Draw(r, "text")
		c.Target("prod").Description = text
		c.Target("prod").DeployParameters = map[string]string{"key": text}
		docs, err := c.Documents()
		if err != nil {
			r.Fatal(err)
		}
		again, err := pipeline.Load(pipeline.File{Name: "again.yaml", Content: docs[0].Content})
		if err != nil {
			r.Fatalf("%q does not load again: %v\n%s", text, err, docs[0].Content)
		}
		if got := again.Target("prod"); got.Description != text || got.DeployParameters["key"] != text {
			r.Errorf("%q came back as %q and %q from\n%s", text, got.Description, got.DeployParameters["key"], docs[0].Content)
		}
	})
}
