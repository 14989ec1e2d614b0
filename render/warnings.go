package render

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/serin-dev/serin/rollout"
)

// tolerance is how far the real share of a canary may be from the wanted one before a
// plan says so, in points of a percent.
const tolerance = 5

// Replicas is how many pods m, the manifest of stable, gives the original Deployment of
// p: its replicas, or what its autoscaler keeps at least; 1 if neither says.
func Replicas(m Manifest, p rollout.Plan) int { return originalIn(m, p).replicas() }

// Promoted is how many pods the original Deployment of p has once m, the manifest of
// stable, is applied to one that asks for live: what m says, or live where m leaves it to
// an autoscaler or to the cluster.
func Promoted(m Manifest, p rollout.Plan, live int) int {
	w := originalIn(m, p)
	if slices.ContainsFunc(w.members, w.scales) {
		return live
	}
	return number(field(w.deployment.root, "spec", "replicas"), live)
}

// originalIn reads m, and finds the original Deployment of p in it.
func originalIn(m Manifest, p rollout.Plan) *workload {
	w := newWorkload(&p, m)
	w.namespace = p.Kubernetes.Namespace
	for _, o := range w.members {
		if o.is("apps", "Deployment") && o.Name == p.Kubernetes.Deployment && o.Namespace == w.namespace {
			w.deployment = o
		}
	}
	return w
}

func (w *workload) replicas() int {
	if i := slices.IndexFunc(w.members, w.scales); i >= 0 {
		return number(field(w.members[i].root, "spec", "minReplicas"), 1)
	}
	return number(field(w.deployment.root, "spec", "replicas"), 1)
}

// number is the whole number at n, or other.
func number(n *yaml.Node, other int) int {
	if n == nil || n.Kind != yaml.ScalarNode {
		return other
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		return other
	}
	return i
}

// warnings says what a person should know before a rollout with a canary starts. w is the
// manifest of stable.
func (w *workload) warnings(p *rollout.Plan) []string {
	out := slices.Concat(w.scalerWarnings(), PodWarnings(*p, Count{Replicas: w.replicas(), In: "the manifest"}))
	if w.k.Ingress != nil && w.k.Ingress.Probe == nil {
		out = append(out, "no probe asks who answers: weights are assumed, not observed")
	}
	return slices.Concat(out, w.deploymentWarnings(p), w.selectorWarnings())
}

// scalerWarnings are about what changes shares that are made of pods.
func (w *workload) scalerWarnings() []string {
	if w.k.Pods == nil {
		return nil
	}
	var out []string
	for _, m := range w.members {
		if w.scales(m) {
			out = append(out, fmt.Sprintf("%s changes the number of pods during the rollout, and with it the share of the canary", m))
		}
	}
	return out
}

// Count is how many pods an original Deployment asks for, and who says so.
type Count struct {
	Replicas int    // at least 0
	In       string // "the manifest" or "the cluster"
}

// PodWarnings are those of the warnings of p that the number of the original's pods decides,
// a line each: shares that pods cannot make up, and canaries that are too small for
// their share. A plan without a canary Deployment has none.
func PodWarnings(p rollout.Plan, c Count) []string {
	if !p.Kubernetes.Canary() {
		return nil
	}
	k := p.Kubernetes
	switch {
	case c.Replicas == 0 && k.Pods != nil:
		return []string{fmt.Sprintf("Deployment/%s has 0 replicas in %s: its canary has none either, so nothing would be verified", k.Deployment, c.In)}
	case c.Replicas == 0:
		return []string{fmt.Sprintf("Deployment/%s has 0 replicas in %s: the original answers nothing", k.Deployment, c.In)}
	case k.Pods != nil:
		return shareWarnings(p, c.Replicas)
	}
	return sizeWarnings(p, c.Replicas)
}

