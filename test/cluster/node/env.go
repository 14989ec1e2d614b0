package node

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// environment makes a container's variables by the rules of core/v1: envFrom first,
// env over it, each value may use the ones before it as $(NAME). Its errors are in
// the words of a kubelet.
type environment struct {
	client     kubernetes.Interface
	pod        *corev1.Pod // with the addresses in its status
	values     map[string]string
	configMaps map[string]map[string]string // those read so far, by name
	secrets    map[string]map[string]string
}

// variables are in the form of exec.Cmd.Env, sorted.
func (e *environment) variables(ctx context.Context, c *corev1.Container) ([]string, error) {
	e.values = map[string]string{
		"HOSTNAME": e.pod.Name,
		"HOME":     "/",
		"PATH":     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	e.configMaps, e.secrets = map[string]map[string]string{}, map[string]map[string]string{}
	for _, from := range c.EnvFrom {
		if err := e.addAll(ctx, from); err != nil {
			return nil, err
		}
	}
	for _, v := range c.Env {
		value, ok, err := e.value(ctx, c, v)
		if err != nil {
			return nil, err
		}
		if ok {
			e.values[v.Name] = value
		}
	}
	list := make([]string, 0, len(e.values))
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		list = append(list, name+"="+e.values[name])
	}
	return list, nil
}

func (e *environment) addAll(ctx context.Context, from corev1.EnvFromSource) error {
	var values map[string]string
	var err error
	switch {
	case from.ConfigMapRef != nil:
		values, err = e.configMap(ctx, from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
	case from.SecretRef != nil:
		values, err = e.secret(ctx, from.SecretRef.Name, from.SecretRef.Optional)
	}
	for k, v := range values {
		e.values[from.Prefix+k] = v
	}
	return err
}

// value is false for an optional reference to what does not exist.
func (e *environment) value(ctx context.Context, c *corev1.Container, v corev1.EnvVar) (string, bool, error) {
	from := v.ValueFrom
	switch {
	case from == nil || v.Value != "":
		return expansion.Expand(v.Value, expansion.MappingFuncFor(e.values)), true, nil
	case from.FieldRef != nil:
		value, err := e.field(from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		ref := from.ResourceFieldRef
		value, err := resource.ExtractResourceValueByContainerName(ref, e.pod, cmp.Or(ref.ContainerName, c.Name))
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		values, err := e.configMap(ctx, ref.Name, ref.Optional)
		return e.key(values, keyOf{kind: "ConfigMap", name: ref.Name, key: ref.Key, optional: ref.Optional}, err)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		values, err := e.secret(ctx, ref.Name, ref.Optional)
		return e.key(values, keyOf{kind: "Secret", name: ref.Name, key: ref.Key, optional: ref.Optional}, err)
	}
	return "", false, fmt.Errorf("variable %s: this node knows fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef", v.Name)
}

func (e *environment) field(path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return e.pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return e.pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return e.pod.Status.HostIP, nil
	case "status.podIP", "status.podIPs":
		return e.pod.Status.PodIP, nil
	}
	return fieldpath.ExtractFieldPathAsString(e.pod, path)
}

type keyOf struct {
	kind, name, key string
	optional        *bool
}

func (e *environment) key(values map[string]string, k keyOf, err error) (string, bool, error) {
	if err != nil {
		return "", false, err
	}
	value, ok := values[k.key]
	if !ok && !isTrue(k.optional) {
		return "", false, fmt.Errorf("couldn't find key %s in %s %s/%s", k.key, k.kind, e.pod.Namespace, k.name)
	}
	return value, ok, nil
}

func (e *environment) configMap(ctx context.Context, name string, optional *bool) (map[string]string, error) {
	return read(e.configMaps, name, optional, func() (map[string]string, error) {
		m, err := e.client.CoreV1().ConfigMaps(e.pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, asKubelet(err, "configmap", name)
		}
		return m.Data, nil
	})
}

func (e *environment) secret(ctx context.Context, name string, optional *bool) (map[string]string, error) {
	return read(e.secrets, name, optional, func() (map[string]string, error) {
		s, err := e.client.CoreV1().Secrets(e.pod.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, asKubelet(err, "secret", name)
		}
		data := map[string]string{}
		for k, v := range s.Data {
			data[k] = string(v)
		}
		return data, nil
	})
}

// mount returns nil as soon as every ConfigMap and Secret that a volume needs exists. A
// pod waits for that in ContainerCreating, and no container sees what is in a volume.
func (p *pod) mount(ctx context.Context) error {
	e := &environment{client: p.node.client, pod: p.origin, configMaps: map[string]map[string]string{}, secrets: map[string]map[string]string{}}
	for _, v := range p.origin.Spec.Volumes {
		var err error
		switch {
		case v.ConfigMap != nil:
			_, err = e.configMap(ctx, v.ConfigMap.Name, v.ConfigMap.Optional)
		case v.Secret != nil:
			_, err = e.secret(ctx, v.Secret.SecretName, v.Secret.Optional)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read gets each object once. An optional one that does not exist has no keys.
func read(known map[string]map[string]string, name string, optional *bool, get func() (map[string]string, error)) (map[string]string, error) {
	if values, ok := known[name]; ok {
		return values, nil
	}
	values, err := get()
	if apierrors.IsNotFound(err) && isTrue(optional) {
		return nil, nil
	}
	if err == nil {
		known[name] = values
	}
	return values, err
}

// asKubelet words NotFound as a kubelet does, which reads through a cache that
// calls the resource by its singular.
func asKubelet(err error, resource, name string) error {
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(schema.GroupResource{Resource: resource}, name)
	}
	return err
}

func isTrue(b *bool) bool { return b != nil && *b }
