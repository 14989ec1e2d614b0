package kubernetes

import (
	"fmt"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// ingressProblems returns what keeps an NGINX ingress from splitting the requests that
// it sends to service.
func ingressProblems(o *unstructured.Unstructured, in *rollout.Ingress, service string) []string {
	var found []string
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	field, _, _ := unstructured.NestedString(o.Object, "spec", "ingressClassName")
	old := o.GetAnnotations()[annotationClass]
	switch {
	case field == "" && old == "":
		add("it has no class, but a canary Ingress made now gets the cluster's default one, and a controller splits only within a class: set spec.ingressClassName")
	case field != "" && old != "" && field != old:
		add("spec.ingressClassName is %s, the annotation %s is %s: keep the first", field, annotationClass, old)
	}
	if o.GetAnnotations()[canaryAnnotation(in, "")] == "true" {
		add("it is a canary itself (%s: \"true\"): name the original", canaryAnnotation(in, ""))
	}
	paths := pathsTo(o, service)
	if len(paths) == 0 {
		add("no path has service %s as its backend: a canary needs one, a default backend is not split", service)
	}
	if in.Probe != nil && len(paths) > 0 {
		if u, err := url.Parse(in.Probe.URL); err != nil || !serves(paths, u.Hostname()) {
			add("the probe asks %s, but no rule for that host leads to service %s: nothing it sees would be of the canary", in.Probe.URL, service)
		}
	}
	return found
}

// hostPath is what a canary Ingress and its original must have in common.
type hostPath struct{ host, path string }

// pathsTo returns the hosts and paths that lead to service; "" stands for any service.
func pathsTo(o *unstructured.Unstructured, service string) []hostPath {
	var found []hostPath
	rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules")
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		host, _, _ := unstructured.NestedString(rule, "host")
		paths, _, _ := unstructured.NestedSlice(rule, "http", "paths")
		for _, p := range paths {
			path, _ := p.(map[string]any)
			at, _, _ := unstructured.NestedString(path, "path")
			name, _, _ := unstructured.NestedString(path, "backend", "service", "name")
			if service == "" || name == service {
				found = append(found, hostPath{host, at})
			}
		}
	}
	return found
}

// serves reports whether one of the paths is for host: a rule without a host is for
// all, and *.example.com for one label in its place.
func serves(paths []hostPath, host string) bool {
	for _, p := range paths {
		suffix, wild := strings.CutPrefix(p.host, "*")
		_, parent, _ := strings.Cut(host, ".")
		if p.host == "" || strings.EqualFold(p.host, host) || wild && strings.EqualFold(suffix, "."+parent) {
			return true
		}
	}
	return false
}

// rival says why other keeps the requests of original from being split, "" if it does
// not: the controller takes one canary for a host and path.
func rival(original, other *unstructured.Unstructured, in *rollout.Ingress, service string) string {
	if other.GetAnnotations()[canaryAnnotation(in, "")] != "true" {
		return ""
	}
	if other.GetName() == canaryOf(original.GetName()) {
		if other.GetAnnotations()[annotationPipeline] == "" {
			return "it exists and no rollout has made it: delete it, the name belongs to the canary"
		}
		return ""
	}
	for _, theirs := range pathsTo(other, "") {
		for _, ours := range pathsTo(original, service) {
			if theirs == ours {
				return fmt.Sprintf("it is a canary for %s%s already, and the controller takes only one: delete it, or take the path out",
					theirs.host, theirs.path)
			}
		}
	}
	return ""
}
