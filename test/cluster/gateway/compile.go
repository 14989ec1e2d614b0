package gateway

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Controller is the controllerName of this gateway's GatewayClasses and of what it writes into status.
const Controller = gatewayv1.GatewayController("serin.dev/test-gateway")

// Objects are what routing is made of.
type Objects struct {
	Classes    []*gatewayv1.GatewayClass
	Gateways   []*gatewayv1.Gateway
	HTTPRoutes []*gatewayv1.HTTPRoute
	GRPCRoutes []*gatewayv1.GRPCRoute
	Grants     []*gatewayv1.ReferenceGrant
	Ingresses  []*networkingv1.Ingress
	Services   []*corev1.Service
}

// Config is what the objects say: the table to serve, and the statuses to write once it is served. Conditions carry no
// transition times. Objects are known by their UID: one that was deleted and made again is another.
type Config struct {
	Table    Table
	Classes  map[types.UID][]metav1.Condition
	Gateways map[types.UID]gatewayv1.GatewayStatus
	Routes   map[types.UID][]gatewayv1.RouteParentStatus // of every route, empty for those without a Gateway of ours
}

// compiler holds what references are looked up in.
type compiler struct {
	services map[types.NamespacedName]*corev1.Service
	gateways map[types.NamespacedName]*gatewayv1.Gateway // ours
	grants   []*gatewayv1.ReferenceGrant
	attached map[types.UID]map[gatewayv1.SectionName]int32 // routes by Gateway and listener
}

// Compile makes the configuration; address is what Gateways get as theirs. The same objects in another order
// give the same Config.
func Compile(o Objects, address string) Config {
	c := &compiler{
		services: map[types.NamespacedName]*corev1.Service{},
		gateways: map[types.NamespacedName]*gatewayv1.Gateway{},
		grants:   o.Grants,
		attached: map[types.UID]map[gatewayv1.SectionName]int32{},
	}
	for _, s := range o.Services {
		c.services[nameOf(s)] = s
	}
	out := Config{
		Classes:  map[types.UID][]metav1.Condition{},
		Gateways: map[types.UID]gatewayv1.GatewayStatus{},
		Routes:   map[types.UID][]gatewayv1.RouteParentStatus{},
	}
	ours := map[gatewayv1.ObjectName]bool{}
	for _, class := range o.Classes {
		if class.Spec.ControllerName == Controller {
			ours[gatewayv1.ObjectName(class.Name)] = true
			out.Classes[class.UID] = []metav1.Condition{condition("Accepted", "", "", class.Generation)}
		}
	}
	for _, g := range o.Gateways {
		if ours[g.Spec.GatewayClassName] {
			c.gateways[nameOf(g)] = g
			c.attached[g.UID] = map[gatewayv1.SectionName]int32{}
		}
	}
	for _, r := range o.HTTPRoutes {
		rules, parents := c.route("HTTPRoute", r)
		out.Table = append(out.Table, rules...)
		out.Routes[r.UID] = parents
	}
	for _, r := range o.GRPCRoutes {
		rules, parents := c.route("GRPCRoute", fromGRPC(r))
		out.Table = append(out.Table, rules...)
		out.Routes[r.UID] = parents
	}
	out.Table = sorted(append(out.Table, c.ingresses(o.Ingresses)...))
	for _, g := range c.gateways {
		out.Gateways[g.UID] = gatewayStatus(g, c.attached[g.UID], address)
	}
	return out
}

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// byAge orders objects as precedence does, oldest first.
func byAge[T metav1.Object](objects []T) []T {
	objects = slices.Clone(objects)
	slices.SortFunc(objects, func(a, b T) int {
		return cmp.Or(a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return objects
}

// condition makes a condition that is False for reason, or True if there is none.
func condition(kind, reason, message string, generation int64) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: kind, ObservedGeneration: generation}
	if reason != "" {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, reason, message
	}
	return c
}

func gatewayStatus(g *gatewayv1.Gateway, attached map[gatewayv1.SectionName]int32, address string) gatewayv1.GatewayStatus {
	status := gatewayv1.GatewayStatus{
		Addresses: []gatewayv1.GatewayStatusAddress{{Type: new(gatewayv1.IPAddressType), Value: address}},
		Conditions: []metav1.Condition{
			condition("Accepted", "", "", g.Generation),
			condition("Programmed", "", "", g.Generation),
		},
	}
	group := gatewayv1.Group(gatewayv1.GroupName)
	for _, l := range g.Spec.Listeners {
		reason, message := "", ""
		if l.Protocol != gatewayv1.HTTPProtocolType {
			reason = string(gatewayv1.ListenerReasonUnsupportedProtocol)
			message = fmt.Sprintf("protocol %s is not served; known: HTTP", l.Protocol)
		}
		status.Listeners = append(status.Listeners, gatewayv1.ListenerStatus{
			Name:           l.Name,
			SupportedKinds: []gatewayv1.RouteGroupKind{{Group: &group, Kind: "HTTPRoute"}, {Group: &group, Kind: "GRPCRoute"}},
			AttachedRoutes: attached[l.Name],
			Conditions: []metav1.Condition{
				condition("Accepted", reason, message, g.Generation),
				condition("Programmed", reason, message, g.Generation),
				condition("ResolvedRefs", "", "", g.Generation),
			},
		})
	}
	return status
}
