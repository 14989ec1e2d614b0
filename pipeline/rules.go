package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// Limits of Cloud Deploy, in bytes where they say so and else in characters.
const (
	maxLabels             = 64
	maxLabelBytes         = 128
	maxAutomationLabel    = 63
	maxAnnotationPrefix   = 253
	maxParameters         = 50
	maxEffective          = 200
	maxParameterValue     = 512
	maxRulesPerPipeline   = 250
	reservedParameterName = "CLOUD_DEPLOY_"
	customParameterPrefix = "customTarget/"
)

// choice is one of several keys that exclude each other.
type choice struct {
	name  string
	given bool
}

func exactlyOne(at *judge, choices []choice) {
	if len(given(choices)) == 0 {
		at.bad("needs one of %s", strings.Join(names(choices), ", "))
		return
	}
	atMostOne(at, choices)
}

func atMostOne(at *judge, choices []choice) {
	if g := given(choices); len(g) > 1 {
		at.bad("has %s: only one of them is allowed", and(g))
	}
}

func given(choices []choice) []string {
	var out []string
	for _, c := range choices {
		if c.given {
			out = append(out, c.name)
		}
	}
	return out
}

func names(choices []choice) []string {
	var out []string
	for _, c := range choices {
		out = append(out, c.name)
	}
	return out
}

// and lists words: "a", "a and b", "a, b and c".
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// ids reports an id that is used twice.
type ids map[string]string

func newIDs() ids { return ids{} }

func (s ids) add(at *judge, id string) {
	if id == "" {
		return
	}
	if first, twice := s[id]; twice {
		at.bad("%q is already the id of %s", id, first)
		return
	}
	s[id] = parent(at.path)
}

func isID(s string) bool { return regexp.MustCompile(rule.IDPattern).MatchString(s) }

// envelopeRules judges what every object has.
func envelopeRules(e *Envelope, at *judge) {
	meta := at.key("metadata")
	if name := e.Metadata.Name; name != "" {
		if text := nameProblem(e.Kind, name); text != "" {
			meta.key("name").bad("%s", text)
		}
	}
	limit := maxLabelBytes
	if e.Kind == KindAutomation {
		limit = maxAutomationLabel
	}
	labelRules(meta.key("labels"), e.Metadata.Labels, limit)
	annotationRules(meta.key("annotations"), e.Metadata.Annotations)
}

func nameProblem(kind, name string) string {
	parts := []string{name}
	if kind == KindAutomation {
		parts = strings.Split(name, "/")
		if len(parts) != 2 {
			return fmt.Sprintf("%q is no name of an Automation: write PIPELINE/AUTOMATION", name)
		}
	}
	for _, p := range parts {
		if !isID(p) {
			return fmt.Sprintf("%q %s", p, wantID)
		}
	}
	return ""
}

// wantID follows a quoted word.
const wantID = "is no id: use lowercase letters, digits and hyphens, beginning with a letter and not ending with a hyphen, at most 63 characters"

// labelRules judges labels; a key or value has at most limit characters, and
// never more than maxLabelBytes bytes.
func labelRules(at *judge, labels map[string]string, limit int) {
	if len(labels) > maxLabels {
		at.bad("has %d labels, at most %d are allowed", len(labels), maxLabels)
	}
	long := func(s string) bool { return len(s) > maxLabelBytes || utf8.RuneCountInString(s) > limit }
	for _, k := range sortedKeys(labels) {
		v := labels[k]
		first, _ := utf8.DecodeRuneInString(k)
		switch {
		case !isLabel(k) || !unicode.IsLetter(first) || long(k):
			at.key(k).bad("%q is no label key: use lowercase letters, digits, _ and -, beginning with a letter, at most %d characters", k, limit)
		case !isLabel(v) || long(v):
			at.key(k).bad("%q is no label value: use lowercase letters, digits, _ and -, at most %d characters", v, limit)
		}
	}
}

func isLabel(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := unicode.IsLetter(r) && !unicode.IsUpper(r) && !unicode.IsTitle(r)
		return !letter && !unicode.IsMark(r) && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

func annotationRules(at *judge, annotations map[string]string) {
	for _, k := range sortedKeys(annotations) {
		if !isQualified(k) {
			at.key(k).bad("%q is no annotation key: %s", k, wantQualified)
		}
	}
}

// wantQualified follows a key that is not [isQualified].
const wantQualified = "use letters, digits, -, _ and . (at most 63), after an optional DNS name (at most 253) and a slash"

// isQualified reports whether k can be the key of an annotation or, in a cluster,
// of a label.
func isQualified(k string) bool {
	prefix, name, slash := strings.Cut(k, "/")
	if !slash {
		prefix, name = "", k
	}
	return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`).MatchString(name) &&
		(!slash || (isDNS(prefix) && len(prefix) <= maxAnnotationPrefix))
}

func isDNS(s string) bool {
	return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`).MatchString(s)
}

// parameterRules judges the deploy parameters of one source.
func parameterRules(at *judge, values map[string]string) {
	if len(values) > maxParameters {
		at.bad("has %d deploy parameters, at most %d are allowed", len(values), maxParameters)
	}
	for _, k := range sortedKeys(values) {
		if text := parameterProblem(k, values[k]); text != "" {
			at.key(k).bad("%s", text)
		}
	}
}

func parameterProblem(key, value string) string {
	switch {
	case !regexp.MustCompile(`^[a-zA-Z0-9]([-A-Za-z0-9_.]{0,61}[a-zA-Z0-9])?$`).MatchString(strings.TrimPrefix(key, customParameterPrefix)):
		return fmt.Sprintf("%q is no parameter name: use letters, digits, -, _ and ., beginning and ending with a letter or digit, at most 63 characters", key)
	case strings.HasPrefix(key, reservedParameterName):
		return fmt.Sprintf("%q begins with %s, which is reserved", key, reservedParameterName)
	case utf8.RuneCountInString(value) > maxParameterValue:
		return fmt.Sprintf("the value has %d characters, at most %d are allowed", utf8.RuneCountInString(value), maxParameterValue)
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
