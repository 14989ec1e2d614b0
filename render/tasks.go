package render

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// What Skaffold calls a section of containers that run to their end.
const (
	sectionVerify  = "verify"
	sectionActions = "customActions"
)

func taskSections() []string { return []string{sectionVerify, sectionActions} }

// action is one of customActions.
type action struct {
	name  string
	tasks []rollout.Task
}

// stanzas is a skaffold.yaml with profiles and parameters applied, as far as tasks go.
type stanzas struct {
	file string
	root *value
	with string // "" or " with profile canary", for texts
	ps   *Problems
}

// stanzas applies a request. A source without a skaffold.yaml has none of them.
func (s *Source) stanzas(r Request, ps *Problems) stanzas {
	out := stanzas{file: "skaffold.yaml", ps: ps, root: &value{kind: yaml.MappingNode}}
	if len(r.Profiles) > 0 {
		out.with = " with profile " + strings.Join(r.Profiles, ", ")
	}
	if c := s.config; c != nil {
		out.file = c.file
		out.root = c.lay(c.filled(r.Parameters, ps), r.Profiles, ps)
	}
	return out
}

// filled is the configuration with deploy parameters set in what describes tasks, and
// in anchors, which may.
func (c *config) filled(params map[string]string, ps *Problems) *value {
	if !bytes.Contains(c.content, []byte("from-param")) {
		return c.root
	}
	var n yaml.Node
	err := yaml.Unmarshal(c.content, &n)
	if err == nil {
		c.fill(target(n.Content[0]), params, ps)
		var root *value
		if root, err = newValue(&n, ""); err == nil {
			return root
		}
	}
	*ps = append(*ps, yamlProblem(c.file, err))
	return c.root
}

func (c *config) fill(top *yaml.Node, params map[string]string, ps *Problems) {
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, item := top.Content[i], top.Content[i+1]
		if key.Value == "profiles" {
			for _, p := range elements(item) {
				c.fill(target(p), params, ps)
			}
		}
		if slices.Contains(taskSections(), key.Value) || key.Value == "patches" || strings.HasPrefix(key.Value, ".") {
			pair := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, item}}
			setParameters(c.file, pair, params, ps)
		}
	}
}

// verify reads the containers of verify. Each runs for itself, all of them at once.
func (s stanzas) verify() []rollout.Task {
	list, bad := s.root.get(sectionVerify), s.ps.in(s.file)
	if list.empty() {
		s.missing(sectionVerify, "VERIFICATION_CONFIG_NOT_FOUND: there is no test%s: add verify[].container, or verifyConfig.tasks to the pipeline", s.with)
		return nil
	}
	if list.kind != yaml.SequenceNode {
		bad(list, "must be a list of tests")
		return nil
	}
	r := taskReader{bad: bad}
	for _, item := range list.items {
		check(item, map[string]rule{"name": {}, "container": {fields: containerFields()}, "timeout": {}, "executionMode": executionMode()}, bad)
		id := r.id(item)
		container := item.get("container")
		if container == nil {
			bad(at(item, "container"), "must be the container of the test")
			continue
		}
		r.add(container, id, r.timeout(item))
	}
	return r.tasks
}

// actions reads custom actions by their names, in their order.
func (s stanzas) actions(names []string) []action {
	list, bad := s.root.get(sectionActions), s.ps.in(s.file)
	if !list.empty() && list.kind != yaml.SequenceNode {
		bad(list, "must be a list of actions")
		return nil
	}
	found, there := map[string]*value{}, []string{}
	if list != nil {
		for _, item := range list.items {
			name := item.get("name")
			switch {
			case !name.isText():
			case found[name.text] != nil:
				bad(name, "action %q is defined twice", name.text)
			default:
				found[name.text], there = item, append(there, name.text)
			}
		}
	}
	r := taskReader{bad: bad}
	var out []action
	for i, name := range names {
		switch {
		case found[name] == nil:
			s.missing(sectionActions, "CUSTOM_ACTION_NOT_FOUND: there is no action %q%s: %s", name, s.with, known("there are", there))
		case slices.Contains(names[:i], name):
			s.missing(sectionActions, "action %q is named twice by one job: an action runs once", name)
		default:
			first := len(r.tasks)
			r.action(found[name])
			out = append(out, action{name: name, tasks: r.tasks[first:len(r.tasks):len(r.tasks)]})
		}
	}
	return out
}

// missing is a problem of a section, which may not exist.
func (s stanzas) missing(section, format string, args ...any) {
	where := s.root.get(section)
	if where == nil {
		where = &value{path: section}
	}
	s.ps.in(s.file)(where, format, args...)
}

// unlike reports a container that has the name of a check of the same job.
func (s stanzas) unlike(id string, checks []rollout.HTTPCheck) {
	if s.ps != nil && slices.ContainsFunc(checks, func(c rollout.HTTPCheck) bool { return c.ID == id }) {
		s.missing(sectionVerify, "name %q is that of an http check of the same job too: rename one", id)
	}
}
