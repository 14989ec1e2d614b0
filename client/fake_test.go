package client

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/serin-dev/serin/rollout"
)

// server is a Temporal in memory: workflows with a state, a description and a
// history that can be followed.
type server struct {
	mu        sync.Mutex
	workflows map[string]*run
	alive     bool      // a worker polls
	worker    time.Time // when one polled last, if none does; zero: never
	down      error     // every call returns it
	pages     []*workflowservice.ListWorkflowExecutionsResponse
	lists     []*workflowservice.ListWorkflowExecutionsRequest
	updates   []temporalclient.UpdateWorkflowOptions
	starts    []temporalclient.StartWorkflowOptions
	start     error // of update-with-start
	answer    func(o temporalclient.UpdateWorkflowOptions) (any, error)
	result    any
	queried   int
	refuse    bool // queries fail at once when no worker polls
}

// run is one workflow.
type run struct {
	state    any
	query    error // of every query
	closed   bool
	attrs    map[string]string
	pending  []*workflowpb.PendingActivityInfo
	attempt  int32 // of the pending workflow task
	events   int64
	history  []*historypb.HistoryEvent
	silent   bool // notifications are lost
	advanced chan struct{}
}

func newServer() *server {
	return &server{workflows: map[string]*run{}, alive: true}
}

func (s *server) client(store Store) *Client {
	return &Client{runs: s, asks: s, views: s, store: store, via: " through Temporal at temporal:7233", close: func() {}}
}

// put sets what workflow id looks like, and tells who follows it.
func (s *server) put(id string, change func(*run)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workflows[id]
	if w == nil {
		w = &run{advanced: make(chan struct{})}
		s.workflows[id] = w
	}
	change(w)
	w.events += 3
	w.history = append(w.history, &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED})
	if !w.silent {
		close(w.advanced)
		w.advanced = make(chan struct{})
	}
}

// works says whether a worker polls.
func (s *server) works(alive bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive = alive
}

// fall lets every later call fail with err.
func (s *server) fall(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// find is called with the lock held.
func (s *server) find(id string) (*run, error) {
	if s.down != nil {
		return nil, s.down
	}
	w := s.workflows[id]
	if w == nil {
		return nil, serviceerror.NewNotFound("workflow not found for ID: " + id)
	}
	return w, nil
}

// unanswered waits until a worker takes a call, or returns the error of none.
func (s *server) unanswered(ctx context.Context) error {
	for {
		s.mu.Lock()
		taken := s.alive || s.refuse
		s.mu.Unlock()
		if taken {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return serviceerror.NewDeadlineExceeded("context deadline exceeded")
		}
	}
}

func (s *server) QueryWorkflow(ctx context.Context, id, _, _ string, _ ...any) (converter.EncodedValue, error) {
	s.mu.Lock()
	w, err := s.find(id)
	s.queried++
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := s.unanswered(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return encode(w.state), w.query
}

func (s *server) UpdateWorkflow(ctx context.Context, o temporalclient.UpdateWorkflowOptions) (temporalclient.WorkflowUpdateHandle, error) {
	s.mu.Lock()
	s.updates = append(s.updates, o)
	w, err := s.find(o.WorkflowID)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if w.closed {
		return nil, serviceerror.NewNotFound("workflow execution already completed")
	}
	if err := s.unanswered(ctx); err != nil {
		return nil, temporalclient.NewWorkflowUpdateServiceTimeoutOrCanceledError(err)
	}
	return s.outcome(o), nil
}

func (s *server) outcome(o temporalclient.UpdateWorkflowOptions) handle {
	value, err := s.answer(o)
	return handle{value: encode(value), err: err}
}

func (s *server) NewWithStartWorkflowOperation(
	o temporalclient.StartWorkflowOptions, _ any, _ ...any,
) temporalclient.WithStartWorkflowOperation {
	s.starts = append(s.starts, o)
	return nil
}

func (s *server) UpdateWithStartWorkflow(
	ctx context.Context, o temporalclient.UpdateWithStartWorkflowOptions,
) (temporalclient.WorkflowUpdateHandle, error) {
	s.updates = append(s.updates, o.UpdateOptions)
	if s.start != nil {
		return nil, s.start
	}
	if s.down != nil {
		return nil, s.down
	}
	if err := s.unanswered(ctx); err != nil {
		return nil, temporalclient.NewWorkflowUpdateServiceTimeoutOrCanceledError(err)
	}
	return s.outcome(o.UpdateOptions), nil
}

func (s *server) ExecuteWorkflow(
	_ context.Context, o temporalclient.StartWorkflowOptions, _ any, _ ...any,
) (temporalclient.WorkflowRun, error) {
	s.starts = append(s.starts, o)
	return &ending{s: s}, nil
}

func (s *server) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.find(id)
	if err != nil {
		return nil, err
	}
	status := enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	if w.closed {
		status = enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED
	}
	out := &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
			Status: status, HistoryLength: w.events, SearchAttributes: attributes(w.attrs),
		},
		PendingActivities: w.pending,
	}
	if w.attempt > 0 {
		out.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{Attempt: w.attempt}
	}
	return out, nil
}

