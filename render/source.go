package render

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// Source is a source directory, read and checked. It is immutable and safe for
// concurrent use.
type Source struct {
	files map[string][]byte
	names []string // sorted
	// config is nil for a source without a skaffold.yaml.
	config *config
}

// Request says what one manifest is made for.
type Request struct {
	// Profiles are applied in order. A source without a skaffold.yaml has none.
	Profiles []string
	// Parameters are the effective deploy parameters of the target. One that no
	// placeholder names is not an error.
	Parameters map[string]string
	// Images maps names as they stand in the source to the references to deploy.
	Images map[string]string
	// SomeImages allows names in Images that this manifest does not have, because
	// another manifest of the release may. Manifest.Unmatched lists them;
	// CheckImages judges all manifests of a release together.
	SomeImages bool
	// Labels and Annotations are added to the pods of the Deployment that a plan
	// names, by Complete. Without such a Deployment they are not used.
	Labels, Annotations map[string]string
	// Runtime leaves out objects of another runtime: RuntimeCloudRun keeps those of
	// serving.knative.dev, RuntimeKubernetes all others; "" keeps all. To keep none is an
	// error.
	Runtime rollout.Runtime
	// Jobs are those of the phase, as many and in the same order as in the plan; nil is
	// none to complete. Only Complete and Source.Jobs use them.
	Jobs []Job
	// By is what containers do that render the phase; nil is none. Only Complete uses it.
	By *Job
	// Packed is the digest of the packed source, which containers of a custom target get.
	Packed string
}

// Open reads the source in fsys. If it has a skaffold.yaml (or .yml) at the top
// level, that file says what is rendered. If it has not, every *.yaml and *.yml
// at the top level and below is, in the order of their paths, except for hidden
// files and folders and for documents of deploy.cloud.google.com and serin.dev,
// which configure pipelines.
//
// Open reads the whole source, within the limits and rules of Pack. What is
// wrong with it is a *rollout.Error of kind Invalid that holds Problems.
func Open(fsys fs.FS) (*Source, error) {
	s, err := read(fsys)
	if err != nil {
		return nil, err
	}
	_, long := s.files["skaffold.yaml"]
	_, short := s.files["skaffold.yml"]
	switch {
	case long && short:
		return nil, Problems{{File: "skaffold.yml", Text: "there is a skaffold.yaml as well: keep one of them"}}.failure("render")
	case long:
		return s.configured("skaffold.yaml")
	case short:
		return s.configured("skaffold.yml")
	}
	return s, nil
}

// OpenFile is Open with a skaffold.yaml of another name or in another folder,
// whose paths are relative to that folder.
func OpenFile(fsys fs.FS, name string) (*Source, error) {
	s, err := read(fsys)
	if err != nil {
		return nil, err
	}
	return s.configured(path.Clean(name))
}

// Profiles lists the profiles of the source in the order of its skaffold.yaml.
func (s *Source) Profiles() []string {
	if s.config == nil {
		return nil
	}
	return slices.Clone(s.config.profiles)
}

