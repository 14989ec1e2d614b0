package kubernetes

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

func TestNeverReady(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, spec, want string }{
		{"by default there are ten minutes", `{template: {spec: {containers: [{name: app, readinessProbe: {initialDelaySeconds: 300}}]}}}`, ""},
		{"paused", `{paused: true}`, "spec.paused is true: a paused Deployment rolls nothing out"},
		{
			"a probe that begins after the deadline",
			`{progressDeadlineSeconds: 60, template: {spec: {containers: [{name: sidecar}, {name: app, readinessProbe: {initialDelaySeconds: 60}}]}}}`,
			"container app needs at least 60 s to be ready (probe delays and minReadySeconds), but progressDeadlineSeconds is 60: raise it",
		},
		{
			"probes that must succeed several times",
			`{progressDeadlineSeconds: 60, template: {spec: {containers: [{name: app, readinessProbe: {initialDelaySeconds: 10, periodSeconds: 30, successThreshold: 3}}]}}}`,
			"container app needs at least 70 s to be ready (probe delays and minReadySeconds), but progressDeadlineSeconds is 60: raise it",
		},
		{
			"minReadySeconds",
			`{progressDeadlineSeconds: 60, minReadySeconds: 40, template: {spec: {containers: [{name: app, startupProbe: {initialDelaySeconds: 30}}]}}}`,
			"container app needs at least 70 s to be ready (probe delays and minReadySeconds), but progressDeadlineSeconds is 60: raise it",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := &appsv1.Deployment{}
			if err := yaml.UnmarshalStrict([]byte(row.spec), &d.Spec); err != nil {
				t.Fatal(err)
			}
			if got := neverReady(d); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
