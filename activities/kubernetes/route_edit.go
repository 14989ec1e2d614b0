package kubernetes

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// The limits of the Gateway API for one route.
const (
	maxRules        = 16
	maxBackends     = 16  // of a rule
	maxRuleMatches  = 64  // of a rule
	maxRouteMatches = 128 // of all rules together
)

// edit is what becomes of a rule that no rollout has added.
type edit struct {
	before []any // the rules of this rollout in front of it
	refs   []any // its backendRefs
}

// percents returns what the canary receives by each rule that splits.
func (r *route) percents() []rollout.Weight {
	var list []rollout.Weight
	for _, l := range r.rules {
		if l.managed() {
			list = append(list, l.percent())
		}
	}
	return list
}

// leftovers reports whether anything in r leads to the canary.
func (r *route) leftovers() bool {
	return slices.ContainsFunc(r.rules, func(l rule) bool { return l.canary >= 0 })
}

// weigh returns the patch that gives the canary p of what the Service receives, and
// all requests that match. Nothing that is as it should be is in it.
func (r *route) weigh(p rollout.Weight, match []rollout.Match) ([]op, error) {
	alternatives, err := conditions(match)
	if err != nil {
		return nil, err
	}
	var edits []edit
	for i, l := range r.rules {
		if l.ours() {
			continue
		}
		e := edit{refs: l.refs}
		if l.managed() {
			if e.refs, err = l.shifted(p, r.backends); err == nil {
				e.before, err = r.matching(l, alternatives)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", r, ruleAt(i), err)
			}
		}
		edits = append(edits, e)
	}
	if err := r.within(edits); err != nil {
		return nil, err
	}
	return r.patch(edits)
}

// clear returns the patch that takes out whatever leads to the canary and gives
// the Service the weights it has in base, which is the route before the rollout, or nil.
func (r *route) clear(base *route) ([]op, error) {
	before := pairs(r, base)
	var edits []edit
	for i, l := range r.rules {
		if !l.ours() {
			edits = append(edits, edit{refs: l.bare(before[i])})
		}
	}
	return r.patch(edits)
}

// pairs finds for each rule of r that names the Service the one of base that it was,
// in order. A rule that somebody has changed since then has none.
func pairs(r, base *route) map[int]*rule {
	found := map[int]*rule{}
	if base == nil {
		return found
	}
	next := 0
	for i, l := range r.rules {
		if l.ours() || l.stable < 0 {
			continue
		}
		for j := next; j < len(base.rules); j++ {
			if b := &base.rules[j]; b.stable >= 0 && !b.ours() && l.sameBut(*b) {
				found[i], next = b, j+1
				break
			}
		}
	}
	return found
}

// within holds r, as edits leave it, to the limits of the API.
func (r *route) within(edits []edit) error {
	rules, matches, i := 0, 0, 0
	count := func(rule any) {
		rules++
		fields, _ := rule.(map[string]any)
		list, _ := fields["matches"].([]any)
		matches += len(list)
	}
	for index, l := range r.rules {
		if l.ours() {
			continue
		}
		if n := len(edits[i].refs); n > maxBackends {
			return fmt.Errorf("%s: %s would have %d backendRefs, the Gateway API allows %d", r, ruleAt(index), n, maxBackends)
		}
		for _, rule := range edits[i].before {
			count(rule)
		}
		count(l.spec)
		i++
	}
	switch {
	case rules > maxRules:
		return fmt.Errorf("%s would have %d rules with those that match requests for the canary, the Gateway API allows %d: split the route, or match less",
			r, rules, maxRules)
	case matches > maxRouteMatches:
		return fmt.Errorf("%s would have %d matches with those for the canary, the Gateway API allows %d: split the route, or match less",
			r, matches, maxRouteMatches)
	}
	return nil
}

// patch returns the operations that make r what edits say, one edit for each rule
// that is not ours; nil if it is so already. They go from the last rule to the
// first, so that every index is one of r.
func (r *route) patch(edits []edit) ([]op, error) {
	if len(edits) == 0 && len(r.rules) > 0 {
		return nil, fmt.Errorf("%s: every rule leads only to Service %s: add one for Service %s", r, r.backends.canary, r.backends.stable)
	}
	var ops []op
	end := len(r.rules)
	for n := len(edits) - 1; n >= 0; n-- {
		anchor := end - 1
		for r.rules[anchor].ours() {
			anchor--
		}
		ops = append(ops, r.swap(anchor+1, end, nil)...) // nothing of ours belongs behind a rule
		if l := r.rules[anchor]; !same(l.refs, edits[n].refs) {
			path := fmt.Sprintf("/spec/rules/%d/backendRefs", anchor)
			ops = append(ops, op{Op: "test", Path: path, Value: l.refs}, op{Op: "replace", Path: path, Value: edits[n].refs})
		}
		first := anchor
		for first > 0 && r.rules[first-1].ours() {
			first--
		}
		ops = append(ops, r.swap(first, anchor, edits[n].before)...)
		end = first
	}
	if len(ops) == 0 {
		return nil, nil
	}
	return append([]op{sameVersion(r.object)}, ops...), nil
}

// swap returns the operations that put want in the place of the rules from first to
// before end, all of them ours.
func (r *route) swap(first, end int, want []any) []op {
	have := make([]any, 0, end-first)
	for _, l := range r.rules[first:end] {
		have = append(have, l.spec)
	}
	if same(have, want) {
		return nil
	}
	var ops []op
	for i := end - 1; i >= first; i-- {
		path := fmt.Sprintf("/spec/rules/%d", i)
		ops = append(ops, op{Op: "test", Path: path + "/backendRefs", Value: r.rules[i].refs}, op{Op: "remove", Path: path})
	}
	for i, rule := range want {
		ops = append(ops, op{Op: "add", Path: fmt.Sprintf("/spec/rules/%d", first+i), Value: rule})
	}
	return ops
}

// same compares two lists of a JSON document; an empty one is like none.
func same(a, b []any) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// matched reports whether a rule of r leads only to the canary.
func (r *route) matched() bool { return slices.ContainsFunc(r.rules, rule.ours) }
