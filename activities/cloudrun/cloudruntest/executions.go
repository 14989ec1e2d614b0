package cloudruntest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	run "google.golang.org/api/run/v2"
)

// The condition types of an execution.
const (
	typeCompleted = "Completed"
	typeStarted   = "Started"
	typeContainer = "ContainerReady"
)

// execution is one run of a job, of one task. Its exported fields are what a snapshot keeps.
type execution struct {
	Resource   *run.GoogleCloudRunV2Execution `json:"resource"`
	Task       *run.GoogleCloudRunV2Task      `json:"task"`
	MaxRetries int64                          `json:"maxRetries"`
	Lines      []line                         `json:"lines"` // of its log, oldest first

	attempt int    // of its task, from 1; 0 while none has begun
	written int    // lines so far
	kill    func() // ends what the attempt runs; nil while there is none
}

func (e *execution) key() string { return e.Resource.Name }

func (e *execution) ended() bool { return e.Resource.CompletionTime != "" }

// verb cuts ":VERB" off the last segment of a path, which is in seg.
func (c *call) verb(seg, verb string) (string, error) {
	id, ok := strings.CutSuffix(c.PathValue(seg), ":"+verb)
	if !ok {
		return "", notFound("Method", c.URL.Path)
	}
	return id, nil
}

// runJob makes an execution. It begins after the latency.
func (s *Server) runJob(c *call) (any, error) {
	id, err := c.verb("job", "run")
	if err != nil {
		return nil, err
	}
	j, err := s.lookupJob(c.parent() + "/jobs/" + id)
	if err != nil {
		return nil, err
	}
	var in run.GoogleCloudRunV2RunJobRequest
	if len(c.body) > 0 {
		if err := json.Unmarshal(c.body, &in); err != nil {
			return nil, invalid("body", "Invalid JSON payload received. %s", err)
		}
	}
	switch err := s.jobConflict(c, j, in.Etag); {
	case err != nil:
		return nil, err
	case in.Overrides != nil:
		return nil, invalid("overrides", "this emulator has no overrides")
	case j.Resource.Reconciling:
		return nil, failedPrecondition("Job '%s' is not ready yet.", id)
	case in.ValidateOnly:
		return previewJob(s, c, j), nil
	}
	e := s.newExecution(c, j)
	ctx := context.WithoutCancel(c.Context()) // the container outlives the request
	begin := func() { s.launch(ctx, j, e) }
	op := s.jobOperation(c, &operation{Service: j.key(), Execution: e.key()}, typed(executionType, e.Resource))
	if s.opts.Latency <= 0 {
		begin()
		return op, nil
	}
	s.clock.AfterFunc(s.opts.Latency, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		begin()
	})
	return op, nil
}

func (s *Server) newExecution(c *call, j *job) *execution {
	n := s.next("execution", j.key())
	name := j.key() + "/executions/" + last(j.key()) + "-" + base36(s.digest("execution", j.key(), n), 5)
	res := &run.GoogleCloudRunV2Execution{
		Name: name, Job: last(j.key()), Uid: uid(s.digest("uid", name, n)), Creator: c.identity,
		Generation: 1, CreateTime: s.stamp(), UpdateTime: s.stamp(), LaunchStage: j.Resource.LaunchStage,
		Annotations: j.Resource.Template.Annotations, Labels: map[string]string{},
		TaskCount: 1, Parallelism: 1, Reconciling: true, Template: clone(j.Resource.Template.Template),
		LogUri: "https://console.cloud.google.com/logs?execution=" + last(name),
		Conditions: []*run.GoogleCloudRunV2Condition{
			s.condition(typeCompleted, stateReconciling), s.condition(typeContainer, statePending), s.condition(typeStarted, statePending),
		},
	}
	for k, v := range j.Resource.Template.Labels {
		res.Labels[k] = v
	}
	e := &execution{Resource: res, MaxRetries: j.MaxRetries}
	e.Task = &run.GoogleCloudRunV2Task{
		Name: name + "/tasks/" + last(name) + "-task0", Job: res.Job, Execution: last(name), Uid: uid(s.digest("task", name, n)),
		CreateTime: res.CreateTime, MaxRetries: j.MaxRetries, Containers: res.Template.Containers, Timeout: res.Template.Timeout,
	}
	j.Executions = append(j.Executions, e)
	j.Resource.ExecutionCount++
	s.refer(j, e, "EXECUTION_PENDING")
	j.touch(s)
	return e
}

// refer says in the job how its newest execution is.
func (s *Server) refer(j *job, e *execution, status string) {
	if newest := j.Executions[len(j.Executions)-1]; newest != e {
		return
	}
	j.Resource.LatestCreatedExecution = &run.GoogleCloudRunV2ExecutionReference{
		Name: last(e.key()), CreateTime: e.Resource.CreateTime, CompletionTime: e.Resource.CompletionTime, CompletionStatus: status,
	}
}

// ending is how an execution ended.
type ending struct {
	status string                               // of the reference in the job
	reason func(*run.GoogleCloudRunV2Condition) // why it did not succeed; nil where it did
	rpc    *apiError                            // how its operation ends; nil for success
}

