package rollout

import "time"

// Cluster says how a worker reaches a Kubernetes cluster. At most one of GKE,
// Membership and Kubeconfig is set; with none of them, and no Context, it is the
// cluster that the worker runs in, or else that of its own kubeconfig.
type Cluster struct {
	Context    string `json:"context,omitempty"`    // of the kubeconfig; "" is the current one
	Kubeconfig string `json:"kubeconfig,omitempty"` // path on the worker's machine; "" is the worker's own
	Namespace  string `json:"namespace,omitempty"`  // of objects that name none; "" is the context's, else "default"

	GKE         string `json:"gke,omitempty"` // "projects/P/locations/L/clusters/C"
	InternalIP  bool   `json:"internalIp,omitempty"`
	DNSEndpoint bool   `json:"dnsEndpoint,omitempty"`
	ProxyURL    string `json:"proxyUrl,omitempty"`

	Membership string `json:"membership,omitempty"` // "projects/P/locations/L/memberships/M"
}

// Kubernetes names what a rollout touches in a cluster. Of Gateway, Ingress and Pods at
// most one is set; with none of them the manifests are applied as they are, and
// Deployment and Service are empty.
type Kubernetes struct {
	Namespace     string `json:"namespace,omitempty"`     // of Deployment and Service; "" is the cluster's default
	Deployment    string `json:"deployment,omitempty"`    // the original; the canary is DEPLOYMENT-canary
	Service       string `json:"service,omitempty"`       // the original
	SelectorLabel string `json:"selectorLabel,omitempty"` // the label by which Service and Deployment select; "app" by default

	Gateway *Gateway `json:"gateway,omitempty"`
	Ingress *Ingress `json:"ingress,omitempty"`
	Pods    *Pods    `json:"pods,omitempty"`

	// Fresh is whether pods of the stable version, as many as the canary's, begin together with it
	// as DEPLOYMENT-baseline. Never with Pods.
	Fresh bool `json:"fresh,omitempty"`
}

// BaselineSuffix follows the name of an original in the name of the fresh pods that its canary is
// compared with.
const BaselineSuffix = "-baseline"

// CanarySuffix follows the name of an original in the name of its canary.
const CanarySuffix = "-canary"

// Canary reports whether k has a canary Deployment of its own beside the original.
func (k *Kubernetes) Canary() bool {
	return k != nil && (k.Gateway != nil || k.Ingress != nil || k.Pods != nil)
}

// RouteWait is how long a change of the split takes to reach the data plane without
// anything to read it from; 0 for most.
func (k *Kubernetes) RouteWait() time.Duration {
	switch {
	case k == nil:
	case k.Gateway != nil:
		return k.Gateway.RouteWait
	case k.Ingress != nil:
		return k.Ingress.RouteWait
	}
	return 0
}

// Cutback is how long requests may take to leave the canary in a promotion.
func (k *Kubernetes) Cutback() time.Duration {
	if k == nil || k.Gateway == nil {
		return 0
	}
	return k.Gateway.Cutback
}

// Gateway splits by the weights of routes of the Gateway API.
type Gateway struct {
	Routes           []Route       `json:"routes"`              // at least one
	RouteWait        time.Duration `json:"routeWait,omitempty"` // after each change, in nanoseconds
	Cutback          time.Duration `json:"cutback,omitempty"`   // in stable, in nanoseconds
	Destinations     []Destination `json:"destinations,omitempty"`
	PropagateService bool          `json:"propagateService,omitempty"` // the Service goes to the destinations too
}

// The kinds of routes.
const (
	KindHTTPRoute = "HTTPRoute"
	KindGRPCRoute = "GRPCRoute"
)

// Route is one route object whose rules name the original Service.
type Route struct {
	Kind      string `json:"kind"` // KindHTTPRoute or KindGRPCRoute
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"` // "" is that of the Service
}

// Destination is a cluster that gets the routes. Without any only the target's own does.
type Destination struct {
	ID      string   `json:"id"`                // of an associated entity, "ID/2" where it has several clusters, or "@self"
	Cluster *Cluster `json:"cluster,omitempty"` // nil for "@self"
}

// Ingress splits by the canary annotations of NGINX's ingress controller.
type Ingress struct {
	Name      string        `json:"name"`   // the original; the canary is NAME-canary
	Prefix    string        `json:"prefix"` // of the annotations, "nginx.ingress.kubernetes.io"
	RouteWait time.Duration `json:"routeWait,omitempty"`
	Probe     *Probe        `json:"probe,omitempty"` // without one weights are assumed

	Header        string `json:"header,omitempty"` // canary-by-header and its two refinements
	HeaderValue   string `json:"headerValue,omitempty"`
	HeaderPattern string `json:"headerPattern,omitempty"`
	Cookie        string `json:"cookie,omitempty"` // canary-by-cookie
}

// Probe finds out by requests whether the canary is reached.
type Probe struct {
	URL    string `json:"url"`
	Header string `json:"header"` // of the response: each pod answers with its own name
}

// Pods splits by the number of pods behind one Service.
type Pods struct {
	Constant bool `json:"constant,omitempty"` // the original shrinks by what the canary has: no overprovisioning
}

// Size is a number of canary pods: Count, or Percent of the original's replicas.
type Size struct {
	Count   int `json:"count,omitempty"`
	Percent int `json:"percent,omitempty"`
}

// Match is a condition on a request: all of it must hold.
type Match struct {
	Headers []ValueMatch `json:"headers,omitempty"`
	Cookies []ValueMatch `json:"cookies,omitempty"`
}

// ValueMatch compares the value that a header or cookie has: exactly one of Value and
// Regex is set.
type ValueMatch struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Regex string `json:"regex,omitempty"`
}
