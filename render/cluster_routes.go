package render

import (
	"cmp"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

const (
	gatewayGroup = "gateway.networking.k8s.io"
	ingressGroup = "networking.k8s.io"
)

// routes judges those of the named routes that the manifest has.
func (w *workload) routes() {
	for _, r := range w.k.Gateway.Routes {
		want := cmp.Or(r.Namespace, w.namespace)
		var there, elsewhere []member
		for _, m := range w.members {
			switch {
			case !m.is(gatewayGroup, r.Kind) || m.Name != r.Name:
			case m.Namespace == want:
				there = append(there, m)
			default:
				elsewhere = append(elsewhere, m)
			}
		}
		if len(there) > 0 {
			w.route(there[0])
			continue
		}
		for _, m := range elsewhere {
			m.bad(&w.problems, "metadata.namespace", fmt.Sprintf("%s/%s is in %s, the pipeline names it in %s: set routeNamespace",
				r.Kind, r.Name, inNamespace(m.Namespace), inNamespace(want)))
		}
	}
}

// route judges that rules of m name the Service, each once, and none its canary.
func (w *workload) route(m member) {
	canary := w.k.Service + rollout.CanarySuffix
	named := false
	for i, rule := range elements(field(m.root, "spec", "rules")) {
		at := fmt.Sprintf("spec.rules[%d].backendRefs", i)
		times := 0
		for _, ref := range elements(field(rule, "backendRefs")) {
			name, ours := w.backend(m, ref)
			switch {
			case !ours:
			case name == canary:
				m.doc.bad(&w.problems, ref, at, fmt.Sprintf("name Service/%s, which Serin adds: remove it", canary))
			case name == w.k.Service:
				named = named || number(field(ref, "weight"), 1) > 0
				if times++; times == 2 {
					m.doc.bad(&w.problems, ref, at, fmt.Sprintf("name Service/%s twice: keep one of them", name))
				}
			}
		}
	}
	if !named {
		m.bad(&w.problems, "spec.rules", fmt.Sprintf("name Service/%s in no rule with a weight above 0: there is nothing to split", w.k.Service))
	}
}

// backend is the name of the Service in the namespace of the rollout that ref names.
func (w *workload) backend(m member, ref *yaml.Node) (string, bool) {
	ours := text(ref, "group") == "" && cmp.Or(text(ref, "kind"), "Service") == "Service" &&
		cmp.Or(text(ref, "namespace"), m.Namespace) == w.namespace
	return text(ref, "name"), ours
}

// ingress judges the named Ingress if the manifest has it.
func (w *workload) ingress() {
	name := w.k.Ingress.Name
	if long := name + rollout.CanarySuffix; len(long) > 63 {
		w.bad("%s has %d characters, at most 63 are allowed: shorten %s", long, len(long), name)
	}
	for _, m := range w.members {
		if !m.is(ingressGroup, "Ingress") || m.Name != name {
			continue
		}
		w.together(m)
		if mark := w.k.Ingress.Prefix + "/canary"; text(m.root, "metadata", "annotations", mark) == "true" {
			m.bad(&w.problems, "metadata.annotations", fmt.Sprintf("have %s: name the Ingress that it is the canary of", mark))
		}
		if !w.behind(m) {
			m.bad(&w.problems, "spec.rules", fmt.Sprintf("name Service/%s in no path: there is nothing to split", w.k.Service))
		}
	}
}

// behind reports whether a path of an Ingress leads to the Service; a default backend is
// not split.
func (w *workload) behind(m member) bool {
	for _, rule := range elements(field(m.root, "spec", "rules")) {
		for _, p := range elements(field(rule, "http", "paths")) {
			if text(p, "backend", "service", "name") == w.k.Service {
				return true
			}
		}
	}
	return false
}
