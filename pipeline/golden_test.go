package pipeline_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

var update = flag.Bool("update", false, "rewrite the expectations below ---- in testdata")

// A golden file is YAML, a line ----, and what comes of it: JSON or the error.
const separator = "\n----\n"

func golden(t *testing.T, folder string, outcome func(t *testing.T, f pipeline.File) string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("find golden files of %s: %d found, %v", folder, len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(content), separator)
			got := outcome(t, pipeline.File{Name: name + ".yaml", Content: []byte(input + "\n")}) + "\n"
			if *update {
				if err := os.WriteFile(path, []byte(strings.TrimRight(input, "\n")+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	golden(t, "load", func(t *testing.T, f pipeline.File) string {
		t.Helper()
		c, err := pipeline.Load(f)
		if err != nil {
			return err.Error()
		}
		return documentsAsJSON(t, c)
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	golden(t, "check", func(t *testing.T, f pipeline.File) string {
		t.Helper()
		c, err := pipeline.Load(f)
		if err != nil {
			t.Fatalf("a file of this folder must load:\n%v", err)
		}
		if ps := c.Check(); len(ps) > 0 {
			return ps.Error()
		}
		return "no problem"
	})
}

// A file for TestCompile begins with comments "# pipeline: NAME", and
// optionally "# release: NAME" and "# parameters: KEY=VALUE ...".
func TestCompile(t *testing.T) {
	t.Parallel()
	golden(t, "compile", func(t *testing.T, f pipeline.File) string {
		t.Helper()
		c, err := pipeline.Load(f)
		if err != nil {
			t.Fatalf("a file of this folder must load:\n%v", err)
		}
		stages, err := pipeline.Compile(c, request(f.Content))
		if err != nil {
			return string(rollout.KindOf(err)) + "\n" + err.Error()
		}
		return asJSON(t, stages)
	})
}

func request(content []byte) pipeline.Request {
	req := pipeline.Request{Release: "r1"}
	for line := range strings.SplitSeq(string(content), "\n") {
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "# "), ": ")
		switch key {
		case "pipeline":
			req.Pipeline = value
		case "release":
			req.Release = value
		case "parameters":
			req.Parameters = map[string]string{}
			for _, p := range strings.Fields(value) {
				k, v, _ := strings.Cut(p, "=")
				req.Parameters[k] = v
			}
		}
	}
	return req
}

// documentsAsJSON is c, and the proof that its documents load as the same.
func documentsAsJSON(t *testing.T, c *pipeline.Config) string {
	t.Helper()
	var all []any
	for _, d := range roundTrip(t, c) {
		var v any
		if err := yaml.Unmarshal(d.Content, &v); err != nil {
			t.Fatalf("%s %s: %v\n%s", d.Kind, d.Name, err, d.Content)
		}
		all = append(all, v)
	}
	return asJSON(t, all)
}

// roundTrip fails unless each of c's documents loads by itself as an object
// with the same document.
func roundTrip(t *testing.T, c *pipeline.Config) []pipeline.Document {
	t.Helper()
	docs, err := c.Documents()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		again, err := pipeline.Load(pipeline.File{Name: "document.yaml", Content: d.Content})
		if err != nil {
			t.Fatalf("%s %s does not load again: %v\n%s", d.Kind, d.Name, err, d.Content)
		}
		twice, err := again.Documents()
		if err != nil {
			t.Fatal(err)
		}
		if len(twice) != 1 || twice[0].Kind != d.Kind || twice[0].Name != d.Name || !bytes.Equal(twice[0].Content, d.Content) {
			t.Fatalf("%s %s changes when it is loaded again:\n%s\nbecomes\n%s", d.Kind, d.Name, d.Content, twice[0].Content)
		}
	}
	return docs
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(b.String(), "\n")
}

// FuzzLoad: no input panics, every refusal is Problems, and whatever loads
// round-trips.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), separator)
		f.Add([]byte(input))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := pipeline.Load(pipeline.File{Name: "fuzz.yaml", Content: content})
		if err != nil {
			var ps pipeline.Problems
			if !errors.As(err, &ps) || len(ps) == 0 || c != nil {
				t.Fatalf("Load returned %T %v and a config %v", err, err, c)
			}
			return
		}
		roundTrip(t, c)
		if ps := c.Check(); len(ps) > 0 && ps.Error() == "" {
			t.Fatalf("Check returned problems without a text: %v", ps)
		}
		for _, p := range c.Pipelines {
			if _, err := pipeline.Compile(c, pipeline.Request{Pipeline: p.Metadata.Name, Release: "r1"}); err != nil && rollout.KindOf(err) == "" {
				t.Fatalf("Compile returned an error without a kind: %v", err)
			}
		}
	})
}
