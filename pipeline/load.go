package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// maxFile bounds the size of one file, in bytes.
const maxFile = 4 << 20

// File is a file of YAML documents.
type File struct {
	// Name is how problems call it.
	Name    string
	Content []byte
}

// Load reads all documents of all files. It reports every problem at once: the
// error is then [Problems], sorted, and the Config is nil. It judges each
// document by itself, and that no object is given twice; whether objects fit
// together is for [Config.Check].
func Load(files ...File) (*Config, error) {
	l := &loader{config: &Config{}, seen: map[string]Problem{}}
	for _, f := range files {
		l.file(f)
	}
	if len(l.problems) > 0 {
		return nil, l.problems.tidy()
	}
	return l.config, nil
}

type loader struct {
	config   *Config
	problems Problems
	// seen has the place of each object by kind and name.
	seen map[string]Problem
}

func (l *loader) bad(file string, line int, format string, args ...any) {
	l.problems = append(l.problems, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) file(f File) {
	if len(f.Content) > maxFile {
		l.bad(f.Name, 0, "has %d bytes, at most %d are read", len(f.Content), maxFile)
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(f.Content))
	documents := 0
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, text := syntax(err)
			l.bad(f.Name, line, "%s", text)
			return
		}
		if !blank(&n) {
			documents++
			l.document(f.Name, n.Content[0])
		}
	}
	if documents == 0 {
		l.bad(f.Name, 0, "holds no object: want documents with apiVersion, kind and metadata.name")
	}
}

// blank reports whether a document holds nothing, as between two separators.
func blank(n *yaml.Node) bool {
	return len(n.Content) == 0 || (n.Content[0].Kind == yaml.ScalarNode && n.Content[0].ShortTag() == nullTag)
}

// syntax takes the line out of an error of the YAML parser.
func syntax(err error) (line int, text string) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line ([0-9]+): `).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	return line, "no valid YAML: " + text
}

func (l *loader) document(file string, n *yaml.Node) {
	d := &decoder{src: &source{file: file, lines: map[string]int{"": n.Line}}}
	if n.Kind != yaml.MappingNode {
		d.bad(n, "", "the document is %s, want an object with apiVersion, kind and metadata.name", show(n))
		l.problems = append(l.problems, d.problems...)
		return
	}
	o := newObject(peek(n, "kind"))
	if o == nil {
		l.problems = append(l.problems, d.strayKind(n)...)
		return
	}
	d.src.extended = peek(n, "apiVersion") == SerinV1
	d.value(n, reflect.ValueOf(o).Elem(), "", rule.Rule{})
	e := o.envelope()
	e.src = d.src
	if e.APIVersion == googleV1Beta1 {
		e.APIVersion = GoogleV1
	}
	l.problems = append(l.problems, d.problems...)
	if d.spent {
		return
	}
	l.problems = append(l.problems, broken(o, d.problems)...)
	l.add(o)
}

// peek is the string at a top-level key, or "".
func peek(n *yaml.Node, key string) string {
	for _, p := range (&decoder{src: &source{}}).pairs(n, "") {
		v := p.value
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		if p.key.Value == key && v.Kind == yaml.ScalarNode {
			return v.Value
		}
	}
	return ""
}

// strayKind judges the envelope of a document whose kind is missing or unknown.
func (d *decoder) strayKind(n *yaml.Node) Problems {
	var e Envelope
	d.src.extended = true
	wrong := &decoder{src: d.src}
	known := rule.Fields(reflect.TypeFor[Envelope]())
	only := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line}
	for _, p := range wrong.pairs(n, "") {
		if _, ok := lookup(known, p.key.Value); ok {
			only.Content = append(only.Content, p.key, p.value)
		}
	}
	wrong.value(only, reflect.ValueOf(&e).Elem(), "", rule.Rule{})
	return wrong.problems
}

// broken judges o by its rules, except where it could not be decoded: what is
// wrong there has been said.
func broken(o object, decoding Problems) Problems {
	var found, out Problems
	at := o.envelope().at(&found)
	envelopeRules(o.envelope(), at)
	o.rules(at)
	for _, p := range found {
		if !decoding.within(p.Path) {
			out = append(out, p)
		}
	}
	return out
}

// within reports whether path is where a problem lies, or below it.
func (ps Problems) within(path string) bool {
	for _, p := range ps {
		for q := path; q != ""; q = parent(q) {
			if q == p.Path {
				return true
			}
		}
	}
	return false
}

func (l *loader) add(o object) {
	e := o.envelope()
	file, line := e.Position()
	if e.Metadata.Name != "" {
		key := e.Kind + " " + e.Metadata.Name
		at := Problem{File: file, Line: e.src.at("metadata.name"), Path: "metadata.name"}
		if first, twice := l.seen[key]; twice {
			at.Text = fmt.Sprintf("%s is given twice, first at %s:%d", key, first.File, first.Line)
			l.problems = append(l.problems, at)
			return
		}
		l.seen[key] = Problem{File: file, Line: line}
	}
	l.config.add(o)
}
