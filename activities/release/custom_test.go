package release_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// models renders and deploys by actions of the release's skaffold.yaml.
const models = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: models}
serialPipeline:
  stages:
    - targetId: test
    - targetId: all
      strategy:
        canary:
          canaryDeployment: {percentages: [25], verify: true}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: test}
deployParameters: {customTarget/model: small}
customTarget: {customTargetType: model, kubernetes: {context: tools, namespace: ci}}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: all}
taskQueue: eu
multiTarget: {targetIds: [prod]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: prod}
customTarget: {customTargetType: model, run: {location: projects/p/locations/l}}
---
apiVersion: serin.dev/v1
kind: CustomTargetType
metadata: {name: model}
customActions: {renderAction: make, deployAction: put}
`

const modelActions = `apiVersion: skaffold/v4beta13
kind: Config
verify:
- name: smoke
  container: {name: smoke, image: smoke}
customActions:
- name: make
  timeout: 90
  containers: [{name: make, image: tool, args: [make], env: [{name: TOKEN, value: s3cr3t}]}]
- name: put
  containers: [{name: put, image: tool, args: [put]}]
`

func (d *desk) actions(t *testing.T) string {
	t.Helper()
	packed, err := render.Pack(fstest.MapFS{"skaffold.yaml": {Data: []byte(modelActions)}, "model.txt": {Data: []byte("weights")}})
	if err != nil {
		t.Fatal(err)
	}
	return d.put(t, string(packed))
}

func (d *desk) planned(t *testing.T, r rollout.CreateRequest) activities.PlanResult {
	t.Helper()
	res, err := d.PlanRelease(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// renders is what the container of r leaves.
func (d *desk) renders(t *testing.T, r activities.RenderRequest) rollout.Rendering {
	t.Helper()
	out := rollout.Rendering{Manifest: d.put(t, "model: "+r.Work.Target.Name+" "+r.Work.Phase+"\n"), Folder: "exchange/" + r.Work.Phase}
	d.name(t, r.Name, out)
	return out
}

func (d *desk) name(t *testing.T, name string, content any) {
	t.Helper()
	document, err := json.Marshal(content)
	if err == nil {
		err = d.store.PutNamed(t.Context(), name, document)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func modelsRequest(t *testing.T, d *desk) rollout.CreateRequest {
	t.Helper()
	return rollout.CreateRequest{Pipeline: "models", Release: "v1", Source: d.actions(t), Images: map[string]string{"tool": "reg/tool:1"}}
}

func TestContainersRenderBeforeAReleaseIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, models)
	req := modelsRequest(t, d)
	first := d.planned(t, req)
	if first.Document != "" || first.Stages != nil || len(first.Renders) != 3 {
		t.Fatalf("planned before anything is rendered: %+v", first)
	}
	var asked []string
	for _, r := range first.Renders {
		w := r.Work
		asked = append(asked, fmt.Sprintf("%s on %s %s: %s %d promotion %v custom %v", w.Target.Name, w.Target.RunsAt(), w.Target.TaskQueue, w.Phase, w.Weight, w.Promotion, w.Custom))
		if w.Rollout != "" || w.Pipeline != "models" || w.Release != "v1" || w.Digest != req.Digest() || r.Wait != 90*time.Second {
			t.Errorf("%s: %+v", r.Name, r)
		}
		if !strings.HasPrefix(r.Name, "renderings/models/v1/") || !strings.HasSuffix(r.Name, "/"+w.Target.Name+"/"+w.Phase+".json") {
			t.Errorf("name %s", r.Name)
		}
		spec := d.document(t, r.Spec)
		if len(spec.Tasks) != 1 || spec.Tasks[0].Image != "reg/tool:1" || spec.Exchange.Request != rollout.RequestRender || spec.Exchange.Source != req.Source {
			t.Errorf("%s does %+v", r.Name, spec)
		}
	}
	want := []string{
		"test on kubernetes serin: stable 100 promotion true custom true",
		"prod on cloudRun eu: canary-25 25 promotion false custom true",
		"prod on cloudRun eu: stable 100 promotion true custom true",
	}
	if !reflect.DeepEqual(asked, want) {
		t.Errorf("asked for\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
	if got := d.document(t, first.Renders[0].Spec).Exchange; got.Canary || got.Parameters["customTarget/model"] != "small" {
		t.Errorf("test gets %+v", got)
	}
	if got := d.document(t, first.Renders[1].Spec).Exchange; !got.Canary {
		t.Errorf("prod gets %+v", got)
	}
	if _, err := d.store.GetNamed(t.Context(), rollout.DocumentName("models", "v1")); rollout.KindOf(err) != rollout.NotFound {
		t.Errorf("the name is taken: %v", err)
	}
	encoded, err := json.Marshal(first)
	if err != nil || strings.Contains(string(encoded), secret) {
		t.Errorf("%v: %s", err, encoded)
	}
}

func TestWhatContainersRenderedIsInThePlan(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, models)
	req := modelsRequest(t, d)
	asked := d.planned(t, req).Renders
	var made []rollout.Rendering
	for i, r := range asked { // as many as are missing are asked for
		if again := d.planned(t, req).Renders; !reflect.DeepEqual(again, asked[i:]) {
			t.Fatalf("with %d of them there: %+v", i, again)
		}
		made = append(made, d.renders(t, r))
	}
	res := d.planned(t, req)
	if res.Document != rollout.DocumentName("models", "v1") || res.Renders != nil || len(res.Stages) != 2 {
		t.Fatalf("got %+v", res)
	}
	child, err := d.LoadPlan(t.Context(), activities.LoadPlanRequest{Document: res.Document, Target: "all", Child: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	phases := append(res.Stages[0].Plan.Phases, child.Plan.Phases...)
	for i, ph := range phases {
		if ph.Manifest != made[i].Manifest || ph.Rendered != made[i].Folder || !ph.Custom {
			t.Errorf("phase %d is %+v, rendered was %+v", i, ph, made[i])
		}
		deploy := d.document(t, ph.Jobs[0].Spec)
		if e := deploy.Exchange; e.Request != rollout.RequestDeploy || e.Input != made[i].Folder || e.Source != req.Source || deploy.Tasks[0].Args[0] != "put" {
			t.Errorf("deploy of phase %d: %+v", i, deploy)
		}
	}
	if got := d.images(t, child.Plan.Phases[1].Jobs); got != "deploy reg/tool:1; verify smoke at once" {
		t.Errorf("stable runs %s", got)
	}
	if p := child.Plan; p.Custom.Type != "model" || p.CloudRun != nil || p.Kubernetes != nil || p.OnFailure != rollout.OnFailureHold {
		t.Errorf("plan %+v", p)
	}
	// Whatever is configured since, and whatever becomes of renderings, the release is what it is.
	d.apply(t, strings.Replace(models, "[25]", "[10]", 1))
	if again := d.planned(t, req); !reflect.DeepEqual(again, res) {
		t.Errorf("again: %+v", again)
	}
}

// A release that failed before it was kept may be made again, by what is configured then.
func TestARenderingIsOfWhatIsConfigured(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, models)
	req := modelsRequest(t, d)
	for _, r := range d.planned(t, req).Renders {
		d.renders(t, r)
	}
	d.apply(t, strings.Replace(models, "renderAction: make", "renderAction: put", 1))
	if res := d.planned(t, req); len(res.Renders) != 3 {
		t.Errorf("what another action rendered was used: %+v", res)
	}
}

func TestSerinRendersForCustomTargetsWithoutARenderer(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, strings.Replace(models, "customActions: {renderAction: make, deployAction: put}", "tasks: {deploy: {container: {image: app}}}", 1))
	req := rollout.CreateRequest{Pipeline: "models", Release: "v1", Source: d.tested(t), Images: map[string]string{"app": "reg/app:1"}}
	res := d.planned(t, req)
	ph := res.Stages[0].Plan.Phases[0]
	if content, err := d.store.Get(t.Context(), ph.Manifest); err != nil || !strings.Contains(string(content), "image: reg/app:1") || ph.Rendered != "" {
		t.Errorf("%v %+v: %s", err, ph, content)
	}
	deploy := d.document(t, ph.Jobs[0].Spec)
	if e := deploy.Exchange; e.Input != "" || e.Source != req.Source || deploy.Tasks[0].Image != "reg/app:1" {
		t.Errorf("deploys %+v", deploy)
	}
}

func TestPlanRefusesCustomTargets(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		yaml    string
		private bool
		images  map[string]string
		made    func(t *testing.T, d *desk, name string)
		kind    rollout.Kind
		text    string
	}{
		{name: "a folder that containers do not see", private: true, kind: rollout.Refused, text: "the containers of a custom target may not see the artifact store"},
		{name: "an action that is not there", yaml: strings.Replace(models, "renderAction: make", "renderAction: mke", 1), kind: rollout.Invalid, text: `CUSTOM_ACTION_NOT_FOUND: there is no action "mke"`},
		{name: "an image that no task has", images: map[string]string{"other": "reg/o:1"}, kind: rollout.Invalid, text: "no container uses other"},
		{
			name: "a rendering without a manifest", kind: rollout.Corrupt, text: "names no manifest or no folder",
			made: func(t *testing.T, d *desk, name string) {
				t.Helper()
				d.name(t, name, rollout.Rendering{Folder: "exchange/a"})
			},
		},
		{
			name: "a rendering that is none", kind: rollout.Corrupt, text: "read rendering",
			made: func(t *testing.T, d *desk, name string) {
				t.Helper()
				d.name(t, name, "text")
			},
		},
		{
			name: "a rendering whose manifest is gone", kind: rollout.Corrupt, text: "under another name",
			made: func(t *testing.T, d *desk, name string) {
				t.Helper()
				d.name(t, name, rollout.Rendering{Folder: "exchange/a", Manifest: "sha256:" + strings.Repeat("0", 64)})
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, row.private)
			if row.yaml == "" {
				row.yaml = models
			}
			d.apply(t, row.yaml)
			req := modelsRequest(t, d)
			if row.images != nil {
				req.Images = row.images
			}
			if row.made != nil {
				row.made(t, d, d.planned(t, req).Renders[0].Name)
			}
			_, err := d.PlanRelease(t.Context(), req)
			kind, text := activities.Cause(err)
			if kind != row.kind || !strings.Contains(text, row.text) {
				t.Errorf("got %s %q, want %s with %q", kind, text, row.kind, row.text)
			}
		})
	}
}
