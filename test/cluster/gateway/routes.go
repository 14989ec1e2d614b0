package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// route returns the rules of an HTTPRoute, or of a GRPCRoute in the form of one, and its status for each parent of ours.
func (c *compiler) route(kind string, r *gatewayv1.HTTPRoute) (Table, []gatewayv1.RouteParentStatus) {
	rules, refs, err := c.rules(kind, r)
	parents := []gatewayv1.RouteParentStatus{}
	var hosts []string
	for _, ref := range r.Spec.ParentRefs {
		g := c.parent(ref, r.Namespace)
		if g == nil {
			continue
		}
		var accepted verdict
		if err != nil {
			accepted = verdict{gatewayv1.RouteReasonUnsupportedValue, err.Error()}
		} else {
			var more []string
			more, accepted = c.attach(g, ref, r)
			hosts = append(hosts, more...)
		}
		parents = append(parents, gatewayv1.RouteParentStatus{
			ParentRef:      ref,
			ControllerName: Controller,
			Conditions: []metav1.Condition{
				condition("Accepted", string(accepted.reason), accepted.message, r.Generation),
				condition("ResolvedRefs", string(refs.reason), refs.message, r.Generation),
			},
		})
	}
	slices.Sort(hosts)
	var table Table
	for _, host := range slices.Compact(hosts) {
		for _, rule := range rules {
			rule.Match.Host = host
			table = append(table, rule)
		}
	}
	return table, parents
}

// rules returns the route's rules for any host, one for each match, and whether all backends resolve. An error is
// something this gateway does not do.
func (c *compiler) rules(kind string, r *gatewayv1.HTTPRoute) (Table, verdict, error) {
	var table Table
	var refs verdict
	for i, spec := range r.Spec.Rules {
		backends, unresolved, err := c.backends(kind, r.Namespace, spec)
		if refs.reason == "" {
			refs = unresolved
		}
		matches := spec.Matches
		if len(matches) == 0 {
			matches = []gatewayv1.HTTPRouteMatch{{}}
		}
		for _, m := range matches {
			rule := Rule{Name: fmt.Sprintf("%s %s/%s %d", kind, r.Namespace, r.Name, i), Created: r.CreationTimestamp.Time, Backends: backends}
			if err == nil {
				rule.Match, err = match(m)
			}
			if err != nil {
				return nil, refs, fmt.Errorf("rule %d: %w", i, err)
			}
			table = append(table, rule)
		}
	}
	return table, refs, nil
}

// backends resolves the backends of one rule; the verdict is the first that does not.
func (c *compiler) backends(kind, namespace string, spec gatewayv1.HTTPRouteRule) ([]Backend, verdict, error) {
	var all []Backend
	var refs verdict
	if spec.Timeouts != nil || spec.Retry != nil || spec.SessionPersistence != nil {
		return nil, refs, errors.New("timeouts, retry and sessionPersistence are not done here")
	}
	if err := new(Backend).filter(spec.Filters); err != nil { // also of a rule without backends
		return nil, refs, err
	}
	for _, ref := range spec.BackendRefs {
		b, unresolved := c.backend(kind, namespace, ref.BackendRef)
		if refs.reason == "" {
			refs = unresolved
		}
		if err := b.filter(append(slices.Clone(spec.Filters), ref.Filters...)); err != nil {
			return nil, refs, err
		}
		all = append(all, b)
	}
	return all, refs, nil
}

func match(m gatewayv1.HTTPRouteMatch) (Match, error) {
	out := Match{Path: Path{Kind: Prefix, Value: "/"}}
	if m.Method != nil {
		out.Method = string(*m.Method)
	}
	if m.Path != nil {
		if m.Path.Value != nil {
			out.Path.Value = *m.Path.Value
		}
		var err error
		if out.Path, err = pathOf(m.Path.Type, out.Path.Value); err != nil {
			return Match{}, err
		}
	}
	for _, h := range m.Headers {
		v, err := value(string(h.Name), h.Value, h.Type != nil && *h.Type == gatewayv1.HeaderMatchRegularExpression)
		if err != nil {
			return Match{}, err
		}
		out.Headers = append(out.Headers, v)
	}
	for _, q := range m.QueryParams {
		v, err := value(string(q.Name), q.Value, q.Type != nil && *q.Type == gatewayv1.QueryParamMatchRegularExpression)
		if err != nil {
			return Match{}, err
		}
		out.Query = append(out.Query, v)
	}
	return out, nil
}