// shareWarnings are those of shares made of pods; replicas is at least 1.
func shareWarnings(p rollout.Plan, replicas int) []string {
	var out []string
	for _, ph := range p.Phases {
		if ph.Promotion() {
			continue
		}
		canary, original := rollout.CanaryPods(replicas, ph.Weight), replicas
		if p.Kubernetes.Pods.Constant {
			canary, original = rollout.ConstantPods(replicas, ph.Weight)
		}
		all := canary + original
		far := 100*canary - int(ph.Weight)*all
		switch share := (100*canary + all/2) / all; {
		case canary == 0:
			out = append(out, fmt.Sprintf("phase %s: 0%% is no pod, so nothing would be verified", ph.ID))
		case original == 0:
			out = append(out, fmt.Sprintf("phase %s: %d%% of %s leaves the original none", ph.ID, ph.Weight, pods(replicas)))
		case max(far, -far) > tolerance*all:
			out = append(out, fmt.Sprintf("phase %s: %d of %s for the canary: the real share is %d%%, not %d%%", ph.ID, canary, pods(all), share, ph.Weight))
		case all > 3*replicas:
			out = append(out, fmt.Sprintf("phase %s: %s beside the original's %d: %d times as many as without a canary", ph.ID, pods(canary), original, all/replicas))
		}
	}
	return out
}

func pods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

// sizeWarnings are those of a canary with fewer than half the pods of its share.
func sizeWarnings(p rollout.Plan, replicas int) []string {
	var out []string
	for _, ph := range p.Phases {
		if ph.Size == nil || ph.Promotion() {
			continue
		}
		var share *rollout.Size
		have, want := ph.Size.Pods(replicas, ph.Weight), share.Pods(replicas, ph.Weight)
		if 2*have < want {
			out = append(out, fmt.Sprintf("phase %s: %s of the canary for %d%% of the requests, which are those of %s now", ph.ID, pods(have), ph.Weight, pods(want)))
		}
	}
	return out
}

// deploymentWarnings are about what original and canary share.
func (w *workload) deploymentWarnings(p *rollout.Plan) []string {
	var out []string
	d := w.deployment
	full := len(p.Phases) > 1 && p.Phases[len(p.Phases)-2].Weight == 100
	if text(d.root, "spec", "strategy", "type") == "Recreate" && !full {
		out = append(out, fmt.Sprintf("Deployment/%s has the strategy Recreate: in stable its pods stop before new ones start, while it still has its share of the requests", d.Name))
	}
	for _, v := range elements(field(d.root, "spec", "template", "spec", "volumes")) {
		if claim := text(v, "persistentVolumeClaim", "claimName"); claim != "" {
			out = append(out, fmt.Sprintf("Deployment/%s uses PersistentVolumeClaim/%s: the pods of the canary use the same one", d.Name, claim))
		}
	}
	return out
}

// selectorWarnings are about what else in the manifest selects pods: the canary's have
// another value of the label, so they come under what does not look at it and fall out of
// what does.
func (w *workload) selectorWarnings() []string {
	if w.k.Pods != nil {
		return nil
	}
	labels := texts(field(w.deployment.root, "spec", "template", "metadata", "labels"))
	var out []string
	for _, m := range w.members {
		by := texts(field(m.root, "spec", "selector"))
		switch {
		case m.Namespace != w.namespace || m.index == w.service.index:
		case m.is("", "Service") && len(by) > 0 && by[w.k.SelectorLabel] == "" && contains(labels, by):
			out = append(out, fmt.Sprintf("%s selects the pods of the canary too: its selector has no %s", m, w.k.SelectorLabel))
		case m.is(ingressGroup, "NetworkPolicy") && w.looks(m.root):
			out = append(out, fmt.Sprintf("%s is for pods with %s=%s: those of the canary have %s", m, w.k.SelectorLabel, w.value, w.value+rollout.CanarySuffix))
		}
	}
	return out
}

// looks reports whether a NetworkPolicy names label and value of the original's pods.
func (w *workload) looks(policy *yaml.Node) bool {
	found := false
	walk(field(policy, "spec"), map[*yaml.Node]bool{}, func(n *yaml.Node) {
		found = found || text(n, "podSelector", "matchLabels", w.k.SelectorLabel) == w.value
	})
	return found
}
