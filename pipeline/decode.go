package pipeline

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/pipeline/internal/rule"
)

// The tags of YAML's core schema.
const (
	strTag   = "!!str"
	intTag   = "!!int"
	boolTag  = "!!bool"
	floatTag = "!!float"
	timeTag  = "!!timestamp"
	nullTag  = "!!null"
)

// maxNodes bounds one document, aliases and merges expanded.
const maxNodes = 100_000

// decoder fills Go values from the nodes of one document. It goes on after a
// problem, so that all of them are found.
type decoder struct {
	src      *source
	problems Problems
	// nodes counts what has been visited.
	nodes int
	spent bool
}

// bad reports a problem where n begins.
func (d *decoder) bad(n *yaml.Node, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.src.file, Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// spend counts one visit of n. It reports false once the document has grown
// beyond its bound; nothing more is decoded then.
func (d *decoder) spend(n *yaml.Node, path string) bool {
	if d.spent {
		return false
	}
	d.nodes++
	if d.nodes > maxNodes {
		d.spent = true
		d.bad(n, path, "the document has more than %d values, aliases counted each time: split it", maxNodes)
	}
	return !d.spent
}

// follow resolves an alias, for which it spends.
func (d *decoder) follow(n *yaml.Node, path string) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n, d.spend(n, path)
}

// value decodes n into v, which is settable, under the rules r of its key.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, r rule.Rule) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	n, ok := d.follow(n, path)
	if !ok {
		return
	}
	d.src.lines[path] = n.Line
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		d.bad(n, path, "has the tag %s: remove the tag", n.ShortTag())
		return
	case n.Kind == yaml.ScalarNode && n.ShortTag() == nullTag:
		d.bad(n, path, "is empty: give a value or remove the key")
		return
	}
	if s, ok := v.Addr().Interface().(scalar); ok && n.Kind == yaml.ScalarNode {
		d.scalar(n, s, path, r)
		return
	}
	d.tree(n, v, path, r)
}

// tree decodes by the kind of v.
func (d *decoder) tree(n *yaml.Node, v reflect.Value, path string, r rule.Rule) {
	if f, ok := v.Addr().Interface().(olderForm); ok {
		n = f.today(n)
	}
	switch k := v.Kind(); {
	case k == reflect.Struct && len(rule.Fields(v.Type())) > 0:
		d.object(n, v, path)
	case k == reflect.Slice:
		d.list(n, v, path, r)
	case k == reflect.Map:
		d.dict(n, v, path)
	case k == reflect.Bool:
		d.boolean(n, v, path)
	case k == reflect.Int:
		d.number(n, v, path, r)
	case k == reflect.String:
		d.text(n, v, path, r)
	default:
		d.bad(n, path, "is %s, want a single value", show(n))
	}
}

// olderForm is a type with an older form of another shape.
type olderForm interface {
	// today turns n into today's form, or returns it as it is.
	today(n *yaml.Node) *yaml.Node
}

func (d *decoder) scalar(n *yaml.Node, s scalar, path string, r rule.Rule) {
	if text := s.fromScalar(n); text != "" {
		d.bad(n, path, "%s", text)
		return
	}
	v := reflect.ValueOf(s).Elem()
	if v.Kind() == reflect.Int64 && !r.Range.Has(v.Int()) {
		write := func(ns int64) string {
			return fmt.Sprint(reflect.ValueOf(time.Duration(ns)).Convert(v.Type()).Interface())
		}
		d.bad(n, path, "is %s, want %s", n.Value, r.Range.Text(write))
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, r rule.Rule) {
	if n.Kind != yaml.SequenceNode {
		d.bad(n, path, "is %s, want a list", show(n))
		return
	}
	if !r.Items.Has(int64(len(n.Content))) {
		d.bad(n, path, "has %d items, want %s", len(n.Content), r.Items.Text(decimal))
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	seen := map[any]int{}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		e := reflect.New(v.Type().Elem()).Elem()
		before := len(d.problems)
		d.value(item, e, at, r)
		if d.spent {
			return
		}
		if r.Unique && len(d.problems) == before {
			if first, twice := seen[e.Interface()]; twice {
				d.bad(item, at, "%q is given twice, first as item %d", e.Interface(), first)
			} else {
				seen[e.Interface()] = i
			}
		}
		v.Set(reflect.Append(v, e))
	}
}

// dict decodes an object whose keys the user chooses.
func (d *decoder) dict(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.bad(n, path, "is %s, want an object", show(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range d.pairs(n, path) {
		at := join(path, p.key.Value)
		if tag := p.key.ShortTag(); tag != strTag {
			d.bad(p.key, at, "the key is %s, want a string: quote it", show(p.key))
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(p.value, e, at, rule.Rule{})
		v.SetMapIndex(reflect.ValueOf(p.key.Value), e)
	}
}

func (d *decoder) boolean(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != boolTag {
		d.bad(n, path, "is %s, want true or false", show(n))
		return
	}
	v.SetBool(isTrue(n))
}

func (d *decoder) number(n *yaml.Node, v reflect.Value, path string, r rule.Rule) {
	digits := strings.Trim(n.Value, "0123456789") == ""
	if n.Kind != yaml.ScalarNode || (n.ShortTag() != intTag && !(r.Int64 && digits && n.ShortTag() == strTag)) {
		d.bad(n, path, "is %s, want a whole number", show(n))
		return
	}
	i, err := strconv.ParseInt(n.Value, 10, 32)
	if err != nil {
		d.bad(n, path, "is %s, want a whole number in decimal digits%s", n.Value, limits(r))
		return
	}
	if !r.Range.Has(i) {
		d.bad(n, path, "is %d, want %s", i, r.Range.Text(decimal))
		return
	}
	v.SetInt(i)
}

func limits(r rule.Rule) string {
	if r.Range.Min == nil && r.Range.Max == nil {
		return ""
	}
	return ", " + r.Range.Text(decimal)
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, path string, r rule.Rule) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != strTag {
		quote := ""
		if n.Kind == yaml.ScalarNode {
			quote = ": quote it"
		}
		d.bad(n, path, "is %s, want a string%s", show(n), quote)
		return
	}
	v.SetString(n.Value)
	if text := stringProblem(n.Value, r); text != "" {
		d.bad(n, path, "%s", text)
	}
}
