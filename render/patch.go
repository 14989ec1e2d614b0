package render

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// patches applies the JSON patches of a profile, one after the other.
func (c *config) patches(root, list *value, bad report) *value {
	if list.empty() {
		return root
	}
	if list.kind != yaml.SequenceNode {
		bad(list, "must be a list")
		return root
	}
	for _, p := range list.items {
		next, where, err := c.patch(root, p)
		if err != nil {
			bad(where, "%s", err)
			continue
		}
		root = next
	}
	return root
}

// patch applies one operation. Besides an error it returns the field at fault.
func (c *config) patch(root, p *value) (*value, *value, error) {
	for i, key := range p.keys {
		if !slices.Contains([]string{"op", "path", "value"}, key) {
			return nil, p.items[i], errors.New("unknown field: a patch has op, path and value")
		}
	}
	op := "replace" // Skaffold's default
	if given := p.get("op"); given != nil {
		op = given.text
	}
	if !slices.Contains([]string{"add", "remove", "replace"}, op) {
		return nil, at(p, "op"), fmt.Errorf("%q is not supported: write add, remove or replace", op)
	}
	to := at(p, "path")
	if places := c.patched(); !slices.ContainsFunc(places, func(place string) bool { return below(to.text, place) }) {
		return nil, to, fmt.Errorf("%q is not supported: a patch changes something below %s", to.text, strings.Join(places, ", "))
	}
	item := p.get("value")
	if item == nil && op != "remove" {
		return nil, at(p, "value"), fmt.Errorf("%s needs a value", op)
	}
	next, err := edit(root, pointer(to.text), op, item)
	return next, to, err
}

// patched lists the sections that a patch may change.
func (c *config) patched() []string {
	if c.legacy {
		return []string{"/deploy/", "/verify"}
	}
	return []string{"/manifests/", "/verify", "/customActions"}
}

// below reports whether p is place or inside it; what ends with a slash is no place itself.
func below(p, place string) bool {
	return p == place && !strings.HasSuffix(place, "/") || strings.HasPrefix(p, strings.TrimSuffix(place, "/")+"/")
}

// pointer splits a JSON pointer.
func pointer(p string) []string {
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts
}

// edit returns v with op done at the place that keys lead to.
func edit(v *value, keys []string, op string, item *value) (*value, error) {
	if v == nil {
		return nil, fmt.Errorf("there is nothing at %q to patch below", keys[0])
	}
	switch v.kind {
	case yaml.MappingNode:
		return editMapping(v, keys, op, item)
	case yaml.SequenceNode:
		return editSequence(v, keys, op, item)
	}
	return nil, fmt.Errorf("%s is plain text and has no %q", v.path, keys[0])
}

func editMapping(v *value, keys []string, op string, item *value) (*value, error) {
	key := keys[0]
	old := v.get(key)
	if old == nil && (op != "add" || len(keys) > 1) {
		return nil, fmt.Errorf("there is no field %q to %s: %s", key, op, known("there are", v.keys))
	}
	if len(keys) > 1 {
		changed, err := edit(old, keys[1:], op, item)
		if err != nil {
			return nil, err
		}
		return v.with(key, changed), nil
	}
	if op == "remove" {
		return v.without(key), nil
	}
	return v.with(key, item), nil
}

func editSequence(v *value, keys []string, op string, item *value) (*value, error) {
	i, err := index(keys[0], len(v.items), op == "add" && len(keys) == 1)
	if err != nil {
		return nil, err
	}
	items := slices.Clone(v.items)
	switch {
	case len(keys) > 1:
		if items[i], err = edit(items[i], keys[1:], op, item); err != nil {
			return nil, err
		}
	case op == "add":
		items = slices.Insert(items, i, item)
	case op == "remove":
		items = slices.Delete(items, i, i+1)
	default:
		items[i] = item
	}
	return v.withItems(items), nil
}

// index reads the place in a list of n items. For an insertion the place after
// the last one is allowed, which "-" means too.
func index(key string, n int, insert bool) (int, error) {
	if insert && key == "-" {
		return n, nil
	}
	last := n - 1
	if insert {
		last = n
	}
	i, err := strconv.Atoi(key)
	if err != nil || i < 0 || i > last {
		return 0, fmt.Errorf("%q is no place in a list of %d items, which are counted from 0", key, n)
	}
	return i, nil
}
