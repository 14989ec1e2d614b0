package cloudruntest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	logging "google.golang.org/api/logging/v2"
	"google.golang.org/api/option"
	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

const jobName = parent + "/jobs/smoke"

// jobEnv is a server with the code of a few images that jobs run.
type jobEnv struct {
	*testing.T
	srv  *cloudruntest.Server
	jobs *run.ProjectsLocationsJobsService
}

func startJobs(t *testing.T, opts cloudruntest.Options) *jobEnv {
	t.Helper()
	srv := cloudruntest.StartTest(t, opts)
	srv.HandleJob("ok", func(_ context.Context, c cloudruntest.Container) int {
		_, _ = fmt.Fprintf(c.Log, "hello %s\n%s", c.Env["WHO"], strings.Join(c.Args, " "))
		return 0
	})
	srv.HandleJob("three", func(context.Context, cloudruntest.Container) int { return 3 })
	srv.HandleJob("forever", func(ctx context.Context, _ cloudruntest.Container) int { <-ctx.Done(); return 143 })
	srv.HandleJob("crash", func(context.Context, cloudruntest.Container) int { panic("oh") })
	srv.HandleJob("process", cloudruntest.Process)
	return &jobEnv{T: t, srv: srv, jobs: client(t, srv).Projects.Locations.Jobs}
}

func jobOf(c *run.GoogleCloudRunV2Container, retries int64) *run.GoogleCloudRunV2Job {
	return &run.GoogleCloudRunV2Job{Template: &run.GoogleCloudRunV2ExecutionTemplate{Template: &run.GoogleCloudRunV2TaskTemplate{
		Containers: []*run.GoogleCloudRunV2Container{c}, MaxRetries: retries, ForceSendFields: []string{"MaxRetries"},
	}}}
}

func (e *jobEnv) create(job *run.GoogleCloudRunV2Job) {
	e.Helper()
	if _, err := e.jobs.Create(parent, job).JobId("smoke").Do(); err != nil {
		e.Fatal(err)
	}
}

func (e *jobEnv) start() *run.GoogleLongrunningOperation {
	e.Helper()
	op, err := e.jobs.Run(jobName, &run.GoogleCloudRunV2RunJobRequest{}).Do()
	if err != nil {
		e.Fatal(err)
	}
	return op
}

// newest returns the job's execution once it is as wanted.
func (e *jobEnv) newest(ok func(*run.GoogleCloudRunV2Execution) bool) *run.GoogleCloudRunV2Execution {
	e.Helper()
	x, err := e.srv.WaitExecution(e.Context(), jobName, ok)
	if err != nil {
		e.Fatal(err)
	}
	return x
}

func over(e *run.GoogleCloudRunV2Execution) bool { return e.CompletionTime != "" }

func condition(list []*run.GoogleCloudRunV2Condition, kind string) string {
	for _, c := range list {
		if c.Type == kind {
			return strings.TrimPrefix(c.State, "CONDITION_") + " " + c.Reason + c.ExecutionReason
		}
	}
	return ""
}

func TestAJobRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		container *run.GoogleCloudRunV2Container
		retries   int64
		want      string // the condition Completed
		counts    string // succeeded, failed, retried
		exit      int64
	}{
		"to its end":   {container: &run.GoogleCloudRunV2Container{Image: "ok"}, want: "SUCCEEDED ", counts: "1 0 0"},
		"and fails":    {container: &run.GoogleCloudRunV2Container{Image: "three"}, want: "FAILED NON_ZERO_EXIT_CODE", counts: "0 1 0", exit: 3},
		"and retries":  {container: &run.GoogleCloudRunV2Container{Image: "three"}, retries: 2, want: "FAILED NON_ZERO_EXIT_CODE", counts: "0 1 2", exit: 3},
		"and crashes":  {container: &run.GoogleCloudRunV2Container{Image: "crash"}, want: "FAILED NON_ZERO_EXIT_CODE", counts: "0 1 0", exit: 2},
		"no image":     {container: &run.GoogleCloudRunV2Container{Image: "none"}, want: "FAILED CONTAINER_MISSING", counts: "0 1 0"},
		"as a process": {container: &run.GoogleCloudRunV2Container{Image: "process", Command: []string{"sh", "-c", "exit $CODE"}, Env: []*run.GoogleCloudRunV2EnvVar{{Name: "CODE", Value: "7"}}}, want: "FAILED NON_ZERO_EXIT_CODE", counts: "0 1 0", exit: 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startJobs(t, cloudruntest.Options{})
			e.create(jobOf(c.container, c.retries))
			e.start()
			x := e.newest(over)
			if got := condition(x.Conditions, "Completed"); got != c.want {
				t.Errorf("completed is %q, want %q", got, c.want)
			}
			if got := fmt.Sprint(x.SucceededCount, x.FailedCount, x.RetriedCount); got != c.counts {
				t.Errorf("counts are %s, want %s", got, c.counts)
			}
			tasks, err := e.jobs.Executions.Tasks.List(x.Name).Do()
			if err != nil {
				t.Fatal(err)
			}
			if a := tasks.Tasks[0].LastAttemptResult; a != nil && a.ExitCode != c.exit {
				t.Errorf("exit code is %d, want %d", a.ExitCode, c.exit)
			}
			job, err := e.jobs.Get(jobName).Do()
			if err != nil || job.ExecutionCount != 1 || job.LatestCreatedExecution.CompletionTime == "" {
				t.Errorf("job is %+v, %v, want its execution", job, err)
			}
		})
	}
}

func TestTheDefaultIsThreeRetries(t *testing.T) {
	t.Parallel()
	e := startJobs(t, cloudruntest.Options{})
	job := jobOf(&run.GoogleCloudRunV2Container{Image: "three"}, 0)
	job.Template.Template.ForceSendFields = nil
	e.create(job)
	e.start()
	if x := e.newest(over); x.RetriedCount != 3 {
		t.Errorf("%d retries, want 3", x.RetriedCount)
	}
}

func TestAnExecutionIsCancelled(t *testing.T) {
	t.Parallel()
	e := startJobs(t, cloudruntest.Options{})
	e.create(jobOf(&run.GoogleCloudRunV2Container{Image: "forever"}, 0))
	op := e.start()
	x := e.newest(func(x *run.GoogleCloudRunV2Execution) bool { return x.RunningCount == 1 })
	cancel := func() error {
		_, err := e.jobs.Executions.Cancel(x.Name, &run.GoogleCloudRunV2CancelExecutionRequest{}).Do()
		return err
	}
	if err := cancel(); err != nil {
		t.Fatal(err)
	}
	x = e.newest(over)
	if got := condition(x.Conditions, "Completed"); got != "FAILED CANCELLED" || x.CancelledCount != 1 {
		t.Errorf("completed is %q", got)
	}
	if now, err := client(t, e.srv).Projects.Locations.Operations.Get(op.Name).Do(); err != nil || !now.Done || now.Error == nil {
		t.Errorf("operation is %+v, %v, want an error", now, err)
	}
	if err := cancel(); code(err) != http.StatusBadRequest {
		t.Errorf("again: %v", err)
	}
}

