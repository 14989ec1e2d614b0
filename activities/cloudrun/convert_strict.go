package cloudrun

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxProblems bounds how much of a bad manifest one error tells.
const maxProblems = 10

// problems collects what is wrong with a manifest, each with its path. A text
// never holds a value that could be a secret.
type problems []string

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, path+": "+fmt.Sprintf(format, args...))
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	list := p[:min(len(p), maxProblems)]
	text := strings.Join(list, "; ")
	if more := len(p) - len(list); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return errors.New(text)
}

// parse reads exactly one YAML document into a manifest, strictly.
func parse(content []byte) (*manifest, error) {
	d := yaml.NewDecoder(bytes.NewReader(content))
	var tree, second any
	if err := d.Decode(&tree); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the manifest is empty, want one serving.knative.dev/v1 Service")
		}
		return nil, errors.New("the manifest is not YAML: " + syntax(err))
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("the manifest has more than one document, want one serving.knative.dev/v1 Service")
	}
	var p problems
	if p.strict("", tree, reflect.TypeFor[manifest]()); len(p) > 0 {
		return nil, p.err()
	}
	b, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("the manifest does not fit JSON: %w", err)
	}
	m := new(manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("the manifest has a number that does not fit: %w", err)
	}
	return m, nil
}

// syntax keeps of a YAML error where it is, not the text it quotes.
func syntax(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text, _, _ = strings.Cut(text, "\n")
	if i := strings.IndexAny(text, "\"`'"); i > 0 {
		text = strings.TrimSpace(text[:i]) + " ..."
	}
	return text
}

// strict holds v against t: every field is known and has the type of its Go field.
func (p *problems) strict(path string, v any, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v == nil {
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		p.fields(path, v, t)
	case reflect.Map:
		m, ok := v.(map[string]any)
		p.scalar(path, v, "mapping", ok)
		for _, k := range slices.Sorted(maps.Keys(m)) {
			p.strict(fmt.Sprintf("%s[%s]", path, k), m[k], t.Elem())
		}
	case reflect.Slice:
		list, ok := v.([]any)
		p.scalar(path, v, "list", ok)
		for i, e := range list {
			p.strict(fmt.Sprintf("%s[%d]", path, i), e, t.Elem())
		}
	case reflect.Bool:
		_, ok := v.(bool)
		p.scalar(path, v, "boolean", ok)
	default:
		p.leaf(path, v, t)
	}
}

// leaf is strict for what is a string or a number.
func (p *problems) leaf(path string, v any, t reflect.Type) {
	switch {
	case t == reflect.TypeFor[quantity]():
		p.scalar(path, v, "string or a number", isString(v) || isInt(v) || isFloat(v))
	case t.Kind() == reflect.String:
		p.scalar(path, v, "string", isString(v))
	default:
		p.scalar(path, v, "whole number", isInt(v))
	}
}

func (p *problems) fields(path string, v any, t reflect.Type) {
	m, ok := v.(map[string]any)
	if p.scalar(path, v, "mapping", ok); !ok {
		return
	}
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		known[t.Field(i).Tag.Get("json")] = t.Field(i).Type
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		at := strings.TrimPrefix(path+"."+k, ".")
		if field, ok := known[k]; ok {
			p.strict(at, m[k], field)
			continue
		}
		p.add(at, "unknown field, known are %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
}

func (p *problems) scalar(path string, v any, want string, ok bool) {
	if ok {
		return
	}
	if path == "" {
		path = "manifest"
	}
	found := "a date"
	switch {
	case isString(v):
		found = "a string"
	case isInt(v), isFloat(v):
		found = "a number"
	default:
		switch reflect.TypeOf(v).Kind() {
		case reflect.Bool:
			found = "a boolean"
		case reflect.Map:
			found = "a mapping"
		case reflect.Slice:
			found = "a list"
		default: // time.Time
		}
	}
	hint := ""
	if want == "string" && found != "a mapping" && found != "a list" {
		hint = ": put it in quotes"
	}
	p.add(path, "want a %s, found %s%s", want, found, hint)
}

func isString(v any) bool { _, ok := v.(string); return ok }

func isFloat(v any) bool { _, ok := v.(float64); return ok }

func isInt(v any) bool {
	switch v.(type) {
	case int, int64, uint64:
		return true
	default:
		return false
	}
}
