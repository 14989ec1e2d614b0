package jobs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const manifest = "kind: Table\n"

// left is the Rendering in the store, "" for none.
func (l *lake) left() string {
	l.Helper()
	content, err := l.files.GetNamed(l.Context(), renderName)
	if err != nil && rollout.KindOf(err) != rollout.NotFound {
		l.Fatal(err)
	}
	return string(content)
}

func TestARenderingIsTakenFromItsFolder(t *testing.T) {
	t.Parallel()
	const pass, fail = rollout.VerdictPass, rollout.VerdictFail
	const elsewhere = "it is not in CLOUD_DEPLOY_OUTPUT_GCS_PATH, which is FOLDER"
	for _, row := range []struct {
		file   string // manifestFile; FOLDER is the output folder's address
		want   rollout.Verdict
		reason string
	}{
		{file: "manifest.yaml", want: pass},
		{file: "./manifest.yaml", want: pass},
		{file: "deep/er/manifest.yaml", want: pass},
		{file: "FOLDER/manifest.yaml", want: pass},
		{file: "/FOLDER/manifest.yaml", want: pass}, // file:// left out
		{file: "", want: fail, reason: `read manifestFile "": results.json names none`},
		{file: "empty", want: fail, reason: `read manifestFile "empty": it is empty`},
		{file: "none", want: fail, reason: `read manifestFile "none": there is no such file in CLOUD_DEPLOY_OUTPUT_GCS_PATH, which is FOLDER`},
		{file: "FOLDER", want: fail, reason: elsewhere},
		{file: "FOLDER/", want: fail, reason: elsewhere},
		{file: "FOLDER-2/manifest.yaml", want: fail, reason: elsewhere},
		{file: "FOLDER/../0123456789ab/manifest.yaml", want: fail, reason: elsewhere},
		{file: "../0123456789ab/manifest.yaml", want: fail, reason: elsewhere},
		{file: "deep/../../x", want: fail, reason: elsewhere},
		{file: "/etc/passwd", want: fail, reason: elsewhere},
		{file: "file:///etc/passwd", want: fail, reason: elsewhere},
		{file: "gs://bucket/manifest.yaml", want: fail, reason: elsewhere},
		{file: "gs:/x", want: fail, reason: "a name is a relative slash path"},
		{file: ".", want: fail, reason: "a name is a relative slash path"},
		{file: "deep", want: fail, reason: "it is no file of the store"},
		{file: "a b", want: fail, reason: "a name is a relative slash path"},
		{file: ".hidden", want: fail, reason: "no part of a name begins with a dot"},
		{file: "link", want: fail, reason: "it is no file of the store"},
	} {
		l := newLake(t)
		leave := l.does
		var folder string
		l.does = func(run activities.TaskRun) {
			folder = run.Env[output]
			file := strings.ReplaceAll(strings.ReplaceAll(row.file, "/FOLDER", strings.TrimPrefix(folder, "file://")), "FOLDER", folder)
			l.leaves = map[string]string{
				"results.json":  `{"resultStatus":"SUCCEEDED","manifestFile":"` + file + `"}`,
				"manifest.yaml": manifest, "deep/er/manifest.yaml": manifest, "empty": "", "a b": manifest, ".hidden": manifest,
				"../0123456789ab/manifest.yaml": "another one's",
			}
			leave(run)
			if err := os.Symlink("/etc/passwd", filepath.Join(strings.TrimPrefix(folder, "file://"), "link")); err != nil {
				t.Error(err)
			}
		}
		out := l.renders(l.rendering(spec(rollout.RequestRender)))
		reason := strings.ReplaceAll(row.reason, "FOLDER", folder)
		if out.Verdict != row.want || !strings.Contains(out.Reason, reason) || (out.Reason == "") != (row.reason == "") {
			t.Errorf("%s: got %s (%s), want %s (%s)", row.file, out.Verdict, out.Reason, row.want, reason)
		}
		digest, err := l.artifacts.Put(t.Context(), []byte(manifest))
		if err != nil {
			t.Fatal(err)
		}
		want := `{"manifest":"` + digest + `","folder":"` + strings.TrimPrefix(folder, "file://"+l.dir+"/") + `"}`
		if row.want == fail {
			want = ""
		}
		if got := l.left(); got != want {
			t.Errorf("%s: the store has %q, want %q", row.file, got, want)
		}
	}
}

func TestWhatContainersSayOfARender(t *testing.T) {
	t.Parallel()
	for results, want := range map[string]string{
		`{"resultStatus":"FAILED","failureMessage":"no template"}`:               "FAILED: no template",
		`{"resultStatus":"NOT_SUPPORTED","failureMessage":"canaries: not here"}`: "NOT_SUPPORTED: canaries: not here",
		`{"resultStatus":"SKIPPED"}`:                                             `results.json has resultStatus "SKIPPED": of a RENDER there are SUCCEEDED, FAILED, NOT_SUPPORTED`,
		"":                                                                       "the containers ended well and left no results.json in CLOUD_DEPLOY_OUTPUT_GCS_PATH",
	} {
		l := newLake(t)
		if results != "" {
			l.leaves["results.json"] = results
		}
		out := l.renders(l.rendering(spec(rollout.RequestRender)))
		if out.Verdict != rollout.VerdictFail || out.Reason != want || l.left() != "" {
			t.Errorf("%s: got %s (%s), want %s", results, out.Verdict, out.Reason, want)
		}
		if log := l.log(out); !strings.Contains(log, "log of a") || !strings.Contains(log, results) {
			t.Errorf("%s: log is %s", results, log)
		}
	}
}

