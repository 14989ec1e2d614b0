package main

import (
	"bytes"
	_ "embed" // the beginning of the page
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// introduction is the part of the page that is written by hand.
//
//go:embed introduction.md
var introduction string

// reference writes the reference page.
func (c comments) reference() []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	seen := map[reflect.Type]bool{}
	for _, r := range roots() {
		for _, t := range objects(r, seen) {
			c.section(&b, t, t == r)
		}
	}
	return b.Bytes()
}

func (c comments) section(b *bytes.Buffer, t reflect.Type, root bool) {
	level := "###"
	if root {
		level = "##"
	}
	fmt.Fprintf(b, "\n%s %s\n\n%s\n\n", level, title(t), c.object(t))
	b.WriteString("| key | value | meaning |\n|---|---|---|\n")
	for _, f := range rule.Fields(t) {
		fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", f.Name, marks(f.Rule), cell(shape(f)), cell(c.meaning(f)))
	}
}

func marks(r rule.Rule) string {
	var out string
	if r.Required {
		out += " (required)"
	}
	if r.Extension {
		out += " (extension)"
	}
	return out
}

func (c comments) meaning(f rule.Field) string {
	out := c.field(f)
	if f.Rule.Default != "" {
		out += " Default: " + f.Rule.Default + "."
	}
	if f.Rule.Aliases != nil {
		out += " Older name: `" + strings.Join(f.Rule.Aliases, "`, `") + "`."
	}
	return out
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// shape says what the value of f looks like.
func shape(f rule.Field) string {
	out := kind(f.Type, f.Rule)
	if f.Type.Kind() == reflect.Slice && (f.Rule.Items.Min != nil || f.Rule.Items.Max != nil) {
		out += "; items: " + f.Rule.Items.Text(func(n int64) string { return fmt.Sprint(n) })
	}
	if f.Rule.Unique {
		out += "; each once"
	}
	return out
}

func kind(t reflect.Type, r rule.Rule) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if text := form(t, r); text != "" {
		return text
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + kind(t.Elem(), r)
	case reflect.Map:
		return "map of string to " + kind(t.Elem(), rule.Rule{})
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "whole number" + comma(r.Range.Text(func(n int64) string { return fmt.Sprint(n) }))
	case reflect.String:
		return words(r)
	}
	return link(t)
}

// form says what the value of a type that reads itself looks like, or "".
func form(t reflect.Type, r rule.Rule) string {
	switch t {
	case reflect.TypeFor[pipeline.Duration]():
		return "seconds, such as `60s`" + span(t, r)
	case reflect.TypeFor[pipeline.Minutes]():
		return "minutes, such as `60m`" + span(t, r)
	case reflect.TypeFor[pipeline.Wait]():
		return "duration, such as `1h30m`" + span(t, r)
	case reflect.TypeFor[pipeline.Replicas]():
		return "`N` or `N%`"
	case reflect.TypeFor[pipeline.Number]():
		return "number"
	case reflect.TypeFor[pipeline.Compare]():
		return "`stable` or " + link(t)
	case reflect.TypeFor[pipeline.Verify]():
		return "true, false or " + link(t)
	}
	return ""
}

func link(t reflect.Type) string {
	return fmt.Sprintf("[%s](#%s)", title(t), strings.ToLower(title(t)))
}

// span says the bounds of a duration in the form of t.
func span(t reflect.Type, r rule.Rule) string {
	if r.Range.Min == nil && r.Range.Max == nil {
		return ""
	}
	return comma(r.Range.Text(func(ns int64) string {
		return fmt.Sprint(reflect.ValueOf(time.Duration(ns)).Convert(t).Interface())
	}))
}

func comma(s string) string {
	if s == "any" {
		return ""
	}
	return ", " + s
}

func words(r rule.Rule) string {
	var forms []string
	if r.ID {
		forms = append(forms, "id")
	}
	for _, o := range append(append([]string{}, r.Or...), r.Formats...) {
		forms = append(forms, "`"+o+"`")
	}
	switch {
	case r.Enum != nil:
		return "`" + strings.Join(r.Enum, "`, `") + "`"
	case forms != nil:
		return strings.Join(forms, " or ")
	}
	return "string"
}
