// Package rule reads the `rule` struct tags of the configuration types: the
// one place that says which keys are required, which are extensions and what
// their values may be. The decoder enforces them; the JSON Schema and the
// reference page are generated from them.
package rule

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Rule is what a `rule` tag says about one field. Its parts are separated by
// commas: required, extension, id, unique, int64, or=VALUE, enum=A|B,
// range=0..100, items=1..100, duration=10m..24h, length=255, format=a/*/b,
// alias=NAME|NAME, default=TEXT.
type Rule struct {
	// Required: the key must be present, and a string must not be empty.
	Required bool
	// Extension: the key is legal only under serin.dev/v1.
	Extension bool
	// ID: the string, or every string of the list, is an id ([IDPattern]).
	ID bool
	// Unique: the items of the list differ from each other.
	Unique bool
	// Int64: the number may also be written as a string of digits, as the
	// JSON form of the API writes it.
	Int64 bool
	// Or lists words that are accepted besides ids, such as "*".
	Or []string
	// Enum lists the only accepted strings; nil accepts any.
	Enum []string
	// Formats lists resource name patterns in which * stands for one segment.
	Formats []string
	// Aliases lists older names of the key.
	Aliases []string
	// Range bounds a number or, in nanoseconds, a duration.
	Range Bounds
	// Items bounds the length of a list.
	Items Bounds
	// Length is the most characters of a string; 0 is no limit.
	Length int
	// Default says what an absent key means; for people.
	Default string
}

// IDPattern is what names of pipelines, targets, releases, rollouts, policies,
// rules and phases look like; at most 63 characters.
const IDPattern = `^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`

// Bounds are inclusive; a nil end is open.
type Bounds struct{ Min, Max *int64 }

// Has reports whether n is within b.
func (b Bounds) Has(n int64) bool {
	return (b.Min == nil || n >= *b.Min) && (b.Max == nil || n <= *b.Max)
}

// Text says b in words, each end written by show.
func (b Bounds) Text(show func(int64) string) string {
	switch {
	case b.Min != nil && b.Max != nil:
		return "from " + show(*b.Min) + " to " + show(*b.Max)
	case b.Min != nil:
		return "at least " + show(*b.Min)
	case b.Max != nil:
		return "at most " + show(*b.Max)
	}
	return "any"
}

// Field is one key of a YAML object.
type Field struct {
	// Name is the key.
	Name string
	// Index finds the Go field, through embedded structs.
	Index []int
	// Owner and Go are the struct type that declares the field and its name there.
	Owner reflect.Type
	Go    string
	Type  reflect.Type
	Rule  Rule
}

// Fields lists the keys of t, a struct type, in order of declaration. Embedded
// structs marked inline contribute theirs in place. A field without a yaml tag
// is not a key.
func Fields(t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("yaml")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case !ok || name == "-":
		case strings.Contains(options, "inline"):
			for _, in := range Fields(f.Type) {
				in.Index = append([]int{i}, in.Index...)
				out = append(out, in)
			}
		default:
			out = append(out, Field{
				Name: name, Index: []int{i}, Owner: t, Go: f.Name, Type: f.Type, Rule: parse(f.Tag.Get("rule")),
			})
		}
	}
	return out
}

// parse panics on a malformed tag: tags are constants of this module, and
// every one of them is read by every test.
func parse(tag string) Rule {
	var r Rule
	if tag == "" {
		return r
	}
	for part := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		if !r.flag(key) && !r.set(key, value) {
			panic(fmt.Sprintf("rule tag %q: unknown part %q", tag, part))
		}
	}
	return r
}

func (r *Rule) flag(key string) bool {
	switch key {
	case "required":
		r.Required = true
	case "extension":
		r.Extension = true
	case "id":
		r.ID = true
	case "unique":
		r.Unique = true
	case "int64":
		r.Int64 = true
	default:
		return false
	}
	return true
}

func (r *Rule) set(key, value string) bool {
	switch key {
	case "or":
		r.Or = strings.Split(value, "|")
	case "enum":
		r.Enum = strings.Split(value, "|")
	case "format":
		r.Formats = strings.Split(value, "|")
	case "alias":
		r.Aliases = strings.Split(value, "|")
	case "range":
		r.Range = bounds(value, whole)
	case "items":
		r.Items = bounds(value, whole)
	case "duration":
		r.Range = bounds(value, nanoseconds)
	case "length":
		r.Length = int(whole(value))
	case "default":
		r.Default = value
	default:
		return false
	}
	return true
}

func bounds(s string, read func(string) int64) Bounds {
	lo, hi, _ := strings.Cut(s, "..")
	var b Bounds
	if lo != "" {
		n := read(lo)
		b.Min = &n
	}
	if hi != "" {
		n := read(hi)
		b.Max = &n
	}
	return b
}

func whole(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("rule tag: %q is no number", s))
	}
	return n
}

func nanoseconds(s string) int64 {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(fmt.Sprintf("rule tag: %q is no duration", s))
	}
	return int64(d)
}
