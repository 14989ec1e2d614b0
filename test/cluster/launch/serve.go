package launch

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"

	"github.com/serin-dev/serin/test/cluster/control"
	"github.com/serin-dev/serin/test/cluster/gateway"
	"github.com/serin-dev/serin/test/cluster/netns"
	"github.com/serin-dev/serin/test/cluster/node"
)

// What routes and Ingresses name.
const (
	gatewayClass = "serin"
	gatewayName  = "gateway" // in the namespace default
	ingressClass = "nginx"
)

// node starts the node whose pods are processes.
func (c *cluster) node(ctx context.Context) error {
	pods, err := netip.ParsePrefix(netns.Pods)
	if err != nil {
		return err
	}
	log, err := c.log("containers")
	if err != nil {
		return err
	}
	c.service("node", func() error {
		return node.Run(ctx, c.plane.Config(control.Node), node.Options{Pods: pods, Output: log, Logs: true})
	})
	return nil
}

// gateway starts the gateway. The definitions of its resources must be there.
func (c *cluster) gateway(ctx context.Context) error {
	log, err := c.log("gateway")
	if err != nil {
		return err
	}
	c.service("gateway", func() error {
		return gateway.Run(ctx, c.plane.Config(control.Gateway), gateway.Options{
			Listen: gatewayAddress(), Delay: c.options.GatewayDelay, Log: slog.New(slog.NewTextHandler(log, nil)),
		})
	})
	return nil
}

func gatewayAddress() string { return net.JoinHostPort(netns.Gateway, "80") }

func (c *cluster) log(name string) (*os.File, error) {
	f, err := os.Create(filepath.Join(c.options.Dir, "logs", name))
	if err != nil {
		return nil, fmt.Errorf("create log of %s: %w", name, err)
	}
	return f, nil
}

// classes are what routes and Ingresses name: the GatewayClass and a Gateway, open to
// routes of every namespace, and the IngressClass.
func classes() []runtime.Object {
	all := gatewayv1.NamespacesFromAll
	return []runtime.Object{
		&gatewayv1.GatewayClass{
			TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "GatewayClass"},
			ObjectMeta: metav1.ObjectMeta{Name: gatewayClass},
			Spec:       gatewayv1.GatewayClassSpec{ControllerName: gateway.Controller},
		},
		&gatewayv1.Gateway{
			TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "Gateway"},
			ObjectMeta: metav1.ObjectMeta{Name: gatewayName, Namespace: metav1.NamespaceDefault},
			Spec: gatewayv1.GatewaySpec{GatewayClassName: gatewayClass, Listeners: []gatewayv1.Listener{{
				Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType,
				AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &all}},
			}}},
		},
		&networking.IngressClass{
			TypeMeta:   metav1.TypeMeta{APIVersion: networking.SchemeGroupVersion.String(), Kind: "IngressClass"},
			ObjectMeta: metav1.ObjectMeta{Name: ingressClass},
			Spec:       networking.IngressClassSpec{Controller: "k8s.io/ingress-nginx"},
		},
	}
}

// routed waits until the gateway serves what classes has made.
func (c *cluster) routed(ctx context.Context) error {
	api, err := versioned.NewForConfig(c.plane.Config(control.Setup))
	if err != nil {
		return err
	}
	objects := classes()
	for i, path := range []string{
		"/apis/gateway.networking.k8s.io/v1/gatewayclasses/" + gatewayClass,
		"/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/" + gatewayName,
		"/apis/networking.k8s.io/v1/ingressclasses/" + ingressClass,
	} {
		body, err := json.Marshal(objects[i])
		if err != nil {
			return err
		}
		// Applied, not created: the API server lets whoever creates the first object of a new
		// definition wait for two seconds, in case another API server has not heard of it.
		err = c.admin.Discovery().RESTClient().Patch(types.ApplyPatchType).AbsPath(path).
			Param("fieldManager", "cluster").Body(body).Do(ctx).Error()
		if err != nil {
			return fmt.Errorf("apply %s: %w", path, err)
		}
	}
	o := object{api.GatewayV1().RESTClient(), &gatewayv1.Gateway{}, "gateways", metav1.NamespaceDefault, gatewayName}
	return o.until(ctx, func(e watch.Event) (bool, error) {
		g, ok := e.Object.(*gatewayv1.Gateway)
		if !ok {
			return false, nil
		}
		for _, s := range g.Status.Conditions {
			if s.Type == string(gatewayv1.GatewayConditionProgrammed) {
				return s.Status == metav1.ConditionTrue, nil
			}
		}
		return false, nil
	})
}
