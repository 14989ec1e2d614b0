package release_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/release"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// fleet is the pipeline shop, to a Cloud Run service in eu and a cluster in us at once.
const fleet = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: shop}
serialPipeline:
  stages:
    - targetId: prod
      strategy:
        canary:
          runtimeConfig:
            cloudRun: {automaticTrafficControl: true}
            kubernetes: {serviceNetworking: {service: shop, deployment: shop}}
          canaryDeployment: {percentages: [50]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: prod}
requireApproval: true
multiTarget: {targetIds: [eu, us], waves: [[us], [eu]]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: eu}
run: {location: projects/p/locations/europe-west1}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: us}
kubernetes: {context: us, namespace: web}
taskQueue: us
`

const cluster = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: main, image: app}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}}
`

func (d *desk) plan(t *testing.T, yaml string) activities.PlanResult {
	t.Helper()
	d.apply(t, yaml)
	res, err := d.PlanRelease(t.Context(), rollout.CreateRequest{
		Pipeline: "shop", Release: "v1", Source: d.source(t, manifest+"---\n"+cluster), Images: map[string]string{"app": "reg/app:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestPlansOfChildrenStayInTheDocument(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	res := d.plan(t, fleet)
	if len(res.Stages) != 1 || res.Stages[0].Children != nil {
		t.Fatalf("the result has %d stages, the first one with %d children", len(res.Stages), len(res.Stages[0].Children))
	}
	controller := res.Stages[0].Plan
	if controller.Approval == nil || controller.Approval.MinApprovals != 1 || controller.Parallel.Waves() != 2 || controller.Digest == "" {
		t.Errorf("controller %+v", controller)
	}
	content, err := d.store.GetNamed(t.Context(), res.Document)
	if err != nil {
		t.Fatal(err)
	}
	var doc release.Document
	if err := json.Unmarshal(content, &doc); err != nil || len(doc.Stages[0].Children) != 2 {
		t.Fatalf("document: %v %+v", err, doc.Stages)
	}
	for _, child := range doc.Stages[0].Children {
		if child.Digest != controller.Digest || child.Approval != nil {
			t.Errorf("child %s: digest %q, approval %+v", child.Target.Name, child.Digest, child.Approval)
		}
	}
}

// A child gets the objects of its runtime, and of them those of its phase.
func TestChildrenHaveTheirOwnManifests(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	res := d.plan(t, fleet)
	for _, row := range []struct{ child, phase, want string }{
		{"eu", "canary-50", "serving.knative.dev/v1 Service/shop"},
		{"eu", "stable", "serving.knative.dev/v1 Service/shop"},
		{"us", "canary-50", "apps/v1 Deployment/shop-canary"},
		{"us", "stable", "apps/v1 Deployment/shop v1 Service/shop"},
	} {
		loaded, err := d.LoadPlan(t.Context(), activities.LoadPlanRequest{Document: res.Document, Target: "prod", Child: row.child})
		if err != nil {
			t.Fatal(err)
		}
		ph, _ := loaded.Plan.Phase(row.phase)
		content, err := d.store.Get(t.Context(), ph.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		m, err := render.Parse(content)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range m.Objects {
			got = append(got, o.APIVersion+" "+o.String())
		}
		if strings.Join(got, " ") != row.want || !strings.Contains(string(content), "reg/app:1") {
			t.Errorf("%s of %s: %s, want %s\n%s", row.phase, row.child, got, row.want, content)
		}
	}
}

func TestLoadPlan(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	document := d.plan(t, fleet).Document
	load := func(target, child string) (activities.LoadPlanResult, error) {
		return d.LoadPlan(t.Context(), activities.LoadPlanRequest{Document: document, Target: target, Child: child})
	}
	for _, row := range []struct{ target, child, want string }{
		{"prod", "", "prod"}, {"prod", "us", "us"}, {"prod", "eu", "eu"},
	} {
		if got, err := load(row.target, row.child); err != nil || got.Plan.Target.Name != row.want || got.Abandoned {
			t.Errorf("%+v: %v %s abandoned %v", row, err, got.Plan.Target.Name, got.Abandoned)
		}
	}
	for _, row := range []struct{ target, child, want string }{
		{"dev", "", "it has no target dev; known are prod"},
		{"eu", "", "it has no target eu; known are prod"},
		{"prod", "asia", "it has no child asia of target prod; known are eu, us"},
	} {
		_, err := load(row.target, row.child)
		if kind, text := activities.Cause(err); kind != rollout.NotFound || !strings.Contains(text, row.want) {
			t.Errorf("%+v: %s %q", row, kind, text)
		}
	}
	_, err := d.LoadPlan(t.Context(), activities.LoadPlanRequest{Document: "releases/shop/v2.json", Target: "prod"})
	const want = "load plan releases/shop/v2.json: release v2 does not exist (serin release list --pipeline shop)"
	if kind, text := activities.Cause(err); kind != rollout.NotFound || text != want {
		t.Errorf("a release that was never planned: %s %q", kind, text)
	}
	if err := d.store.PutNamed(t.Context(), rollout.AbandonedName("shop", "v1"), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if got, err := load("prod", "us"); err != nil || !got.Abandoned || got.Plan.Target.Name != "us" {
		t.Errorf("abandoned: %v %+v", err, got)
	}
}

func TestPlanOfChildrenRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		private  bool
		manifest string
		images   map[string]string
		kind     rollout.Kind
		text     string
	}{
		{name: "a folder that a child's workers do not see", private: true, manifest: manifest + "---\n" + cluster, kind: rollout.Refused, text: "task queue us"},
		{name: "nothing for a cluster", manifest: manifest, kind: rollout.Invalid, text: "target prod: target us: phase canary-50: render: no object is left of 1"},
		{name: "nothing for Cloud Run", manifest: cluster, kind: rollout.Invalid, text: "target prod: target eu: phase canary-50: render: no object is left of 2"},
		{
			name: "an image that no child has", manifest: manifest + "---\n" + cluster, images: map[string]string{"worker": "reg/w:1"},
			kind: rollout.Invalid, text: "worker",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, row.private)
			d.apply(t, fleet)
			_, err := d.PlanRelease(t.Context(), rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, row.manifest), Images: row.images})
			if kind, text := activities.Cause(err); kind != row.kind || !strings.Contains(text, row.text) {
				t.Errorf("got %s %q, want %s with %q", kind, text, row.kind, row.text)
			}
		})
	}
}

