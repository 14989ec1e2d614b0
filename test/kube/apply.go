package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// FieldManager is whose fields Apply's are.
const FieldManager = "admin"

// Apply applies documents by server-side apply, in their order. What belongs to another
// field manager is taken from it, as kubectl's --force-conflicts does. An object without
// a namespace goes to "default" if its kind has namespaces.
func (c *Cluster) Apply(ctx context.Context, documents string) error {
	d := yaml.NewYAMLOrJSONDecoder(strings.NewReader(documents), 4096)
	for {
		var o unstructured.Unstructured
		switch err := d.Decode(&o.Object); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read what to apply: %w", err)
		case len(o.Object) == 0: // nothing between two ---
			continue
		}
		client, err := c.resource(&o)
		if err != nil {
			return err
		}
		if _, err = client.Apply(ctx, o.GetName(), &o, metav1.ApplyOptions{FieldManager: FieldManager, Force: true}); err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
}

func (c *Cluster) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := o.GroupVersionKind()
	m, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) { // its definition may be new
		c.mapper.Reset()
		m, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("find the resource of %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	client := c.Dynamic.Resource(m.Resource)
	if m.Scope.Name() != meta.RESTScopeNameNamespace {
		return client, nil
	}
	if o.GetNamespace() == "" {
		o.SetNamespace(metav1.NamespaceDefault)
	}
	return client.Namespace(o.GetNamespace()), nil
}

// Wait watches an object until is holds of it, or ctx ends. An object that is not there
// is waited for; key's Namespace is empty where the resource has none.
func (c *Cluster) Wait(
	ctx context.Context, resource schema.GroupVersionResource, key types.NamespacedName, is func(*unstructured.Unstructured) bool,
) error {
	client := c.Dynamic.Resource(resource).Namespace(key.Namespace)
	name := fields.OneTermEqualSelector("metadata.name", key.Name).String()
	changes := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = name
			return client.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = name
			return client.Watch(ctx, o)
		},
	}
	var last *unstructured.Unstructured
	_, err := watchtools.UntilWithSync(ctx, changes, &unstructured.Unstructured{}, nil, func(e watch.Event) (bool, error) {
		o, ok := e.Object.(*unstructured.Unstructured)
		if !ok || e.Type == watch.Deleted {
			last = nil
			return false, nil
		}
		last = o
		return is(o), nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s %s: %w; it is %s", resource.Resource, key, err, describe(last))
	}
	return nil
}

// describe shows an object's status, which is what is mostly waited for.
func describe(o *unstructured.Unstructured) string {
	if o == nil {
		return "not there"
	}
	return fmt.Sprintf("at generation %d, status %v", o.GetGeneration(), o.Object["status"])
}
