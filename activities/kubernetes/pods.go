package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/serin-dev/serin/rollout"
)

// The stamps of a canary Deployment whose share is its number of pods.
const (
	annotationShift = "serin.dev/shift" // counts the changes of annotationWeight, from 1
	annotationTotal = "serin.dev/total" // pods of the original before a constant total was divided
)

var _ router = podRouter{}

// podRouter splits by the number of pods behind the one Service that has both
// Deployments' pods. The weight is what was asked for last, as the canary
// Deployment is stamped with it: what it is by pods is a note.
type podRouter struct{}

// podScene is the live objects of the split, and what they amount to. The two
// Deployments are nil where they do not exist.
type podScene struct {
	service, original, canary *unstructured.Unstructured
	state                     podState
	note                      string // of a stamp that is none
}

func (podRouter) scene(ctx context.Context, s *session) (podScene, error) {
	var (
		p   podScene
		err error
	)
	if p.service, err = s.get(ctx, s.serviceRef(s.k.Service)); err != nil {
		return p, err
	}
	if p.original, err = s.get(ctx, s.deploymentRef(s.k.Deployment)); err != nil {
		return p, err
	}
	if p.canary, err = s.get(ctx, s.deploymentRef(canaryOf(s.k.Deployment))); err != nil {
		return p, err
	}
	original, err := s.fleet(ctx, s.k.Deployment, s.k.Service)
	if err != nil {
		return p, err
	}
	canary, err := s.fleet(ctx, canaryOf(s.k.Deployment), s.k.Service)
	if err != nil {
		return p, err
	}
	p.state.original, p.state.canary = podCountOf(original), podCountOf(canary)
	if p.canary != nil {
		p.state.weight, p.note = stampedWeight(p.canary)
	}
	return p, nil
}

func podCountOf(f fleet) podCount {
	return podCount{exists: f.exists, want: int(f.want), ready: int(f.ready), listed: f.endpoints}
}

// stampedWeight returns the weight that d is stamped with, 0 without a stamp, and
// what is wrong with one that is no weight.
func stampedWeight(d *unstructured.Unstructured) (rollout.Weight, string) {
	text, ok := d.GetAnnotations()[annotationWeight]
	if !ok {
		return 0, ""
	}
	n, err := strconv.Atoi(text)
	if p := rollout.Weight(n); err == nil && p.Valid() {
		return p, ""
	}
	return 0, fmt.Sprintf("annotation %s of deployment %s is %q, not a percentage", annotationWeight, d.GetName(), text)
}

func (r podRouter) read(ctx context.Context, s *session) (traffic, error) {
	p, err := r.scene(ctx, s)
	if err != nil || p.service == nil {
		return traffic{}, err
	}
	leaving := s.w.Promotion || s.w.Weight == 0
	t := traffic{
		exists: true, canary: p.state.weight, note: p.state.share(),
		pending: p.state.waits(s.podNames(), s.k.Pods.Constant, leaving),
	}
	if p.note != "" {
		t.note = p.note
	}
	t.generation = version(p.service)
	last := wroteLast(p.service, "spec", "selector")
	if p.canary != nil {
		t.generation += shifts(p.canary)
		last = last.or(wroteLast(p.canary, "metadata", "annotations", annotationWeight))
	}
	t.by, t.at = last.by, last.at
	return t, nil
}

func (s *session) podNames() podNames {
	return podNames{canary: canaryOf(s.k.Deployment), original: s.k.Deployment, service: s.k.Service}
}

// shifts returns how often the weight of d was changed.
func shifts(d *unstructured.Unstructured) int64 {
	n, err := strconv.ParseInt(d.GetAnnotations()[annotationShift], 10, 64)
	if err != nil {
		return 0 // it was never changed
	}
	return n
}

// set takes the next step towards w.Weight: with a constant total it takes two of them,
// and the first leaves the weight as it was until the pods it made are ready.
func (r podRouter) set(ctx context.Context, s *session) error {
	p, err := r.scene(ctx, s)
	if err != nil {
		return err
	}
	if s.w.Promotion {
		return r.promote(ctx, s, p)
	}
	total, err := r.total(ctx, s, p)
	if err != nil {
		return err
	}
	if err := r.possible(s, p, total); err != nil {
		return err
	}
	if s.w.Weight > 0 {
		if err := r.narrow(ctx, s, p); err != nil {
			return err
		}
	}
	return s.writeAll(ctx, p.toward(s.w.Weight, *s.k.Pods, total))
}

// possible refuses a weight that no number of pods makes up.
func (podRouter) possible(s *session, p podScene, total int) error {
	switch {
	case s.w.Weight == 0:
		return nil
	case p.service == nil:
		return s.failOn(s.serviceRef(s.k.Service), rollout.NotFound, errors.New("the service does not exist"))
	case p.canary == nil:
		return s.failOn(s.deploymentRef(canaryOf(s.k.Deployment)), rollout.NotFound, errors.New("the canary does not exist"))
	case s.w.Weight >= 100:
		return s.fail(rollout.Invalid, errors.New("by pods a canary cannot have all requests: the original takes part until it is promoted"))
	case total <= 0:
		return s.fail(rollout.Invalid, errors.New("the original has no pods, so no number of canary pods is a share of them"))
	}
	return nil
}