func pathOf(kind *gatewayv1.PathMatchType, text string) (Path, error) {
	if kind == nil {
		return Path{Kind: Prefix, Value: text}, nil
	}
	switch *kind {
	case gatewayv1.PathMatchExact:
		return Path{Kind: Exact, Value: text}, nil
	case gatewayv1.PathMatchPathPrefix:
		return Path{Kind: Prefix, Value: text}, nil
	case gatewayv1.PathMatchRegularExpression:
		pattern, err := whole(text)
		return Path{Kind: Regex, Value: text, Pattern: pattern}, err
	default:
		return Path{}, fmt.Errorf("path type %q is not known; known: Exact, PathPrefix, RegularExpression", *kind)
	}
}

func value(name, text string, isPattern bool) (Value, error) {
	v := Value{Name: name, Value: text}
	var err error
	if isPattern {
		v.Pattern, err = whole(text)
	}
	return v, err
}

// fromGRPC puts a GRPCRoute as an HTTPRoute: the call of a method is a request with path /service/method.
func fromGRPC(g *gatewayv1.GRPCRoute) *gatewayv1.HTTPRoute {
	r := &gatewayv1.HTTPRoute{ObjectMeta: g.ObjectMeta}
	r.Spec.CommonRouteSpec, r.Spec.Hostnames = g.Spec.CommonRouteSpec, g.Spec.Hostnames
	for _, from := range g.Spec.Rules {
		to := gatewayv1.HTTPRouteRule{SessionPersistence: from.SessionPersistence, Filters: grpcFilters(from.Filters)}
		for _, m := range from.Matches {
			out := gatewayv1.HTTPRouteMatch{Path: grpcPath(m.Method)}
			for _, h := range m.Headers {
				out.Headers = append(out.Headers, gatewayv1.HTTPHeaderMatch{
					Type: (*gatewayv1.HeaderMatchType)(h.Type), Name: gatewayv1.HTTPHeaderName(h.Name), Value: h.Value,
				})
			}
			to.Matches = append(to.Matches, out)
		}
		for _, b := range from.BackendRefs {
			to.BackendRefs = append(to.BackendRefs, gatewayv1.HTTPBackendRef{BackendRef: b.BackendRef, Filters: grpcFilters(b.Filters)})
		}
		r.Spec.Rules = append(r.Spec.Rules, to)
	}
	return r
}

func grpcPath(m *gatewayv1.GRPCMethodMatch) *gatewayv1.HTTPPathMatch {
	if m == nil {
		return nil
	}
	part := func(s *string, quote bool) string {
		switch {
		case s == nil || *s == "":
			return "[^/]+"
		case quote:
			return regexp.QuoteMeta(*s)
		default:
			return *s
		}
	}
	isPattern := m.Type != nil && *m.Type == gatewayv1.GRPCMethodMatchRegularExpression
	if !isPattern && m.Service != nil && m.Method != nil {
		return &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchExact), Value: new("/" + *m.Service + "/" + *m.Method)}
	}
	text := "/" + part(m.Service, !isPattern) + "/" + part(m.Method, !isPattern)
	return &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchRegularExpression), Value: &text}
}

func grpcFilters(from []gatewayv1.GRPCRouteFilter) []gatewayv1.HTTPRouteFilter {
	var to []gatewayv1.HTTPRouteFilter
	for _, f := range from {
		to = append(to, gatewayv1.HTTPRouteFilter{
			Type:                   gatewayv1.HTTPRouteFilterType(f.Type),
			RequestHeaderModifier:  f.RequestHeaderModifier,
			ResponseHeaderModifier: f.ResponseHeaderModifier,
		})
	}
	return to
}
