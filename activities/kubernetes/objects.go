package kubernetes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/serin-dev/serin/rollout"
)

// ref names one object. namespace is "" for a kind that has none.
type ref struct {
	gvk             schema.GroupVersionKind
	namespace, name string
}

// String reads "deployment/web in shop".
func (r ref) String() string {
	text := strings.ToLower(r.gvk.Kind) + "/" + r.name
	if r.namespace != "" {
		text += " in " + r.namespace
	}
	return text
}

// refOf names o.
func refOf(o *unstructured.Unstructured) ref {
	return ref{gvk: o.GroupVersionKind(), namespace: o.GetNamespace(), name: o.GetName()}
}

// The kinds that this package names itself.
func kindDeployment() schema.GroupVersionKind { return builtin("apps", "v1", "Deployment") }
func kindService() schema.GroupVersionKind    { return builtin("", "v1", "Service") }
func kindPod() schema.GroupVersionKind        { return builtin("", "v1", "Pod") }
func kindSlice() schema.GroupVersionKind      { return builtin("discovery.k8s.io", "v1", "EndpointSlice") }

func kindIngress() schema.GroupVersionKind { return builtin("networking.k8s.io", "v1", "Ingress") }

func kindScaler() schema.GroupVersionKind {
	return builtin("autoscaling", "v2", "HorizontalPodAutoscaler")
}

func kindRoute(kind string) schema.GroupVersionKind {
	return builtin("gateway.networking.k8s.io", "v1", kind)
}

func builtin(group, version, kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}

func (s *session) deploymentRef(name string) ref {
	return ref{gvk: kindDeployment(), namespace: s.ns, name: name}
}

func (s *session) serviceRef(name string) ref {
	return ref{gvk: kindService(), namespace: s.ns, name: name}
}

// routeRef names a route of the plan in the cluster of s.
func (s *session) routeRef(r rollout.Route) ref {
	return ref{gvk: kindRoute(r.Kind), namespace: cmp.Or(r.Namespace, s.ns), name: r.Name}
}

// manifests keeps parsed manifests by digest. Content under a digest never changes.
type manifests = memory[[]*unstructured.Unstructured]

// manifest returns the objects of a stored manifest, in the order in which they
// are applied, with namespaces filled in. They are the caller's own.
func (s *session) manifest(ctx context.Context, digest string) ([]*unstructured.Unstructured, error) {
	parsed, ok := s.manifests.get(digest)
	if !ok {
		content, err := s.art.Get(ctx, digest)
		if err != nil {
			return nil, fmt.Errorf("kubernetes: %s target %s: manifest: %w", s.op, s.w.Target.Name, err)
		}
		if parsed, err = parse(content); err != nil {
			return nil, s.fail(rollout.Invalid, fmt.Errorf("manifest %s: %w", digest, err))
		}
		s.manifests.put(digest, parsed)
	}
	out := make([]*unstructured.Unstructured, len(parsed))
	for i, o := range parsed {
		out[i] = o.DeepCopy()
		if err := s.place(ctx, out[i], parsed); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// place gives o the session's namespace if its kind has one and it names none. What
// kinds of the manifest's own definitions have, these say.
func (s *session) place(ctx context.Context, o *unstructured.Unstructured, all []*unstructured.Unstructured) error {
	if o.GetNamespace() != "" {
		return nil
	}
	namespaced, known := definedScope(o.GroupVersionKind(), all)
	if !known {
		m, err := s.c.mapping(ctx, o.GroupVersionKind())
		if err != nil {
			return s.typed(refOf(o), err)
		}
		namespaced = m.namespaced || !m.known
	}
	if namespaced {
		o.SetNamespace(s.ns)
	}
	return nil
}

// definedScope tells the scope of a kind that a CustomResourceDefinition of list defines.
func definedScope(gvk schema.GroupVersionKind, list []*unstructured.Unstructured) (namespaced, known bool) {
	for _, o := range list {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		scope, _, _ := unstructured.NestedString(o.Object, "spec", "scope")
		if group == gvk.Group && kind == gvk.Kind {
			return scope == "Namespaced", true
		}
	}
	return false, false
}

// parse reads a stream of YAML or JSON documents. Lists are taken apart. What a
// server fills in by itself (status, the fields of metadata that it owns) is dropped.
func parse(content []byte) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	r := utilyaml.NewYAMLReader(newReader(content))
	for i := 0; ; i++ {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		list, err := parseDocument(doc)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		out = append(out, list...)
	}
	slices.SortStableFunc(out, func(a, b *unstructured.Unstructured) int { return cmp.Compare(rank(a), rank(b)) })
	return out, nil
}

func parseDocument(doc []byte) ([]*unstructured.Unstructured, error) {
	asJSON, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, err
	}
	if trimmed := bytes.TrimSpace(asJSON); len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return nil, nil
	}
	o := &unstructured.Unstructured{}
	if err = o.UnmarshalJSON(asJSON); err != nil {
		return nil, err
	}
	if !o.IsList() {
		return []*unstructured.Unstructured{clean(o)}, nameless(o)
	}
	var out []*unstructured.Unstructured
	err = o.EachListItem(func(item runtimeObject) error {
		u, ok := item.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("an item of a %s is no object", o.GetKind())
		}
		out = append(out, clean(u))
		return nameless(u)
	})
	return out, err
}

func nameless(o *unstructured.Unstructured) error {
	if o.GetName() == "" {
		return fmt.Errorf("a %s has no metadata.name", o.GetKind())
	}
	return nil
}

// clean drops what only a server writes, and says a Secret's strings as the server
// keeps them, so that what is wanted and what is live can be compared.
func clean(o *unstructured.Unstructured) *unstructured.Unstructured {
	if o.GetKind() == "Secret" && o.GetAPIVersion() == "v1" {
		encodeStrings(o)
	}
	delete(o.Object, "status")
	for _, field := range []string{"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	return o
}

func encodeStrings(o *unstructured.Unstructured) {
	plain, ok, err := unstructured.NestedStringMap(o.Object, "stringData")
	if !ok || err != nil {
		return // what is no map of strings is refused by the API
	}
	data, _, err := unstructured.NestedMap(o.Object, "data")
	if err != nil {
		return
	}
	if data == nil {
		data = map[string]any{}
	}
	for k, v := range plain {
		data[k] = base64.StdEncoding.EncodeToString([]byte(v))
	}
	delete(o.Object, "stringData")
	o.Object["data"] = data
}
