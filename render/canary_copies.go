package render

import "go.yaml.in/yaml/v3"

// copied are the Secrets and ConfigMaps of the manifest that the canary's pods take
// something from, as "Kind/name". Others are read where they are.
func (w *workload) copied() map[string]bool {
	used := map[string]bool{}
	eachReference(field(w.deployment.root, "spec", "template", "spec"), func(kind string, ref *yaml.Node) {
		used[kind+"/"+ref.Value] = true
	})
	out := map[string]bool{}
	for _, m := range w.members {
		if id := m.Kind + "/" + m.Name; used[id] && m.Group() == "" && m.Namespace == w.namespace {
			out[id] = true
		}
	}
	return out
}

// eachReference calls visit for the name of every Secret and ConfigMap that a pod takes
// environment variables or files from. Image pull secrets are none of them.
func eachReference(pod *yaml.Node, visit func(kind string, name *yaml.Node)) {
	call := func(kind string, name *yaml.Node) {
		if name != nil && name.Kind == yaml.ScalarNode && name.Value != "" {
			visit(kind, name)
		}
	}
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range elements(field(pod, list)) {
			for _, e := range elements(field(c, "env")) {
				call("Secret", field(e, "valueFrom", "secretKeyRef", "name"))
				call("ConfigMap", field(e, "valueFrom", "configMapKeyRef", "name"))
			}
			for _, e := range elements(field(c, "envFrom")) {
				call("Secret", field(e, "secretRef", "name"))
				call("ConfigMap", field(e, "configMapRef", "name"))
			}
		}
	}
	for _, v := range elements(field(pod, "volumes")) {
		call("Secret", field(v, "secret", "secretName"))
		call("ConfigMap", field(v, "configMap", "name"))
		for _, s := range elements(field(v, "projected", "sources")) {
			call("Secret", field(s, "secret", "name"))
			call("ConfigMap", field(s, "configMap", "name"))
		}
	}
}
