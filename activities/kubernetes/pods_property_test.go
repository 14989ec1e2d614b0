package kubernetes

import (
	"maps"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/serin-dev/serin/rollout"
)

// podWorld is a cluster with an original, its Service and a canary without pods. Pods
// that a Deployment loses end at once, and new ones are ready only after a tick: both
// are the worst case.
type podWorld struct {
	*rapid.T
	mode                      rollout.Pods
	total                     int
	service, original, canary *unstructured.Unstructured
	ready                     map[string]int // by Deployment
	writes                    int
}

func newPodWorld(t *rapid.T) *podWorld {
	w := &podWorld{
		T: t, total: rapid.IntRange(1, 12).Draw(t, "replicas"), ready: map[string]int{},
		mode: rollout.Pods{Constant: rapid.Bool().Draw(t, "constant")},
	}
	labels := map[string]any{"app": "shop", "tier": "web"}
	inCanary := map[string]any{"app": "shop", "serin.dev/track": "canary"}
	if rapid.Bool().Draw(t, "same tier") {
		inCanary["tier"] = "web"
	}
	w.service = live("v1", "Service", "web", map[string]any{"selector": labels})
	w.original = live("apps/v1", "Deployment", "shop", deploymentSpec(w.total, labels))
	w.canary = live("apps/v1", "Deployment", "shop-canary", deploymentSpec(0, inCanary))
	w.tick()
	return w
}

func live(apiVersion, kind, name string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "spec": spec,
		"metadata": map[string]any{"name": name, "resourceVersion": "1", "annotations": map[string]any{"kept": "yes"}},
	}}
	return o.DeepCopy()
}

func deploymentSpec(replicas int, labels map[string]any) map[string]any {
	return map[string]any{"replicas": int64(replicas), "template": map[string]any{"metadata": map[string]any{"labels": labels}}}
}

// tick starts all pods that were asked for.
func (w *podWorld) tick() {
	for _, d := range []*unstructured.Unstructured{w.original, w.canary} {
		w.ready[d.GetName()] = replicasOf(d)
	}
}

// seen is the scene that a router reads.
func (w *podWorld) seen() podScene {
	p := podScene{service: w.service, original: w.original, canary: w.canary}
	p.state.original, p.state.canary = w.count(w.original), w.count(w.canary)
	p.state.weight, p.note = stampedWeight(w.canary)
	if p.note != "" {
		w.Fatal(p.note)
	}
	return p
}

func (w *podWorld) count(d *unstructured.Unstructured) podCount {
	c := podCount{exists: true, want: replicasOf(d), ready: w.ready[d.GetName()]}
	if selects(serviceSelector(w.service), templateLabels(d)) {
		c.listed = c.ready
	}
	return c
}

// send does the first of the writes, and as many more as the worker lives for.
func (w *podWorld) send(list []podWrite, life int) (all bool) {
	w.Helper()
	for i, one := range list {
		if len(one.ops) == 0 {
			continue
		}
		if i >= life {
			return false
		}
		got, err := applyPatch(one.to, one.ops)
		if err != nil {
			w.Fatalf("patch %s with %v: %v", one.to.GetName(), one.ops, err)
		}
		got.SetResourceVersion(strconv.Itoa(w.writes))
		*one.to = *got
		w.writes++
		w.ready[got.GetName()] = min(w.ready[got.GetName()], replicasOf(got))
		w.law()
	}
	return true
}

// law holds after every single write.
func (w *podWorld) law() {
	w.Helper()
	p := w.seen().state
	if serving := p.canary.serving() + p.original.serving(); w.mode.Constant && serving < w.total {
		w.Fatalf("%d pods serve, never fewer than %d may: %+v", serving, w.total, p)
	}
	if !w.mode.Constant && p.original != pods(w.total) {
		w.Fatalf("the original is %+v, it was %d pods and is not ours to change", p.original, w.total)
	}
}

