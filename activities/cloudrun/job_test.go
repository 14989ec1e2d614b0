package cloudrun_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/cloudrun"
	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// taskEnv is an env whose images run as jobs too.
type taskEnv struct {
	*env
	runs atomic.Int64 // of containers
}

func newTaskEnv(t *testing.T, opts cloudruntest.Options) *taskEnv {
	t.Helper()
	e := &taskEnv{env: newEnv(t, opts)}
	handle := func(image string, run cloudruntest.Task) {
		e.region.HandleJob(image, func(ctx context.Context, c cloudruntest.Container) int {
			e.runs.Add(1)
			return run(ctx, c)
		})
	}
	handle("exit0", func(_ context.Context, c cloudruntest.Container) int {
		for i := range 80 {
			_, _ = fmt.Fprintf(c.Log, "line %d\n", i+1)
		}
		return 0
	})
	handle("exit3", func(context.Context, cloudruntest.Container) int { return 3 })
	handle("env", func(_ context.Context, c cloudruntest.Container) int {
		_, _ = fmt.Fprintf(c.Log, "%s %s %s %s", c.Command, c.Args, c.Env["OWN"], c.Env["SET"])
		return 0
	})
	handle("forever", func(ctx context.Context, _ cloudruntest.Container) int { <-ctx.Done(); return 143 })
	return e
}

func (e *taskEnv) task(image string) activities.TaskRun {
	w := e.work("v2")
	w.Phase = "canary-25"
	return activities.TaskRun{Work: w, Job: "verify", Attempt: 1, Task: rollout.Task{ID: "smoke", Image: image}}
}

func job(t activities.TaskRun) string { return location + "/jobs/" + t.Name() }

// requests counts those to a part of the API, as "GET executions".
func (e *taskEnv) requests() map[string]int {
	out := map[string]int{}
	for _, r := range e.region.Log() {
		parts := strings.Split(strings.TrimPrefix(r.Path, "/v2/"+location+"/"), "/")
		what := parts[0]
		switch {
		case strings.HasPrefix(r.Path, "/v2/entries"):
			what = "entries"
		case len(parts) > 4:
			what = "tasks"
		case len(parts) > 2:
			what = parts[2]
		}
		if len(parts)%2 == 1 {
			what = "list " + what
		}
		out[r.Method+" "+what]++
	}
	return out
}

func TestVerdictOfATask(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		image string
		setup func(e *taskEnv, t *activities.TaskRun)
		want  rollout.Verdict
		say   string // the reason has it
		runs  int64
	}{
		"exit code 0":   {image: "exit0", want: rollout.VerdictPass, runs: 1},
		"exit code 3":   {image: "exit3", want: rollout.VerdictFail, say: "task smoke exited with 3", runs: 1},
		"unknown image": {image: "nobody", want: rollout.VerdictInconclusive, say: "task smoke never ran: CONTAINER_MISSING: Image 'nobody' not found."},
		"no permission": {image: "exit0", want: rollout.VerdictInconclusive, say: "CONTAINER_PERMISSION_DENIED", setup: func(e *taskEnv, _ *activities.TaskRun) {
			must(e, e.region.FailImage("exit0", "CONTAINER_PERMISSION_DENIED", ""))
		}},
		"out of time": {image: "forever", want: rollout.VerdictFail, say: "task smoke did not end in time: The configured timeout was reached.", runs: 1, setup: func(_ *taskEnv, t *activities.TaskRun) {
			t.Task.Timeout = time.Second
		}},
		"tasks that nobody may see": {image: "exit3", want: rollout.VerdictFail, say: "NON_ZERO_EXIT_CODE", runs: 1, setup: func(e *taskEnv, _ *activities.TaskRun) {
			e.inject(cloudruntest.Fault{Kind: cloudruntest.PermissionDenied, Path: "*/tasks"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newTaskEnv(t, cloudruntest.Options{Latency: time.Millisecond})
			task := e.task(c.image)
			if c.setup != nil {
				c.setup(e, &task)
			}
			res, err := e.Provider.Run(t.Context(), task)
			must(t, err)
			if res.Verdict != c.want || !strings.Contains(res.Reason, c.say) || (c.say == "") != (res.Reason == "") {
				t.Errorf("result is %s, %q, want %s, %q", res.Verdict, res.Reason, c.want, c.say)
			}
			if got := e.runs.Load(); got != c.runs {
				t.Errorf("the container ran %d times, want %d", got, c.runs)
			}
		})
	}
}

func TestAnImageThatVanishedAfterTheJobWasMade(t *testing.T) {
	t.Parallel()
	clock := cloudruntest.NewFakeClock(time.Unix(1e9, 0))
	e := newTaskEnv(t, cloudruntest.Options{Clock: clock, Latency: time.Second})
	task := e.task("exit0")
	done := e.runAside(t.Context(), task)
	must(t, clock.WaitTimers(t.Context(), 1))
	clock.Advance(time.Second) // the job is made
	_, err := e.region.WaitExecution(t.Context(), job(task), func(*run.GoogleCloudRunV2Execution) bool { return true })
	must(t, err)
	must(t, e.region.FailImage("exit0", "CONTAINER_MISSING", ""))
	clock.Advance(time.Second)
	got := <-done
	if must(t, got.err); got.Verdict != rollout.VerdictInconclusive || !strings.Contains(got.Reason, "not found") {
		t.Errorf("result is %+v, want inconclusive", got.TaskResult)
	}
}

type outcome struct {
	activities.TaskResult
	err error
}

func (e *taskEnv) runAside(ctx context.Context, t activities.TaskRun) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		res, err := e.Provider.Run(ctx, t)
		done <- outcome{res, err}
	}()
	return done
}

