// Package gateway is a small ingress gateway for tests: it serves the HTTPRoutes and GRPCRoutes of Gateways of
// its class, and Ingresses of class nginx with their canaries, over Caddy. It loses no request by a change.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
	"sigs.k8s.io/gateway-api/pkg/client/informers/externalversions"
)

// Options are what a gateway is started with.
type Options struct {
	Listen string        // address of all Gateways and Ingresses, such as "10.65.0.1:80"
	Delay  time.Duration // from a change of routing until it is served and its status written; endpoints change at once
	Log    *slog.Logger  // of statuses that could not be written yet; nil logs nothing
}

// Run serves until ctx ends, then lets running requests finish. The CRDs of the Gateway API must be there; before
// the first routing is known nothing listens. The first routing is taken without Delay.
func Run(ctx context.Context, cfg *rest.Config, o Options) error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("gateway: address to listen on: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	fast := rest.CopyConfig(cfg)
	fast.QPS, fast.Burst = 500, 1000
	core, err := kubernetes.NewForConfig(fast)
	if err != nil {
		return fmt.Errorf("gateway: make a client: %w", err)
	}
	api, err := versioned.NewForConfig(fast)
	if err != nil {
		return fmt.Errorf("gateway: make a client of the Gateway API: %w", err)
	}
	k := &control{
		delay:   o.Delay,
		address: host,
		log:     o.Log,
		changed: make(chan struct{}, 1),
		objects: newWatch(informers.NewSharedInformerFactory(core, 0), externalversions.NewSharedInformerFactory(api, 0)),
		status:  &writer{api: api.GatewayV1(), now: time.Now},
	}
	if err = k.objects.start(ctx, k.changed); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	plane, err := StartPlane(o.Listen)
	if err != nil {
		return err
	}
	k.plane = plane
	k.loop(ctx)
	return plane.Stop()
}

// control takes what is watched to the data plane and then to the statuses.
type control struct {
	plane   *Plane
	delay   time.Duration
	address string
	log     *slog.Logger
	changed chan struct{} // something watched changed; holds one
	objects *watch
	status  *writer

	last    *Config // the newest, served or waiting
	waiting []due   // oldest first
	retry   time.Time
	served  Config
}

// due is a configuration that is to be served from a moment on.
type due struct {
	at     time.Time
	config Config
}

// again is how long a status that could not be written waits for its next try.
const again = 100 * time.Millisecond

func (k *control) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.changed:
			k.observe(time.Now())
		case <-timer.C:
		}
		if next, ok := k.step(ctx, time.Now()); ok {
			timer.Reset(time.Until(next))
		}
	}
}

// observe gives the endpoints to the data plane and puts a changed configuration into the queue.
func (k *control) observe(now time.Time) {
	services, slices := k.objects.endpoints()
	k.plane.SetEndpoints(Endpoints(services, slices))
	config := Compile(k.objects.routing(), k.address)
	switch {
	case k.last == nil:
		k.waiting = append(k.waiting, due{now, config})
	case !same(*k.last, config):
		k.waiting = append(k.waiting, due{now.Add(k.delay), config})
	default:
		return
	}
	k.last = &config
}

// step serves what is due, writes the statuses of what is served then, and returns when to step next, if at all.
func (k *control) step(ctx context.Context, now time.Time) (time.Time, bool) {
	write := !k.retry.IsZero() && !now.Before(k.retry)
	for len(k.waiting) > 0 && !now.Before(k.waiting[0].at) {
		k.served, k.waiting = k.waiting[0].config, k.waiting[1:]
		k.plane.SetTable(k.served.Table)
		write = true
	}
	if write {
		k.retry = time.Time{}
		if err := k.status.write(ctx, k.objects.routing(), k.served); err != nil && ctx.Err() == nil {
			k.log.Info("gateway: a status waits", "error", err)
			k.retry = now.Add(again)
		}
	}
	next := k.retry
	if len(k.waiting) > 0 && (next.IsZero() || k.waiting[0].at.Before(next)) {
		next = k.waiting[0].at
	}
	return next, !next.IsZero()
}

// notify makes every change of informer a value in changed, unless one is there already.
func notify(informer cache.SharedIndexInformer, changed chan<- struct{}) error {
	signal := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { signal() },
		UpdateFunc: func(any, any) { signal() },
		DeleteFunc: func(any) { signal() },
	})
	if err != nil {
		return errors.Join(errors.New("gateway: watch"), err)
	}
	return nil
}
