package release_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// The word that no history may hold.
const secret = "s3cr3t"

// watched is a pipeline whose jobs come from everywhere: from Skaffold's verify and
// customActions, and from the pipeline itself.
const watched = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: shop}
serialPipeline:
  stages:
    - targetId: prod
      strategy:
        canary:
          runtimeConfig: {cloudRun: {automaticTrafficControl: true}}
          canaryDeployment:
            percentages: [25, 50]
            verify: true
            predeploy: {actions: [migrate]}
            postdeploy:
              tasks: [{container: {image: "tell:v1", env: {TOKEN: s3cr3t}}}]
            analysis:
              duration: 3600s
              customChecks: [{id: probe, frequency: 300s, task: {container: {image: probe, env: {TOKEN: s3cr3t}}}}]
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: prod}
run: {location: projects/p/locations/europe-west1}
`

const skaffold = `apiVersion: skaffold/v4beta13
kind: Config
manifests: {rawYaml: [service.yaml]}
verify:
- name: smoke
  container: {name: smoke, image: smoke, env: [{name: TOKEN, value: s3cr3t}]}
- name: load
  container: {name: load, image: "load:v1"}
customActions:
- name: migrate
  timeout: 60
  containers: [{name: db, image: db, env: [{name: TOKEN, value: s3cr3t}]}]