func TestATaskGetsItsCommandAndEnvironment(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{})
	task := e.task("env")
	task.Task.Command, task.Task.Args = []string{"sh"}, []string{"-c", "true"}
	task.Task.Env = map[string]string{"OWN": "own", "SET": "lost"}
	task.Env = map[string]string{"SET": "set"}
	res, err := e.Provider.Run(t.Context(), task)
	must(t, err)
	if want := "[sh] [-c true] own set\nContainer called exit(0).\n"; string(res.Logs) != want {
		t.Errorf("log is %q, want %q", res.Logs, want)
	}
	j, err := e.api().Jobs.Get(job(task)).Do()
	must(t, err)
	for k, v := range map[string]string{
		"serin.dev/pipeline": "web", "serin.dev/rollout": "v2-to-prod-0001", "serin.dev/phase": "canary-25",
		"serin.dev/job": "verify", "serin.dev/attempt": "1", "serin.dev/task": "smoke",
	} {
		if j.Annotations[k] != v || j.Template.Annotations[k] != v {
			t.Errorf("annotation %s is %q and %q, want %q", k, j.Annotations[k], j.Template.Annotations[k], v)
		}
	}
	if j.Labels["serin-pipeline"] != "web" || j.Template.Template.Timeout != "3600s" || j.Template.Template.MaxRetries != 0 {
		t.Errorf("job is %+v", j.Template.Template)
	}
}

func (e *env) api() *run.ProjectsLocationsService { return apiOf(e.T, e.region.URL()) }

func TestTheTimeoutIsInWholeSeconds(t *testing.T) {
	t.Parallel()
	for task, want := range map[time.Duration]string{
		0: "3600s", 90 * time.Second: "90s", time.Millisecond: "1s", 1000 * time.Hour: "604800s", // a week is the platform's limit
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			e := newTaskEnv(t, cloudruntest.Options{})
			run := e.task("exit0")
			run.Task.Timeout = task
			_, err := e.Provider.Run(t.Context(), run)
			must(t, err)
			j, err := e.api().Jobs.Get(job(run)).Do()
			must(t, err)
			if got := j.Template.Template.Timeout; got != want {
				t.Errorf("timeout is %s, want %s", got, want)
			}
		})
	}
}

func TestTheLogIsItsLastFiftyLines(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{LogDelay: 2 * time.Millisecond})
	res, err := e.Provider.Run(t.Context(), e.task("exit0"))
	must(t, err)
	lines := strings.Split(strings.TrimSuffix(string(res.Logs), "\n"), "\n")
	if len(lines) != 50 || lines[48] != "line 80" || lines[0] != "line 32" {
		t.Errorf("log is %d lines from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
}

func TestALogThatCannotBeReadIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts  cloudruntest.Options
		fault *cloudruntest.Fault
		want  string
	}{
		"denied":  {fault: &cloudruntest.Fault{Kind: cloudruntest.PermissionDenied, Path: "/v2/entries:list"}, want: "roles/logging.viewer"},
		"down":    {fault: &cloudruntest.Fault{Kind: cloudruntest.Unavailable, Path: "/v2/entries:list"}, want: "503"},
		"not yet": {opts: cloudruntest.Options{LogDelay: time.Hour}, want: "no lines in Cloud Logging yet: https://console"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newTaskEnv(t, c.opts)
			if c.fault != nil {
				e.inject(*c.fault)
			}
			res, err := e.Provider.Run(t.Context(), e.task("exit0"))
			must(t, err)
			if res.Verdict != rollout.VerdictPass || !strings.Contains(string(res.Logs), c.want) {
				t.Errorf("result is %s, log %q, want one that says %q", res.Verdict, res.Logs, c.want)
			}
		})
	}
}

