package traffic_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/serin-dev/serin/test/kube"
)

const canaryService = service + "-canary"

// law watches everything that shapes a namespace's traffic, each change of it, and holds
// it to the law afterwards. The versions of all objects are one sequence, so that what
// was true at a change of a route is what was written last before it.
type law struct {
	mu      sync.Mutex
	changes []change
	errs    []error
}

type change struct {
	at      time.Time // when it was heard of
	version int64
	kind    string // of watched
	gone    bool
	object  *unstructured.Unstructured
}

func watched() map[string]schema.GroupVersionResource {
	return map[string]schema.GroupVersionResource{
		"route":      {Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"},
		"ingress":    {Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
		"deployment": deployments(),
		"slice":      {Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
	}
}

// watchLaw begins to watch. judge ends it.
func watchLaw(ctx context.Context, tb testing.TB, c *kube.Cluster, namespace string) *law {
	tb.Helper()
	l := &law{}
	for kind, resource := range watched() {
		w, err := c.Dynamic.Resource(resource).Namespace(namespace).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			tb.Fatal(err)
		}
		go l.follow(kind, w)
	}
	return l
}

func (l *law) follow(kind string, w watch.Interface) {
	for e := range w.ResultChan() {
		o, ok := e.Object.(*unstructured.Unstructured)
		if !ok || e.Type == watch.Error {
			l.note(change{}, fmt.Errorf("the watch of %s broke: %+v", kind, e.Object))
			return
		}
		version, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
		l.note(change{at: time.Now(), version: version, kind: kind, gone: e.Type == watch.Deleted, object: o}, err)
	}
}

func (l *law) note(c change, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	l.changes = append(l.changes, c)
}

// breaches returns every breach so far:
//
//   - the weights of the Service and its canary in a rule sum to 100, or one is alone,
//   - the canary has a weight only with a ready endpoint,
//   - the original Service never selects a pod of the canary,
//   - a filter that each rule of a route had stays there.
func (l *law) breaches(shared bool) (out []string, routes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.errs {
		out = append(out, err.Error())
	}
	sorted := slices.Clone(l.changes)
	slices.SortStableFunc(sorted, func(a, b change) int { return cmp.Compare(a.version, b.version) })
	slicesNow, hadFilter := map[string]*unstructured.Unstructured{}, map[string]bool{}
	for _, c := range sorted {
		switch c.kind {
		case "slice":
			slicesNow[c.object.GetName()] = c.object
			if c.gone {
				delete(slicesNow, c.object.GetName())
			}
			if !shared && serviceOf(c.object) == service && selectsCanary(c.object) {
				out = append(out, fmt.Sprintf("at %d the original Service selects a pod of the canary", c.version))
			}
			continue
		case "route", "ingress":
			if !c.gone {
				routes++
				out = append(out, weigh(c, ready(slicesNow, canaryService))...)
			}
			if had := hadFilter[c.object.GetName()]; c.kind == "route" && !c.gone && had && !filtered(c.object) && !edited(c.object) {
				out = append(out, fmt.Sprintf("at %d a rule of the route has lost its filter", c.version))
			} else if c.kind == "route" && !c.gone {
				hadFilter[c.object.GetName()] = filtered(c.object)
			}
		}
	}
	return out, routes
}

// weigh judges one state of a route.
func weigh(c change, canaryReady int) (out []string) {
	canaries := rules(c.object)
	if c.kind == "ingress" {
		w, _ := strconv.ParseInt(c.object.GetAnnotations()["nginx.ingress.kubernetes.io/canary-weight"], 10, 64)
		canaries = [][2]int64{{100 - w, w}}
	}
	for _, w := range canaries {
		if w[0] >= 0 && w[1] >= 0 && w[0]+w[1] != 100 {
			out = append(out, fmt.Sprintf("at %d the weights are %d and %d", c.version, w[0], w[1]))
		}
		if w[1] > 0 && canaryReady == 0 {
			out = append(out, fmt.Sprintf("at %d the canary has weight %d and no ready endpoint", c.version, w[1]))
		}
	}
	return out
}

// filtered reports whether every rule has a filter.
func filtered(route *unstructured.Unstructured) bool {
	list, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
	for _, rule := range list {
		if filters, _, _ := unstructured.NestedSlice(rule.(map[string]any), "filters"); len(filters) == 0 {
			return false
		}
	}
	return true
}

// edited reports whether somebody else has written the object in the middle.
func edited(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return m.Manager == "kubectl-edit" })
}

// rules returns the weights of the Service and its canary in each rule, -1 where it is
// no backend.
func rules(route *unstructured.Unstructured) (out [][2]int64) {
	list, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
	for _, rule := range list {
		pair := [2]int64{-1, -1}
		refs, _, _ := unstructured.NestedSlice(rule.(map[string]any), "backendRefs")
		for _, ref := range refs {
			b := ref.(map[string]any)
			weight, ok := b["weight"].(int64)
			if !ok {
				weight = 1
			}
			switch b["name"] {
			case service:
				pair[0] = weight
			case canaryService:
				pair[1] = weight
			}
		}
		out = append(out, pair)
	}
	return out
}

func serviceOf(slice *unstructured.Unstructured) string {
	return slice.GetLabels()["kubernetes.io/service-name"]
}

func endpoints(slice *unstructured.Unstructured) []any {
	list, _, _ := unstructured.NestedSlice(slice.Object, "endpoints")
	return list
}

func ready(all map[string]*unstructured.Unstructured, of string) int {
	n := 0
	for _, s := range all {
		if serviceOf(s) != of {
			continue
		}
		for _, e := range endpoints(s) {
			if ok, _, _ := unstructured.NestedBool(e.(map[string]any), "conditions", "ready"); ok {
				n++
			}
		}
	}
	return n
}

func selectsCanary(slice *unstructured.Unstructured) bool {
	return slices.ContainsFunc(endpoints(slice), func(e any) bool {
		name, _, _ := unstructured.NestedString(e.(map[string]any), "targetRef", "name")
		return strings.HasPrefix(name, canaryService+"-")
	})
}
