package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// Manifest is the rendered result for one target and phase.
type Manifest struct {
	// Content is YAML, its documents separated by "---", in the order of the source.
	Content []byte
	// Objects are the documents of Content, in its order. No two are the same object.
	Objects []Object
	// Unmatched are the names of Request.Images that the manifest does not have, sorted; of
	// one made by Complete those that its jobs have neither.
	Unmatched []string
	// Specs has one entry for each of Request.Jobs, from Complete.
	Specs []Spec
	// By is what the containers do that render this manifest, by Request.By; nil is none.
	// Then Content is not known before they have: see Rendered.
	By *Spec

	docs   documents
	images []string // as they stand in the source
}

// Object is one Kubernetes or Cloud Run object of a manifest.
type Object struct {
	APIVersion string
	Kind       string
	Namespace  string // empty if the manifest names none
	Name       string
	Line       int    // first line in Manifest.Content, counted from 1
	Source     string // "k8s/app.yaml:12", the kustomization it was built from, or empty for a parsed manifest
}

// String is the object as kubectl prints it, with its namespace if it has one.
func (o Object) String() string {
	s := o.Kind + "/" + o.Name
	if o.Namespace != "" {
		s += " in namespace " + o.Namespace
	}
	return s
}

// Group is the API group, empty for the core group.
func (o Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion, "/")
	if !found {
		return ""
	}
	return group
}

// Parse reads a manifest that was rendered before, such as one from the artifact store.
func Parse(content []byte) (Manifest, error) {
	var ps Problems
	m := Manifest{Content: content, docs: decode(rendered, content, &ps)}
	m.Objects = identify(m.docs, &ps)
	for i := range m.Objects {
		m.Objects[i].Source = ""
	}
	return m, ps.failure("read manifest")
}

// rendered is the file name in problems of a manifest whose source is not known.
const rendered = "manifest"

// document is one object on its way through a render.
type document struct {
	file  string     // where it was written; the kustomization if it was built
	built bool       // made by kustomize: lines are not those of a file
	whole *yaml.Node // what is encoded: the document node, for its comments
	root  *yaml.Node // the mapping
}

type documents []document

// deployable leaves out the documents that configure pipelines.
func (ds documents) deployable() documents {
	var kept documents
	for _, d := range ds {
		group, _, _ := strings.Cut(text(d.root, "apiVersion"), "/")
		if group != "deploy.cloud.google.com" && group != "serin.dev" {
			kept = append(kept, d)
		}
	}
	return kept
}

// of keeps the documents of one runtime, or all of them for "". What is no object is
// kept, to be reported.
func (ds documents) of(runtime rollout.Runtime) (documents, error) {
	var kept documents
	for _, d := range ds {
		group, _, _ := strings.Cut(text(d.root, "apiVersion"), "/")
		if runtime == "" || group == "" || (group == knative) == (runtime == rollout.RuntimeCloudRun) {
			kept = append(kept, d)
		}
	}
	if len(kept) > 0 {
		return kept, nil
	}
	what := "all of them are of " + knative + ", which a cluster does not get here"
	if runtime == rollout.RuntimeCloudRun {
		what = "none is of " + knative + ", which is all that Cloud Run gets"
	}
	return nil, Problems{{Text: fmt.Sprintf("no object is left of %d: %s", len(ds), what)}}.failure("render")
}

// knative is the group of the objects that Cloud Run takes.
const knative = "serving.knative.dev"

// decode splits a file into documents. Empty ones are left out, and the items of
// a List take its place.
func decode(file string, content []byte, ps *Problems) documents {
	var docs documents
	d := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			*ps = append(*ps, yamlProblem(file, err))
			return docs
		}
		if n.Kind != yaml.DocumentNode || n.Content[0].ShortTag() == "!!null" {
			continue
		}
		root := n.Content[0]
		if err := bounded(root); err != nil {
			*ps = append(*ps, yamlProblem(file, err))
			continue
		}
		if text(root, "kind") == "List" && text(root, "apiVersion") == "v1" {
			for _, item := range elements(field(root, "items")) {
				docs = append(docs, document{file: file, whole: item, root: item})
			}
			continue
		}
		docs = append(docs, document{file: file, whole: &n, root: root})
	}
}

