package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// A case is one file as for TestRender, with the settings of one job besides: "verify:
// true", "action: name", "task: image", "http: id" and "watch: image", which is a custom
// check of an analysis. After "----" stand what the job is and the images that are left,
// or the error.
func TestJobs(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/jobs/*.txt", func(t *testing.T, input string) string {
		t.Helper()
		var j render.Job
		settings, files, _ := strings.Cut(input, "\n-- ")
		var others strings.Builder
		for line := range strings.Lines(settings) {
			if !take(&j, strings.TrimSpace(line)) {
				others.WriteString(line)
			}
		}
		return jobs(t, parse(t, others.String()+"\n-- "+files), j)
	})
}

// take reads a setting of the job.
func take(j *render.Job, line string) bool {
	name, setting, _ := strings.Cut(line, ": ")
	switch name {
	case "verify":
		j.Verify = true
	case "action":
		j.Actions = append(j.Actions, setting)
	case "task":
		j.Tasks = append(j.Tasks, rollout.Task{ID: fmt.Sprintf("task-%d", len(j.Tasks)+1), Image: setting})
	case "http":
		j.HTTP = append(j.HTTP, rollout.HTTPCheck{ID: setting, Method: "GET", URL: "{{.CanaryURL}}", Status: 200, Attempts: 1, Timeout: time.Second})
	case "watch":
		check := rollout.TaskCheck{ID: "custom", Every: time.Minute, Task: rollout.Task{ID: "custom", Image: setting}}
		j.Analysis = &rollout.Analysis{Duration: time.Hour, Custom: []rollout.TaskCheck{check}}
	default:
		return false
	}
	return true
}

// jobs completes a plan of one phase whose second job is j.
func jobs(t *testing.T, c testCase, j render.Job) string {
	t.Helper()
	s, err := render.Open(c.files)
	if err != nil {
		t.Fatal(err)
	}
	p := rollout.Plan{Phases: []rollout.Phase{{ID: "stable", Jobs: []rollout.Job{{ID: rollout.JobDeploy}, {ID: rollout.JobVerify}}}}}
	c.request.SomeImages, c.request.Jobs = true, []render.Job{{}, j}
	manifests, err := render.Complete(s, &p, []render.Request{c.request})
	if err != nil {
		var ps render.Problems
		if rollout.KindOf(err) != rollout.Invalid || !errors.As(err, &ps) {
			return fmt.Sprintf("untyped error: %v\n", err)
		}
		return err.Error() + "\n"
	}
	m, planned := manifests[0], p.Phases[0].Jobs
	if planned[0].Spec != "" || len(m.Specs) != 2 || m.Specs[0].Content != nil {
		t.Errorf("the deploy job has a document: %v, %v", planned[0], m.Specs)
	}
	if len(m.Specs[1].Content) == 0 {
		return fmt.Sprintf("nothing to do, spec %q\n", planned[1].Spec)
	}
	if want := rollout.Digest(m.Specs[1].Content); planned[1].Spec != want {
		t.Errorf("the plan names %s, the document is %s", planned[1].Spec, want)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, m.Specs[1].Content, "", "  "); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "\nunmatched %v\n", m.Unmatched)
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

const verified = `apiVersion: skaffold/v4beta13
kind: Config
manifests: {rawYaml: [app.yaml]}
verify:
- name: smoke
  container: {name: smoke, image: smoke, env: [{name: B, value: b}, {name: A, value: a}, {name: C, value: c}]}
customActions:
- name: migrate
  containers: [{name: m, image: m}]
`

const verifiedPod = `apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: a, image: app}]}
`

// sourceOf is a source with tests and an action.
func sourceOf(t *testing.T) *render.Source {
	t.Helper()
	s, err := render.Open(fstest.MapFS{"skaffold.yaml": {Data: []byte(verified)}, "app.yaml": {Data: []byte(verifiedPod)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A phase that runs what another runs names the same document, and completing never
// changes what was asked for.
func TestTheSameJobIsTheSameDocument(t *testing.T) {
	t.Parallel()
	s := sourceOf(t)
	image := rollout.Task{ID: "task-1", Image: "smoke", Env: map[string]string{"Z": "1", "Y": "2", "X": "3"}}
	request := render.Request{Images: map[string]string{"smoke": "reg.example/smoke:v2"}, Jobs: []render.Job{
		{Verify: true}, {JobSpec: rollout.JobSpec{Tasks: []rollout.Task{image}}}, {Actions: []string{"migrate"}},
	}}
	first, err := s.Jobs(request)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // the order of maps must not show
		again, err := s.Jobs(request)
		if err != nil {
			t.Fatal(err)
		}
		for i := range first.Specs {
			if !bytes.Equal(first.Specs[i].Content, again.Specs[i].Content) {
				t.Fatalf("another document:\n%s", render.Diff(first.Specs[i].Content, again.Specs[i].Content))
			}
		}
	}
	if got := request.Jobs[1].Tasks[0].Image; got != "smoke" {
		t.Errorf("the request now asks for image %s", got)
	}
}

// An image is used wherever it runs: in a manifest, or in a job of any phase.
func TestImagesOfJobsAreUsed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		images string // comma-separated
		jobs   []render.Job
		want   string
	}{
		{images: "app,smoke", jobs: []render.Job{{Verify: true}}},
		{images: "app,m", jobs: []render.Job{{Actions: []string{"migrate"}}}},
		{
			images: "smoke,none", jobs: []render.Job{{Verify: true}},
			want: "render: images: no container uses none: the source has app, smoke",
		},
		{images: "smoke", want: "render: images: no container uses smoke: the source has app"},
	} {
		request := render.Request{Images: map[string]string{}, SomeImages: true}
		for name := range strings.SplitSeq(row.images, ",") {
			request.Images[name] = "reg.example/" + name
		}
		with := request
		with.Jobs = row.jobs
		p := rollout.Plan{Phases: []rollout.Phase{{ID: "canary-50"}, {ID: "stable"}}}
		p.Phases[0].Jobs = make([]rollout.Job, len(row.jobs))
		manifests, err := render.Complete(sourceOf(t), &p, []render.Request{with, request})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := render.CheckImages(manifests...); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.images, got, row.want)
		}
	}
}

// Whatever a skaffold.yaml holds, jobs are whole or the error is Invalid.
func FuzzJobs(f *testing.F) {
	f.Add(verified, "v: [")
	f.Add(strings.ReplaceAll(verified, "image: smoke", "image: smoke, args: []"), "[a]")
	f.Add("apiVersion: skaffold/v3\nkind: Config\n.a: &a\n  name: x\n  image: x # from-param: ${k}\nverify:\n- name: x\n  container: *a\n"+
		"profiles: [{name: p, customActions: [{name: migrate, containers: [*a]}]}]\n", "app")
	f.Fuzz(func(t *testing.T, skaffold, parameter string) {
		s, err := render.Open(fstest.MapFS{"skaffold.yaml": {Data: []byte(skaffold)}})
		if err != nil {
			return
		}
		for _, profiles := range [][]string{nil, {"p"}} {
			made, err := s.Jobs(render.Request{
				Profiles: profiles, Parameters: map[string]string{"k": parameter}, Images: map[string]string{"app": "b"},
				Jobs: []render.Job{{Verify: true}, {Actions: []string{"migrate"}}},
			})
			if err != nil {
				if rollout.KindOf(err) != rollout.Invalid {
					t.Fatalf("untyped: %v", err)
				}
				continue
			}
			for _, spec := range made.Specs {
				if len(spec.Tasks) == 0 || len(spec.Content) == 0 {
					t.Fatalf("nothing to do, and no error: %+v", spec)
				}
				for _, task := range spec.Tasks {
					if task.ID == "" || task.Image == "" || task.Image == "app" {
						t.Fatalf("no whole task: %+v", task)
					}
				}
			}
		}
	})
}
