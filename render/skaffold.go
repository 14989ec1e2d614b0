package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// config is a skaffold.yaml that has been read but not yet given profiles.
type config struct {
	file     string // slash path inside the source; paths in it are relative to its folder
	content  []byte
	root     *value
	legacy   bool // v2beta29: deploy names the manifests; later versions have a section manifests
	profiles []string
}

// recipe is what a config with its profiles applied says about rendering.
type recipe struct {
	raw       []*value // files, folders and patterns, in order
	kustomize []*value // folders
}

// maxConfigBytes bounds skaffold.yaml and kustomization.yaml.
const maxConfigBytes = 1 << 20

// readConfig reads a skaffold.yaml and reports everything that is wrong outside
// its profiles. What a profile holds is checked when the profile is used.
func readConfig(name string, content []byte) (*config, error) {
	var ps Problems
	root, err := readOne(content)
	if err != nil {
		ps = append(ps, yamlProblem(name, err))
		return nil, ps.failure("render")
	}
	c := &config{file: name, content: content, root: root}
	bad := ps.in(name)
	if !c.version(bad) {
		return nil, ps.failure("render")
	}
	if kind := root.get("kind"); kind == nil || kind.text != "Config" {
		bad(at(root, "kind"), "must be Config")
	}
	check(root, c.rules(true), bad)
	c.names(bad)
	if len(ps) == 0 {
		c.recipe(root, bad)
	}
	if len(ps) > 0 {
		return nil, ps.failure("render")
	}
	return c, nil
}

// readOne decodes a file of exactly one document.
func readOne(content []byte) (*value, error) {
	if len(content) > maxConfigBytes {
		return nil, fmt.Errorf("holds %d bytes, more than the %d that configuration may have", len(content), maxConfigBytes)
	}
	d := yaml.NewDecoder(bytes.NewReader(content))
	var first, second yaml.Node
	if err := d.Decode(&first); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("is empty")
		}
		return nil, err
	}
	if err := d.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document is not read: keep one configuration in a file", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	v, err := newValue(&first, "")
	if err == nil && v.kind != yaml.MappingNode {
		err = fmt.Errorf("line %d: must be a mapping", v.line)
	}
	return v, err
}

// yamlProblem moves the line out of a decoder's text ("yaml: line 3: ...").
func yamlProblem(file string, err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if n, after, found := strings.Cut(rest, ": "); found {
			if line, convErr := strconv.Atoi(n); convErr == nil {
				return Problem{File: file, Line: line, Text: after}
			}
		}
	}
	return Problem{File: file, Text: text}
}

// at is where key stands in v, or v itself if it is missing.
func at(v *value, key string) *value {
	if found := v.get(key); found != nil {
		return found
	}
	return &value{line: v.line, path: join(v.path, key)}
}

// version sets legacy and reports an apiVersion that is not supported.
func (c *config) version(bad report) bool {
	v := at(c.root, "apiVersion")
	known := []string{"v2beta29", "v3alpha1", "v3"}
	for i := 1; i <= 13; i++ {
		known = append(known, fmt.Sprintf("v4beta%d", i))
	}
	name, ok := strings.CutPrefix(v.text, "skaffold/")
	if !ok || !slices.Contains(known, name) {
		bad(v, "%q is not supported: write skaffold/v2beta29, v3alpha1, v3 or v4beta1 to v4beta13", v.text)
		return false
	}
	c.legacy = name == "v2beta29"
	return true
}

// names collects the names of the profiles.
func (c *config) names(bad report) {
	list := c.root.get("profiles")
	if list.empty() {
		return
	}
	if list.kind != yaml.SequenceNode {
		bad(list, "must be a list")
		return
	}
	for _, p := range list.items {
		name := p.get("name")
		switch {
		case !name.isText() || name.text == "":
			bad(at(p, "name"), "must be the profile's name")
		case slices.Contains(c.profiles, name.text):
			bad(name, "profile %q is defined twice", name.text)
		}
		if name != nil {
			c.profiles = append(c.profiles, name.text)
		}
	}
}

// resolve applies profiles in order and returns what to render.
func (c *config) resolve(profiles []string) (recipe, error) {
	var ps Problems
	bad := ps.in(c.file)
	root := c.lay(c.root, profiles, &ps)
	if err := ps.failure("render"); err != nil {
		return recipe{}, err
	}
	check(root, c.rules(true), bad)
	r := c.recipe(root, bad)
	return r, ps.failure("render")
}