func code(err error) int {
	var e *googleapi.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func TestATimeoutEndsTheTask(t *testing.T) {
	t.Parallel()
	clock := cloudruntest.NewFakeClock(time.Unix(1e9, 0))
	e := startJobs(t, cloudruntest.Options{Clock: clock})
	job := jobOf(&run.GoogleCloudRunV2Container{Image: "forever"}, 0)
	job.Template.Template.Timeout = "30s"
	e.create(job)
	e.start()
	clock.Advance(29 * time.Second)
	e.newest(func(x *run.GoogleCloudRunV2Execution) bool { return x.RunningCount == 1 })
	clock.Advance(time.Second)
	x := e.newest(over)
	tasks, err := e.jobs.Executions.Tasks.List(x.Name).Do()
	if err != nil || tasks.Tasks[0].LastAttemptResult.Status.Code != 4 {
		t.Errorf("task is %+v, %v, want a deadline", tasks, err)
	}
}

func TestJobsAreHeldToTheRules(t *testing.T) {
	t.Parallel()
	ok := func() *run.GoogleCloudRunV2Job { return jobOf(&run.GoogleCloudRunV2Container{Image: "ok"}, 0) }
	for name, c := range map[string]struct {
		id   string
		edit func(*run.GoogleCloudRunV2Job)
		want int
	}{
		"good":              {id: "smoke", edit: func(*run.GoogleCloudRunV2Job) {}},
		"an id of capitals": {id: "Smoke", edit: func(*run.GoogleCloudRunV2Job) {}, want: 400},
		"a long id":         {id: strings.Repeat("a", 64), edit: func(*run.GoogleCloudRunV2Job) {}, want: 400},
		"no template":       {id: "smoke", edit: func(j *run.GoogleCloudRunV2Job) { j.Template = nil }, want: 400},
		"no image":          {id: "smoke", edit: func(j *run.GoogleCloudRunV2Job) { j.Template.Template.Containers[0].Image = "" }, want: 400},
		"a name":            {id: "smoke", edit: func(j *run.GoogleCloudRunV2Job) { j.Name = jobName }, want: 400},
		"eleven retries":    {id: "smoke", edit: func(j *run.GoogleCloudRunV2Job) { j.Template.Template.MaxRetries = 11 }, want: 400},
		"eight days":        {id: "smoke", edit: func(j *run.GoogleCloudRunV2Job) { j.Template.Template.Timeout = "691200s" }, want: 400},
		"the platform's annotation": {
			id: "smoke", want: 400,
			edit: func(j *run.GoogleCloudRunV2Job) { j.Annotations = map[string]string{"run.googleapis.com/x": ""} },
		},
		"there already": {id: "taken", edit: func(*run.GoogleCloudRunV2Job) {}, want: 409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startJobs(t, cloudruntest.Options{})
			if _, err := e.jobs.Create(parent, ok()).JobId("taken").Do(); err != nil {
				t.Fatal(err)
			}
			job := ok()
			c.edit(job)
			if _, err := e.jobs.Create(parent, job).JobId(c.id).Do(); code(err) != c.want {
				t.Errorf("error is %v, want status %d", err, c.want)
			}
		})
	}
}

func TestAJobIsChangedListedAndDeleted(t *testing.T) {
	t.Parallel()
	clock := cloudruntest.NewFakeClock(time.Unix(1e9, 0))
	e := startJobs(t, cloudruntest.Options{Clock: clock, Latency: time.Second, Etag: cloudruntest.EtagStrict})
	e.create(jobOf(&run.GoogleCloudRunV2Container{Image: "none"}, 0))
	if _, err := e.jobs.Run(jobName, &run.GoogleCloudRunV2RunJobRequest{}).Do(); code(err) != http.StatusBadRequest {
		t.Errorf("run before it is ready: %v", err)
	}
	clock.Advance(time.Second)
	before, err := e.jobs.Get(jobName).Do()
	if err != nil || before.Reconciling || condition([]*run.GoogleCloudRunV2Condition{before.TerminalCondition}, "Ready") != "FAILED CONTAINER_MISSING" {
		t.Fatalf("job is %+v, %v, want it to miss its image", before, err)
	}
	next := jobOf(&run.GoogleCloudRunV2Container{Image: "forever"}, 0)
	next.Etag = before.Etag
	if _, err = e.jobs.Patch(jobName, next).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err = e.jobs.Patch(jobName, next).Do(); code(err) != http.StatusConflict {
		t.Errorf("patch with an old etag: %v", err)
	}
	clock.Advance(time.Second)
	e.start()
	clock.Advance(time.Second)
	if _, err = e.jobs.Delete(jobName).Do(); err != nil {
		t.Fatal(err)
	}
	list, err := e.jobs.List(parent).Do()
	if err != nil || len(list.Jobs) != 1 || list.Jobs[0].DeleteTime == "" {
		t.Errorf("jobs are %+v, %v, want one that is being deleted", list, err)
	}
	clock.Advance(time.Second)
	if _, err = e.jobs.Get(jobName).Do(); code(err) != http.StatusNotFound {
		t.Errorf("after the delete: %v", err)
	}
}

// entries lists what is logged.
func (e *jobEnv) entries(filter, order string, size int64) []string {
	e.Helper()
	c, err := logging.NewService(e.Context(), option.WithEndpoint(e.srv.URL()), option.WithoutAuthentication())
	if err != nil {
		e.Fatal(err)
	}
	res, err := c.Entries.List(&logging.ListLogEntriesRequest{
		ResourceNames: []string{"projects/shop"}, Filter: filter, OrderBy: order, PageSize: size,
	}).Do()
	if err != nil {
		e.Fatal(err)
	}
	var out []string
	for _, entry := range res.Entries {
		out = append(out, entry.TextPayload+string(entry.JsonPayload))
	}
	return out
}