// BenchmarkPlan100 plans a release to 100 clusters in five phases.
func BenchmarkPlan100(b *testing.B) {
	var names []string
	var targets strings.Builder
	for i := range 100 {
		name := fmt.Sprintf("c%02d", i)
		names = append(names, name)
		fmt.Fprintf(&targets, "---\napiVersion: serin.dev/v1\nkind: Target\nmetadata: {name: %s}\nkubernetes: {context: %s}\n", name, name)
	}
	yaml := `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: shop}
serialPipeline:
  stages:
    - targetId: prod
      strategy:
        canary:
          runtimeConfig: {kubernetes: {serviceNetworking: {service: shop, deployment: shop}}}
          canaryDeployment: {percentages: [10, 20, 50, 80]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: prod}
multiTarget: {targetIds: [` + strings.Join(names, ", ") + "]}\n" + targets.String()
	packed, err := render.Pack(fstest.MapFS{"app.yaml": &fstest.MapFile{Data: []byte(cluster)}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		d := newDesk(b, false)
		put := func(content []byte) string {
			digest, err := d.store.Put(b.Context(), content)
			if err != nil {
				b.Fatal(err)
			}
			return digest
		}
		read, err := d.ReadConfiguration(b.Context(), activities.ReadRequest{Documents: put([]byte(yaml))})
		if err != nil {
			b.Fatal(err)
		}
		d.index = &read.Index
		res, err := d.PlanRelease(b.Context(), rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: put(packed)})
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			if _, err := d.LoadPlan(b.Context(), activities.LoadPlanRequest{Document: res.Document, Target: "prod", Child: name}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
