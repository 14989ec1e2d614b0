package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// prefix is of keys that only Serin writes.
const prefix = "serin.dev/"

// member is one object of a manifest for a cluster.
type member struct {
	Object
	index int
	doc   document
	root  *yaml.Node // flat
}

// bad reports a problem at keys of the object, or where they would be.
func (m member) bad(ps *Problems, path, what string) {
	at, keys := m.root, strings.Split(path, ".")
	for i := 1; path != "" && i <= len(keys); i++ {
		if k := key(m.root, keys[:i]...); k != nil {
			at = k
		}
	}
	m.doc.bad(ps, at, path, what)
}

// is reports whether m is of one kind; core is the group "".
func (m member) is(group, kind string) bool { return m.Group() == group && m.Kind == kind }

// workload is a manifest for a cluster, and what of it a rollout names.
type workload struct {
	k        *rollout.Kubernetes
	home     string // the namespace of objects that name none; "" is not known here
	members  []member
	problems Problems

	namespace           string // of deployment and service
	deployment, service member // only with k.Canary()
	value               string // of the label that selects the pods
}

// newWorkload reads m for the cluster of p, and reports what cannot be applied.
func newWorkload(p *rollout.Plan, m Manifest) *workload {
	w := &workload{k: p.Kubernetes}
	if p.Target.Cluster != nil {
		w.home = p.Target.Cluster.Namespace
	}
	first := map[string]Object{}
	for i, d := range m.docs {
		o := member{Object: m.Objects[i], index: i, doc: d, root: flat(d.root)}
		o.Namespace = cmp.Or(o.Namespace, w.home)
		id := strings.Join([]string{o.Group(), o.Kind, o.Namespace, o.Name}, "\x00")
		if before, twice := first[id]; twice {
			o.bad(&w.problems, "", fmt.Sprintf("%s is already in %s: keep one of them", o, before.Source))
		}
		first[id] = o.Object
		o.generated(&w.problems)
		o.stamped(&w.problems, "metadata")
		w.members = append(w.members, o)
	}
	return w
}

// generated reports what only a cluster writes: an apply of it fails, or takes the
// object for another.
func (m member) generated(ps *Problems) {
	for _, k := range []string{"uid", "resourceVersion", "managedFields", "selfLink", "ownerReferences", "deletionTimestamp", "creationTimestamp"} {
		if v := field(m.root, "metadata", k); v != nil && v.ShortTag() != "!!null" {
			m.bad(ps, "metadata."+k, "is written by the cluster: remove it")
		}
	}
	if field(m.root, "metadata", "generateName") != nil {
		m.bad(ps, "metadata.generateName", "makes another object with every apply: give a fixed name")
	}
}

// stamped reports keys of Serin in the metadata at path.
func (m member) stamped(ps *Problems, path string) {
	for _, part := range []string{"labels", "annotations"} {
		n := field(m.root, append(strings.Split(path, "."), part)...)
		for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if k := n.Content[i]; strings.HasPrefix(k.Value, prefix) {
				m.doc.bad(ps, k, fmt.Sprintf("%s.%s[%q]", path, part, k.Value), "is written by Serin: remove it")
			}
		}
	}
}

// choose finds what k names, and judges whether a canary can be made of it.
func (w *workload) choose() {
	deployment, found := w.named("apps", "Deployment", w.k.Deployment)
	service, both := w.named("", "Service", w.k.Service)
	if !found || !both {
		return
	}
	w.deployment, w.service, w.namespace = deployment, service, deployment.Namespace
	deployment.stamped(&w.problems, "spec.template.metadata")
	w.together(service)
	w.selectors()
	if w.k.Ingress != nil {
		w.ingress()
	}
	if w.k.Gateway != nil {
		w.routes()
	}
	w.scalers()
	if p := field(deployment.root, "spec", "paused"); p != nil && p.Value == "true" {
		deployment.bad(&w.problems, "spec.paused", "stops every rollout of the Deployment: remove it")
	}
	for _, name := range []string{w.k.Deployment, w.k.Service} {
		if long := name + rollout.CanarySuffix; len(long) > 63 {
			w.bad("%s has %d characters, at most 63 are allowed: shorten %s", long, len(long), name)
		}
	}
}

func (w *workload) bad(format string, args ...any) {
	w.problems = append(w.problems, Problem{Text: fmt.Sprintf(format, args...)})
}

