package node

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "settings"}, Data: map[string]string{"COLOR": "yellow", "SIZE": "s"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "keys"}, Data: map[string][]byte{"TOKEN": []byte("t0k")}},
	)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web-1", UID: "uid-1",
			Annotations: map[string]string{"team": "birds"}, Labels: map[string]string{"app": "web"},
		},
		Spec:   corev1.PodSpec{NodeName: Name, ServiceAccountName: "web"},
		Status: corev1.PodStatus{PodIP: "10.64.0.7", HostIP: "10.64.0.1"},
	}
	settings, keys := corev1.LocalObjectReference{Name: "settings"}, corev1.LocalObjectReference{Name: "keys"}
	none := corev1.LocalObjectReference{Name: "none"}
	field := func(path string) corev1.EnvVar {
		return corev1.EnvVar{Name: "X", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
	}
	configMap := func(ref corev1.LocalObjectReference, key string, optional *bool) corev1.EnvVar {
		return corev1.EnvVar{Name: "X", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: ref, Key: key, Optional: optional}}}
	}
	secret := func(ref corev1.LocalObjectReference, key string, optional *bool) corev1.EnvVar {
		return corev1.EnvVar{Name: "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref, Key: key, Optional: optional}}}
	}
	for _, row := range []struct {
		name string
		from []corev1.EnvFromSource
		env  []corev1.EnvVar
		want string // separated by spaces, without those that every container has
		err  string
	}{
		{name: "values use those before them", env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "$(A)/$(C)/$$(A)"}, {Name: "C", Value: "3"}}, want: "A=1 B=1/$(C)/$(A) C=3"},
		{name: "name", env: []corev1.EnvVar{field("metadata.name")}, want: "X=web-1"},
		{name: "namespace", env: []corev1.EnvVar{field("metadata.namespace")}, want: "X=shop"},
		{name: "uid", env: []corev1.EnvVar{field("metadata.uid")}, want: "X=uid-1"},
		{name: "annotation", env: []corev1.EnvVar{field("metadata.annotations['team']")}, want: "X=birds"},
		{name: "label", env: []corev1.EnvVar{field("metadata.labels['app']")}, want: "X=web"},
		{name: "pod IP", env: []corev1.EnvVar{field("status.podIP")}, want: "X=10.64.0.7"},
		{name: "host IP", env: []corev1.EnvVar{field("status.hostIP")}, want: "X=10.64.0.1"},
		{name: "node", env: []corev1.EnvVar{field("spec.nodeName")}, want: "X=serin-node"},
		{name: "service account", env: []corev1.EnvVar{field("spec.serviceAccountName")}, want: "X=web"},
		{name: "limit", env: []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu", Divisor: resource.MustParse("1m")}}}}, want: "X=250"},
		{name: "config map key", env: []corev1.EnvVar{configMap(settings, "COLOR", nil)}, want: "X=yellow"},
		{name: "secret key", env: []corev1.EnvVar{secret(keys, "TOKEN", nil)}, want: "X=t0k"},
		{name: "optional config map", env: []corev1.EnvVar{configMap(none, "COLOR", ptr.To(true))}},
		{name: "optional secret key", env: []corev1.EnvVar{secret(keys, "none", ptr.To(true))}},
		{name: "all of a config map, env over it", from: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: settings}}}, env: []corev1.EnvVar{{Name: "SIZE", Value: "xl"}}, want: "COLOR=yellow SIZE=xl"},
		{name: "all of a secret with a prefix", from: []corev1.EnvFromSource{{Prefix: "K_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: keys}}}, want: "K_TOKEN=t0k"},
		{name: "no config map", env: []corev1.EnvVar{configMap(none, "COLOR", nil)}, err: `configmap "none" not found`},
		{name: "no secret", from: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: none}}}, err: `secret "none" not found`},
		{name: "no key in the config map", env: []corev1.EnvVar{configMap(settings, "none", nil)}, err: "couldn't find key none in ConfigMap shop/settings"},
		{name: "no key in the secret", env: []corev1.EnvVar{secret(keys, "none", nil)}, err: "couldn't find key none in Secret shop/keys"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := corev1.Container{Name: "web", EnvFrom: row.from, Env: row.env, Resources: corev1.ResourceRequirements{
				Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")},
			}}
			mine := pod.DeepCopy()
			mine.Spec.Containers = []corev1.Container{c}
			got, err := (&environment{client: client, pod: mine}).variables(t.Context(), &c)
			if row.err != "" {
				if err == nil || err.Error() != row.err {
					t.Errorf("got error %v, want %s", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got = slices.DeleteFunc(got, func(v string) bool { return v == "HOSTNAME=web-1" || v == "HOME=/" || strings.HasPrefix(v, "PATH=") })
			if strings.Join(got, " ") != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
