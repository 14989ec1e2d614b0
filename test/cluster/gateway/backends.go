package gateway

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// backend resolves a reference made in namespace by a route of this kind. The Backend is Invalid where the verdict says why.
func (c *compiler) backend(kind, namespace string, ref gatewayv1.BackendRef) (Backend, verdict) {
	b := Backend{Weight: 1, Invalid: true}
	if ref.Weight != nil {
		b.Weight = int64(*ref.Weight)
	}
	if ref.Group != nil && *ref.Group != "" || ref.Kind != nil && *ref.Kind != "Service" {
		return b, verdict{gatewayv1.RouteReasonInvalidKind, fmt.Sprintf("backend %s is not a Service", ref.Name)}
	}
	name := types.NamespacedName{Namespace: namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		name.Namespace = string(*ref.Namespace)
	}
	if name.Namespace != namespace && !c.granted(kind, namespace, name) {
		return b, verdict{gatewayv1.RouteReasonRefNotPermitted, fmt.Sprintf("no ReferenceGrant in %s lets a %s of %s use Service %s", name.Namespace, kind, namespace, name.Name)}
	}
	s := c.services[name]
	if s == nil {
		return b, verdict{gatewayv1.RouteReasonBackendNotFound, fmt.Sprintf("Service %s does not exist", name)}
	}
	if ref.Port == nil || !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == *ref.Port }) {
		return b, verdict{gatewayv1.RouteReasonBackendNotFound, fmt.Sprintf("Service %s has no such port as backend %s asks for", name, ref.Name)}
	}
	b.Service, b.Invalid = serviceKey(name, *ref.Port), false
	return b, verdict{}
}

// granted tells whether a ReferenceGrant in the Service's namespace lets a route of this kind and namespace use it.
func (c *compiler) granted(kind, namespace string, service types.NamespacedName) bool {
	from := gatewayv1.ReferenceGrantFrom{Group: gatewayv1.GroupName, Kind: gatewayv1.Kind(kind), Namespace: gatewayv1.Namespace(namespace)}
	return slices.ContainsFunc(c.grants, func(g *gatewayv1.ReferenceGrant) bool {
		return g.Namespace == service.Namespace && slices.Contains(g.Spec.From, from) &&
			slices.ContainsFunc(g.Spec.To, func(to gatewayv1.ReferenceGrantTo) bool {
				return to.Group == "" && to.Kind == "Service" && (to.Name == nil || *to.Name == "" || string(*to.Name) == service.Name)
			})
	})
}

// filter adds what the filters do to the backend's requests and responses.
func (b *Backend) filter(filters []gatewayv1.HTTPRouteFilter) error {
	for _, f := range filters {
		switch {
		case f.Type == gatewayv1.HTTPRouteFilterRequestHeaderModifier && f.RequestHeaderModifier != nil:
			b.Request = append(b.Request, edit(f.RequestHeaderModifier))
		case f.Type == gatewayv1.HTTPRouteFilterResponseHeaderModifier && f.ResponseHeaderModifier != nil:
			b.Response = append(b.Response, edit(f.ResponseHeaderModifier))
		default:
			return fmt.Errorf("filter %s is not done here; known: RequestHeaderModifier, ResponseHeaderModifier", f.Type)
		}
	}
	return nil
}

func edit(f *gatewayv1.HTTPHeaderFilter) Edit {
	values := func(headers []gatewayv1.HTTPHeader) map[string]string {
		if len(headers) == 0 {
			return nil
		}
		m := map[string]string{}
		for _, h := range headers {
			m[string(h.Name)] = h.Value
		}
		return m
	}
	return Edit{Set: values(f.Set), Add: values(f.Add), Remove: f.Remove}
}

// serviceKey names a Service's port in the table and among the endpoints.
func serviceKey(name types.NamespacedName, port int32) string {
	return name.String() + ":" + strconv.Itoa(int(port))
}

// Endpoints returns the addresses that may get new requests by service, "address:port" by "namespace/name:port":
// those that are ready and do not terminate.
func Endpoints(services []*corev1.Service, endpoints []*discoveryv1.EndpointSlice) map[string][]string {
	byService := map[types.NamespacedName][]*discoveryv1.EndpointSlice{}
	for _, s := range endpoints {
		name := types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
		byService[name] = append(byService[name], s)
	}
	ready := map[string][]string{}
	for _, s := range services {
		for _, port := range s.Spec.Ports {
			set := map[string]bool{}
			for _, slice := range byService[nameOf(s)] {
				addReady(set, slice, port.Name)
			}
			if len(set) > 0 {
				ready[serviceKey(nameOf(s), port.Port)] = slices.Sorted(maps.Keys(set))
			}
		}
	}
	return ready
}

func addReady(set map[string]bool, slice *discoveryv1.EndpointSlice, port string) {
	for _, p := range slice.Ports {
		if p.Port == nil || p.Name == nil && port != "" || p.Name != nil && *p.Name != port {
			continue
		}
		for _, e := range slice.Endpoints {
			if takesNew(e.Conditions) {
				for _, a := range e.Addresses {
					set[net.JoinHostPort(a, strconv.Itoa(int(*p.Port)))] = true
				}
			}
		}
	}
}

// takesNew tells whether an endpoint may get new requests. An unknown readiness counts as ready, as the API says.
func takesNew(c discoveryv1.EndpointConditions) bool {
	return (c.Ready == nil || *c.Ready) && (c.Terminating == nil || !*c.Terminating)
}

// portNumber returns the number of a Service's port given by number, or by name; 0 if there is no such name.
func (c *compiler) portNumber(service types.NamespacedName, number int32, name string) int32 {
	if s := c.services[service]; number == 0 && s != nil {
		for _, p := range s.Spec.Ports {
			if p.Name == name {
				return p.Port
			}
		}
	}
	return number
}