func (s *server) DescribeTaskQueue(context.Context, string, enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return nil, s.down
	}
	out := &workflowservice.DescribeTaskQueueResponse{}
	if s.alive {
		out.Pollers = []*taskqueuepb.PollerInfo{{LastAccessTime: timestamppb.Now()}}
	} else if !s.worker.IsZero() {
		out.Pollers = []*taskqueuepb.PollerInfo{{LastAccessTime: timestamppb.New(s.worker)}}
	}
	return out, nil
}

func (s *server) ListWorkflow(
	_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest,
) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	s.lists = append(s.lists, &workflowservice.ListWorkflowExecutionsRequest{Query: r.GetQuery(), PageSize: r.GetPageSize()})
	if s.down != nil {
		return nil, s.down
	}
	page := s.pages[0]
	s.pages = s.pages[1:]
	return page, nil
}

func (s *server) GetWorkflowHistory(
	ctx context.Context, id, _ string, longPoll bool, _ enumspb.HistoryEventFilterType,
) temporalclient.HistoryEventIterator {
	return &iterator{ctx: ctx, s: s, id: id, follow: longPoll}
}

// iterator follows a history until its workflow closes or ctx ends.
type iterator struct {
	ctx    context.Context
	s      *server
	id     string
	follow bool
	next   int
	event  *historypb.HistoryEvent
	err    error
	ended  bool
}

func (i *iterator) HasNext() bool {
	for !i.ended {
		i.s.mu.Lock()
		w, err := i.s.find(i.id)
		var changed chan struct{}
		if err == nil && i.next < len(w.history) && !w.silent {
			i.event = w.history[i.next]
			i.next++
			i.s.mu.Unlock()
			return true
		}
		if err == nil {
			i.ended = w.closed || !i.follow
			changed = w.advanced
		}
		i.s.mu.Unlock()
		if err != nil {
			i.err, i.ended = err, true
			return true
		}
		if i.ended {
			return false
		}
		select {
		case <-changed:
		case <-i.ctx.Done():
			i.err, i.ended = i.ctx.Err(), true
			return true
		}
	}
	return false
}

func (i *iterator) Next() (*historypb.HistoryEvent, error) { return i.event, i.err }

// encoded is a value as Temporal carries it.
type encoded []byte

func encode(v any) encoded {
	content, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return content
}

func (e encoded) HasValue() bool  { return len(e) > 0 }
func (e encoded) Get(v any) error { return json.Unmarshal(e, v) }

// handle is a completed update.
type handle struct {
	temporalclient.WorkflowUpdateHandle
	value encoded
	err   error
}

func (h handle) Get(_ context.Context, v any) error {
	if h.err != nil || v == nil {
		return h.err
	}
	return h.value.Get(v)
}

// ending is a workflow whose end is not notified to the first poll.
type ending struct {
	temporalclient.WorkflowRun
	s     *server
	polls int
}

func (e *ending) Get(ctx context.Context, v any) error {
	if e.polls++; e.polls == 1 {
		<-ctx.Done()
		return ctx.Err()
	}
	if err, ok := e.s.result.(error); ok {
		return err
	}
	return encode(e.s.result).Get(v)
}

func attributes(values map[string]string) *commonpb.SearchAttributes {
	out := &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{}}
	for k, v := range values {
		p, err := converter.GetDefaultDataConverter().ToPayload(v)
		if err != nil {
			panic(err)
		}
		out.IndexedFields[k] = p
	}
	return out
}

// wantError fails unless err has the kind and the text.
func wantError(t *testing.T, err error, kind rollout.Kind, text string) {
	t.Helper()
	if got := rollout.KindOf(err); got != kind {
		t.Errorf("kind %q, want %q", got, kind)
	}
	if err == nil || err.Error() != text {
		t.Errorf("error\n  %v\nwant\n  %s", err, text)
	}
}