// assemble encodes docs into m and reads the result back, which gives the lines
// of the objects and shows that the manifest is whole.
func (m *Manifest) assemble(docs documents) error {
	var ps Problems
	objects := identify(docs, &ps)
	if err := ps.failure("render"); err != nil {
		return err
	}
	var out bytes.Buffer
	for i, d := range docs {
		if i > 0 {
			out.WriteString("---\n")
		}
		if err := encode(&out, d.whole); err != nil {
			return Problems{{File: d.file, Line: d.line(d.root), Text: err.Error()}}.failure("render")
		}
	}
	m.Content = out.Bytes()
	again := decode(rendered, m.Content, &ps)
	if err := ps.failure("render"); err != nil {
		return err
	}
	if len(again) != len(docs) {
		return Problems{{Text: fmt.Sprintf("%d objects were read and %d written: an anchor must stay inside its document", len(docs), len(again))}}.failure("render")
	}
	for i := range docs {
		objects[i].Line = again[i].root.Line
		if docs[i].built {
			docs[i] = again[i]
		}
	}
	m.Objects, m.docs = objects, docs
	return nil
}

// encode writes one document in the one style all manifests have.
func encode(out io.Writer, n *yaml.Node) error {
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return err
	}
	return e.Close()
}

// identify names the objects and reports documents that are none, and objects
// that are there twice.
func identify(docs documents, ps *Problems) []Object {
	var objects []Object
	first := map[string]string{}
	for _, d := range docs {
		o := Object{
			APIVersion: text(d.root, "apiVersion"), Kind: text(d.root, "kind"),
			Namespace: text(d.root, "metadata", "namespace"), Name: text(d.root, "metadata", "name"),
			Line: d.root.Line, Source: d.place(),
		}
		switch {
		case d.root.Kind != yaml.MappingNode:
			d.bad(ps, d.root, "", "is not a mapping: every document must be an object with apiVersion, kind and metadata.name")
		case o.APIVersion == "" || o.Kind == "":
			d.bad(ps, d.root, "", "is not an object: apiVersion and kind must be texts (name the files to deploy in a skaffold.yaml if others lie next to them)")
		case strings.HasPrefix(o.APIVersion, "deploy.cloud.google.com/") || strings.HasPrefix(o.APIVersion, "serin.dev/"):
			d.bad(ps, d.root, "", "configures a pipeline and is not deployed: apply it with serin apply")
		case o.Name == "":
			d.bad(ps, d.root, "metadata.name", "must be a text: an object without a fixed name cannot be found again")
		}
		key := strings.Join([]string{o.Group(), o.Kind, o.Namespace, o.Name}, "\x00")
		if before, twice := first[key]; twice && o.Name != "" {
			d.bad(ps, d.root, "", fmt.Sprintf("%s is already in %s: keep one of them", o, before))
		}
		first[key] = o.Source
		objects = append(objects, o)
	}
	return objects
}

// line is n's line in the file of d, or 0 if d was built.
func (d document) line(n *yaml.Node) int {
	if d.built {
		return 0
	}
	return n.Line
}

func (d document) place() string {
	if line := d.line(d.root); line > 0 {
		return fmt.Sprintf("%s:%d", d.file, line)
	}
	return d.file
}

func (d document) bad(ps *Problems, at *yaml.Node, path, what string) {
	*ps = append(*ps, Problem{File: d.file, Line: d.line(at), Path: path, Text: what})
}

// field follows keys through mappings and returns the value, or nil.
func field(n *yaml.Node, keys ...string) *yaml.Node {
	n = target(n)
	for _, key := range keys {
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var found *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				found = n.Content[i+1]
			}
		}
		n = target(found)
	}
	return n
}

// target is what an alias stands for. An alias of an alias cannot be written.
func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// text is the string at keys, or empty if there is none.
func text(n *yaml.Node, keys ...string) string {
	v := field(n, keys...)
	if v == nil || v.Kind != yaml.ScalarNode || v.ShortTag() != "!!str" {
		return ""
	}
	return v.Value
}

// elements are the items of a list; anything else has none.
func elements(n *yaml.Node) []*yaml.Node {
	n = target(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]*yaml.Node, 0, len(n.Content))
	for _, c := range n.Content {
		items = append(items, target(c))
	}
	return items
}
