package kubernetes

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/serin-dev/serin/rollout"
)

// callTimeout bounds one request that is not a watch.
const callTimeout = 30 * time.Second

// cluster is the connection to one cluster with one set of credentials.
type cluster struct {
	namespace string // of objects that name none
	dyn       dynamic.Interface
	disco     discovery.DiscoveryInterface
	view      *view

	mu    sync.Mutex
	kinds map[schema.GroupVersionKind]mapping // of groups that were asked for
}

// mapping is where the objects of a kind are found.
type mapping struct {
	known      bool // false where the cluster has no such kind
	gvr        schema.GroupVersionResource
	namespaced bool
}

// newCluster connects on first use.
func newCluster(cfg *rest.Config, namespace string) (*cluster, error) {
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	limited := rest.CopyConfig(cfg)
	limited.Timeout = callTimeout
	disco, err := discovery.NewDiscoveryClientForConfig(limited)
	if err != nil {
		return nil, err
	}
	return &cluster{
		namespace: namespace, dyn: dyn, disco: disco, view: newView(dyn),
		kinds: map[schema.GroupVersionKind]mapping{},
	}, nil
}

func (c *cluster) resource(m mapping, namespace string) dynamic.ResourceInterface {
	if !m.namespaced {
		return c.dyn.Resource(m.gvr)
	}
	return c.dyn.Resource(m.gvr).Namespace(namespace)
}

// mapping tells where the objects of a kind are. What Kubernetes itself and the
// Gateway API define costs no request; a kind that the cluster does not have is
// found out when its objects are asked for.
func (c *cluster) mapping(ctx context.Context, gvk schema.GroupVersionKind) (mapping, error) {
	if m, ok := wellKnown(gvk); ok {
		return m, nil
	}
	c.mu.Lock()
	m, ok := c.kinds[gvk]
	c.mu.Unlock()
	if ok {
		return m, nil
	}
	return c.discover(ctx, gvk)
}

// discover asks the cluster for the kinds of gvk's group and version.
func (c *cluster) discover(ctx context.Context, gvk schema.GroupVersionKind) (mapping, error) {
	if err := ctx.Err(); err != nil {
		return mapping{}, err
	}
	list, err := c.disco.ServerResourcesForGroupVersion(gvk.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return mapping{}, nil
	}
	if err != nil {
		return mapping{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range list.APIResources {
		if len(r.Name) == 0 || isSubresource(r.Name) {
			continue
		}
		c.kinds[gvk.GroupVersion().WithKind(r.Kind)] = mapping{
			known: true, gvr: gvk.GroupVersion().WithResource(r.Name), namespaced: r.Namespaced,
		}
	}
	return c.kinds[gvk], nil
}

func isSubresource(name string) bool {
	for _, c := range name {
		if c == '/' {
			return true
		}
	}
	return false
}

// wellKnown maps the kinds whose resource follows from their name.
func wellKnown(gvk schema.GroupVersionKind) (mapping, bool) {
	switch gvk.Group {
	case "", "apps", "batch", "autoscaling", "networking.k8s.io", "discovery.k8s.io", "policy",
		"rbac.authorization.k8s.io", "apiextensions.k8s.io", "gateway.networking.k8s.io":
	default:
		return mapping{}, false
	}
	gvr, _ := meta.UnsafeGuessKindToResource(gvk)
	m := mapping{known: true, gvr: gvr, namespaced: true}
	switch gvk.Kind {
	case "Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "IngressClass", "GatewayClass",
		"CustomResourceDefinition":
		m.namespaced = false
	}
	return m, true
}

// knows reports whether the cluster has a kind. It costs a request.
func (s *session) knows(ctx context.Context, gvk schema.GroupVersionKind) (bool, error) {
	m, err := s.c.discover(ctx, gvk)
	if err != nil {
		return false, s.typed(ref{gvk: gvk, name: "*"}, err)
	}
	return m.known, nil
}

// errUnknownKind says that a cluster has no such kind.
func (s *session) errUnknownKind(r ref) error {
	return &rollout.Error{
		Op: "kubernetes: " + s.op, On: s.on(r), Kind: rollout.NotFound,
		Err: fmt.Errorf("the cluster has no kind %s in %s", r.gvk.Kind, r.gvk.GroupVersion()),
		Fix: "install what defines it, or add its CustomResourceDefinition to the manifest",
	}
}
