package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/pipeline/internal/rule"
)

const (
	sources = "../.."
	docs    = "../../../docs"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	all, err := pages(sources)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range all {
		got, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what the Go types say: run go generate ./pipeline", name)
		}
	}
}

func TestEveryKeyIsDocumented(t *testing.T) {
	t.Parallel()
	c, err := readComments(sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roots() {
		for _, o := range objects(r, map[reflect.Type]bool{}) {
			if c.object(o) == "" {
				t.Errorf("%s has no comment", o)
			}
			for _, f := range rule.Fields(o) {
				if c.field(f) == "" {
					t.Errorf("%s.%s has no comment", f.Owner, f.Go)
				}
			}
		}
	}
}

// The schema must not be stricter than Load: an editor would mark what works.
func TestSchemaAcceptsWhateverLoads(t *testing.T) {
	t.Parallel()
	check := validator(t)
	paths, err := filepath.Glob(filepath.Join(sources, "testdata", "*", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		input, _, _ := strings.Cut(string(content), "\n----\n")
		if _, err := pipeline.Load(pipeline.File{Name: path, Content: []byte(input)}); err != nil {
			continue
		}
		for _, doc := range documents(t, input) {
			checked++
			if err := check.Validate(doc); err != nil {
				t.Errorf("%s: %v: %v", path, doc, err)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d documents were checked", checked)
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: serin.dev/v1\nkind: Target\nmetadata: {name: a}\n"
	check := validator(t)
	for name, input := range map[string]string{
		"an unknown key":     head + "runs: {}",
		"a wrong type":       head + "requireApproval: 1",
		"a missing key":      head + "run: {}",
		"an unknown kind":    "apiVersion: serin.dev/v1\nkind: Targets\nmetadata: {name: a}",
		"a malformed string": head + "run: {location: europe-west1}",
	} {
		for _, doc := range documents(t, input) {
			if check.Validate(doc) == nil {
				t.Errorf("%s is accepted: %s", name, input)
			}
		}
	}
}

func validator(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	all, err := pages(sources)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err = json.Unmarshal(all[filepath.Join("schema", "serin.schema.json")], &s); err != nil {
		t.Fatal(err)
	}
	out, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// documents are the documents of a file as JSON has them.
func documents(t *testing.T, input string) []any {
	t.Helper()
	var out []any
	for dec := yaml.NewDecoder(strings.NewReader(input)); ; {
		var v any
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		out = append(out, doc)
	}
}
