package render

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// Changes is Diff for two manifests, in which no value of a Secret is shown: one that
// stays is ***, one that changes is *** (before) and *** (after).
func Changes(before, after Manifest) string {
	return Diff(hide(before, secrets(after), "*** (before)"), hide(after, secrets(before), "*** (after)"))
}

// secretPart is a value of a Secret by where it stands.
type secretPart struct{ namespace, name, part, key string }

// eachSecret calls visit for every value of the Secrets of m; roots are flat, by document.
func eachSecret(m Manifest, roots []*yaml.Node, visit func(secretPart, *yaml.Node)) {
	for i, o := range m.Objects {
		if o.Kind != "Secret" || o.Group() != "" {
			continue
		}
		for _, part := range []string{"data", "stringData"} {
			n := field(roots[i], part)
			for j := 0; n != nil && n.Kind == yaml.MappingNode && j+1 < len(n.Content); j += 2 {
				visit(secretPart{o.Namespace, o.Name, part, n.Content[j].Value}, n.Content[j+1])
			}
		}
	}
}

func flats(m Manifest) []*yaml.Node {
	out := make([]*yaml.Node, len(m.docs))
	for i, d := range m.docs {
		out[i] = flat(d.root)
	}
	return out
}

func secrets(m Manifest) map[secretPart]string {
	out := map[secretPart]string{}
	eachSecret(m, flats(m), func(p secretPart, n *yaml.Node) { out[p] = n.Value })
	return out
}

// hide is the content of m without the values of its Secrets.
func hide(m Manifest, others map[secretPart]string, changed string) []byte {
	roots := flats(m)
	hidden := false
	eachSecret(m, roots, func(p secretPart, n *yaml.Node) {
		hidden = true
		text := "***"
		if v, ok := others[p]; !ok || v != n.Value {
			text = changed
		}
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
	})
	if !hidden {
		return m.Content
	}
	var out bytes.Buffer
	for i, d := range m.docs {
		if i > 0 {
			out.WriteString("---\n")
		}
		n := d.whole
		if m.Objects[i].Kind == "Secret" {
			n = roots[i]
		}
		if err := encode(&out, n); err != nil {
			return []byte("a manifest with a Secret cannot be shown\n")
		}
	}
	return out.Bytes()
}
