package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// marker begins the comment that makes a field a deploy parameter:
//
//	replicas: 1 # from-param: ${replicas}
//
// The form is that of Cloud Deploy and Skaffold, down to the spaces.
const marker = "# from-param: "

// setParameters sets the fields of n that have a placeholder for one of params.
//
// A plain field takes the type that the new text has in YAML (1 becomes the
// number 3, off becomes false); a quoted one stays text. A placeholder of which
// no parameter is given keeps its default. If some are given, the rest is read
// out of the default, which must then fit the pattern.
func setParameters(file string, n *yaml.Node, params map[string]string, ps *Problems) {
	s := setter{params: params, seen: map[*yaml.Node]bool{}, bad: func(at *yaml.Node, what string) {
		*ps = append(*ps, Problem{File: file, Line: at.Line, Text: what})
	}}
	s.visit(n)
}

type setter struct {
	params map[string]string
	seen   map[*yaml.Node]bool
	bad    func(at *yaml.Node, what string)
}

func (s *setter) visit(n *yaml.Node) {
	if n == nil || s.seen[n] {
		return
	}
	s.seen[n] = true
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			s.key(n.Content[i], n.Content[i+1])
			s.visit(n.Content[i+1])
		}
		return
	case yaml.SequenceNode:
		_ = s.list(n, n.LineComment)
	case yaml.ScalarNode:
		s.scalar(n)
	default:
		if pattern, ok := s.pattern(n, n.LineComment); ok && n.Kind == yaml.AliasNode {
			s.bad(n, fmt.Sprintf("%s%s stands at an alias: put it where the value is written", marker, pattern))
		}
	}
	for _, c := range n.Content {
		s.visit(c)
	}
}

// key handles the comment behind a key whose value begins on the next line.
func (s *setter) key(k, v *yaml.Node) {
	pattern, ok := s.pattern(k, k.LineComment)
	switch {
	case !ok:
	case v.Kind == yaml.SequenceNode:
		// The list is written in one line now, so its comment belongs behind it.
		if s.list(v, k.LineComment) {
			k.LineComment, v.LineComment = "", k.LineComment
		}
	default:
		s.bad(k, fmt.Sprintf("%s%s must stand behind a plain value or a list, not behind %q", marker, pattern, k.Value))
	}
}

// pattern returns what follows the marker. A comment that only resembles one is
// reported: its parameter would have no effect, and nobody would notice.
func (s *setter) pattern(at *yaml.Node, comment string) (string, bool) {
	word := strings.TrimLeft(comment, "# \t")
	if !strings.HasPrefix(word, "from-param") {
		return "", false
	}
	pattern, ok := strings.CutPrefix(comment, marker)
	pattern = strings.TrimSpace(pattern)
	if !ok || len(names(pattern)) == 0 || strings.Contains(pattern, "\n") {
		s.bad(at, fmt.Sprintf("%q is no placeholder: write %s${KEY}", comment, marker))
		return "", false
	}
	return pattern, true
}

func (s *setter) scalar(n *yaml.Node) {
	pattern, ok := s.pattern(n, n.LineComment)
	if !ok {
		return
	}
	value, missing := s.fill(pattern, n.Value)
	if len(missing) == len(names(pattern)) {
		return
	}
	if len(missing) > 0 {
		s.bad(n, fmt.Sprintf("parameter %s is missing, and the default %q does not fit %q: give all parameters of it or none",
			strings.Join(missing, ", "), n.Value, pattern))
		return
	}
	quoted := n.Style & (yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle)
	n.Value, n.Tag, n.Style = value, "", quoted
	if quoted != 0 {
		n.Tag = "!!str"
	}
	if value == "" {
		n.Tag, n.Style = "!!str", yaml.DoubleQuotedStyle
	}
}

// list sets a whole list: its parameter is one in YAML or JSON, such as [a, b].
// It returns whether it did.
func (s *setter) list(n *yaml.Node, comment string) bool {
	pattern, ok := s.pattern(n, comment)
	if !ok {
		return false
	}
	keys := names(pattern)
	if len(keys) != 1 || pattern != "${"+keys[0]+"}" {
		s.bad(n, fmt.Sprintf("%q stands at a list and must be a single ${KEY}", pattern))
		return false
	}
	value, ok := s.params[keys[0]]
	if !ok {
		return false
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil || value != "" && (len(doc.Content) != 1 || doc.Content[0].Kind != yaml.SequenceNode) {
		s.bad(n, fmt.Sprintf("parameter %s must be a list such as [a, b], got %q", keys[0], value))
		return false
	}
	n.Content, n.Style = nil, yaml.FlowStyle
	if value != "" {
		n.Content = doc.Content[0].Content
	}
	place(n.Content, n.Line)
	return true
}

// place gives nodes that came from a parameter the line of their field.
func place(nodes []*yaml.Node, line int) {
	for _, n := range nodes {
		n.Line = line
		n.HeadComment, n.LineComment, n.FootComment = "", "", ""
		place(n.Content, line)
	}
}

// fill replaces the keys in pattern and returns those whose value is unknown.
// A key without a parameter has the value that it has in old.
func (s *setter) fill(pattern, old string) (string, []string) {
	keys := names(pattern)
	defaults := derive(pattern, keys, old)
	var missing []string
	var out strings.Builder
	rest := pattern
	for _, key := range keys {
		before, after, _ := strings.Cut(rest, "${"+key+"}")
		out.WriteString(before)
		value, ok := s.params[key]
		if !ok {
			value, ok = defaults[key]
			if !ok || !slices.ContainsFunc(keys, func(k string) bool { _, given := s.params[k]; return given }) {
				missing = append(missing, key)
			}
		}
		out.WriteString(value)
		rest = after
	}
	return out.String() + rest, missing
}

// names lists the keys of a pattern in order, repeated ones repeatedly.
func names(pattern string) []string {
	var keys []string
	for _, m := range regexp.MustCompile(`\$\{([^{}]+)\}`).FindAllStringSubmatch(pattern, -1) {
		keys = append(keys, m[1])
	}
	return keys
}

// derive reads the values of keys out of a text that was made with pattern, or
// returns nil if it was not.
func derive(pattern string, keys []string, old string) map[string]string {
	expr := regexp.QuoteMeta(pattern)
	for _, key := range keys {
		expr = strings.Replace(expr, regexp.QuoteMeta("${"+key+"}"), "(.+)", 1)
	}
	re, err := regexp.Compile("^(?s:" + expr + ")$")
	if err != nil {
		return nil
	}
	m := re.FindStringSubmatch(old)
	if m == nil {
		return nil
	}
	values := map[string]string{}
	for i, key := range keys {
		if was, twice := values[key]; twice && was != m[i+1] {
			return nil
		}
		values[key] = m[i+1]
	}
	return values
}

// substitute is setParameters for the text of a whole file. Text without
// placeholders is returned as it is.
func substitute(file string, content []byte, params map[string]string, ps *Problems) []byte {
	if !bytes.Contains(content, []byte("from-param")) {
		return content
	}
	var out bytes.Buffer
	d := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out.Bytes()
		}
		if err == nil {
			setParameters(file, &n, params, ps)
			if out.Len() > 0 {
				out.WriteString("---\n")
			}
			err = encode(&out, &n)
		}
		if err != nil {
			*ps = append(*ps, yamlProblem(file, err))
			return content
		}
	}
}
