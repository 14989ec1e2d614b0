package kubernetes

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const (
	// viewIdle is how long a watch stays open that nobody asks.
	viewIdle = 2 * time.Minute
	// viewPatience is how long a read waits for a new watch's first answer.
	viewPatience = 10 * time.Second
)

// query says what one watch is about: one object by name, or all that labels select.
type query struct {
	gvr       schema.GroupVersionResource
	namespace string
	name      string
	labels    string
}

func (q query) options(o metav1.ListOptions) metav1.ListOptions {
	if q.name != "" {
		o.FieldSelector = "metadata.name=" + q.name
	}
	o.LabelSelector = q.labels
	return o
}

// view is what rollouts read of one cluster, kept up to date by watches. A watch
// begins with the first read and ends when nobody has read for viewIdle.
type view struct {
	dyn dynamic.Interface

	mu      sync.Mutex
	entries map[query]*entry
}

func newView(dyn dynamic.Interface) *view {
	return &view{dyn: dyn, entries: map[query]*entry{}}
}

// close ends all watches.
func (v *view) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for q, e := range v.entries {
		delete(v.entries, q)
		e.end()
	}
}

// drop ends one watch, so that the next read starts anew.
func (v *view) drop(e *entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.entries[e.q] == e {
		delete(v.entries, e.q)
	}
	e.end()
}

// idle drops e unless somebody waits for its changes or has just read it.
func (v *view) idle(e *entry) {
	if e.idle() {
		v.drop(e)
	}
}

// entry returns the watch of q, started if there is none.
func (v *view) entry(ctx context.Context, q query) *entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, ok := v.entries[q]; ok {
		return e
	}
	e := newEntry(q)
	e.mu.Lock()
	e.timer = time.AfterFunc(viewIdle, func() { v.idle(e) })
	e.mu.Unlock()
	v.entries[q] = e
	e.start(context.WithoutCancel(ctx), v.dyn) // it outlives the call that asks first
	return e
}

// read returns the objects of q. They are shared: whoever changes one copies it.
func (v *view) read(ctx context.Context, q query, sub *subscription) ([]*unstructured.Unstructured, error) {
	e := v.entry(ctx, q)
	sub.add(e)
	e.touch()
	err := e.ready(ctx)
	switch {
	case isGone(err): // the kind does not exist: nor do its objects
		v.drop(e)
		return nil, nil
	case err != nil:
		v.drop(e)
		return nil, err
	case e.behind():
		return e.fetch(ctx, v.dyn)
	}
	return e.list(), nil
}

// wrote keeps what a write of ours returned, so that reads do not go back behind it.
func (v *view) wrote(gvr schema.GroupVersionResource, o *unstructured.Unstructured) {
	v.each(gvr, o, func(e *entry) { e.wrote(o, false) })
}

// deleted keeps that o was asked to go.
func (v *view) deleted(gvr schema.GroupVersionResource, o *unstructured.Unstructured) {
	going := o.DeepCopy()
	now := metav1.Now()
	going.SetDeletionTimestamp(&now)
	v.each(gvr, o, func(e *entry) { e.wrote(going, true) })
}

// doubt lets the next read of an object go to the server itself: a write of ours has
// ended without an answer, or with one that says that what was read is too old.
func (v *view) doubt(gvr schema.GroupVersionResource, namespace, name string) {
	o := &unstructured.Unstructured{}
	o.SetNamespace(namespace)
	o.SetName(name)
	v.each(gvr, o, func(e *entry) { e.doubt() })
}

// each calls do with the watches that may have o.
func (v *view) each(gvr schema.GroupVersionResource, o *unstructured.Unstructured, do func(*entry)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for q, e := range v.entries {
		if q.gvr == gvr && q.namespace == o.GetNamespace() && (q.name == "" || q.name == o.GetName()) {
			do(e)
		}
	}
}
