package kubernetes

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/serin-dev/serin/rollout"
)

// The types of a header match.
const (
	matchExact = "Exact"
	matchRegex = "RegularExpression"
)

// maxCookies bounds the cookies of one condition. Cookies come in any order, so the
// expression for n of them has n! branches.
const maxCookies = 3

// condition is one alternative of what sends a request to the canary, as the
// header matches of the Gateway API; each header is in it once.
type condition []map[string]any

// conditions translates the matches of a phase.
func conditions(match []rollout.Match) ([]condition, error) {
	var list []condition
	for i, m := range match {
		c, err := conditionOf(m)
		if err != nil {
			return nil, fmt.Errorf("match %d: %w", i+1, err)
		}
		list = append(list, c)
	}
	return list, nil
}

func conditionOf(m rollout.Match) (condition, error) {
	if len(m.Headers)+len(m.Cookies) == 0 {
		return nil, errors.New("neither a header nor a cookie is named, so it would match every request")
	}
	var c condition
	for _, h := range m.Headers {
		if (h.Value == "") == (h.Regex == "") {
			return nil, fmt.Errorf("header %s: exactly one of value and regex is needed", h.Name)
		}
		kind := matchExact
		if h.Regex != "" {
			kind = matchRegex
		}
		c = append(c, map[string]any{"type": kind, "name": h.Name, "value": h.Value + h.Regex})
	}
	if len(m.Cookies) > 0 {
		expression, err := cookieExpression(m.Cookies)
		if err != nil {
			return nil, err
		}
		c = append(c, map[string]any{"type": matchRegex, "name": "Cookie", "value": expression})
	}
	for i, h := range c {
		if slices.ContainsFunc(c[:i], func(o map[string]any) bool { return sameHeader(o, h) }) {
			return nil, fmt.Errorf("header %s is named twice; a gateway would look at the first only", h["name"])
		}
	}
	return c, nil
}

// cookieExpression returns the regular expression for a header Cookie that has every
// one of cookies. It is anchored, for gateways that search as for those that
// compare the whole value, and uses nothing that not every dialect has.
func cookieExpression(cookies []rollout.ValueMatch) (string, error) {
	if len(cookies) > maxCookies {
		return "", fmt.Errorf("%d cookies in one match; at most %d are possible", len(cookies), maxCookies)
	}
	parts := make([]string, len(cookies))
	for i, c := range cookies {
		if (c.Value == "") == (c.Regex == "") {
			return "", fmt.Errorf("cookie %s: exactly one of value and regex is needed", c.Name)
		}
		if slices.ContainsFunc(cookies[:i], func(o rollout.ValueMatch) bool { return o.Name == c.Name }) {
			return "", fmt.Errorf("cookie %s is named twice", c.Name)
		}
		value := regexp.QuoteMeta(c.Value)
		if c.Regex != "" { // it is for the whole value, so its own anchors say nothing more
			value = "(" + unanchored(c.Regex) + ")"
		}
		parts[i] = regexp.QuoteMeta(c.Name) + "=" + value
	}
	inAnyOrder := strings.Join(orders(parts), "|")
	if len(parts) > 1 {
		inAnyOrder = "(" + inAnyOrder + ")"
	}
	return "^(.*;)? *" + inAnyOrder + " *(;.*)?$", nil
}

// unanchored returns the expression without a ^ in front and a $ behind.
func unanchored(expression string) string {
	expression = strings.TrimPrefix(expression, "^")
	if bare, ok := strings.CutSuffix(expression, "$"); ok && !strings.HasSuffix(bare, `\`) {
		return bare
	}
	return expression
}

// orders returns parts in each of their orders, with any other cookies between.
func orders(parts []string) []string {
	if len(parts) == 1 {
		return parts
	}
	var list []string
	for i, first := range parts {
		rest := slices.Concat(parts[:i], parts[i+1:])
		for _, tail := range orders(rest) {
			list = append(list, first+" *;(.*;)? *"+tail)
		}
	}
	return list
}

// matching returns the rules that send what l matches, and alternatives too, to the
// canary. They are l in everything else.
func (r *route) matching(l rule, alternatives []condition) ([]any, error) {
	matches, err := r.narrowed(l, alternatives)
	if err != nil {
		return nil, err
	}
	size := maxRuleMatches
	if rewritesPrefix(l.spec) {
		size = 1 // the API allows such a filter only beside a single match
	}
	ref := weighted(l.refs[max(l.stable, 0)], 1)
	ref["name"] = r.backends.canary
	var rules []any
	for some := range slices.Chunk(matches, size) {
		spec := runtime.DeepCopyJSON(l.spec)
		delete(spec, "name") // is unique within a route
		spec["matches"] = slices.Clone(some)
		spec["backendRefs"] = []any{runtime.DeepCopyJSON(ref)}
		rules = append(rules, spec)
	}
	return rules, nil
}

// narrowed returns each match of l together with each alternative, without the pairs
// that no request can meet.
func (r *route) narrowed(l rule, alternatives []condition) ([]any, error) {
	own, _ := l.spec["matches"].([]any)
	if len(own) == 0 {
		own = []any{r.kind.match}
	}
	var matches []any
	for _, c := range alternatives {
		for _, m := range own {
			match := copyOf(m)
			headers, _ := match["headers"].([]any)
			joined, possible, err := join(headers, c)
			if err != nil {
				return nil, err
			}
			if possible {
				match["headers"] = joined
				matches = append(matches, any(match))
			}
		}
	}
	return matches, nil
}

// join adds c to the headers of a match. A gateway looks only at the first of two
// conditions on one header, so both may not stand there: equal ones are one, two
// exact values exclude each other, and of anything else nothing can be said.
func join(headers []any, c condition) (joined []any, possible bool, err error) {
	joined = slices.Clone(headers)
next:
	for _, h := range c {
		for _, has := range headers {
			have, _ := has.(map[string]any)
			if !sameHeader(have, h) {
				continue
			}
			exact := typeOf(have) == matchExact && typeOf(h) == matchExact
			switch equal := have["value"] == h["value"]; {
			case equal && typeOf(have) == typeOf(h):
				continue next
			case exact:
				return nil, false, nil
			}
			return nil, false, fmt.Errorf("it matches header %s already, and a gateway looks at one condition for each header only: "+
				"match the canary by another header", have["name"])
		}
		joined = append(joined, any(runtime.DeepCopyJSON(h)))
	}
	return joined, true, nil
}

func sameHeader(a, b map[string]any) bool {
	x, _ := a["name"].(string)
	y, _ := b["name"].(string)
	return strings.EqualFold(x, y)
}

func typeOf(h map[string]any) string {
	if t, ok := h["type"].(string); ok {
		return t
	}
	return matchExact
}

// rewritesPrefix reports whether a filter of the rule or of its backends replaces the
// prefix of the path.
func rewritesPrefix(spec map[string]any) bool {
	lists := []any{spec["filters"]}
	refs, _ := spec["backendRefs"].([]any)
	for _, ref := range refs {
		fields, _ := ref.(map[string]any)
		lists = append(lists, fields["filters"])
	}
	for _, list := range lists {
		filters, _ := list.([]any)
		for _, filter := range filters {
			fields, _ := filter.(map[string]any)
			for _, key := range []string{"urlRewrite", "requestRedirect"} {
				rewrite, _ := fields[key].(map[string]any)
				path, _ := rewrite["path"].(map[string]any)
				if path["type"] == "ReplacePrefixMatch" {
					return true
				}
			}
		}
	}
	return false
}
