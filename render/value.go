package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is a YAML value with aliases and merge keys resolved, which knows where
// it was written. A value is never changed: edits return a new one.
type value struct {
	kind  yaml.Kind // MappingNode, SequenceNode or ScalarNode
	tag   string    // of a scalar, such as !!null
	text  string    // of a scalar
	keys  []string  // of a mapping; items[i] belongs to keys[i]
	items []*value
	line  int
	path  string
}

// maxValues bounds what aliases may expand one document to, several times what
// the largest custom resource definitions have.
const maxValues = 200_000

// newValue resolves n, whose own path is path. Problems of the document itself,
// such as a repeated key, are errors.
func newValue(n *yaml.Node, path string) (*value, error) {
	r := resolver{left: maxValues}
	return r.resolve(n, path)
}

type resolver struct {
	left int
	open []*yaml.Node // aliases being resolved, against cycles
}

func (r *resolver) resolve(n *yaml.Node, path string) (*value, error) {
	if r.left--; r.left < 0 {
		return nil, fmt.Errorf("line %d: aliases expand to more than %d values", n.Line, maxValues)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return r.resolve(n.Content[0], path)
	case yaml.AliasNode:
		return r.alias(n, path)
	case yaml.SequenceNode:
		v := &value{kind: n.Kind, line: n.Line, path: path}
		for i, c := range n.Content {
			item, err := r.resolve(c, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		return v, nil
	case yaml.MappingNode:
		return r.mapping(n, path)
	}
	return &value{kind: yaml.ScalarNode, tag: n.ShortTag(), text: n.Value, line: n.Line, path: path}, nil
}

func (r *resolver) alias(n *yaml.Node, path string) (*value, error) {
	if n.Alias == nil || slices.Contains(r.open, n.Alias) {
		return nil, fmt.Errorf("line %d: alias *%s stands for itself", n.Line, n.Value)
	}
	r.open = append(r.open, n.Alias)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	return r.resolve(n.Alias, path)
}

func (r *resolver) mapping(n *yaml.Node, path string) (*value, error) {
	v := &value{kind: n.Kind, line: n.Line, path: path}
	var merged []*value
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a key must be plain text", k.Line)
		}
		item, err := r.resolve(c, join(path, k.Value))
		if err != nil {
			return nil, err
		}
		if k.ShortTag() == "!!merge" {
			merged = append(merged, item)
			continue
		}
		if v.get(k.Value) != nil {
			return nil, fmt.Errorf("line %d: key %q is given twice", k.Line, k.Value)
		}
		// A missing value has no line of its own.
		item.line = max(item.line, k.Line)
		if item.kind != yaml.ScalarNode {
			item.line = k.Line
		}
		v.keys, v.items = append(v.keys, k.Value), append(v.items, item)
	}
	for _, m := range merged {
		if err := v.merge(m); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// merge adds what a merge key (<<) brings: explicit keys win, then earlier sources.
func (v *value) merge(from *value) error {
	switch from.kind {
	case yaml.SequenceNode:
		for _, m := range from.items {
			if m.kind != yaml.MappingNode {
				return fmt.Errorf("line %d: << merges mappings only", m.line)
			}
			if err := v.merge(m); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
		for i, k := range from.keys {
			if v.get(k) == nil {
				v.keys, v.items = append(v.keys, k), append(v.items, from.items[i])
			}
		}
		return nil
	}
	return errors.New("<< merges mappings only")
}

// bounded reports a document whose aliases stand for themselves or expand to
// more than maxValues.
func bounded(n *yaml.Node) error {
	const limit = maxValues
	sizes := map[*yaml.Node]int{}
	var size func(n *yaml.Node) int
	size = func(n *yaml.Node) int {
		if known, ok := sizes[n]; ok {
			return known
		}
		sizes[n] = limit + 1 // holds while n is open: a cycle has no bound
		total := 1
		for _, c := range n.Content {
			total += size(c)
		}
		if n.Alias != nil {
			total += size(n.Alias)
		}
		sizes[n] = min(total, limit+1)
		return sizes[n]
	}
	if size(n) > limit {
		return fmt.Errorf("line %d: aliases expand to more than %d values", n.Line, limit)
	}
	return nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// get returns the value of key in a mapping, or nil. A nil value has no keys.
func (v *value) get(keys ...string) *value {
	for _, key := range keys {
		if v == nil || v.kind != yaml.MappingNode {
			return nil
		}
		i := slices.Index(v.keys, key)
		if i < 0 {
			return nil
		}
		v = v.items[i]
	}
	return v
}

// empty reports null, {}, [] and a missing value.
func (v *value) empty() bool {
	if v == nil {
		return true
	}
	if v.kind == yaml.ScalarNode {
		return v.tag == "!!null"
	}
	return len(v.items) == 0
}

// isText reports whether v is a string.
func (v *value) isText() bool { return v != nil && v.kind == yaml.ScalarNode && v.tag == "!!str" }

// with returns a copy of a mapping in which key has the value item.
func (v *value) with(key string, item *value) *value {
	c := *v
	c.keys, c.items = slices.Clone(v.keys), slices.Clone(v.items)
	if i := slices.Index(c.keys, key); i >= 0 {
		c.items[i] = item
		return &c
	}
	c.keys, c.items = append(c.keys, key), append(c.items, item)
	return &c
}

// without returns a copy of a mapping that lacks key.
func (v *value) without(key string) *value {
	c := *v
	c.keys, c.items = nil, nil
	for i, k := range v.keys {
		if k != key {
			c.keys, c.items = append(c.keys, k), append(c.items, v.items[i])
		}
	}
	return &c
}

// withItems returns a copy of a sequence with other items.
func (v *value) withItems(items []*value) *value {
	c := *v
	c.items = items
	return &c
}

// texts returns the strings of a list and reports everything else.
func (v *value) texts(bad report) []*value {
	if v.empty() {
		return nil
	}
	if v.kind != yaml.SequenceNode {
		bad(v, "must be a list of texts")
		return nil
	}
	var out []*value
	for _, item := range v.items {
		if !item.isText() || strings.TrimSpace(item.text) == "" {
			bad(item, "must be a text")
			continue
		}
		out = append(out, item)
	}
	return out
}
