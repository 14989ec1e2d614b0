package jobs_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/rollout"
)

const (
	output      = "CLOUD_DEPLOY_OUTPUT_GCS_PATH"
	renderName  = "renderings/shop/v2/abc/prod/canary-25.json"
	someSource  = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	someContent = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// lake is a site whose containers share a folder with the worker, for a target that Serin knows
// nothing of.
type lake struct {
	*site
	dir    string            // of the store
	leaves map[string]string // what a container leaves in its output folder, by name; a folder's ends in /
}

func newLake(t *testing.T) *lake {
	t.Helper()
	l := &lake{site: newSite(t), dir: t.TempDir(), leaves: map[string]string{}}
	store, err := artifact.Open(t.Context(), "file://"+l.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	l.files, l.does = store, func(run activities.TaskRun) {
		folder := strings.TrimPrefix(run.Env[output], "file://")
		for name, content := range l.leaves {
			file := filepath.Join(folder, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600)); err != nil {
				t.Error(err)
			}
		}
	}
	return l
}

func spec(request string) rollout.JobSpec {
	return rollout.JobSpec{Tasks: tasks("a"), Exchange: &rollout.Exchange{Request: request, Source: someSource}}
}

func custom() activities.Work {
	w := work()
	w.Kubernetes, w.Manifest = nil, someContent
	w.Target = rollout.Target{Name: "prod", Runtime: rollout.RuntimeCustom, TaskQueue: "serin", Cluster: &rollout.Cluster{Namespace: "tools"}}
	return w
}

func (l *lake) deployment(s rollout.JobSpec) activities.JobRequest {
	l.Helper()
	r := l.request(s)
	r.Work, r.Job = custom(), rollout.JobDeploy
	return r
}

func (l *lake) rendering(s rollout.JobSpec) activities.RenderRequest {
	l.Helper()
	w := custom()
	w.Rollout, w.Manifest = "0192-run", ""
	return activities.RenderRequest{Work: w, Spec: l.request(s).Spec, Name: renderName, Wait: time.Minute}
}

func (l *lake) deploys(r activities.JobRequest) rollout.Outcome {
	l.Helper()
	out, err := l.do(activities.RunJob, r)
	if err != nil {
		l.Fatal(err)
	}
	return out.Outcome
}

func (l *lake) renders(r activities.RenderRequest) rollout.Outcome {
	l.Helper()
	out, err := l.do(activities.RenderCustom, r)
	if err != nil {
		l.Fatal(err)
	}
	return out.Outcome
}

func TestWhatContainersSayOfADeploy(t *testing.T) {
	t.Parallel()
	const pass, fail = rollout.VerdictPass, rollout.VerdictFail
	large := `{"resultStatus":"SUCCEEDED","metadata":{"x":"` + strings.Repeat("x", 64<<10) + `"}}`
	for _, row := range []struct {
		results string // "" leaves none
		ends    activities.TaskResult
		want    rollout.Verdict
		reason  string
		checks  string
	}{
		{results: `{"resultStatus":"SUCCEEDED","artifactFiles":["x"],"metadata":{"a":{"b":1}}}`, want: pass, checks: "a: pass, results.json: pass"},
		{results: `{"resultStatus":"SKIPPED","skipMessage":"nothing has changed"}`, want: pass, reason: "skipped: nothing has changed"},
		{results: `{"resultStatus":"SKIPPED"}`, want: pass, reason: "skipped: its container gives no skipMessage"},
		{
			results: `{"resultStatus":"FAILED","failureMessage":"quota\nexceeded"}`, want: fail, reason: "FAILED: quota exceeded",
			checks: "a: pass, results.json: fail (FAILED: quota exceeded)",
		},
		{results: `{"resultStatus":"FAILED"}`, want: fail, reason: "FAILED: its container gives no failureMessage"},
		{want: fail, reason: "the containers ended well and left no results.json in CLOUD_DEPLOY_OUTPUT_GCS_PATH"},
		{results: `{"resultStatus":"NOT_SUPPORTED"}`, want: fail, reason: `results.json has resultStatus "NOT_SUPPORTED": of a DEPLOY there are SUCCEEDED, FAILED, SKIPPED`},
		{results: `{"resultStatus":"succeeded"}`, want: fail, reason: `results.json has resultStatus "succeeded": of a DEPLOY there are SUCCEEDED, FAILED, SKIPPED`},
		{results: `{}`, want: fail, reason: `results.json has resultStatus "": of a DEPLOY there are SUCCEEDED, FAILED, SKIPPED`},
		{results: `SUCCEEDED`, want: fail, reason: "results.json cannot be read: invalid character 'S' looking for beginning of value"},
		{results: `{"resultStatus":"SUCCEEDED"} and more`, want: fail, reason: "results.json cannot be read: invalid character 'a' after top-level value"},
		{results: `{"resultStatus":["SUCCEEDED"]}`, want: fail, reason: "results.json cannot be read: json: cannot unmarshal array into Go struct field results.resultStatus of type string"},
		{results: large, want: fail, reason: "results.json has 65584 bytes, and at most 65536 are read"},
		{
			results: `{"resultStatus":"FAILED","failureMessage":"quota exceeded"}`, ends: ended(fail, "task a exited with 1"),
			want: fail, reason: "task a exited with 1: quota exceeded", checks: "a: fail (task a exited with 1: quota exceeded)",
		},
		{results: `{"resultStatus":"SUCCEEDED"}`, ends: ended(fail, "task a exited with 1"), want: fail, reason: "task a exited with 1"},
		{ends: ended(fail, "task a exited with 1"), want: fail, reason: "task a exited with 1"},
		{
			results: `{"resultStatus":"SUCCEEDED"}`, ends: ended(rollout.VerdictInconclusive, "task a never ran"),
			want: rollout.VerdictInconclusive, reason: "task a never ran", checks: "a: inconclusive (task a never ran)",
		},
	} {
		l := newLake(t)
		if row.results != "" {
			l.leaves["results.json"] = row.results
		}
		if row.ends.Verdict != "" {
			l.ends["a"] = row.ends
		}
		out := l.deploys(l.deployment(spec(rollout.RequestDeploy)))
		if out.Verdict != row.want || out.Reason != row.reason {
			t.Errorf("%.80s: got %s (%s), want %s (%s)", row.results, out.Verdict, out.Reason, row.want, row.reason)
		}
		if got := told(out); row.checks != "" && got != row.checks {
			t.Errorf("%.80s: checks are %s, want %s", row.results, got, row.checks)
		}
	}
}

func TestResultsAreInTheLogs(t *testing.T) {
	t.Parallel()
	for results, want := range map[string]string{
		`{"resultStatus":"SUCCEEDED"}`:               "== a ==\nlog of a\n== results.json ==\n" + `{"resultStatus":"SUCCEEDED"}` + "\n",
		"no json\xff\n":                              "== a ==\nlog of a\n== results.json ==\nno json\n",
		`{"x":"` + strings.Repeat("x", 70000) + `"}`: "== a ==\nlog of a\n",
	} {
		l := newLake(t)
		l.leaves["results.json"] = results
		if got := l.log(l.deploys(l.deployment(spec(rollout.RequestDeploy)))); got != want {
			t.Errorf("log is\n%swant\n%s", got, want)
		}
	}
}

// What a worker that died has left is found again: the same folder, and the same word. Another attempt
// has another folder, so that it never reads what an earlier one has said.
func TestTheSameRunReadsTheSameResults(t *testing.T) {
	t.Parallel()
	l := newLake(t)
	r := l.deployment(rollout.JobSpec{Tasks: tasks("a", "b"), Exchange: spec(rollout.RequestDeploy).Exchange})
	l.leaves["results.json"] = `{"resultStatus":"SUCCEEDED"}`
	first := l.deploys(r)
	if l.env["a"][output] != l.env["b"][output] {
		t.Errorf("the tasks of one run write to %s and %s", l.env["a"][output], l.env["b"][output])
	}
	folder := l.env["a"][output]
	clear(l.leaves) // it has ended: it writes nothing again
	if again := l.deploys(r); !reflect.DeepEqual(again, first) || l.env["a"][output] != folder {
		t.Errorf("got %+v in %s, want %+v in %s", again, l.env["a"][output], first, folder)
	}
	r.Attempt++
	if out := l.deploys(r); out.Verdict != rollout.VerdictFail || l.env["a"][output] == folder {
		t.Errorf("another attempt is %s in %s", out.Verdict, l.env["a"][output])
	}
}

func TestWhatContainersThatDeployAreTold(t *testing.T) {
	t.Parallel()
	parameters := map[string]string{"customTarget/bucket": "lake", "region.1": "eu", "empty": ""}
	const common = "CLOUD_DEPLOY_DELIVERY_PIPELINE=shop CLOUD_DEPLOY_INPUT_GCS_PATH=INPUT CLOUD_DEPLOY_JOB_RUN=v2-to-prod-0002-canary-25-deploy-2 " +
		"CLOUD_DEPLOY_MANIFEST_GCS_PATH=file://DIR/sha256/22/2222222222222222222222222222222222222222222222222222222222222222 " +
		"CLOUD_DEPLOY_OUTPUT_GCS_PATH=file://DIR/exchange/553db144d4ac CLOUD_DEPLOY_PERCENTAGE_DEPLOY=25 CLOUD_DEPLOY_PHASE=canary-25 " +
		"CLOUD_DEPLOY_RELEASE=v2 CLOUD_DEPLOY_REQUEST_TYPE=DEPLOY CLOUD_DEPLOY_ROLLOUT=v2-to-prod-0002 CLOUD_DEPLOY_STORAGE_TYPE=FILE " +
		"CLOUD_DEPLOY_TARGET=prod TARGET_TYPE=CUSTOM"
	const packed = "file://DIR/sha256/11/1111111111111111111111111111111111111111111111111111111111111111"
	for _, row := range []struct {
		name     string
		exchange rollout.Exchange
		input    string
		more     string
	}{
		{"what Serin has rendered", rollout.Exchange{}, packed, ""},
		{"what a container has rendered", rollout.Exchange{Input: "exchange/0123456789ab"}, "file://DIR/exchange/0123456789ab", ""},
		{
			"a canary with parameters",
			rollout.Exchange{Canary: true, Parameters: parameters},
			packed,
			"CLOUD_DEPLOY_FEATURES=CANARY CLOUD_DEPLOY_customTarget_bucket=lake CLOUD_DEPLOY_empty= CLOUD_DEPLOY_region_1=eu",
		},
	} {
		l := newLake(t)
		row.exchange.Request, row.exchange.Source = rollout.RequestDeploy, someSource
		l.deploys(l.deployment(rollout.JobSpec{Tasks: tasks("a"), Exchange: &row.exchange}))
		want := strings.Fields(strings.Replace(common, "INPUT_GCS_PATH=INPUT", "INPUT_GCS_PATH="+row.input, 1) + " " + row.more)
		slices.Sort(want)
		if got := l.variables("a"); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s, want\n%s", row.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A render belongs to a release: there is no rollout yet, no job, and no manifest.
func TestWhatContainersThatRenderAreTold(t *testing.T) {
	t.Parallel()
	l := newLake(t)
	r := l.rendering(spec(rollout.RequestRender))
	r.Work.Target.Cluster, r.Work.Target.Location = nil, "projects/acme/locations/europe-west1"
	l.renders(r)
	want := []string{
		"CLOUD_DEPLOY_DELIVERY_PIPELINE=shop",
		"CLOUD_DEPLOY_INPUT_GCS_PATH=file://DIR/sha256/11/1111111111111111111111111111111111111111111111111111111111111111",
		"CLOUD_DEPLOY_LOCATION=europe-west1",
		"CLOUD_DEPLOY_OUTPUT_GCS_PATH=file://DIR/exchange/98f55521db67",
		"CLOUD_DEPLOY_PERCENTAGE_DEPLOY=25",
		"CLOUD_DEPLOY_PHASE=canary-25",
		"CLOUD_DEPLOY_PROJECT_ID=acme",
		"CLOUD_DEPLOY_RELEASE=v2",
		"CLOUD_DEPLOY_REQUEST_TYPE=RENDER",
		"CLOUD_DEPLOY_STORAGE_TYPE=FILE",
		"CLOUD_DEPLOY_TARGET=prod",
		"TARGET_TYPE=CUSTOM",
	}
	if got := l.variables("a"); !slices.Equal(got, want) {
		t.Errorf("got\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if l.timeouts["a"] != time.Minute {
		t.Errorf("it may run for %s", l.timeouts["a"])
	}
}

// variables are those of a task, sorted, without the place of the store.
func (l *lake) variables(id string) []string {
	var out []string
	for name, value := range maps.All(l.env[id]) {
		out = append(out, name+"="+strings.ReplaceAll(value, l.dir, "DIR"))
	}
	slices.Sort(out)
	return out
}

func TestExchangesThatCannotBe(t *testing.T) {
	t.Parallel()
	with := func(x rollout.Exchange, ids ...string) rollout.JobSpec {
		return rollout.JobSpec{Tasks: tasks(ids...), Exchange: &x}
	}
	parameter := func(keys ...string) rollout.JobSpec {
		x := rollout.Exchange{Request: rollout.RequestDeploy, Source: someSource, Parameters: map[string]string{}}
		for _, key := range keys {
			x.Parameters[key] = "x"
		}
		return with(x, "a")
	}
	for _, row := range []struct {
		name string
		spec rollout.JobSpec
		want rollout.Kind
		text string
	}{
		{"a job that renders", with(rollout.Exchange{Request: rollout.RequestRender, Source: someSource}, "a"), rollout.Invalid, "a job can only deploy"},
		{"a word nobody knows", with(rollout.Exchange{Request: "REMOVE", Source: someSource}, "a"), rollout.Invalid, `it asks containers to "REMOVE"`},
		{"nobody who could", rollout.JobSpec{HTTP: []rollout.HTTPCheck{get("http://x")}, Exchange: &rollout.Exchange{}}, rollout.Invalid, "no task that could"},
		{"no source", with(rollout.Exchange{Request: rollout.RequestDeploy}, "a"), rollout.Invalid, "tell containers their input"},
		{"an input outside", with(rollout.Exchange{Request: rollout.RequestDeploy, Source: someSource, Input: "../x"}, "a"), rollout.Invalid, "tell containers their input"},
		{"two parameters that are one", parameter("a/b", "a.b"), rollout.Invalid, "deploy parameter a/b would be CLOUD_DEPLOY_a_b, and so is a.b"},
		{"a parameter that is Serin's", parameter("TARGET"), rollout.Invalid, "would be CLOUD_DEPLOY_TARGET, and so is what Serin sets itself"},
		{"one that is Serin's in canaries", parameter("FEATURES"), rollout.Invalid, "would be CLOUD_DEPLOY_FEATURES, and so is what Serin sets itself"},
	} {
		l := newLake(t)
		_, err := l.do(activities.RunJob, l.deployment(row.spec))
		if kind, text := activities.Cause(err); kind != row.want || !strings.Contains(text, row.text) {
			t.Errorf("%s: got %v, want %s: %s", row.name, err, row.want, row.text)
		}
		if calls := l.called(false); len(calls) > 0 {
			t.Errorf("%s: %v", row.name, calls)
		}
	}
	l := newLake(t)
	l.files = nil
	if _, err := l.do(activities.RunJob, l.deployment(spec(rollout.RequestDeploy))); kindOf(err) != rollout.Unsupported {
		t.Errorf("without files: %v", err)
	}
}