// named finds the one object of a kind and name.
func (w *workload) named(group, kind, name string) (member, bool) {
	var found []member
	var others []string
	for _, m := range w.members {
		switch {
		case !m.is(group, kind):
		case m.Name == name:
			found = append(found, m)
		default:
			others = append(others, m.Object.String())
		}
	}
	switch len(found) {
	case 0:
		w.bad("the manifest has no %s/%s, which the pipeline names: %s", kind, name, known("it has", slices.Compact(others)))
		return member{}, false
	case 1:
		return found[0], true
	}
	if found[0].Namespace == found[1].Namespace { // said already
		return member{}, false
	}
	found[1].bad(&w.problems, "metadata.namespace", fmt.Sprintf("%s has the name of %s (%s), and the pipeline names one: keep one of them",
		found[1], found[0], found[0].Source))
	return member{}, false
}

// together reports m unless it is in the namespace of the Deployment.
func (w *workload) together(m member) {
	if m.Namespace == w.namespace {
		return
	}
	m.bad(&w.problems, "metadata.namespace", fmt.Sprintf("%s/%s is in %s, Deployment/%s in %s: name the same namespace in both",
		m.Kind, m.Name, inNamespace(m.Namespace), w.k.Deployment, inNamespace(w.namespace)))
}

func inNamespace(name string) string {
	if name == "" {
		return "the cluster's default namespace"
	}
	return "namespace " + name
}

// selectors judges that Service and Deployment select the same pods, by the label.
func (w *workload) selectors() {
	label := w.k.SelectorLabel
	d, s := w.deployment, w.service
	selected := texts(field(d.root, "spec", "selector", "matchLabels"))
	pods := texts(field(d.root, "spec", "template", "metadata", "labels"))
	w.value = selected[label]
	switch {
	case w.value == "":
		d.bad(&w.problems, "spec.selector.matchLabels", fmt.Sprintf("lacks %s, by which the pipeline selects pods: name another label in podSelectorLabel", label))
	case !contains(pods, selected):
		d.bad(&w.problems, "spec.template.metadata.labels", "are not those of spec.selector.matchLabels")
	case w.k.Pods == nil && len(w.value+rollout.CanarySuffix) > 63:
		d.bad(&w.problems, "spec.selector.matchLabels."+label, fmt.Sprintf("%s has more than 63 characters: shorten it", w.value+rollout.CanarySuffix))
	}
	by := texts(field(s.root, "spec", "selector"))
	if by[label] == "" {
		s.bad(&w.problems, "spec.selector", fmt.Sprintf("lacks %s, by which the pipeline selects pods: name another label in podSelectorLabel", label))
		return
	}
	for _, k := range sorted(by) {
		if got, ok := pods[k]; len(pods) > 0 && (!ok || got != by[k]) {
			s.bad(&w.problems, "spec.selector."+k, fmt.Sprintf("%s=%s is no label of the pods of Deployment/%s", k, by[k], d.Name))
		}
	}
}

// scalers judges what changes the number of the Deployment's pods.
func (w *workload) scalers() {
	for _, m := range w.members {
		if !w.scales(m) {
			continue
		}
		if m.Group() == keda {
			m.bad(&w.problems, "spec.scaleTargetRef", fmt.Sprintf("%s scales Deployment/%s, and KEDA puts back what a rollout changes: remove it", m, w.k.Deployment))
		}
		if w.k.Pods != nil && w.k.Pods.Constant && m.Group() == autoscaling {
			m.bad(&w.problems, "spec.scaleTargetRef", fmt.Sprintf("%s scales Deployment/%s, so a rollout cannot: remove disablePodOverprovisioning", m, w.k.Deployment))
		}
	}
}

const (
	autoscaling = "autoscaling"
	keda        = "keda.sh"
)

// scales reports whether m is an autoscaler of the Deployment.
func (w *workload) scales(m member) bool {
	if !m.is(autoscaling, "HorizontalPodAutoscaler") && !m.is(keda, "ScaledObject") {
		return false
	}
	kind := text(m.root, "spec", "scaleTargetRef", "kind")
	return m.Namespace == w.namespace && text(m.root, "spec", "scaleTargetRef", "name") == w.k.Deployment &&
		(kind == "Deployment" || (kind == "" && m.Group() == keda))
}
