package jobs_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/activities/jobs"
	"github.com/serin-dev/serin/rollout"
)

// site is a worker's jobs over a platform whose containers end as the test says.
type site struct {
	*testing.T
	artifacts *fake.Artifacts
	containers
	files  jobs.Files // nil shares none with containers
	hosts  activities.Hosts
	client *http.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{T: t, artifacts: &fake.Artifacts{}, containers: containers{
		Platform: &fake.Platform{}, ends: map[string]activities.TaskResult{}, errs: map[string]error{},
		held: map[string]bool{}, waiting: make(chan string, 16), env: map[string]map[string]string{}, timeouts: map[string]time.Duration{},
	}}
}

// containers is a Platform that is a Runner.
type containers struct {
	*fake.Platform
	ends map[string]activities.TaskResult // by the task's id; none passes
	errs map[string]error                 // once each
	held map[string]bool                  // runs until it is stopped, or nobody waits for it any more

	unstopped error                    // of every Stop
	does      func(activities.TaskRun) // what the containers do

	mu       sync.Mutex
	waiting  chan string // the held ones that have begun
	calls    []string
	env      map[string]map[string]string
	timeouts map[string]time.Duration
}

var _ activities.Runner = (*containers)(nil)

func (c *containers) Run(ctx context.Context, t activities.TaskRun) (activities.TaskResult, error) {
	c.mu.Lock()
	id := t.Task.ID
	c.calls, c.env[id], c.timeouts[id] = append(c.calls, "run "+id), t.Env, t.Task.Timeout
	end, ok := c.ends[id]
	err, held := c.errs[id], c.held[id]
	delete(c.errs, id)
	c.mu.Unlock()
	t.Say("runs")
	if c.does != nil {
		c.does(t)
	}
	if held {
		c.waiting <- id
		<-ctx.Done()
		return activities.TaskResult{}, ctx.Err()
	}
	if !ok && err == nil {
		end = activities.TaskResult{Verdict: rollout.VerdictPass, Logs: []byte("log of " + id + "\n")}
	}
	return end, err
}

func (c *containers) Stop(_ context.Context, t activities.TaskRun) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, "stop "+t.Task.ID)
	return c.unstopped
}

// called is what was asked of the platform; of what happens at once, sorted.
func (c *containers) called(sorted bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := slices.Clone(c.calls)
	if sorted {
		slices.Sort(out)
	}
	return out
}

func (s *site) request(spec rollout.JobSpec) activities.JobRequest {
	s.Helper()
	content, err := json.Marshal(spec)
	if err != nil {
		s.Fatal(err)
	}
	return s.stored(content)
}

func (s *site) stored(spec []byte) activities.JobRequest {
	s.Helper()
	digest, err := s.artifacts.Put(s.Context(), spec)
	if err != nil {
		s.Fatal(err)
	}
	return activities.JobRequest{Work: work(), Job: rollout.JobVerify, Spec: digest, Attempt: 2}
}

func work() activities.Work {
	return activities.Work{
		Pipeline: "shop", Release: "v2", Rollout: "v2-to-prod-0002", Phase: "canary-25", Weight: 25, Digest: "sha256:abc",
		Target: rollout.Target{
			Name: "prod", Runtime: rollout.RuntimeKubernetes, TaskQueue: "serin",
			Cluster: &rollout.Cluster{GKE: "projects/acme/locations/europe-west1/clusters/main"},
		},
		Kubernetes: &rollout.Kubernetes{Namespace: "store", Deployment: "web", Service: "web", Gateway: &rollout.Gateway{}},
	}
}

func (s *site) jobs() *jobs.Jobs {
	return jobs.New(jobs.Options{
		Platforms: map[rollout.Runtime]activities.Platform{rollout.RuntimeKubernetes: &s.containers, rollout.RuntimeCloudRun: &s.containers},
		Artifacts: s.artifacts, Files: s.files, Client: s.client, Hosts: s.hosts,
	})
}

// do runs an activity as a worker does.
func (s *site) do(name string, request any) (activities.JobResult, error) {
	s.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	j := s.jobs()
	for n, do := range map[string]any{
		activities.RunJob: j.RunJob, activities.StopJob: j.StopJob, activities.AskWebhook: j.AskWebhook, activities.RenderCustom: j.RenderCustom,
	} {
		env.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: n})
	}
	value, err := env.ExecuteActivity(name, request)
	var out activities.JobResult
	if err == nil && value.HasValue() {
		err = value.Get(&out)
	}
	return out, err
}

func (s *site) runs(spec rollout.JobSpec) rollout.Outcome {
	s.Helper()
	out, err := s.do(activities.RunJob, s.request(spec))
	if err != nil {
		s.Fatal(err)
	}
	return out.Outcome
}

func (s *site) log(o rollout.Outcome) string {
	s.Helper()
	if o.Logs == "" {
		return ""
	}
	content, err := s.artifacts.Get(s.Context(), o.Logs)
	if err != nil {
		s.Fatal(err)
	}
	return string(content)
}
