package render

import (
	"regexp"

	"go.yaml.in/yaml/v3"
)

// flat is a copy of n in which aliases are what they stand for and merge keys what
// they bring, so that an edit changes one place. Lines, styles and comments stay.
func flat(n *yaml.Node) *yaml.Node {
	n = target(n)
	c := *n
	c.Anchor, c.Alias, c.Content = "", nil, nil
	if n.Kind != yaml.MappingNode {
		for _, item := range n.Content {
			c.Content = append(c.Content, flat(item))
		}
		return &c
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() == "!!merge" {
			merged = append(merged, brought(flat(n.Content[i+1]))...)
			continue
		}
		c.Content = append(c.Content, flat(n.Content[i]), flat(n.Content[i+1]))
	}
	for i := 0; i+1 < len(merged); i += 2 {
		if place := find(&c, merged[i].Value); place < 0 {
			c.Content = append(c.Content, merged[i], merged[i+1])
		}
	}
	return &c
}

// brought lists keys and values that a merge key brings in; the first of a key counts.
func brought(n *yaml.Node) []*yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		return n.Content
	case yaml.SequenceNode:
		var out []*yaml.Node
		for _, item := range n.Content {
			if item.Kind == yaml.MappingNode {
				out = append(out, item.Content...)
			}
		}
		return out
	}
	return nil
}

// find is the index of key in the mapping n, or -1.
func find(n *yaml.Node, key string) int {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// put sets the value at keys below n, a flat mapping, and makes the mappings on the way.
func put(n, v *yaml.Node, keys ...string) {
	for _, key := range keys[:len(keys)-1] {
		i := find(n, key)
		if i < 0 {
			n.Content = append(n.Content, word(key), &yaml.Node{Kind: yaml.MappingNode})
			i = len(n.Content) - 2
		}
		if n.Content[i+1].Kind != yaml.MappingNode {
			n.Content[i+1] = &yaml.Node{Kind: yaml.MappingNode}
		}
		n = n.Content[i+1]
	}
	last := keys[len(keys)-1]
	if i := find(n, last); i >= 0 {
		n.Content[i+1] = v
		return
	}
	n.Content = append(n.Content, word(last), v)
}

// drop removes keys of the flat mapping n.
func drop(n *yaml.Node, keys ...string) {
	for _, key := range keys {
		if i := find(n, key); i >= 0 {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
		}
	}
}

// word is a string as a node. It is quoted unless every YAML parser takes it for one: to
// those of Kubernetes on, no and y are no strings.
func word(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	switch plain := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9./_-]*$`); {
	case !plain.MatchString(s), regexp.MustCompile(`(?i)^(y|yes|n|no|on|off|true|false|null)$`).MatchString(s):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// texts are the strings of a flat mapping by key; what is no string is left out.
func texts(n *yaml.Node) map[string]string {
	out := map[string]string{}
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i+1].Kind == yaml.ScalarNode && n.Content[i+1].ShortTag() == "!!str" {
			out[n.Content[i].Value] = n.Content[i+1].Value
		}
	}
	return out
}

// contains reports whether all has every pair of some.
func contains(all, some map[string]string) bool {
	for k, v := range some {
		if got, ok := all[k]; !ok || got != v {
			return false
		}
	}
	return true
}
