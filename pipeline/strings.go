package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// stringProblem says how s breaks r, or "".
func stringProblem(s string, r rule.Rule) string {
	if s == "" && (r.Required || r.ID || len(r.Enum)+len(r.Formats) > 0) {
		return "is empty"
	}
	if n := utf8.RuneCountInString(s); r.Length > 0 && n > r.Length {
		return fmt.Sprintf("has %d characters, at most %d are allowed", n, r.Length)
	}
	if r.Enum != nil {
		return oneOf(s, r.Enum)
	}
	return patternProblem(s, r)
}

func patternProblem(s string, r rule.Rule) string {
	if (!r.ID && r.Formats == nil) || slices.Contains(r.Or, s) || (r.ID && isID(s)) ||
		slices.ContainsFunc(r.Formats, func(f string) bool { return formatted(s, f) }) {
		return ""
	}
	var want []string
	for _, f := range r.Formats {
		want = append(want, "the form "+f)
	}
	for _, o := range r.Or {
		want = append(want, strconv.Quote(o))
	}
	switch {
	case r.ID && len(want) == 0:
		return fmt.Sprintf("%q %s", s, wantID)
	case r.ID:
		return fmt.Sprintf("%q %s; or %s", s, wantID, strings.Join(want, " or "))
	}
	return fmt.Sprintf("is %q, want %s", s, strings.Join(want, " or "))
}

// formatted reports whether s has the segments of format, in which * is any
// non-empty one.
func formatted(s, format string) bool {
	have, want := strings.Split(s, "/"), strings.Split(format, "/")
	return slices.EqualFunc(have, want, func(h, w string) bool {
		return h == w || (w == "*" && h != "" && strings.TrimSpace(h) == h)
	})
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func isTrue(n *yaml.Node) bool { return strings.EqualFold(n.Value, "true") }

// show says what n is, for "is ..., want ...".
func show(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return show(n.Alias)
	}
	switch tag := n.ShortTag(); tag {
	case strTag:
		return fmt.Sprintf("the string %q", short(n.Value))
	case intTag, floatTag:
		return "the number " + short(n.Value)
	case timeTag:
		return "the date " + short(n.Value)
	case boolTag:
		return n.Value
	case nullTag:
		return "empty"
	default:
		return fmt.Sprintf("%q with the tag %s", short(n.Value), tag)
	}
}

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}
