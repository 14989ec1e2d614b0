package gateway

import (
	"context"
	"errors"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/gateway-api/pkg/client/informers/externalversions"
)

// watch keeps all objects that routing is made of.
type watch struct {
	core informers.SharedInformerFactory
	api  externalversions.SharedInformerFactory
}

func newWatch(core informers.SharedInformerFactory, api externalversions.SharedInformerFactory) *watch {
	return &watch{core: core, api: api}
}

// start returns when every object that is there now has been seen. Each change from then on sends to changed, and
// so does the start itself.
func (w *watch) start(ctx context.Context, changed chan<- struct{}) error {
	v1 := w.api.Gateway().V1()
	all := []cache.SharedIndexInformer{
		v1.GatewayClasses().Informer(), v1.Gateways().Informer(), v1.HTTPRoutes().Informer(),
		v1.GRPCRoutes().Informer(), v1.ReferenceGrants().Informer(),
		w.core.Networking().V1().Ingresses().Informer(), w.core.Core().V1().Services().Informer(),
		w.core.Discovery().V1().EndpointSlices().Informer(),
	}
	var synced []cache.InformerSynced
	for _, informer := range all {
		if err := notify(informer, changed); err != nil {
			return err
		}
		synced = append(synced, informer.HasSynced)
	}
	w.core.Start(ctx.Done())
	w.api.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return errors.New("gateway: stopped before all objects were read")
	}
	select {
	case changed <- struct{}{}:
	default:
	}
	return nil
}

// routing returns all that Compile takes.
func (w *watch) routing() Objects {
	v1 := w.api.Gateway().V1()
	return Objects{
		Classes:    list(v1.GatewayClasses().Lister().List),
		Gateways:   list(v1.Gateways().Lister().List),
		HTTPRoutes: list(v1.HTTPRoutes().Lister().List),
		GRPCRoutes: list(v1.GRPCRoutes().Lister().List),
		Grants:     list(v1.ReferenceGrants().Lister().List),
		Ingresses:  list(w.core.Networking().V1().Ingresses().Lister().List),
		Services:   list(w.core.Core().V1().Services().Lister().List),
	}
}

// endpoints returns all that Endpoints takes.
func (w *watch) endpoints() ([]*corev1.Service, []*discoveryv1.EndpointSlice) {
	return list(w.core.Core().V1().Services().Lister().List), list(w.core.Discovery().V1().EndpointSlices().Lister().List)
}

// list returns what an informer's cache holds. The caches answer from memory and have no errors to return.
func list[T any](from func(labels.Selector) ([]T, error)) []T {
	all, err := from(labels.Everything())
	if err != nil {
		return nil
	}
	return all
}

func same(a, b Config) bool { return reflect.DeepEqual(a, b) }
