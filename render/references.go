package render

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// references follows what one kustomization refers to.
type references struct {
	*builder
	folder string // of the kustomization
	name   string // its file
	bad    report
}

// check reports references that leave the source and fields that would run
// something, and copies what is referred to.
func (r *references) check(v *value) {
	r.refuse(v)
	for _, key := range []string{"resources", "bases", "components"} {
		for _, ref := range v.get(key).texts(r.bad) {
			r.resource(ref)
		}
	}
	for _, key := range []string{"crds", "configurations"} {
		for _, ref := range v.get(key).texts(r.bad) {
			r.file(ref, ref.text, true)
		}
	}
	for _, ref := range v.get("patchesStrategicMerge").texts(r.bad) {
		if !strings.Contains(ref.text, "\n") {
			r.file(ref, ref.text, true)
		}
	}
	for _, key := range []string{"patches", "patchesJson6902", "replacements"} {
		for _, item := range items(v.get(key)) {
			r.path(item.get("path"))
		}
	}
	r.path(v.get("openapi", "path"))
	for _, key := range []string{"configMapGenerator", "secretGenerator"} {
		for _, item := range items(v.get(key)) {
			r.generator(item)
		}
	}
}

// refuse reports the fields that would run a program or fetch a chart.
func (r *references) refuse(v *value) {
	refused := []struct{ key, why string }{
		{"generators", "plugins are not run: use configMapGenerator, secretGenerator or resources"},
		{"transformers", "plugins are not run: use the fields of the kustomization itself"},
		{"validators", "plugins are not run: check manifests before the release"},
		{"helmCharts", noHelm},
		{"helmGlobals", noHelm},
		{"helmChartInflationGenerator", noHelm},
	}
	for _, f := range refused {
		if item := v.get(f.key); !item.empty() {
			r.bad(item, "is not supported: %s", f.why)
		}
	}
}

// resource follows an entry that may be a file or another kustomization.
func (r *references) resource(ref *value) {
	name, ok := r.locate(ref, ref.text)
	if !ok {
		return
	}
	if _, isFile := r.source.files[name]; isFile {
		r.copy(name, true)
		return
	}
	if !r.builder.folder(name) {
		r.missing(ref, ref.text)
	}
}

func (r *references) path(ref *value) {
	if ref.isText() && ref.text != "" {
		r.file(ref, ref.text, true)
	}
}

func (r *references) file(ref *value, p string, isYAML bool) {
	name, ok := r.locate(ref, p)
	if !ok {
		return
	}
	if _, isFile := r.source.files[name]; !isFile {
		r.missing(ref, p)
		return
	}
	r.copy(name, isYAML)
}

func (r *references) missing(ref *value, p string) {
	r.bad(ref, "%s does not exist in the source, and remote bases are not fetched", p)
}

// locate returns the path in the source of a path in the kustomization.
func (r *references) locate(ref *value, p string) (string, bool) {
	name := path.Join(r.folder, p)
	switch {
	case strings.Contains(p, "://") || strings.HasPrefix(p, "git@") || strings.Contains(p, "?ref="):
		r.bad(ref, "%s is remote: a render fetches nothing, so put it into the source", p)
	case path.IsAbs(p) || !inside(name) || strings.ContainsAny(p, "\x00\\"):
		r.bad(ref, "%s is not inside the source", p)
	default:
		return name, true
	}
	return "", false
}

// generator follows the files of a config map or secret, which may be given as key=file.
func (r *references) generator(g *value) {
	for _, ref := range g.get("files").texts(r.bad) {
		p := ref.text
		if _, after, ok := strings.Cut(p, "="); ok {
			p = after
		}
		r.file(ref, p, false)
	}
	for _, ref := range g.get("envs").texts(r.bad) {
		r.file(ref, ref.text, false)
	}
	if env := g.get("env"); env.isText() {
		r.file(env, env.text, false)
	}
}

// items are the entries of a list of mappings; kustomize reports any other.
func items(v *value) []*value {
	if v == nil || v.kind != yaml.SequenceNode {
		return nil
	}
	return v.items
}
