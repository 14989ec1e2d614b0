package pipeline

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// maxMerge bounds how deep << may nest.
const maxMerge = 8

// pair is one key of a YAML object.
type pair struct{ key, value *yaml.Node }

// pairs lists the keys of n, merged ones last and without those that n has
// itself, and reports what cannot be a key.
func (d *decoder) pairs(n *yaml.Node, path string) []pair {
	first := map[string]int{}
	var out, merged []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		p := pair{n.Content[i], n.Content[i+1]}
		if p.key.Kind == yaml.AliasNode {
			p.key = p.key.Alias
		}
		switch {
		case p.key.Kind != yaml.ScalarNode:
			d.bad(p.key, path, "a key is %s, want a word", show(p.key))
		case p.key.ShortTag() == "!!merge":
			merged = append(merged, d.merged(p.value, path, 0)...)
		case first[p.key.Value] > 0:
			d.bad(p.key, join(path, p.key.Value), "is given twice, first on line %d", first[p.key.Value])
		default:
			first[p.key.Value] = p.key.Line
			out = append(out, p)
		}
	}
	for _, p := range merged {
		if first[p.key.Value] == 0 {
			first[p.key.Value] = p.key.Line
			out = append(out, p)
		}
	}
	return out
}

// merged lists the keys that << brings in, its own before deeper ones.
func (d *decoder) merged(n *yaml.Node, path string, depth int) []pair {
	n, ok := d.follow(n, path)
	if !ok {
		return nil
	}
	if depth > maxMerge {
		d.bad(n, path, "<< is nested more than %d deep", maxMerge)
		return nil
	}
	var out []pair
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			out = append(out, d.merged(item, path, depth+1)...)
		}
	case yaml.MappingNode:
		var deeper []pair
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !d.spend(n, path) {
				return nil
			}
			key, value := n.Content[i], n.Content[i+1]
			switch {
			case key.ShortTag() == "!!merge":
				deeper = append(deeper, d.merged(value, path, depth+1)...)
			case key.Kind == yaml.ScalarNode:
				out = append(out, pair{key, value})
			default:
				d.bad(key, path, "a key is %s, want a word", show(key))
			}
		}
		out = append(out, deeper...)
	default:
		d.bad(n, path, "<< is %s, want an object or a list of objects", show(n))
	}
	return out
}

// object decodes an object whose keys are the fields of v.
func (d *decoder) object(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, path, "is %s, want an object%s", show(n), listHint(n, v.Type()))
		return
	}
	fields := rule.Fields(v.Type())
	given := map[string]string{}
	for _, p := range d.pairs(n, path) {
		f, known := lookup(fields, p.key.Value)
		if !known {
			f, known = d.unknown(p.key, path, v.Type())
		}
		if !known {
			continue
		}
		at := join(path, f.Name)
		if other, twice := given[f.Name]; twice {
			if other != p.key.Value {
				d.bad(p.key, join(path, p.key.Value), "is the same key as %s: keep one of them", other)
			}
			continue
		}
		given[f.Name] = p.key.Value
		if f.Rule.Extension && !d.src.extended {
			d.bad(p.key, at, "`%s` is an extension: use apiVersion %s", f.Name, SerinV1)
		}
		d.value(p.value, v.FieldByIndex(f.Index), at, f.Rule)
	}
	for _, f := range fields {
		if _, ok := given[f.Name]; f.Rule.Required && !ok {
			d.bad(n, join(path, f.Name), "is required%s", choices(f.Rule))
		}
	}
}

// choices continues "is required" with what may be written.
func choices(r rule.Rule) string {
	if r.Enum == nil {
		return ""
	}
	return ": write one of " + strings.Join(r.Enum, ", ")
}

// lookup finds a key among fields by its name or an older one.
func lookup(fields []rule.Field, key string) (rule.Field, bool) {
	for _, f := range fields {
		if f.Name == key || slices.Contains(f.Rule.Aliases, key) {
			return f, true
		}
	}
	return rule.Field{}, false
}

// unknown reports a key that t does not have. If it is plainly a misspelling,
// it returns the field that was meant, so that what it holds is judged too.
func (d *decoder) unknown(key *yaml.Node, path string, t reflect.Type) (rule.Field, bool) {
	at := join(path, key.Value)
	fields := rule.Fields(t)
	if text := hint(t, path, key.Value); text != "" {
		d.bad(key, at, "%s", text)
		f, known := lookup(fields, instead(t, key.Value))
		return f, known
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	near := nearest(key.Value, names)
	if near == "" {
		d.bad(key, at, "unknown key; known are %s", strings.Join(names, ", "))
		return rule.Field{}, false
	}
	d.bad(key, at, "unknown key: did you mean %s?", near)
	return lookup(fields, near)
}

// listHint helps whoever wrote a list of objects for one object.
func listHint(n *yaml.Node, t reflect.Type) string {
	if n.Kind != yaml.SequenceNode {
		return ""
	}
	var names []string
	for _, f := range rule.Fields(t) {
		names = append(names, f.Name)
	}
	return fmt.Sprintf(" with %s: remove the hyphen", strings.Join(names, ", "))
}