func TestLogsAreListed(t *testing.T) {
	t.Parallel()
	e := startJobs(t, cloudruntest.Options{})
	e.create(jobOf(&run.GoogleCloudRunV2Container{
		Image: "ok", Args: []string{`{"message":`, `"bye"}`}, Env: []*run.GoogleCloudRunV2EnvVar{{Name: "WHO", Value: "you"}},
	}, 0))
	e.start()
	x := e.newest(over)
	mine := `resource.type="cloud_run_job" AND labels."run.googleapis.com/execution_name"="` + x.Name[strings.LastIndexByte(x.Name, '/')+1:] + `"`
	for _, c := range []struct {
		filter, order string
		size          int64
		want          string
	}{
		{filter: mine, want: `hello you|{"message": "bye"}|Container called exit(0).`},
		{filter: mine, order: "timestamp desc", size: 2, want: `Container called exit(0).|{"message": "bye"}`},
		{filter: `resource.type="cloud_run_revision"`},
		{filter: `resource.labels.job_name="other"`},
		{filter: mine + ` AND timestamp>="2001-01-01T00:00:00Z"`, want: `hello you|{"message": "bye"}|Container called exit(0).`},
		{filter: mine + ` AND timestamp>="2999-01-01T00:00:00Z"`},
	} {
		got := strings.Join(e.entries(c.filter, c.order, c.size), "|")
		if strings.ReplaceAll(got, `":"`, `": "`) != c.want {
			t.Errorf("%s: entries are %s, want %s", c.filter, got, c.want)
		}
	}
}

func TestASnapshotHasJobs(t *testing.T) {
	t.Parallel()
	e := startJobs(t, cloudruntest.Options{})
	e.create(jobOf(&run.GoogleCloudRunV2Container{Image: "forever"}, 0))
	e.start()
	b, err := e.srv.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other := startJobs(t, cloudruntest.Options{})
	if err := other.srv.Restore(b); err != nil {
		t.Fatal(err)
	}
	if got := condition(other.newest(over).Conditions, "Completed"); got != "FAILED INTERNAL" {
		t.Errorf("completed is %q, want that it was lost", got)
	}
}

func TestABadVersionAnswersErrorsAndIsSlow(t *testing.T) {
	t.Parallel()
	clock := cloudruntest.NewFakeClock(time.Unix(1e9, 0))
	e := start(t, cloudruntest.Options{Clock: clock})
	e.srv.Handle("bad", e.srv.Faulty(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })))
	bad := template("bad", "")
	bad.Scaling = &run.GoogleCloudRunV2RevisionScaling{MinInstanceCount: 2}
	bad.Containers[0].Env = []*run.GoogleCloudRunV2EnvVar{{Name: cloudruntest.EnvErrorPercent, Value: "5"}}
	e.create(&run.GoogleCloudRunV2Service{Template: bad})
	svc := e.get()
	hit := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, svc.Uri, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := e.srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	got := map[int]int{}
	for range 40 {
		got[hit()]++
	}
	if want := map[int]int{200: 38, 500: 2}; !maps.Equal(got, want) {
		t.Errorf("answers are %v, want %v", got, want)
	}
	slow := template("bad", "")
	slow.Containers[0].Env = []*run.GoogleCloudRunV2EnvVar{{Name: cloudruntest.EnvDelay, Value: "300ms"}}
	e.patch("template", &run.GoogleCloudRunV2Service{Template: slow})
	answered := make(chan int)
	go func() { answered <- hit() }()
	if err := clock.WaitTimers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	clock.Advance(300 * time.Millisecond)
	if got := <-answered; got != http.StatusOK {
		t.Errorf("the slow answer is %d", got)
	}
	first, err := e.services.Revisions.Get(svc.LatestReadyRevision).Do()
	if err != nil || first.ScalingStatus.DesiredMinInstanceCount != 0 {
		t.Errorf("scaling of what nobody reaches is %+v, %v, want none", first.ScalingStatus, err)
	}
}