// shift does what a step does: it writes and waits until nothing is pending and the weight
// is the one asked for. Workers die in between, and calls are repeated.
func (w *podWorld) shift(weight rollout.Weight) {
	w.Helper()
	for range 40 {
		p := w.seen()
		if weight > 0 {
			ops, err := narrowing(p.service, "app", templateLabels(p.canary))
			if err != nil {
				w.Fatal(err)
			}
			w.send([]podWrite{{p.service, ops}}, 1)
			p = w.seen()
		}
		w.send(p.toward(weight, w.mode, w.total), rapid.IntRange(0, 2).Draw(w.T, "life"))
		if rapid.Bool().Draw(w.T, "pods start") {
			w.tick()
		}
		p = w.seen()
		if p.state.weight == weight && p.state.waits(podNames{}, w.mode.Constant, weight == 0) == "" {
			return
		}
	}
	w.Fatalf("weight %d is never reached: %+v", weight, w.seen().state)
}

// TestPodsInTheSplit takes an original and its canary through any weights, with workers
// that die between two writes.
func TestPodsInTheSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newPodWorld(t)
		service, original := w.service.DeepCopy(), w.original.DeepCopy()
		for range rapid.IntRange(0, 5).Draw(t, "phases") {
			weight := rollout.Weight(rapid.OneOf(rapid.SampledFrom([]int{0, 25, 50, 75}), rapid.IntRange(0, 99)).Draw(t, "weight"))
			before := shifts(w.canary)
			changes := w.seen().state.weight != weight
			w.shift(weight)
			w.reached(weight)
			if got := shifts(w.canary) - before; changes != (got == 1) || got > 1 {
				t.Fatalf("%d shifts were counted, changed: %v", got, changes)
			}
			if again := w.seen().toward(weight, w.mode, w.total); opsOf(again) > 0 {
				t.Fatalf("repeated, it writes %v", again)
			}
		}
		w.restoredTo(service, original)
	})
}

// reached checks the numbers of pods, and that a later rollout would find the right ones.
func (w *podWorld) reached(weight rollout.Weight) {
	w.Helper()
	canary, original := rollout.CanaryPods(w.total, weight), w.total
	if w.mode.Constant {
		canary, original = rollout.ConstantPods(w.total, weight)
	}
	p := w.seen().state
	if p.canary.want != canary || p.original.want != original {
		w.Fatalf("at %d: %d canary, %d original, want %d and %d", weight, p.canary.want, p.original.want, canary, original)
	}
	if got := undivided(w.original, w.canary); got != w.total {
		w.Fatalf("at %d a baseline would record %d pods, want %d", weight, got, w.total)
	}
}

// restoredTo restores, after a step that has waited for the original's pods, and
// compares with what was live before.
func (w *podWorld) restoredTo(service, original *unstructured.Unstructured) {
	w.Helper()
	w.send([]podWrite{w.seen().raise(w.total)}, 1)
	w.tick()
	for {
		list, err := w.seen().back(w.mode, w.total)
		if err != nil {
			w.Fatal(err)
		}
		if w.send(list, rapid.IntRange(0, 3).Draw(w.T, "life")) {
			break
		}
	}
	p := w.seen()
	if p.state.canary.want != 0 || p.state.weight != 0 {
		w.Fatalf("restored, the canary is %+v", p.state)
	}
	for _, was := range []*unstructured.Unstructured{service, original} {
		now := w.service
		if was.GetKind() == "Deployment" {
			now = w.original
		}
		was.SetResourceVersion(now.GetResourceVersion())
		if !maps.EqualFunc(was.Object, now.Object, func(a, b any) bool { return sum(a) == sum(b) }) {
			w.Fatalf("restored, it is\n%v\nit was\n%v", now.Object, was.Object)
		}
	}
	if list, err := p.back(w.mode, w.total); err != nil || opsOf(list) > 0 {
		w.Fatalf("restored again, it writes %v, %v", list, err)
	}
}

func opsOf(list []podWrite) int {
	n := 0
	for _, w := range list {
		n += len(w.ops)
	}
	return n
}
