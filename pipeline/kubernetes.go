package pipeline

import (
	"cmp"

	"github.com/serin-dev/serin/rollout"
)

// KubernetesConfig is one of three ways to split traffic in a cluster.
type KubernetesConfig struct {
	// GatewayServiceMesh splits traffic by the weights of routes.
	GatewayServiceMesh *GatewayServiceMesh `yaml:"gatewayServiceMesh,omitempty"`
	// ServiceNetworking splits traffic by the number of pods.
	ServiceNetworking *ServiceNetworking `yaml:"serviceNetworking,omitempty"`
	// Ingress splits traffic by the canary annotations of an ingress controller.
	Ingress *Ingress `yaml:"ingress,omitempty" rule:"extension"`
	// CanaryMetadata is added to the pods of the canary.
	CanaryMetadata *PodMetadata `yaml:"canaryMetadata,omitempty" rule:"extension"`
	// StableMetadata is added to the pods of the original from stable on.
	StableMetadata *PodMetadata `yaml:"stableMetadata,omitempty" rule:"extension"`
}

// PodMetadata is added to the metadata of a Deployment's pods. It cannot change
// the label that selects them, nor keys of serin.dev.
type PodMetadata struct {
	// Labels are added to those of the manifest; the same key replaces.
	Labels map[string]string `yaml:"labels,omitempty"`
	// Annotations are added to those of the manifest; the same key replaces.
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// GatewayServiceMesh splits traffic by the weights of routes of the Gateway
// API: those named by httpRoute, grpcRoute and routes together. Under
// serin.dev/v1 one of the three keys is required, under
// deploy.cloud.google.com/v1 httpRoute is.
type GatewayServiceMesh struct {
	// HTTPRoute is the name of the HTTPRoute in the rendered manifest.
	HTTPRoute string `yaml:"httpRoute,omitempty"`
	// GRPCRoute is the name of the GRPCRoute in the rendered manifest.
	GRPCRoute string `yaml:"grpcRoute,omitempty" rule:"extension"`
	// RouteNamespace is where httpRoute and grpcRoute are.
	RouteNamespace string `yaml:"routeNamespace,omitempty" rule:"extension,length=63,default=the namespace of the Service"`
	// Routes are further routes, each with its own namespace.
	Routes []GatewayRoute `yaml:"routes,omitempty" rule:"extension,items=1.."`
	// Service is the name of the Service in the rendered manifest.
	Service string `yaml:"service" rule:"required"`
	// Deployment is the name of the Deployment in the rendered manifest.
	Deployment string `yaml:"deployment" rule:"required"`
	// RouteUpdateWaitTime is how long to wait after a change of the routes, so
	// that it can propagate; at most 3 hours.
	RouteUpdateWaitTime Duration `yaml:"routeUpdateWaitTime,omitempty" rule:"duration=0s..3h,default=0s"`
	// StableCutbackDuration is how long, in stable, traffic may take to leave
	// the canary Service; 15 seconds to 1 hour.
	StableCutbackDuration *Duration `yaml:"stableCutbackDuration,omitempty" rule:"duration=15s..1h,default=no wait"`
	// PodSelectorLabel is the label that selects the pods; Deployment and
	// Service must have it already.
	PodSelectorLabel string `yaml:"podSelectorLabel,omitempty" rule:"default=app"`
	// RouteDestinations are the clusters that get the routes. Without it only
	// the target's own does.
	RouteDestinations *RouteDestinations `yaml:"routeDestinations,omitempty"`
}

// GatewayRoute names one route whose rules name the Service.
type GatewayRoute struct {
	// Kind of the route.
	Kind string `yaml:"kind" rule:"required,enum=HTTPRoute|GRPCRoute"`
	// Name of the route.
	Name string `yaml:"name" rule:"required"`
	// Namespace of the route.
	Namespace string `yaml:"namespace,omitempty" rule:"length=63,default=routeNamespace"`
}

// RouteDestinations are the clusters that get the routes.
type RouteDestinations struct {
	// DestinationIDs are ids of the target's associatedEntities, or @self for
	// the target's own cluster.
	DestinationIDs []string `yaml:"destinationIds" rule:"required,items=1..,id,or=@self,unique"`
	// PropagateService also applies the Service to the destinations.
	PropagateService bool `yaml:"propagateService,omitempty" rule:"default=false"`
}

// ServiceNetworking splits traffic by the number of pods.
type ServiceNetworking struct {
	// Service is the name of the Service in the rendered manifest.
	Service string `yaml:"service" rule:"required"`
	// Deployment is the name of the Deployment in the rendered manifest.
	Deployment string `yaml:"deployment" rule:"required"`
	// DisablePodOverprovisioning keeps the total number of pods at what the
	// Deployment has, by scaling it down while the canary runs.
	DisablePodOverprovisioning bool `yaml:"disablePodOverprovisioning,omitempty" rule:"default=false"`
	// PodSelectorLabel is the label that selects the pods; the Deployment must
	// have it already.
	PodSelectorLabel string `yaml:"podSelectorLabel,omitempty" rule:"default=app"`
}

// Ingress splits traffic by the canary annotations that NGINX's ingress
// controller, and others like it, read from a second Ingress. They tell nobody
// when they have taken a weight, so probe or routeUpdateWaitTime is required.
type Ingress struct {
	// Ingress is the name of the Ingress; NAME-canary is made from it.
	Ingress string `yaml:"ingress" rule:"required"`
	// Service is the name of the Service in the rendered manifest.
	Service string `yaml:"service" rule:"required"`
	// Deployment is the name of the Deployment in the rendered manifest.
	Deployment string `yaml:"deployment" rule:"required"`
	// AnnotationPrefix comes before the names of the annotations and a slash.
	AnnotationPrefix string `yaml:"annotationPrefix,omitempty" rule:"default=nginx.ingress.kubernetes.io"`
	// Header is the name of a request header that decides before the weight:
	// always is the canary, never the original.
	Header string `yaml:"header,omitempty" rule:"length=256"`
	// HeaderValue is the value of header that goes to the canary. Not together
	// with headerPattern.
	HeaderValue string `yaml:"headerValue,omitempty" rule:"default=always"`
	// HeaderPattern is an expression for the values of header that go to the
	// canary.
	HeaderPattern string `yaml:"headerPattern,omitempty"`
	// Cookie is the name of a cookie that decides before the weight: always is
	// the canary, never the original.
	Cookie string `yaml:"cookie,omitempty" rule:"length=256"`
	// RouteUpdateWaitTime is how long to wait after a change of the weight, so
	// that it can propagate; at most 3 hours.
	RouteUpdateWaitTime Duration `yaml:"routeUpdateWaitTime,omitempty" rule:"duration=0s..3h,default=0s"`
	// PodSelectorLabel is the label that selects the pods; Deployment and
	// Service must have it already.
	PodSelectorLabel string `yaml:"podSelectorLabel,omitempty" rule:"default=app"`
	// Probe finds out by requests who answers. Without it weights are assumed.
	Probe *Probe `yaml:"probe,omitempty"`
}

// Probe finds out by requests who answers.
type Probe struct {
	// URL is an absolute URL behind the Ingress, reachable by the worker.
	URL string `yaml:"url" rule:"required"`
	// Header is a header of the response in which each pod gives its own name.
	Header string `yaml:"header" rule:"required,length=256"`
}

// defaultSelector is the label that pods are selected by.
const defaultSelector = "app"

// defaultPrefix is that of NGINX's ingress controller.
const defaultPrefix = "nginx.ingress.kubernetes.io"

// routes lists the routes that g names by any of its keys.
func (g *GatewayServiceMesh) routes() []rollout.Route {
	var out []rollout.Route
	if g.HTTPRoute != "" {
		out = append(out, rollout.Route{Kind: rollout.KindHTTPRoute, Name: g.HTTPRoute, Namespace: g.RouteNamespace})
	}
	if g.GRPCRoute != "" {
		out = append(out, rollout.Route{Kind: rollout.KindGRPCRoute, Name: g.GRPCRoute, Namespace: g.RouteNamespace})
	}
	for _, r := range g.Routes {
		out = append(out, rollout.Route{Kind: r.Kind, Name: r.Name, Namespace: cmp.Or(r.Namespace, g.RouteNamespace)})
	}
	return out
}

// deployment is the name of the original, "" where none is named.
func (k *KubernetesConfig) deployment() string {
	switch {
	case k.GatewayServiceMesh != nil:
		return k.GatewayServiceMesh.Deployment
	case k.Ingress != nil:
		return k.Ingress.Deployment
	case k.ServiceNetworking != nil:
		return k.ServiceNetworking.Deployment
	}
	return ""
}

// selector is the label by which the pods are selected.
func (k *KubernetesConfig) selector() string {
	switch {
	case k.GatewayServiceMesh != nil:
		return cmp.Or(k.GatewayServiceMesh.PodSelectorLabel, defaultSelector)
	case k.Ingress != nil:
		return cmp.Or(k.Ingress.PodSelectorLabel, defaultSelector)
	case k.ServiceNetworking != nil:
		return cmp.Or(k.ServiceNetworking.PodSelectorLabel, defaultSelector)
	}
	return defaultSelector
}
