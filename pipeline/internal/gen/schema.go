package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// schema is a JSON Schema, or a part of one.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Deprecated  bool               `json:"deprecated,omitempty"`
	Type        any                `json:"type,omitempty"`
	Const       string             `json:"const,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	MaxLength   int                `json:"maxLength,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *int64             `json:"maximum,omitempty"`
	MinItems    *int64             `json:"minItems,omitempty"`
	MaxItems    *int64             `json:"maxItems,omitempty"`
	UniqueItems bool               `json:"uniqueItems,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	AllOf       []*schema          `json:"allOf,omitempty"`
	OneOf       []*schema          `json:"oneOf,omitempty"`
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

// schema writes the JSON Schema of one document.
func (c comments) schema() ([]byte, error) {
	root := &schema{
		Schema: "https://json-schema.org/draft/2020-12/schema",
		Title:  "Serin configuration", Description: "One document of " + pipeline.GoogleV1 + " or " + pipeline.SerinV1 + ".",
		Defs: map[string]*schema{},
	}
	seen := map[reflect.Type]bool{}
	for _, r := range roots() {
		for _, t := range objects(r, seen) {
			root.Defs[title(t)] = c.define(t)
		}
		root.Defs[title(r)].Properties["kind"] = &schema{Const: r.Name(), Description: "Kind is the kind of the object."}
		root.OneOf = append(root.OneOf, reference(r))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return b.Bytes(), nil
}

func reference(t reflect.Type) *schema { return &schema{Ref: "#/$defs/" + title(t)} }

// define is the schema of an object type.
func (c comments) define(t reflect.Type) *schema {
	out := &schema{Description: c.object(t), Type: "object", Properties: map[string]*schema{}, Additional: false}
	for _, f := range rule.Fields(t) {
		s := typed(f.Type, f.Rule)
		s.Description = describe(c.field(f), f.Rule)
		out.Properties[f.Name] = s
		for _, a := range f.Rule.Aliases {
			old := typed(f.Type, f.Rule)
			old.Deprecated, old.Description = true, "An older name of "+f.Name+"."
			out.Properties[a] = old
		}
		switch {
		case f.Rule.Required && f.Rule.Aliases != nil:
			either := &schema{}
			for _, name := range append([]string{f.Name}, f.Rule.Aliases...) {
				either.AnyOf = append(either.AnyOf, &schema{Required: []string{name}})
			}
			out.AllOf = append(out.AllOf, either)
		case f.Rule.Required:
			out.Required = append(out.Required, f.Name)
		}
	}
	return out
}

func describe(text string, r rule.Rule) string {
	if r.Extension {
		text = "Extension of " + pipeline.SerinV1 + ". " + text
	}
	if r.Default != "" {
		text += " Default: " + r.Default + "."
	}
	return text
}

// typed is the schema of a value of type t under the rules r of its key.
func typed(t reflect.Type, r rule.Rule) *schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s := special(t); s != nil {
		return s
	}
	switch t.Kind() {
	case reflect.Slice:
		return &schema{
			Type: "array", Items: typed(t.Elem(), r), MinItems: r.Items.Min, MaxItems: r.Items.Max, UniqueItems: r.Unique,
		}
	case reflect.Map:
		return &schema{Type: "object", Additional: typed(t.Elem(), rule.Rule{})}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Int:
		s := &schema{Type: "integer", Minimum: r.Range.Min, Maximum: r.Range.Max}
		if r.Int64 {
			s.Type, s.Pattern = []string{"integer", "string"}, "^[0-9]+$"
		}
		return s
	case reflect.String:
		return text(r)
	}
	return reference(t)
}

func text(r rule.Rule) *schema {
	s := &schema{Type: "string", Enum: r.Enum, MaxLength: r.Length}
	var forms []string
	if r.ID {
		forms = append(forms, strings.Trim(rule.IDPattern, "^$"))
	}
	for _, o := range r.Or {
		forms = append(forms, regexp.QuoteMeta(o))
	}
	for _, f := range r.Formats {
		forms = append(forms, strings.ReplaceAll(regexp.QuoteMeta(f), `\*`, "[^/]+"))
	}
	switch {
	case forms != nil:
		s.Pattern = "^(" + strings.Join(forms, "|") + ")$"
	case r.Required && r.Enum == nil:
		s.MinLength = 1
	}
	return s
}

// special is the schema of a type that reads itself or has an older form, or nil.
func special(t reflect.Type) *schema {
	one := int64(1)
	switch t {
	case reflect.TypeFor[pipeline.Duration]():
		return &schema{Type: "string", Pattern: `^[0-9]+(\.[0-9]{1,9})?s$`}
	case reflect.TypeFor[pipeline.Minutes]():
		return &schema{Type: "string", Pattern: "^[0-9]+m$"}
	case reflect.TypeFor[pipeline.Wait]():
		return &schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$`}
	case reflect.TypeFor[pipeline.Replicas]():
		return &schema{AnyOf: []*schema{{Type: "integer", Minimum: &one}, {Type: "string", Pattern: "^(100|[1-9][0-9]?)%$"}}}
	case reflect.TypeFor[pipeline.Number]():
		return &schema{Type: "number"}
	case reflect.TypeFor[pipeline.Verify]():
		return &schema{AnyOf: []*schema{{Type: "boolean"}, reference(t)}}
	case reflect.TypeFor[pipeline.Compare]():
		return &schema{AnyOf: []*schema{{Const: "stable"}, reference(t)}}
	case reflect.TypeFor[pipeline.AutomationSelector]():
		attributes := reference(reflect.TypeFor[pipeline.Attributes]())
		older := &schema{
			Type: "object", Properties: map[string]*schema{"target": attributes}, Required: []string{"target"}, Additional: false,
		}
		return &schema{AnyOf: []*schema{reference(t), {Type: "array", Items: older, MinItems: &one, Deprecated: true}}}
	}
	return nil
}
