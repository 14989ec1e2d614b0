package render_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

const customActions = `apiVersion: skaffold/v4beta13
kind: Config
customActions:
- name: make
  containers: [{name: a, image: tool}, {name: b, image: "other:v1"}]
- name: put
  containers: [{name: put, image: tool}]
profiles:
- name: few
  patches: [{op: replace, path: /customActions/0/containers/1/image, value: few}]
`

// asked is the spec of a request of a custom target, as a pipeline has it.
func asked(request string, actions ...string) render.Job {
	return render.Job{JobSpec: rollout.JobSpec{Exchange: &rollout.Exchange{Request: request, Canary: true}}, Actions: actions}
}

// byContainers completes a plan whose phases containers render.
func byContainers(t *testing.T, by render.Job) (rollout.Plan, []render.Manifest, error) {
	t.Helper()
	s, err := render.Open(fstest.MapFS{"skaffold.yaml": {Data: []byte(customActions)}, "model.txt": {Data: []byte("no YAML")}})
	if err != nil {
		t.Fatal(err)
	}
	p := rollout.Plan{Custom: &rollout.Custom{Type: "x"}, Phases: []rollout.Phase{
		{ID: "few", Jobs: []rollout.Job{{ID: rollout.JobPredeploy}, {ID: rollout.JobDeploy}}}, {ID: "stable", Jobs: []rollout.Job{{ID: rollout.JobDeploy}}},
	}}
	r := render.Request{
		Images: map[string]string{"tool": "reg/tool:1", "unknown": "reg/u:1"}, SomeImages: true, By: &by, Packed: "sha256:packed",
		Jobs: []render.Job{asked(rollout.RequestDeploy, "put")},
	}
	few := r
	few.Profiles, few.Jobs = []string{"few"}, append([]render.Job{{JobSpec: rollout.JobSpec{Tasks: []rollout.Task{{ID: "task-1", Image: "hello"}}}}}, r.Jobs...)
	manifests, err := render.Complete(s, &p, []render.Request{few, r})
	return p, manifests, err
}

func images(tasks []rollout.Task) string {
	var out []string
	for _, t := range tasks {
		out = append(out, t.Image)
	}
	return strings.Join(out, " ")
}

func TestContainersRenderPhases(t *testing.T) {
	t.Parallel()
	p, manifests, err := byContainers(t, asked(rollout.RequestRender, "make"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"reg/tool:1 few", "reg/tool:1 other:v1"} {
		m, ph := manifests[i], p.Phases[i]
		if ph.Manifest != "" || m.Content != nil || m.Objects != nil {
			t.Errorf("%s has a manifest: %+v", ph.ID, m)
		}
		var by rollout.JobSpec
		if err := json.Unmarshal(m.By.Content, &by); err != nil {
			t.Fatal(err)
		}
		if images(by.Tasks) != want || !by.Parallel || by.Exchange.Request != rollout.RequestRender || by.Exchange.Source != "sha256:packed" {
			t.Errorf("%s is rendered by %+v, want %s", ph.ID, by, want)
		}
		if len(m.Unmatched) != 1 || m.Unmatched[0] != "unknown" {
			t.Errorf("%s: unmatched %v", ph.ID, m.Unmatched)
		}
	}
	if err := render.CheckImages(manifests...); rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), "no container uses unknown: the source has few, hello, other:v1, tool") {
		t.Errorf("an image that nothing has: %v", err)
	}
}

func TestWhatContainersRenderedIsDeployed(t *testing.T) {
	t.Parallel()
	p, manifests, err := byContainers(t, asked(rollout.RequestRender, "make"))
	if err != nil {
		t.Fatal(err)
	}
	before, first := manifests[0].Specs[1], p.Phases[0].Jobs[0].Spec
	if err := manifests[0].Rendered(&p, 0, rollout.Rendering{Manifest: "sha256:made", Folder: "exchange/a"}); err != nil {
		t.Fatal(err)
	}
	ph, deploy := p.Phases[0], manifests[0].Specs[1]
	if ph.Manifest != "sha256:made" || ph.Rendered != "exchange/a" || ph.Jobs[1].Spec != rollout.Digest(deploy.Content) || ph.Jobs[0].Spec != first {
		t.Errorf("phase %+v", ph)
	}
	var stored rollout.JobSpec
	if err := json.Unmarshal(deploy.Content, &stored); err != nil || stored.Exchange.Input != "exchange/a" || stored.Exchange.Source != "sha256:packed" || !stored.Exchange.Canary {
		t.Errorf("%v %+v", err, stored)
	}
	if before.Exchange.Input != "" || p.Phases[1].Rendered != "" {
		t.Errorf("more than one phase was changed: %+v, %+v", before, p.Phases[1])
	}
}

// Serin reads no kustomization without a skaffold.yaml; a container may.
func TestContainersRenderWhatSerinDoesNotRead(t *testing.T) {
	t.Parallel()
	s, err := render.Open(fstest.MapFS{"kustomization.yaml": {Data: []byte("resources: [a.yaml]\n")}, "a.yaml": {Data: []byte("no: object\n")}})
	if err != nil {
		t.Fatal(err)
	}
	by := render.Job{JobSpec: rollout.JobSpec{Tasks: []rollout.Task{{ID: "render", Image: "tool"}}, Exchange: &rollout.Exchange{Request: rollout.RequestRender}}}
	p := rollout.Plan{Custom: &rollout.Custom{Type: "x"}, Phases: []rollout.Phase{{ID: "stable"}}}
	if _, err := render.Complete(s, &p, []render.Request{{By: &by}}); err != nil {
		t.Error(err)
	}
	if _, err := render.Complete(s, &p, []render.Request{{}}); rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), "kustomization.yaml: is not read without a skaffold.yaml") {
		t.Errorf("Serin itself: %v", err)
	}
}

func TestContainersThatAreNotThereAreReported(t *testing.T) {
	t.Parallel()
	_, _, err := byContainers(t, asked(rollout.RequestRender, "mke"))
	if rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), `CUSTOM_ACTION_NOT_FOUND: there is no action "mke" with profile few: there are make, put`) {
		t.Errorf("got %v", err)
	}
}

// TestADeployOfContainersHasTheirTime: an action may say that it takes longer than the hour of a job.
func TestADeployOfContainersHasTheirTime(t *testing.T) {
	t.Parallel()
	for timeout, want := range map[string]time.Duration{"": 0, "timeout: 60": 0, "timeout: 7200": 2 * time.Hour} {
		s, err := render.Open(fstest.MapFS{"skaffold.yaml": {Data: []byte("apiVersion: skaffold/v4beta13\nkind: Config\n" +
			"customActions: [{name: put, containers: [{name: put, image: tool}], " + timeout + "}]\n")}})
		if err != nil {
			t.Fatal(err)
		}
		p := rollout.Plan{Custom: &rollout.Custom{Type: "x"}, Phases: []rollout.Phase{{ID: "stable", Jobs: []rollout.Job{{ID: rollout.JobDeploy}}}}}
		by := asked(rollout.RequestRender, "put")
		r := render.Request{By: &by, Packed: "sha256:packed", Jobs: []render.Job{asked(rollout.RequestDeploy, "put")}}
		if _, err = render.Complete(s, &p, []render.Request{r}); err != nil {
			t.Fatal(err)
		}
		if got := p.Phases[0].Jobs[0].Timeout; got != want {
			t.Errorf("%q: %s, want %s", timeout, got, want)
		}
	}
}