func TestTheSameTaskRunsOnce(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{})
	first, err := e.Provider.Run(t.Context(), e.task("exit3"))
	must(t, err)
	second, err := e.Provider.Run(t.Context(), e.task("exit3"))
	must(t, err)
	if e.runs.Load() != 1 || second.Reason != first.Reason || string(second.Logs) != string(first.Logs) {
		t.Errorf("%d runs, %+v then %+v", e.runs.Load(), first, second)
	}
	again := e.task("exit3")
	again.Attempt = 2
	_, err = e.Provider.Run(t.Context(), again)
	must(t, err)
	if e.runs.Load() != 2 {
		t.Errorf("%d runs after another attempt, want 2", e.runs.Load())
	}
}

// Whatever write is lost, on its way or on the way back, and whenever a worker dies, the
// container runs once.
func TestABrokenWriteRunsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"*/jobs", "*:run"} {
		for _, kind := range []cloudruntest.FaultKind{cloudruntest.ResetBeforeApply, cloudruntest.ResetAfterApply, cloudruntest.ApplyThenUnavailable} {
			t.Run(fmt.Sprint(path, kind), func(t *testing.T) {
				t.Parallel()
				e := newTaskEnv(t, cloudruntest.Options{})
				e.inject(cloudruntest.Fault{Kind: kind, Method: http.MethodPost, Path: path, Times: 1})
				_, err := e.Provider.Run(t.Context(), e.task("exit0"))
				wantKind(t, err, rollout.Transient)
				res, err := e.Provider.Run(t.Context(), e.task("exit0"))
				must(t, err)
				if res.Verdict != rollout.VerdictPass || e.runs.Load() != 1 {
					t.Errorf("result is %+v after %d runs, want a pass after one", res, e.runs.Load())
				}
			})
		}
	}
}

func TestTwoCallsAtOnceRunOneContainer(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{Etag: cloudruntest.EtagStrict, Latency: time.Millisecond})
	task := e.task("exit0")
	a, b := e.runAside(t.Context(), task), e.runAside(t.Context(), task)
	for _, got := range []outcome{<-a, <-b} {
		if got.err != nil { // it has lost the race, and is tried again
			wantKind(t, got.err, rollout.Transient)
			got.TaskResult, got.err = e.Provider.Run(t.Context(), task)
		}
		if must(t, got.err); got.Verdict != rollout.VerdictPass {
			t.Errorf("result is %+v", got.TaskResult)
		}
	}
	if e.runs.Load() != 1 {
		t.Errorf("%d runs, want one", e.runs.Load())
	}
}

func TestAContextThatEndsLeavesTheContainer(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{})
	task := e.task("forever")
	said := make(chan string, 100)
	task.Say = func(text string) { said <- text }
	ctx, cancel := context.WithCancel(t.Context())
	done := e.runAside(ctx, task)
	for text := range said {
		if strings.HasSuffix(text, "is running") {
			break
		}
	}
	cancel()
	if got := <-done; !errors.Is(got.err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", got.err)
	}
	_, err := e.region.WaitExecution(t.Context(), job(task), func(x *run.GoogleCloudRunV2Execution) bool { return x.RunningCount == 1 })
	must(t, err)
	must(t, e.Stop(t.Context(), task))
	if got := e.region.Jobs(); len(got) != 0 {
		t.Errorf("after the stop there are %v", got)
	}
	must(t, e.Stop(t.Context(), task)) // nothing there
}

// TestAStopThatIsRepeatedWaitsForTheFirst: while the job is being deleted its container may still run.
func TestAStopThatIsRepeatedWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	clock := cloudruntest.NewFakeClock(time.Unix(1e9, 0))
	e := newTaskEnv(t, cloudruntest.Options{Clock: clock, Latency: time.Second})
	task := e.task("forever")
	ctx, cancel := context.WithCancel(t.Context())
	done := e.runAside(ctx, task)
	must(t, clock.WaitTimers(t.Context(), 1))
	clock.Advance(time.Second) // the job is made
	_, err := e.region.WaitExecution(t.Context(), job(task), func(*run.GoogleCloudRunV2Execution) bool { return true })
	must(t, err)
	cancel()
	<-done
	_, err = e.api().Jobs.Delete(job(task)).Do()
	must(t, err)
	wantKind(t, e.Stop(t.Context(), task), rollout.Transient)
	clock.Advance(time.Minute)
	must(t, e.Stop(t.Context(), task))
	if got := e.region.Jobs(); len(got) != 0 {
		t.Errorf("after the stop there are %v", got)
	}
}

func TestStopEndsARunThatIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(e *taskEnv, t activities.TaskRun, x *run.GoogleCloudRunV2Execution){
		"by serin": func(e *taskEnv, t activities.TaskRun, _ *run.GoogleCloudRunV2Execution) {
			must(e, e.Stop(e.Context(), t))
		},
		"by a person who cancels": func(e *taskEnv, _ activities.TaskRun, x *run.GoogleCloudRunV2Execution) {
			_, err := e.api().Jobs.Executions.Cancel(x.Name, &run.GoogleCloudRunV2CancelExecutionRequest{}).Do()
			must(e, err)
		},
		"by a person who deletes": func(e *taskEnv, _ activities.TaskRun, x *run.GoogleCloudRunV2Execution) {
			_, err := e.api().Jobs.Executions.Delete(x.Name).Do()
			must(e, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newTaskEnv(t, cloudruntest.Options{})
			task := e.task("forever")
			done := e.runAside(t.Context(), task)
			x, err := e.region.WaitExecution(t.Context(), job(task), func(x *run.GoogleCloudRunV2Execution) bool { return x.RunningCount == 1 })
			must(t, err)
			stop(e, task, x)
			if got := <-done; got.err != nil || got.Verdict != rollout.VerdictInconclusive {
				t.Errorf("result is %+v, %v, want inconclusive", got.TaskResult, got.err)
			}
			if e.runs.Load() != 1 {
				t.Errorf("%d runs, want one", e.runs.Load())
			}
		})
	}
}

func TestAJobOfAnotherIsLeftAlone(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{})
	task := e.task("exit0")
	_, err := e.api().Jobs.Create(location, &run.GoogleCloudRunV2Job{
		Template: &run.GoogleCloudRunV2ExecutionTemplate{Template: &run.GoogleCloudRunV2TaskTemplate{
			Containers: []*run.GoogleCloudRunV2Container{{Image: "exit0"}},
		}},
	}).JobId(task.Name()).Do()
	must(t, err)
	_, err = e.Provider.Run(t.Context(), task)
	wantKind(t, err, rollout.Conflict)
	wantKind(t, e.Stop(t.Context(), task), rollout.Conflict)
	if len(e.region.Jobs()) != 1 || e.runs.Load() != 0 {
		t.Error("it was touched")
	}
}

func TestOldJobsAreSwept(t *testing.T) {
	t.Parallel()
	clock := cloudruntest.NewFakeClock(time.Now().Add(-25 * time.Hour))
	e := newTaskEnv(t, cloudruntest.Options{Clock: clock})
	old, other := e.task("exit0"), e.task("exit0")
	other.Work.Pipeline = "mail"
	for _, each := range []activities.TaskRun{old, other} {
		_, err := e.Provider.Run(t.Context(), each)
		must(t, err)
	}
	clock.Advance(2 * time.Hour)
	recent := e.task("exit0")
	recent.Attempt = 2
	_, err := e.Provider.Run(t.Context(), recent)
	must(t, err)
	clock.Advance(23 * time.Hour)
	last := e.task("exit0")
	last.Attempt = 3
	_, err = e.Provider.Run(t.Context(), last)
	must(t, err)
	want := []string{job(other), job(recent), job(last)}
	slices.Sort(want)
	wantList(t, "jobs", e.region.Jobs(), want)
}

func TestWatchingATaskCostsFewRequests(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{})
	e.Provider = cloudrun.New(e.artifacts, cloudrun.WithPolling(time.Hour, time.Hour))
	task := e.task("forever")
	said := make(chan string, 10)
	task.Say = func(text string) { said <- text }
	ctx, cancel := context.WithCancel(t.Context())
	done := e.runAside(ctx, task)
	<-said // it pauses
	cancel()
	<-done
	want := map[string]int{
		"GET jobs": 2, "POST list jobs": 1, "GET list jobs": 1, // look, create, look; sweep
		"GET list executions": 1, "POST jobs": 1, // nothing runs, run
	}
	if got := e.requests(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("requests are %v, want %v", got, want)
	}
}

// Of a custom target only the location is known. A render of it has no phase that must have a name, and
// its rollout is any text.
func TestATaskOfACustomTarget(t *testing.T) {
	t.Parallel()
	e := newTaskEnv(t, cloudruntest.Options{})
	task := e.task("exit0")
	task.Work = activities.Work{
		Pipeline: "web", Rollout: "0192e4a1-7c1e/renderings/web/v2/" + strings.Repeat("0", 64) + "/prod/stable.json",
		Target: rollout.Target{Name: "prod", Runtime: rollout.RuntimeCustom, Location: location, Endpoint: e.region.URL()},
	}
	for range 2 {
		res, err := e.Provider.Run(t.Context(), task)
		must(t, err)
		if res.Verdict != rollout.VerdictPass || e.runs.Load() != 1 {
			t.Errorf("%+v after %d runs", res, e.runs.Load())
		}
	}
	must(t, e.Provider.Stop(t.Context(), task))
	task.Work.Target.Location = ""
	if _, err := e.Provider.Run(t.Context(), task); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("without a location: %v", err)
	}
}