// complete ends e, and with it the operations that wait for it.
func (s *Server) complete(j *job, e *execution, end ending) {
	res := e.Resource
	if e.kill != nil {
		e.kill()
		e.kill = nil
	}
	res.CompletionTime, res.UpdateTime = s.stamp(), s.stamp()
	res.Reconciling, res.RunningCount, res.ObservedGeneration = false, 0, res.Generation
	e.Task.CompletionTime = res.CompletionTime
	c := s.condition(typeCompleted, stateSucceeded)
	if end.reason != nil {
		c.State = stateFailed
		end.reason(c)
	}
	s.setExecution(e, c)
	s.refer(j, e, end.status)
	for _, name := range s.opOrder {
		o := s.ops[name]
		if o.Execution != e.key() || o.Op.Done {
			continue
		}
		if o.succeedWith(executionType, res); end.rpc != nil && !o.Delete { // a cancellation is what a cancel wants
			o.Op.Response = nil
			o.Op.Error = end.rpc.rpc()
		}
	}
	s.broadcast()
}

func (s *Server) setExecution(e *execution, c *run.GoogleCloudRunV2Condition) {
	e.Resource.Conditions = slices.DeleteFunc(slices.Clone(e.Resource.Conditions), func(o *run.GoogleCloudRunV2Condition) bool { return o.Type == c.Type })
	e.Resource.Conditions = append(e.Resource.Conditions, c)
}

// cancel ends e as somebody's wish, if it has not ended.
func (s *Server) cancel(j *job, e *execution) {
	if e.ended() {
		return
	}
	e.Resource.CancelledCount = 1
	s.complete(j, e, ending{
		status: "EXECUTION_CANCELLED",
		reason: func(c *run.GoogleCloudRunV2Condition) {
			c.ExecutionReason, c.Message = "CANCELLED", "The execution was cancelled."
		},
		rpc: &apiError{GRPC: 1, Status: "CANCELLED", Message: "The execution was cancelled."},
	})
}

func (s *Server) execution(c *call, id string) (*job, *execution, error) {
	j, err := s.lookupJob(c.jobName())
	if err != nil {
		return nil, nil, err
	}
	name := j.key() + "/executions/" + id
	for _, e := range j.Executions {
		if e.key() == name {
			return j, e, nil
		}
	}
	return nil, nil, notFound("Resource", name)
}

func (s *Server) getExecution(c *call) (any, error) {
	_, e, err := s.execution(c, c.PathValue("execution"))
	if err != nil {
		return nil, err
	}
	return e.Resource, nil
}

// listExecutions lists newest first.
func (s *Server) listExecutions(c *call) (any, error) {
	j, err := s.lookupJob(c.jobName())
	if err != nil {
		return nil, err
	}
	var all []*run.GoogleCloudRunV2Execution
	for _, e := range slices.Backward(j.Executions) {
		all = append(all, e.Resource)
	}
	page, next, err := paginate(c, all, 100)
	if err != nil {
		return nil, err
	}
	return &run.GoogleCloudRunV2ListExecutionsResponse{Executions: page, NextPageToken: next}, nil
}

func (s *Server) cancelExecution(c *call) (any, error) {
	id, err := c.verb("execution", "cancel")
	if err != nil {
		return nil, err
	}
	j, e, err := s.execution(c, id)
	if err != nil {
		return nil, err
	}
	if e.ended() {
		return nil, failedPrecondition("Execution '%s' has ended and cannot be cancelled.", id)
	}
	op := s.jobOperation(c, &operation{Service: j.key(), Execution: e.key(), Delete: true}, typed(executionType, e.Resource))
	s.cancel(j, e)
	return op, nil
}

func (s *Server) deleteExecution(c *call) (any, error) {
	j, e, err := s.execution(c, c.PathValue("execution"))
	if err != nil {
		return nil, err
	}
	s.cancel(j, e)
	j.Executions = slices.DeleteFunc(j.Executions, func(other *execution) bool { return other == e })
	e.Resource.DeleteTime = s.stamp()
	op := s.jobOperation(c, &operation{Service: j.key(), Execution: e.key(), Delete: true}, typed(executionType, e.Resource))
	s.ops[op.Name].succeedWith(executionType, e.Resource)
	return op, nil
}

func (s *Server) listTasks(c *call) (any, error) {
	_, e, err := s.execution(c, c.PathValue("execution"))
	if err != nil {
		return nil, err
	}
	return &run.GoogleCloudRunV2ListTasksResponse{Tasks: []*run.GoogleCloudRunV2Task{e.Task}}, nil
}

func (s *Server) getTask(c *call) (any, error) {
	_, e, err := s.execution(c, c.PathValue("execution"))
	if err != nil {
		return nil, err
	}
	if last(e.Task.Name) != c.PathValue("index") {
		return nil, notFound("Resource", e.key()+"/tasks/"+c.PathValue("index"))
	}
	return e.Task, nil
}