`

func (d *desk) tested(t *testing.T) string {
	t.Helper()
	packed, err := render.Pack(fstest.MapFS{"service.yaml": {Data: []byte(manifest)}, "skaffold.yaml": {Data: []byte(skaffold)}})
	if err != nil {
		t.Fatal(err)
	}
	return d.put(t, string(packed))
}

// document reads what a job names.
func (d *desk) document(t *testing.T, digest string) rollout.JobSpec {
	t.Helper()
	content, err := d.store.Get(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	var spec rollout.JobSpec
	if err := json.Unmarshal(content, &spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

// images lists what the jobs of a phase run, "verify smoke load".
func (d *desk) images(t *testing.T, jobs []rollout.Job) string {
	t.Helper()
	var out []string
	for _, j := range jobs {
		line := []string{string(j.ID)}
		if j.Spec != "" {
			spec := d.document(t, j.Spec)
			for _, task := range spec.Tasks {
				line = append(line, task.Image)
			}
			if spec.Parallel {
				line = append(line, "at once")
			}
			if spec.Analysis != nil {
				line = append(line, spec.Analysis.Custom[0].Task.Image)
			}
		}
		out = append(out, strings.Join(line, " "))
	}
	return strings.Join(out, "; ")
}

func watchedRequest(t *testing.T, d *desk) rollout.CreateRequest {
	t.Helper()
	return rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.tested(t), Images: map[string]string{
		"app": "reg/app:1", "smoke": "reg/smoke:1", "db": "reg/db:1", "tell": "reg/tell:1", "probe": "reg/probe:1",
	}}
}

func TestPlanStoresWhatItsJobsDo(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, watched)
	res, err := d.PlanRelease(t.Context(), watchedRequest(t, d))
	if err != nil {
		t.Fatal(err)
	}
	verify := "verify reg/smoke:1 load:v1 at once"
	want := map[string]string{
		"canary-25": "predeploy reg/db:1; deploy; " + verify + "; analysis reg/probe:1",
		"canary-50": "deploy; " + verify + "; analysis reg/probe:1",
		"stable":    "deploy; " + verify + "; postdeploy reg/tell:1",
	}
	phases := res.Stages[0].Plan.Phases
	for _, ph := range phases {
		if got := d.images(t, ph.Jobs); got != want[ph.ID] {
			t.Errorf("%s: got %q, want %q", ph.ID, got, want[ph.ID])
		}
	}
	// The same job is the same document.
	if a, b := specOf(t, phases[0], rollout.JobVerify), specOf(t, phases[2], rollout.JobVerify); a != b {
		t.Errorf("verify is %s and %s", a, b)
	}
}

func specOf(t *testing.T, ph rollout.Phase, id rollout.JobKind) string {
	t.Helper()
	i := slices.IndexFunc(ph.Jobs, func(j rollout.Job) bool { return j.ID == id })
	if i < 0 || ph.Jobs[i].Spec == "" {
		t.Fatalf("%s has no %s: %+v", ph.ID, id, ph.Jobs)
	}
	return ph.Jobs[i].Spec
}

// What the activity returns goes into a history; the release's document is read by everybody.
func TestNoEnvironmentOfATaskIsInThePlan(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, watched)
	res, err := d.PlanRelease(t.Context(), watchedRequest(t, d))
	if err != nil {
		t.Fatal(err)
	}
	inHistory, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	document, err := d.store.GetNamed(t.Context(), res.Document)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string][]byte{"the result": inHistory, "the release document": document} {
		if strings.Contains(string(content), secret) {
			t.Errorf("%s holds the value of a variable:\n%s", what, content)
		}
	}
	for _, id := range []rollout.JobKind{rollout.JobPredeploy, rollout.JobVerify} {
		if spec := d.document(t, specOf(t, res.Stages[0].Plan.Phases[0], id)); spec.Tasks[0].Env["TOKEN"] != secret {
			t.Errorf("%s has lost its variable: %+v", id, spec)
		}
	}
}

func TestPlanningJobsTwiceIsTheSamePlan(t *testing.T) {
	t.Parallel()
	var plans []string
	for range 2 { // in stores of their own: nothing is read back
		d := newDesk(t, false)
		d.apply(t, watched)
		req := watchedRequest(t, d)
		for range 2 {
			res, err := d.PlanRelease(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := json.Marshal(res.Stages)
			if err != nil {
				t.Fatal(err)
			}
			plans = append(plans, string(plan))
		}
	}
	if len(slices.Compact(plans)) != 1 {
		t.Errorf("the plans differ:\n%s", strings.Join(plans, "\n"))
	}
}

func TestChildrenHaveJobsOfTheirOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, strings.Replace(fleet, "{percentages: [50]}",
		"{percentages: [50], verifyConfig: {tasks: [{container: {image: smoke}}]}}", 1))
	packed, err := render.Pack(fstest.MapFS{"run.yaml": {Data: []byte(manifest)}, "cluster.yaml": {Data: []byte(cluster)}})
	if err != nil {
		t.Fatal(err)
	}
	req := rollout.CreateRequest{
		Pipeline: "shop", Release: "v1", Source: d.put(t, string(packed)),
		Images: map[string]string{"app": "reg/app:1", "smoke": "reg/smoke:1"},
	}
	res, err := d.PlanRelease(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range []string{"eu", "us"} {
		loaded, err := d.LoadPlan(t.Context(), activities.LoadPlanRequest{Document: res.Document, Target: "prod", Child: child})
		if err != nil {
			t.Fatal(err)
		}
		for _, ph := range loaded.Plan.Phases {
			if got, want := d.images(t, ph.Jobs), "deploy; verify reg/smoke:1"; got != want {
				t.Errorf("%s, %s: got %q, want %q", child, ph.ID, got, want)
			}
		}
	}
}

func TestPlanRefusesJobsThatTheSourceLacks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, yaml, text string }{
		{name: "verify", yaml: watched, text: "VERIFICATION_CONFIG_NOT_FOUND"},
		{name: "action", yaml: strings.Replace(watched, "verify: true", "verify: false", 1), text: "CUSTOM_ACTION_NOT_FOUND: there is no action \"migrate\""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, false)
			d.apply(t, row.yaml)
			_, err := d.PlanRelease(t.Context(), rollout.CreateRequest{Pipeline: "shop", Release: "v1", Source: d.source(t, manifest)})
			if kind, text := activities.Cause(err); kind != rollout.Invalid || !strings.Contains(text, row.text) {
				t.Errorf("got %s %q, want %q", kind, text, row.text)
			}
		})
	}
}
