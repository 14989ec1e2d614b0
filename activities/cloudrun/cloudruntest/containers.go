package cloudruntest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"time"

	run "google.golang.org/api/run/v2"
)

// Container is what a job runs.
type Container struct {
	Image   string
	Command []string // replaces the image's entrypoint; nil for its own
	Args    []string
	Env     map[string]string
	Log     io.Writer // its output
}

// Task is the code of an image that jobs run. It returns the exit code once it has ended, at the
// latest soon after ctx has.
type Task func(ctx context.Context, c Container) int

// task is the code registered for images that match a pattern.
type task struct {
	pattern string
	run     Task
}

// HandleJob registers the code of an image for jobs, as Handle does for services. A job whose
// image has none fails with CONTAINER_MISSING.
func (s *Server) HandleJob(name string, run Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = append(s.tasks, task{name, run})
}

func (s *Server) taskOf(name string) Task {
	var found Task
	for _, t := range s.tasks {
		if glob(t.pattern, name) {
			found = t.run
		}
	}
	for _, t := range s.tasks {
		if t.pattern == name {
			found = t.run
		}
	}
	return found
}

// Process is a Task that runs the container's command and arguments as a process of this machine,
// with nothing in its environment but the container's.
func Process(ctx context.Context, c Container) int {
	argv := slices.Concat(c.Command, c.Args)
	if len(argv) == 0 {
		fmt.Fprintln(c.Log, "the container has no command") //nolint:errcheck // a log that cannot be written to is lost
		return 127
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = c.Log, c.Log
	cmd.Env = []string{} // nil would be ours
	for _, k := range slices.Sorted(maps.Keys(c.Env)) {
		cmd.Env = append(cmd.Env, k+"="+c.Env[k])
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(c.Log, err) //nolint:errcheck // a log that cannot be written to is lost
	return 126
}

// image is the image of the container that a job runs.
func (j *job) image() string { return j.Resource.Template.Template.Containers[0].Image }

// noContainer returns why a job cannot run an image, or nil.
func (s *Server) noContainer(name string) *failure {
	for _, f := range slices.Backward(s.failures) {
		if glob(f.Image, name) {
			f.Image = name
			return &f
		}
	}
	if s.taskOf(name) == nil {
		return &failure{Image: name, Reason: "CONTAINER_MISSING"}
	}
	return nil
}

// launch begins e, or ends it where its image is no good. s.mu is held.
func (s *Server) launch(ctx context.Context, j *job, e *execution) {
	if e.ended() || s.jobs[j.key()] != j {
		return
	}
	name := e.Resource.Template.Containers[0].Image
	if f := s.noContainer(name); f != nil {
		e.Resource.FailedCount = 1
		c := s.condition(typeContainer, stateFailed)
		f.explain(c)
		s.setExecution(e, c)
		s.complete(j, e, ending{status: "EXECUTION_FAILED", reason: f.explain, rpc: &apiError{GRPC: 9, Message: f.text()}})
		return
	}
	e.Resource.StartTime, e.Task.StartTime = s.stamp(), s.stamp()
	e.Resource.RunningCount = 1
	s.setExecution(e, s.condition(typeContainer, stateSucceeded))
	s.setExecution(e, s.condition(typeStarted, stateSucceeded))
	s.refer(j, e, "EXECUTION_RUNNING")
	s.try(ctx, j, e)
	s.broadcast()
}

// try begins the next attempt of e's task. s.mu is held.
func (s *Server) try(ctx context.Context, j *job, e *execution) {
	e.attempt++
	attempt := e.attempt
	c := e.container()
	log := &logWriter{s: s, e: e, attempt: attempt}
	c.Log = log
	code := s.taskOf(c.Image)
	ctx, stop := context.WithCancel(ctx)
	limit, err := time.ParseDuration(e.Resource.Template.Timeout)
	if err != nil {
		limit = 10 * time.Minute // validated: it never comes to this
	}
	finish := func(result *run.GoogleCloudRunV2TaskAttemptResult) {
		log.flush()
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.ended() || e.attempt != attempt {
			return // it was cancelled, or its time was over
		}
		e.kill()
		e.kill = nil
		s.tried(context.WithoutCancel(ctx), j, e, result)
	}
	unwatch := s.clock.AfterFunc(limit, func() {
		finish(&run.GoogleCloudRunV2TaskAttemptResult{Status: &run.GoogleRpcStatus{Code: 4, Message: "The configured timeout was reached."}})
	})
	e.kill = func() { stop(); unwatch() }
	go func() { finish(exited(ctx, code, c)) }()
}

// exited runs code to its end. A panic is a crash.
func exited(ctx context.Context, code Task, c Container) (result *run.GoogleCloudRunV2TaskAttemptResult) {
	defer func() {
		if cause := recover(); cause != nil {
			fmt.Fprintln(c.Log, "panic:", cause) //nolint:errcheck // the log is ours
			result = &run.GoogleCloudRunV2TaskAttemptResult{ExitCode: 2}
		}
	}()
	return &run.GoogleCloudRunV2TaskAttemptResult{ExitCode: int64(code(ctx, c))}
}

// container is what e runs, without a log.
func (e *execution) container() Container {
	c := e.Resource.Template.Containers[0]
	env := map[string]string{
		"CLOUD_RUN_JOB": e.Resource.Job, "CLOUD_RUN_EXECUTION": last(e.key()),
		"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1", "CLOUD_RUN_TASK_ATTEMPT": fmt.Sprint(e.attempt - 1),
	}
	for _, v := range c.Env {
		env[v.Name] = v.Value
	}
	return Container{Image: c.Image, Command: c.Command, Args: c.Args, Env: env}
}

// tried records how an attempt ended, and ends e or begins the next.
func (s *Server) tried(ctx context.Context, j *job, e *execution, result *run.GoogleCloudRunV2TaskAttemptResult) {
	bad := result.ExitCode != 0 || result.Status != nil
	text := fmt.Sprintf("Container called exit(%d).", result.ExitCode)
	if result.Status != nil {
		text = "Terminating task because it has reached the maximum timeout."
	}
	s.write(e, "run.googleapis.com%2Fvarlog%2Fsystem", text)
	if bad && result.Status == nil {
		result.Status = &run.GoogleRpcStatus{Code: 9, Message: "The container exited with an error."}
	}
	e.Task.LastAttemptResult = result
	switch {
	case !bad:
		e.Resource.SucceededCount = 1
		s.complete(j, e, ending{status: "EXECUTION_SUCCEEDED"})
	case int64(e.attempt) <= e.MaxRetries:
		e.Resource.RetriedCount++
		e.Task.Retried = e.Resource.RetriedCount
		s.try(ctx, j, e)
	default:
		e.Resource.FailedCount = 1
		why := fmt.Sprintf("Task %s failed with message: %s", last(e.Task.Name), result.Status.Message)
		s.complete(j, e, ending{
			status: "EXECUTION_FAILED",
			reason: func(c *run.GoogleCloudRunV2Condition) { c.ExecutionReason, c.Message = "NON_ZERO_EXIT_CODE", why },
			rpc:    &apiError{GRPC: 9, Message: why},
		})
	}
	s.broadcast()
}

// killAll ends what the containers of jobs run.
func (s *Server) killAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		for _, e := range j.Executions {
			if e.kill != nil {
				e.kill()
				e.kill = nil
				e.attempt++ // how this one ends is nobody's business
			}
		}
	}
}
