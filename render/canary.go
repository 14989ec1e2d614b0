package render

import (
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// track is the label that tells the pods of a canary from those of the original.
const track = prefix + "track"

// canary makes the manifest of a canary phase, which holds nothing but copies called
// NAME-canary of objects of m, in the order of m: the Deployment without replicas, which
// Serin decides; what its pods take from Secrets and ConfigMaps of the manifest; and,
// where a router splits the requests, the Service and the Deployment's autoscalers.
func (w *workload) canary(m Manifest, r Request) (Manifest, error) {
	w.overlay("canaryMetadata", r)
	copied := w.copied()
	var docs documents
	var sources []string
	for _, o := range w.members {
		root := w.copyOf(o, r, copied)
		if root == nil {
			continue
		}
		w.free(o)
		docs = append(docs, document{file: o.doc.file, built: o.doc.built, whole: root, root: root})
		sources = append(sources, o.Source)
	}
	w.freeIngress()
	if len(w.problems) > 0 {
		return Manifest{}, w.problems
	}
	out := Manifest{Unmatched: m.Unmatched, images: m.images}
	if err := out.assemble(docs); err != nil {
		return Manifest{}, err
	}
	for i := range out.Objects {
		out.Objects[i].Source = sources[i]
	}
	return out, nil
}

// copyOf is the canary's copy of o, or nil if it has none.
func (w *workload) copyOf(o member, r Request, copied map[string]bool) *yaml.Node {
	name := o.Name + rollout.CanarySuffix
	switch {
	case o.index == w.deployment.index:
		return w.canaryDeployment(name, r, copied)
	case w.k.Pods == nil && o.index == w.service.index:
		return w.canaryService(name)
	case w.k.Pods == nil && w.scales(o) && o.Group() == autoscaling:
		root := bare(o, name)
		put(root, word(w.k.Deployment+rollout.CanarySuffix), "spec", "scaleTargetRef", "name")
		return root
	case o.Group() == "" && o.Namespace == w.namespace && copied[o.Kind+"/"+o.Name]:
		root := bare(o, name)
		drop(root, "immutable") // the next release updates the copy
		return root
	}
	return nil
}

// bare is a copy of o under another name, without what belongs to o alone.
func bare(o member, name string) *yaml.Node {
	root := flat(o.root)
	root.HeadComment, root.FootComment = "", ""
	put(root, word(name), "metadata", "name")
	drop(root, "status")
	drop(field(root, "metadata"), "creationTimestamp")
	annotations := field(root, "metadata", "annotations")
	for key := range texts(annotations) {
		if private(key) {
			drop(annotations, key)
		}
	}
	if annotations != nil && len(annotations.Content) == 0 {
		drop(field(root, "metadata"), "annotations")
	}
	return root
}

// private reports annotations that a second object must not have: they record what
// became of the first one, or claim a DNS name.
func private(annotation string) bool {
	switch annotation {
	case "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision", "external-dns.alpha.kubernetes.io/hostname":
		return true
	}
	return false
}

func (w *workload) canaryDeployment(name string, r Request, copied map[string]bool) *yaml.Node {
	root := bare(w.deployment, name)
	drop(field(root, "spec"), "replicas")
	if w.k.Pods != nil {
		put(root, word("canary"), "spec", "selector", "matchLabels", track)
	} else {
		w.suffixAll(root)
	}
	decorate(root, r)
	put(root, word("canary"), "spec", "template", "metadata", "labels", track)
	eachReference(field(root, "spec", "template", "spec"), func(kind string, ref *yaml.Node) {
		if copied[kind+"/"+ref.Value] {
			ref.Value += rollout.CanarySuffix
		}
	})
	return root
}

// decorate adds the labels and annotations of r to the pods of a Deployment.
func decorate(deployment *yaml.Node, r Request) {
	for _, k := range sorted(r.Labels) {
		put(deployment, word(r.Labels[k]), "spec", "template", "metadata", "labels", k)
	}
	for _, k := range sorted(r.Annotations) {
		put(deployment, word(r.Annotations[k]), "spec", "template", "metadata", "annotations", k)
	}
}

// overlay reports labels of r that would change who selects the pods. What names them
// in the pipeline.
func (w *workload) overlay(what string, r Request) {
	selected := texts(field(w.deployment.root, "spec", "selector", "matchLabels"))
	by := texts(field(w.service.root, "spec", "selector"))
	for _, k := range sorted(r.Labels) {
		_, own := selected[k]
		_, service := by[k]
		if own || service {
			w.problems = append(w.problems, Problem{
				Path: fmt.Sprintf("%s.labels[%q]", what, k),
				Text: fmt.Sprintf("selects the pods of Deployment/%s: it cannot be changed", w.k.Deployment),
			})
		}
	}
}

// free reports what stands against a canary of o: its name is too long or taken.
func (w *workload) free(o member) {
	const longest = 253 // of the names of objects; those of Services and Deployments are judged before
	name := o.Name + rollout.CanarySuffix
	if len(name) > longest && o.root != nil {
		o.bad(&w.problems, "metadata.name", fmt.Sprintf("%s%s has more than %d characters: shorten it", o.Name, rollout.CanarySuffix, longest))
	}
	for _, m := range w.members {
		if m.is(o.Group(), o.Kind) && m.Namespace == o.Namespace && m.Name == name {
			m.bad(&w.problems, "metadata.name", fmt.Sprintf("Serin makes %s/%s of %s/%s: choose another name", m.Kind, name, o.Kind, o.Name))
		}
	}
}

// freeIngress is free for the canary of the Ingress, which is made in the cluster.
func (w *workload) freeIngress() {
	if w.k.Ingress == nil {
		return
	}
	w.free(member{Object: Object{APIVersion: ingressGroup + "/v1", Kind: "Ingress", Namespace: w.namespace, Name: w.k.Ingress.Name}})
}

// stable is the manifest as it was rendered, with the labels and annotations of r on the
// pods of the Deployment.
func (w *workload) stable(m Manifest, r Request) (Manifest, error) {
	w.overlay("stableMetadata", r)
	copied := w.copied()
	for _, o := range w.members {
		if w.copyOf(o, Request{}, copied) != nil {
			w.free(o)
		}
	}
	w.freeIngress()
	if len(w.problems) > 0 {
		return Manifest{}, w.problems
	}
	if len(r.Labels)+len(r.Annotations) == 0 {
		return m, nil
	}
	docs := slices.Clone(m.docs)
	root := flat(w.deployment.root)
	decorate(root, r)
	docs[w.deployment.index].whole, docs[w.deployment.index].root = root, root
	out := Manifest{Unmatched: m.Unmatched, images: m.images}
	if err := out.assemble(docs); err != nil {
		return Manifest{}, err
	}
	for i := range out.Objects {
		out.Objects[i].Source = m.Objects[i].Source
	}
	return out, nil
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
