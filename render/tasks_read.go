package render

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// taskReader reads containers, whose names differ.
type taskReader struct {
	bad   report
	tasks []rollout.Task
}

func (r *taskReader) action(item *value) {
	check(item, map[string]rule{
		"name": {}, "containers": {}, "timeout": {}, "executionMode": executionMode(), "failFast": {},
	}, r.bad)
	if f := item.get("failFast"); f != nil && f.text != "true" {
		r.bad(f, "is not supported unless true: the first container that fails fails the job")
	}
	timeout := r.timeout(item)
	list := item.get("containers")
	if list.empty() || list.kind != yaml.SequenceNode {
		r.bad(at(item, "containers"), "must be a list of containers, and not empty")
		return
	}
	for _, container := range list.items {
		check(container, containerFields(), r.bad)
		r.add(container, r.id(container), timeout)
	}
}

// id reads the name of v, which begins with a letter or a digit and has no spaces.
func (r *taskReader) id(v *value) string {
	name := v.get("name")
	switch {
	case !name.isText() || !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`).MatchString(name.text):
		r.bad(at(v, "name"), "must be a name of at most 63 letters, digits, -, _ and .")
		return ""
	case slices.ContainsFunc(r.tasks, func(t rollout.Task) bool { return t.ID == name.text }):
		r.bad(name, "name %q is given twice", name.text)
	}
	return name.text
}

// add reads the container v as a task.
func (r *taskReader) add(v *value, id string, timeout time.Duration) {
	t := rollout.Task{ID: id, Timeout: timeout}
	switch image := v.get("image"); {
	case !image.isText() || image.text == "" || strings.ContainsAny(image.text, " \t\r\n"):
		r.bad(at(v, "image"), "must be a container image")
	case strings.Contains(image.text, "{{"):
		r.bad(image, "templates are not supported: they read the environment, which a render does not have")
	default:
		t.Image = image.text
	}
	t.Command, t.Args, t.Env = r.words(v.get("command")), r.words(v.get("args")), r.env(v.get("env"))
	r.tasks = append(r.tasks, t)
}

// words reads a list of plain values as they are written.
func (r *taskReader) words(list *value) []string {
	if list.empty() {
		return nil
	}
	if list.kind != yaml.SequenceNode {
		r.bad(list, "must be a list of texts")
		return nil
	}
	var out []string
	for _, item := range list.items {
		if item.kind != yaml.ScalarNode || item.empty() {
			r.bad(item, "must be a text")
			continue
		}
		out = append(out, item.text)
	}
	return out
}

// env reads a list of names and values; a missing value is "".
func (r *taskReader) env(list *value) map[string]string {
	if list.empty() {
		return nil
	}
	if list.kind != yaml.SequenceNode {
		r.bad(list, "must be a list of name and value")
		return nil
	}
	out := map[string]string{}
	for _, item := range list.items {
		check(item, map[string]rule{"name": {}, "value": {}}, r.bad)
		name, content := item.get("name"), item.get("value")
		switch _, twice := out[textOf(name)]; {
		case !name.isText() || !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name.text):
			r.bad(at(item, "name"), "must be the name of an environment variable")
		case twice:
			r.bad(name, "variable %s is given twice", name.text)
		case content != nil && content.kind != yaml.ScalarNode:
			r.bad(content, "must be a text")
		case content.empty():
			out[name.text] = ""
		default:
			out[name.text] = content.text
		}
	}
	return out
}

func textOf(v *value) string {
	if v == nil {
		return ""
	}
	return v.text
}

// timeout reads the seconds that v may run; 0 is not given.
func (r *taskReader) timeout(v *value) time.Duration {
	t := v.get("timeout")
	if t.empty() {
		return 0
	}
	const day = 24 * 60 * 60
	n, err := strconv.Atoi(t.text)
	if err != nil || t.tag != "!!int" || n < 1 || n > day {
		r.bad(t, "must be a whole number of seconds from 1 to %d", day)
		return 0
	}
	return time.Duration(n) * time.Second
}

func containerFields() map[string]rule {
	return map[string]rule{"name": {}, "image": {}, "command": {}, "args": {}, "env": {}}
}

// executionMode is where Skaffold would run a container. Serin runs all of them near the
// target, so what says just that has no effect.
func executionMode() rule {
	const plain = "a container runs with its image, command, args and env alone: remove it"
	return rule{fields: map[string]rule{
		"local":             {fields: map[string]rule{"useLocalImages": {refuse: "images are pulled: remove it"}}},
		"kubernetesCluster": {fields: map[string]rule{"overrides": {refuse: plain}, "jobManifestPath": {refuse: plain}}},
	}}
}