// total returns how many pods the original has while no rollout makes it smaller: as the
// baseline says, so that a step which is repeated does not count its own canary.
func (podRouter) total(ctx context.Context, s *session, p podScene) (int, error) {
	b, err := s.baseline(ctx)
	if err != nil {
		return 0, err
	}
	if b != nil {
		return int(b.Replicas), nil
	}
	return undivided(p.original, p.canary), nil
}

// undivided returns how many pods the original had before a rollout divided them
// with the canary; nil is a Deployment that does not exist. A baseline must record this
// number: a rollout that was cancelled leaves the original smaller.
func undivided(original, canary *unstructured.Unstructured) int {
	live := replicasOf(original)
	if replicasOf(canary) == 0 {
		return live
	}
	total, err := strconv.Atoi(canary.GetAnnotations()[annotationTotal])
	if err != nil {
		return live // it was never divided
	}
	return max(live, total)
}

// replicasOf returns what a live Deployment asks for, 0 for nil.
func replicasOf(d *unstructured.Unstructured) int {
	if d == nil {
		return 0
	}
	n, ok, err := unstructured.NestedInt64(d.Object, "spec", "replicas")
	if !ok || err != nil {
		return 1 // what the API means by none
	}
	return int(n)
}

// narrow makes the Service select the canary's pods before there are any.
func (podRouter) narrow(ctx context.Context, s *session, p podScene) error {
	ops, err := narrowing(p.service, s.k.SelectorLabel, templateLabels(p.canary))
	if err != nil {
		return s.failOn(refOf(p.service), rollout.Invalid, err)
	}
	others, err := s.strangers(ctx, p.service, p.canary)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return s.failOn(refOf(p.service), rollout.Invalid, errors.New(strangersText(s.k.SelectorLabel, others)))
	}
	_, err = s.patch(ctx, refOf(p.service), ops)
	return err
}

// podWrite is one patch of an object that exists.
type podWrite struct {
	to  *unstructured.Unstructured
	ops []op
}

func (s *session) writeAll(ctx context.Context, list []podWrite) error {
	for _, w := range list {
		if _, err := s.patch(ctx, refOf(w.to), w.ops); err != nil {
			return err
		}
	}
	return nil
}

// toward returns the next writes towards the weight beside an original of total pods.
// The stamp comes last: it must not be there before what it says. What an earlier rollout
// has divided is put together again, also if this one divides nothing.
func (p podScene) toward(weight rollout.Weight, mode rollout.Pods, total int) []podWrite {
	if weight == 0 && undivided(p.original, p.canary) > replicasOf(p.original) {
		mode.Constant = true
	}
	goal := goalFor(mode, total, weight)
	m := goal.from(p.state)
	var list []podWrite
	if p.original != nil && goal.constant {
		list = append(list, podWrite{p.original, sizeOps(p.original, m.original)})
	}
	if p.canary == nil {
		return list
	}
	ops := sizeOps(p.canary, m.canary)
	if goal.constant && m.canary > 0 {
		ops = append(ops, noteOps(p.canary, annotationTotal, strconv.Itoa(total))...)
	}
	if m.done {
		ops = append(ops, weightOps(p.canary, weight)...)
	}
	return append(list, podWrite{p.canary, ops})
}

// sizeOps asks a live Deployment for another number of pods. Their test is the old number only:
// the resource version changes with each pod.
func sizeOps(d *unstructured.Unstructured, pods int) []op {
	now := replicasOf(d)
	if now == pods {
		return nil
	}
	return []op{
		{Op: "test", Path: "/spec/replicas", Value: now},
		{Op: "replace", Path: "/spec/replicas", Value: pods},
	}
}

// weightOps stamps d with a weight, where it has another.
func weightOps(d *unstructured.Unstructured, p rollout.Weight) []op {
	if now, wrong := stampedWeight(d); now == p && wrong == "" {
		return nil
	}
	ops := noteOps(d, annotationWeight, strconv.Itoa(int(p)))
	return append(ops, noteOps(d, annotationShift, strconv.FormatInt(shifts(d)+1, 10))...)
}

// noteOps gives o an annotation, where it has another value.
func noteOps(o *unstructured.Unstructured, key, value string) []op {
	path := pointer("metadata", "annotations", key)
	old, ok := o.GetAnnotations()[key]
	switch {
	case ok && old == value:
		return nil
	case ok:
		return []op{{Op: "test", Path: path, Value: old}, {Op: "replace", Path: path, Value: value}}
	}
	return []op{{Op: "add", Path: path, Value: value}}
}
