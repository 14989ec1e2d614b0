package gateway

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// verdict is why a condition is False; the zero verdict is True.
type verdict struct {
	reason  gatewayv1.RouteConditionReason
	message string
}

// parent returns the Gateway of ours that a route's parentRef means, nil if it means something else.
func (c *compiler) parent(ref gatewayv1.ParentReference, namespace string) *gatewayv1.Gateway {
	if ref.Group != nil && *ref.Group != gatewayv1.GroupName || ref.Kind != nil && *ref.Kind != "Gateway" {
		return nil
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	return c.gateways[types.NamespacedName{Namespace: namespace, Name: string(ref.Name)}]
}

// attach finds the listeners of g that take r by ref and returns the hosts they serve for it, "" for any.
func (c *compiler) attach(g *gatewayv1.Gateway, ref gatewayv1.ParentReference, r *gatewayv1.HTTPRoute) ([]string, verdict) {
	var hosts []string
	found, allowed := false, false
	for _, l := range g.Spec.Listeners {
		if ref.SectionName != nil && *ref.SectionName != l.Name || ref.Port != nil && *ref.Port != l.Port {
			continue
		}
		found = true
		if l.Protocol != gatewayv1.HTTPProtocolType || !admits(l, g.Namespace == r.Namespace) {
			continue
		}
		allowed = true
		if common := commonHosts(l.Hostname, r.Spec.Hostnames); len(common) > 0 {
			hosts = append(hosts, common...)
			c.attached[g.UID][l.Name]++
		}
	}
	switch {
	case !found:
		return nil, verdict{gatewayv1.RouteReasonNoMatchingParent, fmt.Sprintf("Gateway %s/%s has no such listener", g.Namespace, g.Name)}
	case !allowed:
		return nil, verdict{
			gatewayv1.RouteReasonNotAllowedByListeners,
			fmt.Sprintf("no listener of Gateway %s/%s allows routes of namespace %s; allowedRoutes.namespaces.from knows Same and All here", g.Namespace, g.Name, r.Namespace),
		}
	case len(hosts) == 0:
		return nil, verdict{gatewayv1.RouteReasonNoMatchingListenerHostname, "no hostname of the route is one of a listener"}
	}
	return hosts, verdict{}
}

// admits tells whether the listener takes routes of the Gateway's namespace (same) or of others.
func admits(l gatewayv1.Listener, same bool) bool {
	from := gatewayv1.NamespacesFromSame
	if l.AllowedRoutes != nil && l.AllowedRoutes.Namespaces != nil && l.AllowedRoutes.Namespaces.From != nil {
		from = *l.AllowedRoutes.Namespaces.From
	}
	return from == gatewayv1.NamespacesFromAll || from == gatewayv1.NamespacesFromSame && same
}

// commonHosts returns the hosts that both the listener and the route mean, the narrower of each pair.
func commonHosts(listener *gatewayv1.Hostname, route []gatewayv1.Hostname) []string {
	var at string
	if listener != nil {
		at = strings.ToLower(string(*listener))
	}
	if len(route) == 0 {
		return []string{at}
	}
	var common []string
	for _, h := range route {
		host := strings.ToLower(string(h))
		switch {
		case at == host || hostHolds(at, host):
			common = append(common, host)
		case hostHolds(host, at):
			common = append(common, at)
		}
	}
	return common
}
