package kubernetes

import (
	"context"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// start watches until the entry ends. A watch that breaks is opened again, soon at
// first and every few seconds in the long run.
func (e *entry) start(ctx context.Context, dyn dynamic.Interface) {
	ctx, e.cancel = context.WithCancel(ctx)
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			ctx, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			list, err := e.resource(dyn).List(ctx, e.q.options(o))
			e.attempted(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := e.resource(dyn).Watch(ctx, e.q.options(o))
			e.attempted(err)
			return w, err
		},
	}
	quiet := klog.New(nil) // errors reach whoever reads
	r := cache.NewReflectorWithOptions(
		cache.ToListWatcherWithWatchListSemantics(lw, dyn), &unstructured.Unstructured{}, e,
		cache.ReflectorOptions{
			Name: e.q.gvr.Resource, Logger: &quiet,
			Backoff: &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6, Cap: 5 * time.Second},
		},
	)
	go r.RunWithContext(ctx)
}

var _ cache.ReflectorStore = (*entry)(nil)

// Add takes an object that has appeared.
func (e *entry) Add(o any) error { return e.set(o) }

// Update takes an object that has changed.
func (e *entry) Update(o any) error { return e.set(o) }

// Resync does nothing: what is kept is what was delivered.
func (e *entry) Resync() error { return nil }

// Delete takes away an object that is gone.
func (e *entry) Delete(o any) error {
	u, err := delivered(o)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.objects, u.GetName())
	e.advance(u.GetResourceVersion())
	e.wake()
	return nil
}

// Replace takes everything that there is.
func (e *entry) Replace(list []any, version string) error {
	objects := map[string]*unstructured.Unstructured{}
	for _, o := range list {
		u, err := delivered(o)
		if err != nil {
			return err
		}
		objects[u.GetName()] = u
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.objects, e.version = objects, version
	if !isClosed(e.synced) {
		close(e.synced)
	}
	e.wake()
	return nil
}

func (e *entry) set(o any) error {
	u, err := delivered(o)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.objects[u.GetName()] = u
	e.advance(u.GetResourceVersion())
	e.wake()
	return nil
}

func (e *entry) advance(version string) {
	if e.version == "" || after(version, e.version) {
		e.version = version
	}
}

// wake tells everybody who waits. The caller holds mu.
func (e *entry) wake() {
	for s := range e.subs {
		s.wake()
	}
}

func delivered(o any) (*unstructured.Unstructured, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return nil, errors.New("a watch has delivered what is no object")
	}
	return u, nil
}

// subscription wakes one waiter when anything it has read changes. A nil one
// never does.
type subscription struct {
	changed chan struct{}
	mu      sync.Mutex
	entries map[*entry]struct{}
}

func newSubscription() *subscription {
	return &subscription{changed: make(chan struct{}, 1), entries: map[*entry]struct{}{}}
}

func (s *subscription) wake() {
	select {
	case s.changed <- struct{}{}:
	default: // it will wake anyway
	}
}

func (s *subscription) add(e *entry) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.entries[e] = struct{}{}
	s.mu.Unlock()
	e.mu.Lock()
	e.subs[s] = struct{}{}
	e.mu.Unlock()
}

// end lets go of everything, so that it may become idle.
func (s *subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.entries {
		e.mu.Lock()
		delete(e.subs, s)
		e.mu.Unlock()
	}
}