// lay lays profiles over root, which holds them, in order.
func (c *config) lay(root *value, profiles []string, ps *Problems) *value {
	all := root.get("profiles")
	for _, name := range profiles {
		i := slices.Index(c.profiles, name)
		if i < 0 {
			*ps = append(*ps, Problem{File: c.file, Path: "profiles", Text: fmt.Sprintf("there is no profile %q: %s", name, known("this file has", c.profiles))})
			continue
		}
		root = c.profile(root, all.items[i], ps.in(c.file))
	}
	return root
}

// profile lays p over root. As in Skaffold, a list and a field of manifests or deploy in
// a profile replace the whole list or field, and what it lacks stays.
func (c *config) profile(root, p *value, bad report) *value {
	check(p, c.rules(false), bad)
	for _, section := range []string{"manifests", "deploy"} {
		over := p.get(section)
		if over == nil || over.kind != yaml.MappingNode {
			continue
		}
		base := root.get(section)
		if base == nil || base.kind != yaml.MappingNode {
			base = &value{kind: yaml.MappingNode, line: over.line, path: over.path}
		}
		for i, key := range over.keys {
			base = replace(base, key, over.items[i], bad, "/"+section+"/"+key)
		}
		root = root.with(section, base)
	}
	for _, section := range taskSections() {
		if over := p.get(section); over != nil {
			root = replace(root, section, over, bad, "/"+section)
		}
	}
	return c.patches(root, p.get("patches"), bad)
}

// replace gives base the item of a profile, which cannot be an empty list: to Skaffold
// that is none.
func replace(base *value, key string, item *value, bad report, where string) *value {
	if item.kind == yaml.SequenceNode && len(item.items) == 0 {
		bad(item, "an empty list in a profile does not clear the list: use a patch {op: remove, path: %s}", where)
		return base
	}
	return base.with(key, item)
}

// recipe reads what to render out of a config whose fields have been checked.
// Skaffold's defaults apply: k8s/*.yaml if nothing is named, and the folder
// itself for a kustomize section without paths.
func (c *config) recipe(root *value, bad report) recipe {
	kustomize, raw := root.get("manifests", "kustomize"), root.get("manifests", "rawYaml")
	useRaw := raw != nil
	if c.legacy {
		kustomize, raw = root.get("deploy", "kustomize"), root.get("deploy", "kubectl", "manifests")
		useRaw = root.get("deploy", "kubectl") != nil
	}
	r := recipe{raw: raw.texts(bad)}
	if kustomize != nil {
		r.kustomize = kustomize.get("paths").texts(bad)
		if len(r.kustomize) == 0 {
			r.kustomize = []*value{{text: ".", line: kustomize.line, path: kustomize.path}}
		}
		buildArgs(kustomize.get("buildArgs").texts(bad), bad)
	}
	if len(r.raw) == 0 && (kustomize == nil || c.legacy && useRaw) {
		r.raw = []*value{{text: "k8s/*.yaml", line: root.line, path: "manifests.rawYaml (the default)"}}
	}
	for _, v := range slices.Concat(r.raw, r.kustomize) {
		c.local(v, bad)
	}
	return r
}

// local reports a path that is not inside the source.
func (c *config) local(v *value, bad report) {
	switch {
	case strings.Contains(v.text, "://"):
		bad(v, "%s is remote: a render fetches nothing, so put the file into the source", v.text)
	case strings.Contains(v.text, "{{"):
		bad(v, "templates are not supported: they read the environment, which a render does not have")
	case !inside(c.path(v.text)) || path.IsAbs(v.text):
		bad(v, "%s is not inside the source", v.text)
	}
}

// path returns a path of this file as a path of the source.
func (c *config) path(p string) string { return path.Join(path.Dir(c.file), p) }

func inside(p string) bool { return p != ".." && !strings.HasPrefix(p, "../") && !path.IsAbs(p) }

// buildArgs accepts the one argument that a render can honor: it reads no file
// outside the source in any case.
func buildArgs(args []*value, bad report) {
	for i := 0; i < len(args); i++ {
		name, setting, joined := strings.Cut(args[i].text, "=")
		if name != "--load-restrictor" {
			bad(args[i], "%q is not supported: only --load-restrictor is", args[i].text)
			continue
		}
		if !joined {
			i++
			if i == len(args) {
				bad(args[i-1], "--load-restrictor needs LoadRestrictionsNone or LoadRestrictionsRootOnly")
				return
			}
			setting = args[i].text
		}
		if setting != "LoadRestrictionsNone" && setting != "LoadRestrictionsRootOnly" {
			bad(args[min(i, len(args)-1)], "%q is unknown: write LoadRestrictionsNone or LoadRestrictionsRootOnly", setting)
		}
	}
}

// known lists names for an error text.
func known(intro string, names []string) string {
	if len(names) == 0 {
		return intro + " none"
	}
	return intro + " " + strings.Join(names, ", ")
}
