package render

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// build runs kustomize for the folder that ref names.
//
// Kustomize drops the comments of fields that it rewrites, names and annotations
// among them, so parameters are set in the files before it reads them, as
// Skaffold does. It is given a file system that holds only files that were
// checked first: no reference in them leads outside the source, so there is
// nothing that it could fetch or run.
func (s *Source) build(ref *value, params map[string]string, ps *Problems) documents {
	b := builder{source: s, params: params, problems: ps, disk: filesys.MakeFsInMemory(), done: map[string]bool{}}
	root := s.config.path(ref.text)
	before := len(*ps)
	if !b.folder(root) {
		ps.in(s.config.file)(ref, "%s has no kustomization.yaml in the source", ref.text)
	}
	if len(*ps) > before {
		return nil
	}
	docs, err := b.run(root)
	if err != nil {
		*ps = append(*ps, Problem{File: b.file(root), Text: strings.TrimSpace(err.Error())})
	}
	return docs
}

type builder struct {
	source   *Source
	params   map[string]string
	problems *Problems
	disk     filesys.FileSystem
	done     map[string]bool // files and folders that were looked at
}

func (b *builder) run(root string) (docs documents, err error) {
	// Kustomize is large and panics on some malformed input, which must stay an
	// error of that input.
	defer func() {
		if p := recover(); p != nil {
			docs, err = nil, fmt.Errorf("kustomize stopped: %v", p)
		}
	}()
	opts := krusty.MakeDefaultOptions() // plugins, functions and Helm are off
	// The disk ends where the source ends, so no finer restriction is needed.
	opts.LoadRestrictions = types.LoadRestrictionsNone
	built, err := krusty.MakeKustomizer(opts).Run(b.disk, path.Join("/", root))
	if err != nil {
		return nil, err
	}
	for _, r := range built.Resources() {
		content, err := r.RNode.String()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.CurId(), err)
		}
		var ps Problems
		for _, d := range decode(b.file(root), []byte(content), &ps) {
			d.built = true
			docs = append(docs, d)
		}
		if len(ps) > 0 {
			return nil, ps
		}
	}
	return docs, nil
}

// file is the kustomization of a folder, or the folder if it has none.
func (b *builder) file(folder string) string {
	for _, base := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		name := path.Join(folder, base)
		if _, ok := b.source.files[name]; ok {
			return name
		}
	}
	return folder
}

// folder checks the kustomization of a folder and all that it refers to, and
// copies it to the disk. It returns false if there is none.
func (b *builder) folder(folder string) bool {
	name := b.file(folder)
	if name == folder {
		return false
	}
	if b.done[name] {
		return true
	}
	b.done[name] = true
	content := b.source.files[name]
	original, err := readOne(content)
	if err != nil {
		*b.problems = append(*b.problems, yamlProblem(name, err))
		return true
	}
	content = substitute(name, content, b.params, b.problems)
	v, err := readOne(content)
	if err != nil {
		*b.problems = append(*b.problems, yamlProblem(name, err))
		return true
	}
	f := references{builder: b, folder: folder, name: name, bad: b.problems.in(name)}
	if len(v.keys) == len(original.keys) && !slices.Equal(content, b.source.files[name]) {
		v = relocate(v, original)
	}
	f.check(v)
	b.write(name, f.inline(content))
	return true
}

// relocate gives v the lines of original where both have the same shape.
func relocate(v, original *value) *value {
	if original == nil || v.kind != original.kind {
		return v
	}
	c := *v
	c.line = original.line
	c.items = slices.Clone(v.items)
	for i := range c.items {
		if i < len(original.items) {
			c.items[i] = relocate(c.items[i], original.items[i])
		}
	}
	return &c
}

// copy puts a file of the source on the disk. One that kustomize reads as YAML
// gets its parameters and must not expand without bounds.
func (b *builder) copy(name string, isYAML bool) {
	if b.done[name] {
		return
	}
	b.done[name] = true
	content := b.source.files[name]
	if isYAML {
		decode(name, content, b.problems)
		content = substitute(name, content, b.params, b.problems)
	}
	b.write(name, content)
}

func (b *builder) write(name string, content []byte) {
	if err := b.disk.WriteFile("/"+name, content); err != nil {
		*b.problems = append(*b.problems, Problem{File: name, Text: err.Error()})
	}
}

// inline applies parameters to patches that are texts in the kustomization
// itself, where a placeholder is part of the text and no comment. It returns the
// kustomization with these texts.
func (r *references) inline(content []byte) []byte {
	var n yaml.Node
	if err := yaml.Unmarshal(content, &n); err != nil || len(n.Content) != 1 {
		return content // reported by who read it before
	}
	changed := false
	for _, key := range []string{"patches", "patchesJson6902", "patchesStrategicMerge"} {
		for _, item := range elements(field(n.Content[0], key)) {
			if p := field(item, "patch"); p != nil {
				item = p
			}
			if item.Kind != yaml.ScalarNode || !strings.Contains(item.Value, "\n") {
				continue
			}
			decode(r.name, []byte(item.Value), r.problems)
			was := item.Value
			item.Value = string(substitute(r.name, []byte(was), r.params, r.problems))
			changed = changed || item.Value != was
		}
	}
	if !changed {
		return content
	}
	var out bytes.Buffer
	if err := encode(&out, &n); err != nil {
		r.bad(&value{}, "%v", err)
	}
	return out.Bytes()
}
