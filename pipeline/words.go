package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// words are what a text may hold in double braces: {{.Field}} or {{function .Field}}, and
// nothing else of Go's templates, so that no text runs for long or makes much of little.
type words struct {
	fields    []string
	functions []string
}

// httpWords are those of the URL and the body of a request.
func httpWords() words {
	return words{fields: []string{"CanaryURL", "Service", "Release", "Target", "Phase"}}
}

// queryWords are those of a query.
func queryWords() words {
	return words{
		fields:    []string{"Canary", "Stable", "Service", "Namespace", "Interval"},
		functions: []string{"regex", "snake"},
	}
}

// braces finds what is in double braces.
func braces() *regexp.Regexp { return regexp.MustCompile(`(?s)\{\{.*?\}\}`) }

// field takes the field out of a text in double braces, if all of the text is known.
func (w words) field(text string) (name string, known bool) {
	parts := regexp.MustCompile(`^\{\{\s*(?:(\w+)\s+)?\.(\w+)\s*\}\}$`).FindStringSubmatch(text)
	if parts == nil {
		return "", false
	}
	return parts[2], slices.Contains(w.fields, parts[2]) && (parts[1] == "" || slices.Contains(w.functions, parts[1]))
}

// rule judges text, and reports whether it is sound.
func (w words) rule(at *judge, text string) bool {
	sound := true
	for _, each := range braces().FindAllString(text, -1) {
		if _, ok := w.field(each); !ok {
			at.bad("has %s, which is not known; known are %s", short(each), w.known())
			sound = false
		}
	}
	if strings.Contains(braces().ReplaceAllString(text, ""), "{{") {
		at.bad("has a {{ that no }} follows: write {{.%s}}", w.fields[0])
		sound = false
	}
	return sound
}

// known lists what may be used.
func (w words) known() string {
	var out []string
	for _, f := range w.fields {
		out = append(out, fmt.Sprintf("{{.%s}}", f))
	}
	for _, f := range w.functions {
		out = append(out, fmt.Sprintf("{{%s .%s}}", f, w.fields[0]))
	}
	return listed(out)
}

// uses reports whether text has field in it.
func (w words) uses(text, field string) bool {
	return slices.ContainsFunc(braces().FindAllString(text, -1), func(each string) bool {
		f, ok := w.field(each)
		return ok && f == field
	})
}

// filled is text as it could be once its words are filled in.
func (w words) filled(text string) string {
	return braces().ReplaceAllStringFunc(text, func(each string) string {
		if field, _ := w.field(each); field == "CanaryURL" {
			return "https://canary.example"
		}
		return "x"
	})
}
