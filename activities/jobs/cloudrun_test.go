package jobs_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/activities/jobs"
	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/rollout"
)

// What a CustomTargetType's containers may be: a shell that reads and writes files.
const (
	rendering = `set -eu
out=${CLOUD_DEPLOY_OUTPUT_GCS_PATH#file://}
/bin/mkdir -p "$out"
echo "$CLOUD_DEPLOY_customTarget_greeting, $CLOUD_DEPLOY_TARGET: $(/bin/cat "${CLOUD_DEPLOY_INPUT_GCS_PATH#file://}")" > "$out/manifest.yaml"
echo '{"resultStatus":"SUCCEEDED","manifestFile":"manifest.yaml"}' > "$out/results.json"`

	deploying = `set -eu
out=${CLOUD_DEPLOY_OUTPUT_GCS_PATH#file://}
/bin/mkdir -p "$out"
/bin/cat "${CLOUD_DEPLOY_MANIFEST_GCS_PATH#file://}" "${CLOUD_DEPLOY_INPUT_GCS_PATH#file://}/manifest.yaml"
echo "$CLOUD_DEPLOY_FEATURES $CLOUD_DEPLOY_PERCENTAGE_DEPLOY of $CLOUD_DEPLOY_RELEASE"
echo '{"resultStatus":"SUCCEEDED"}' > "$out/results.json"`
)

// A phase is rendered and deployed by processes, which an emulator of Cloud Run starts as jobs: they
// are led by their variables alone.
func TestContainersOnCloudRun(t *testing.T) {
	t.Parallel()
	region := cloudruntest.StartTest(t, cloudruntest.Options{})
	region.HandleJob("*", cloudruntest.Process)
	store, err := artifact.Open(t.Context(), "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	site := &real{T: t, store: store, jobs: jobs.New(jobs.Options{
		Platforms: map[rollout.Runtime]activities.Platform{
			rollout.RuntimeCloudRun: cloudrun.New(store, cloudrun.WithPolling(time.Millisecond, 4*time.Millisecond)),
		},
		Artifacts: store, Files: store,
	})}
	source := site.put("the source")
	exchange := rollout.Exchange{
		Request: rollout.RequestRender, Canary: true, Source: source, Parameters: map[string]string{"customTarget/greeting": "hello"},
	}
	w := activities.Work{
		Pipeline: "shop", Release: "v2", Rollout: "0192-run", Phase: "canary-25", Weight: 25,
		Target: rollout.Target{
			Name: "prod", Runtime: rollout.RuntimeCustom, TaskQueue: "serin",
			Location: "projects/acme/locations/europe-west1", Endpoint: region.URL(),
		},
	}
	var rendered activities.RenderResult
	site.do(activities.RenderCustom, activities.RenderRequest{Work: w, Spec: site.spec(rendering, exchange), Name: renderName}, &rendered)
	if rendered.Outcome.Verdict != rollout.VerdictPass {
		t.Fatalf("got %+v", rendered.Outcome)
	}
	var made rollout.Rendering
	site.named(renderName, &made)

	exchange.Request, exchange.Input = rollout.RequestDeploy, made.Folder
	w.Rollout, w.Manifest = "v2-to-prod-0001", made.Manifest
	var deployed activities.JobResult
	site.do(activities.RunJob, activities.JobRequest{Work: w, Job: rollout.JobDeploy, Spec: site.spec(deploying, exchange), Attempt: 1}, &deployed)
	log := site.get(deployed.Outcome.Logs)
	const want = "== a ==\nhello, prod: the source\nhello, prod: the source\nCANARY 25 of v2\n"
	if deployed.Outcome.Verdict != rollout.VerdictPass || !strings.HasPrefix(log, want) {
		t.Errorf("got %+v, and the log\n%s", deployed.Outcome, log)
	}
}

// real is a worker's jobs over real platforms.
type real struct {
	*testing.T
	store *artifact.Store
	jobs  *jobs.Jobs
}

func (s *real) do(name string, request, result any) {
	s.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivityWithOptions(s.jobs.RunJob, activity.RegisterOptions{Name: activities.RunJob})
	env.RegisterActivityWithOptions(s.jobs.RenderCustom, activity.RegisterOptions{Name: activities.RenderCustom})
	value, err := env.ExecuteActivity(name, request)
	if err == nil {
		err = value.Get(result)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// spec stores what a shell does.
func (s *real) spec(script string, x rollout.Exchange) string {
	s.Helper()
	content, err := json.Marshal(rollout.JobSpec{
		Tasks:    []rollout.Task{{ID: "a", Image: "sh", Command: []string{"/bin/sh", "-c", script}}},
		Exchange: &x,
	})
	if err != nil {
		s.Fatal(err)
	}
	return s.put(string(content))
}

func (s *real) put(content string) string {
	s.Helper()
	digest, err := s.store.Put(s.Context(), []byte(content))
	if err != nil {
		s.Fatal(err)
	}
	return digest
}

func (s *real) get(digest string) string {
	s.Helper()
	content, err := s.store.Get(s.Context(), digest)
	if err != nil {
		s.Fatal(err)
	}
	return string(content)
}

func (s *real) named(name string, into any) {
	s.Helper()
	content, err := s.store.GetNamed(s.Context(), name)
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		s.Fatal(err)
	}
}