// Render makes the manifest for one target and phase. The same Source and
// Request give the same bytes.
//
// What is wrong is a *rollout.Error of kind Invalid that holds Problems.
func (s *Source) Render(r Request) (Manifest, error) {
	docs, err := s.documents(r)
	if err != nil {
		return Manifest{}, err
	}
	var ps Problems
	if docs, err = docs.of(r.Runtime); err != nil {
		return Manifest{}, err
	}
	var m Manifest
	m.Unmatched, m.images = setImages(docs, r.Images, &ps)
	if !r.SomeImages {
		ps = append(ps, unmatched(m.Unmatched, m.images)...)
	}
	for _, d := range docs {
		if !d.built {
			setParameters(d.file, d.root, r.Parameters, &ps)
		}
	}
	if err := ps.failure("render"); err != nil {
		return Manifest{}, err
	}
	if err := m.assemble(docs); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// documents gathers the source documents of a request, in order.
func (s *Source) documents(r Request) (documents, error) {
	var ps Problems
	var docs documents
	if s.config == nil {
		docs = s.plainDocuments(r, &ps)
	} else {
		rec, err := s.config.resolve(r.Profiles)
		if err != nil {
			return nil, err
		}
		docs = s.recipeDocuments(rec, r, &ps)
	}
	if len(docs) == 0 && len(ps) == 0 {
		ps = append(ps, Problem{Text: "there is nothing to deploy: no file that is read has an object"})
	}
	return docs, ps.failure("render")
}

func (s *Source) plainDocuments(r Request, ps *Problems) documents {
	if s.plain(ps); len(*ps) > 0 {
		return nil
	}
	if len(r.Profiles) > 0 {
		*ps = append(*ps, Problem{Text: fmt.Sprintf(
			"profile %s needs a skaffold.yaml, which this source does not have", strings.Join(r.Profiles, ", "))})
	}
	var docs documents
	for _, name := range s.names {
		if !hidden(name) && manifestName(name, ".yaml", ".yml") {
			docs = append(docs, decode(name, s.files[name], ps).deployable()...)
		}
	}
	return docs
}

func (s *Source) recipeDocuments(rec recipe, r Request, ps *Problems) documents {
	var docs documents
	seen := map[string]bool{}
	for _, ref := range rec.raw {
		for _, name := range s.expand(ref, ps) {
			if !seen[name] {
				seen[name] = true
				docs = append(docs, decode(name, s.files[name], ps)...)
			}
		}
	}
	for _, ref := range rec.kustomize {
		docs = append(docs, s.build(ref, r.Parameters, ps)...)
	}
	return docs
}

func read(fsys fs.FS) (*Source, error) {
	files, err := collect(fsys)
	if err != nil {
		return nil, err
	}
	s := &Source{files: map[string][]byte{}}
	for _, f := range files {
		s.files[f.name] = f.content
	}
	s.names = slices.Sorted(maps.Keys(s.files))
	return s, nil
}

func (s *Source) configured(name string) (*Source, error) {
	content, ok := s.files[name]
	if !ok {
		return nil, Problems{{File: name, Text: "does not exist in the source"}}.failure("render")
	}
	c, err := readConfig(name, content)
	if err != nil {
		return nil, err
	}
	s.config = c
	return s, nil
}

// plain reports what must not be read as plain YAML by accident: applying the
// patches of an overlay as objects would deploy something nobody wrote. Containers of a
// custom target may render it, so Open allows it.
func (s *Source) plain(ps *Problems) {
	for _, name := range s.names {
		switch base := path.Base(name); {
		case hidden(name):
		case kustomization(base):
			*ps = append(*ps, Problem{File: name, Text: "is not read without a skaffold.yaml: add one with manifests.kustomize.paths: [" + path.Dir(name) + "]"})
		case base == "skaffold.yaml" || base == "skaffold.yml":
			*ps = append(*ps, Problem{File: name, Text: "is not at the top level of the source: name it, or release its folder"})
		}
	}
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.Contains(name, "/.") }

func manifestName(name string, extensions ...string) bool {
	return slices.Contains(extensions, path.Ext(name))
}

func kustomization(base string) bool {
	return base == "kustomization.yaml" || base == "kustomization.yml" || base == "Kustomization"
}

// expand returns the files that an entry of rawYaml names: a file, the manifests
// in a folder and below, or a pattern in which ** stands for any folders.
func (s *Source) expand(ref *value, ps *Problems) []string {
	want := s.config.path(ref.text)
	if _, ok := s.files[want]; ok {
		return []string{want}
	}
	below := want + "/"
	if want == "." {
		below = ""
	}
	var names []string
	pattern := strings.Split(want, "/")
	for _, name := range s.names {
		if strings.HasPrefix(name, below) && manifestName(name, ".yaml", ".yml", ".json") {
			names = append(names, name)
			continue
		}
		matches, err := match(pattern, strings.Split(name, "/"))
		if err != nil {
			ps.in(s.config.file)(ref, "%q is no pattern: %v", ref.text, err)
			return nil
		}
		if matches {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		ps.in(s.config.file)(ref, "%s matches no file in the source", ref.text)
	}
	return names
}

// match reports whether the parts of a path fit the parts of a pattern.
func match(pattern, parts []string) (bool, error) {
	// at[i]: the parts so far fit pattern[:i].
	at := make([]bool, len(pattern)+1)
	at[0] = true
	skip(at, pattern)
	for _, part := range parts {
		next := make([]bool, len(at))
		for i, p := range pattern {
			if !at[i] {
				continue
			}
			if p == "**" {
				next[i] = true
				continue
			}
			ok, err := path.Match(p, part)
			if err != nil {
				return false, err
			}
			next[i+1] = next[i+1] || ok
		}
		skip(next, pattern)
		at = next
	}
	return at[len(pattern)], nil
}

// skip lets ** stand for no part at all.
func skip(at []bool, pattern []string) {
	for i, p := range pattern {
		if at[i] && p == "**" {
			at[i+1] = true
		}
	}
}
