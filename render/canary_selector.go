package render

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// suffixAll gives the canary its own value of the label wherever the Deployment names
// label and value: in its selector, on its pods, and in the rules by which they are
// spread. The original Service then selects no pod of the canary.
func (w *workload) suffixAll(deployment *yaml.Node) {
	w.suffix(field(deployment, "spec", "selector"))
	put(deployment, word(w.value+rollout.CanarySuffix), "spec", "template", "metadata", "labels", w.k.SelectorLabel)
	pod := field(deployment, "spec", "template", "spec")
	for _, kind := range []string{"podAffinity", "podAntiAffinity"} {
		for _, term := range elements(field(pod, "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution")) {
			w.suffix(field(term, "labelSelector"))
		}
		for _, term := range elements(field(pod, "affinity", kind, "preferredDuringSchedulingIgnoredDuringExecution")) {
			w.suffix(field(term, "podAffinityTerm", "labelSelector"))
		}
	}
	for _, c := range elements(field(pod, "topologySpreadConstraints")) {
		w.suffix(field(c, "labelSelector"))
	}
}

// suffix changes one label selector.
func (w *workload) suffix(selector *yaml.Node) {
	if text(selector, "matchLabels", w.k.SelectorLabel) == w.value {
		put(selector, word(w.value+rollout.CanarySuffix), "matchLabels", w.k.SelectorLabel)
	}
	for _, e := range elements(field(selector, "matchExpressions")) {
		if text(e, "key") != w.k.SelectorLabel {
			continue
		}
		for _, v := range elements(field(e, "values")) {
			if v.Kind == yaml.ScalarNode && v.Value == w.value {
				v.SetString(w.value + rollout.CanarySuffix)
			}
		}
	}
}

// canaryService is the Service of the canary's pods, reached only inside the cluster and
// through the routes: what claims addresses or ports of its own stays with the original.
func (w *workload) canaryService(name string) *yaml.Node {
	root := bare(w.service, name)
	put(root, word(w.value+rollout.CanarySuffix), "spec", "selector", w.k.SelectorLabel)
	put(root, word("ClusterIP"), "spec", "type")
	spec := field(root, "spec")
	drop(spec, "clusterIP", "clusterIPs", "externalIPs", "externalTrafficPolicy", "healthCheckNodePort", "allocateLoadBalancerNodePorts")
	for k := range keysOf(spec) {
		if strings.HasPrefix(k, "loadBalancer") {
			drop(spec, k)
		}
	}
	for _, p := range elements(field(spec, "ports")) {
		drop(p, "nodePort")
	}
	return root
}

// keysOf are the keys of a mapping.
func keysOf(n *yaml.Node) map[string]bool {
	out := map[string]bool{}
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = true
	}
	return out
}
