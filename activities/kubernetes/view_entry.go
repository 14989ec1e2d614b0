package kubernetes

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/dynamic"
)

// entry is one watch and what it has delivered.
type entry struct {
	q      query
	timer  *time.Timer
	cancel context.CancelFunc
	synced chan struct{} // closed with the first answer
	failed chan struct{} // closed when an attempt was refused for good, as for lack of a permission

	mu      sync.Mutex
	ended   bool
	broken  bool // the last attempt to watch failed
	doubted bool // what was delivered may be older than a write of ours
	err     error
	version string // of the newest that was delivered
	objects map[string]*unstructured.Unstructured
	own     map[string]written
	subs    map[*subscription]struct{}
	used    time.Time
}

// written is an object as a write of ours left it. It is served until the watch
// has delivered something newer.
type written struct {
	object  *unstructured.Unstructured
	deleted bool
}

func newEntry(q query) *entry {
	return &entry{
		q: q, synced: make(chan struct{}), failed: make(chan struct{}),
		objects: map[string]*unstructured.Unstructured{}, own: map[string]written{}, subs: map[*subscription]struct{}{},
	}
}

// ready waits for the first answer.
func (e *entry) ready(ctx context.Context) error {
	select { // what is there already needs no clock
	case <-e.synced:
		return nil
	default:
	}
	patience := time.NewTimer(viewPatience)
	defer patience.Stop()
	select {
	case <-e.synced:
		return nil
	case <-e.failed:
		return e.lastError()
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		if err := e.lastError(); err != nil {
			return err
		}
		return fmt.Errorf("no answer after %s", viewPatience)
	}
}

func (e *entry) lastError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// behind reports whether the server knows more than what was delivered.
func (e *entry) behind() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.broken || e.doubted
}

func (e *entry) doubt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doubted = true
}

// attempted notes how an attempt to list or watch went.
func (e *entry) attempted(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err, e.broken = err, err != nil && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err)
	if !refused(err) || isClosed(e.synced) {
		return
	}
	if !isClosed(e.failed) {
		close(e.failed)
	}
}

// refused reports whether the same request would be refused again.
func refused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || isGone(err)
}

// isGone reports whether the server knows no such resource.
func isGone(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// list returns what is known, our own writes included.
func (e *entry) list() []*unstructured.Unstructured {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*unstructured.Unstructured
	for name, o := range e.objects {
		if own, ok := e.own[name]; ok && e.newer(own, o) {
			o = own.object
		} else {
			delete(e.own, name)
		}
		out = append(out, o)
	}
	for name, own := range e.own {
		if _, ok := e.objects[name]; ok {
			continue
		}
		if own.deleted || !after(own.object.GetResourceVersion(), e.version) {
			delete(e.own, name)
			continue
		}
		out = append(out, own.object)
	}
	return out
}

// newer reports whether own says more than o, which the watch has delivered.
func (e *entry) newer(own written, o *unstructured.Unstructured) bool {
	if own.deleted {
		return o.GetDeletionTimestamp() == nil && o.GetUID() == own.object.GetUID()
	}
	return after(own.object.GetResourceVersion(), o.GetResourceVersion())
}

// after reports whether version a is newer than b. What cannot be compared is not.
func after(a, b string) bool {
	n, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && n > 0
}

// wrote keeps o. In a watch by labels only what it selects is kept.
func (e *entry) wrote(o *unstructured.Unstructured, deleted bool) {
	e.mu.Lock()
	_, known := e.objects[o.GetName()]
	if known || e.q.name != "" && !deleted {
		e.own[o.GetName()] = written{object: o, deleted: deleted}
	}
	e.mu.Unlock()
}

// fetch asks the server itself, and keeps what it says until the watch has caught up.
func (e *entry) fetch(ctx context.Context, dyn dynamic.Interface) ([]*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := e.resource(dyn).List(ctx, e.q.options(metav1.ListOptions{}))
	if err != nil {
		return nil, err
	}
	out := make([]*unstructured.Unstructured, len(got.Items))
	for i := range got.Items {
		out[i] = &got.Items[i]
		e.wrote(out[i], false)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doubted = false
	return out, nil
}

func (e *entry) resource(dyn dynamic.Interface) dynamic.ResourceInterface {
	if e.q.namespace == "" {
		return dyn.Resource(e.q.gvr)
	}
	return dyn.Resource(e.q.gvr).Namespace(e.q.namespace)
}

func (e *entry) touch() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.used = time.Now()
}

// idle reports whether e may end; if not, it asks again later.
func (e *entry) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := viewIdle - time.Since(e.used)
	if len(e.subs) == 0 && rest <= 0 {
		return true
	}
	if !e.ended {
		e.timer.Reset(max(rest, viewIdle/4))
	}
	return false
}

// end stops the watch.
func (e *entry) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	e.timer.Stop()
	e.cancel()
	e.wake()
}
