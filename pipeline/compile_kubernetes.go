package pipeline

import (
	"cmp"
	"fmt"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// reached is how the workers of t reach its cluster, or nil if it has none.
func (t *Target) reached() *rollout.Cluster {
	switch {
	case t.GKE != nil:
		return t.GKE.reached()
	case t.AnthosCluster != nil:
		return &rollout.Cluster{Membership: t.AnthosCluster.Membership}
	case t.Kubernetes != nil:
		return t.Kubernetes.reached()
	}
	return nil
}

func (g *GKECluster) reached() *rollout.Cluster {
	return &rollout.Cluster{GKE: g.Cluster, InternalIP: g.InternalIP, DNSEndpoint: g.DNSEndpoint, ProxyURL: g.ProxyURL}
}

func (c *KubernetesCluster) reached() *rollout.Cluster {
	return &rollout.Cluster{Context: c.Context, Kubeconfig: c.Kubeconfig, Namespace: c.Namespace}
}

// kubernetes says what a rollout to the cluster t touches. Only where the strategy
// names objects is there more than a namespace.
func (s *Strategy) kubernetes(t *Target) *rollout.Kubernetes {
	out := &rollout.Kubernetes{Namespace: t.reached().Namespace}
	if s == nil || s.Canary == nil || s.Canary.RuntimeConfig == nil || s.Canary.RuntimeConfig.Kubernetes == nil {
		return out
	}
	k := s.Canary.RuntimeConfig.Kubernetes
	out.SelectorLabel, out.Fresh = k.selector(), s.comparesFresh()
	switch {
	case k.GatewayServiceMesh != nil:
		out.Deployment, out.Service = k.GatewayServiceMesh.Deployment, k.GatewayServiceMesh.Service
		out.Gateway = k.GatewayServiceMesh.frozen(t)
	case k.Ingress != nil:
		out.Deployment, out.Service = k.Ingress.Deployment, k.Ingress.Service
		out.Ingress = k.Ingress.frozen()
	case k.ServiceNetworking != nil:
		out.Deployment, out.Service = k.ServiceNetworking.Deployment, k.ServiceNetworking.Service
		out.Pods = &rollout.Pods{Constant: k.ServiceNetworking.DisablePodOverprovisioning}
	}
	return out
}

func (g *GatewayServiceMesh) frozen(t *Target) *rollout.Gateway {
	out := &rollout.Gateway{Routes: g.routes(), RouteWait: time.Duration(g.RouteUpdateWaitTime)}
	if g.StableCutbackDuration != nil {
		out.Cutback = time.Duration(*g.StableCutbackDuration)
	}
	if d := g.RouteDestinations; d != nil {
		out.PropagateService = d.PropagateService
		for _, id := range d.DestinationIDs {
			out.Destinations = append(out.Destinations, t.destinations(id)...)
		}
	}
	return out
}

// destinations lists the clusters that id names, numbered where there are several. They
// have the namespace of the target, where objects name none: a route is the same everywhere.
func (t *Target) destinations(id string) []rollout.Destination {
	if id == self {
		return []rollout.Destination{{ID: id}}
	}
	e := t.AssociatedEntities[id]
	var clusters []*rollout.Cluster
	for _, c := range e.GKEClusters {
		clusters = append(clusters, c.reached())
	}
	for _, c := range e.AnthosClusters {
		clusters = append(clusters, &rollout.Cluster{Membership: c.Membership})
	}
	for _, c := range e.KubernetesClusters {
		clusters = append(clusters, c.reached())
	}
	var out []rollout.Destination
	for i, c := range clusters {
		c.Namespace = cmp.Or(c.Namespace, t.reached().Namespace)
		d := rollout.Destination{ID: id, Cluster: c}
		if len(clusters) > 1 {
			d.ID = fmt.Sprintf("%s/%d", id, i+1)
		}
		out = append(out, d)
	}
	return out
}

func (g *Ingress) frozen() *rollout.Ingress {
	out := &rollout.Ingress{
		Name: g.Ingress, Prefix: cmp.Or(g.AnnotationPrefix, defaultPrefix), RouteWait: time.Duration(g.RouteUpdateWaitTime),
		Header: g.Header, HeaderValue: g.HeaderValue, HeaderPattern: g.HeaderPattern, Cookie: g.Cookie,
	}
	if g.Probe != nil {
		out.Probe = &rollout.Probe{URL: g.Probe.URL, Header: g.Probe.Header}
	}
	return out
}

// frozen is r as a plan has it; a nil r is none.
func (r *Replicas) frozen() *rollout.Size {
	switch {
	case r == nil:
		return nil
	case r.Percent:
		return &rollout.Size{Percent: r.Count}
	}
	return &rollout.Size{Count: r.Count}
}

func frozenMatches(all []Match) []rollout.Match {
	values := func(in []ValueMatch) []rollout.ValueMatch {
		var out []rollout.ValueMatch
		for _, v := range in {
			out = append(out, rollout.ValueMatch(v))
		}
		return out
	}
	var out []rollout.Match
	for _, m := range all {
		out = append(out, rollout.Match{Headers: values(m.Headers), Cookies: values(m.Cookies)})
	}
	return out
}

// podMetadata is what is added to the pods of a phase.
func (s *Strategy) podMetadata(phase string) PodMetadata {
	if s == nil || s.Canary == nil || s.Canary.RuntimeConfig == nil || s.Canary.RuntimeConfig.Kubernetes == nil {
		return PodMetadata{}
	}
	m := s.Canary.RuntimeConfig.Kubernetes.CanaryMetadata
	if phase == rollout.StablePhase {
		m = s.Canary.RuntimeConfig.Kubernetes.StableMetadata
	}
	if m == nil {
		return PodMetadata{}
	}
	return *m
}