func (l *lake) succeeds() {
	l.leaves = map[string]string{"results.json": `{"resultStatus":"SUCCEEDED","manifestFile":"m"}`, "m": manifest}
}

// What is rendered is not rendered again, whatever the release's next attempt is called.
func TestAPhaseIsRenderedOnce(t *testing.T) {
	t.Parallel()
	l := newLake(t)
	l.succeeds()
	r := l.rendering(spec(rollout.RequestRender))
	l.errs["a"] = &rollout.Error{Op: "kubernetes: run", Kind: rollout.Transient}
	if _, err := l.do(activities.RenderCustom, r); kindOf(err) != rollout.Transient || l.left() != "" {
		t.Errorf("got %v", err)
	}
	if out := l.renders(r); out.Verdict != rollout.VerdictPass {
		t.Errorf("got %+v", out)
	}
	made := l.left()
	r.Work.Rollout = "0193-run"
	if out := l.renders(r); !reflect.DeepEqual(out, rollout.Outcome{Verdict: rollout.VerdictPass}) || l.left() != made {
		t.Errorf("got %+v, and the store has %s", out, l.left())
	}
	if calls := l.called(false); !reflect.DeepEqual(calls, []string{"run a", "run a"}) {
		t.Errorf("calls are %v", calls)
	}
}

// Another one that was faster has rendered the same.
func TestTheFirstRenderingStays(t *testing.T) {
	t.Parallel()
	l := newLake(t)
	l.succeeds()
	leave := l.does
	l.does = func(run activities.TaskRun) {
		leave(run)
		if err := l.files.PutNamed(t.Context(), renderName, []byte("first")); err != nil {
			t.Error(err)
		}
	}
	if out := l.renders(l.rendering(spec(rollout.RequestRender))); out.Verdict != rollout.VerdictPass || l.left() != "first" {
		t.Errorf("got %+v, and the store has %s", out, l.left())
	}
}

// Every rendering has containers and a folder of its own: those of two targets have all but the target
// in common, and those of the next attempt at a release all but its name.
func TestRenderingsShareNothing(t *testing.T) {
	t.Parallel()
	l := newLake(t)
	l.succeeds()
	seen := map[string]bool{}
	leave := l.does
	l.does = func(run activities.TaskRun) {
		leave(run)
		seen[run.Name()], seen[run.Env[output]] = true, true
	}
	r := l.rendering(spec(rollout.RequestRender))
	l.renders(r)
	r.Name = strings.Replace(renderName, "prod", "lab", 1)
	l.renders(r)
	r.Name, r.Work.Rollout = strings.Replace(renderName, "prod", "test", 1), "0193-run"
	l.renders(r)
	if len(seen) != 6 {
		t.Errorf("got %v", seen)
	}
}

func TestRenderingsThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]rollout.JobSpec{
		"no exchange": {Tasks: tasks("a")}, "a deploy": spec(rollout.RequestDeploy), "requests": {HTTP: []rollout.HTTPCheck{get("http://x")}},
	} {
		l := newLake(t)
		if _, err := l.do(activities.RenderCustom, l.rendering(s)); kindOf(err) != rollout.Invalid || len(l.called(false)) > 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	l := newLake(t)
	r := l.rendering(spec(rollout.RequestRender))
	r.Name = "../x"
	if _, err := l.do(activities.RenderCustom, r); kindOf(err) != rollout.Invalid || len(l.called(false)) > 0 {
		t.Errorf("a name outside: got %v", err)
	}
	l.files = nil
	if _, err := l.do(activities.RenderCustom, r); kindOf(err) != rollout.Unsupported {
		t.Errorf("without files: got %v", err)
	}
}

// A release that is cancelled takes its containers along; a worker that stops leaves them to the next.
func TestWhoEndsARenderDecidesAboutItsContainers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		cause error
		calls []string
	}{
		{temporal.NewCanceledError(), []string{"run a", "stop a"}},
		{errors.New("stop"), []string{"run a"}},
	} {
		l := newLake(t)
		l.held["a"] = true
		ctx, cancel := context.WithCancelCause(t.Context())
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
		env.RegisterActivityWithOptions(l.jobs().RenderCustom, activity.RegisterOptions{Name: activities.RenderCustom})
		go func() {
			<-l.waiting
			cancel(row.cause)
		}()
		if _, err := env.ExecuteActivity(activities.RenderCustom, l.rendering(spec(rollout.RequestRender))); err == nil {
			t.Error("it has ended well")
		}
		if got := l.called(false); !reflect.DeepEqual(got, row.calls) {
			t.Errorf("%v: calls are %v, want %v", row.cause, got, row.calls)
		}
	}
}
