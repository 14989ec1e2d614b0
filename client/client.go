// Package client is the Go SDK of Serin: it applies configuration, creates
// releases, and reads, watches and commands rollouts.
//
// It speaks to Temporal only. It takes YAML as bytes and sources as digests of an
// artifact store, and knows nothing of platforms: neither their credentials nor
// their libraries come with it.
//
// Every error is a *rollout.Error whose Kind is for code (see rollout.KindOf),
// except that a context which the caller cancelled is returned as such. A call
// whose context has no deadline gets one; see the calls.
package client

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

const (
	// answerLimit bounds a call that a worker answers at once.
	answerLimit = 15 * time.Second
	// applyLimit bounds an apply, which makes a worker read every document.
	applyLimit = time.Minute
	// workLimit bounds a call that makes a worker render or look at a platform.
	workLimit = 2 * time.Minute
	// patience is how long a call goes unanswered before it asks whether any
	// worker is there.
	patience = 10 * time.Second
)

// Store holds artifacts by digest. *artifact.Store is one; the workers must read
// the same store.
type Store interface {
	// Put stores content and returns its digest. The same content again is the same digest.
	Put(ctx context.Context, content []byte) (string, error)
}

// Client is the way into one Temporal namespace. It is safe for concurrent use.
type Client struct {
	runs  starter
	asks  asker
	views viewer
	store Store

	schedules scheduler
	via       string // how errors name Temporal
	close     func()
}

// New returns a Client over a connection of the caller's, who also closes it.
// The store may be nil for a client that never applies.
func New(temporal temporalclient.Client, store Store) *Client {
	return &Client{runs: temporal, asks: temporal, views: temporal, schedules: temporal, store: store, via: " through Temporal", close: func() {}}
}

// Close ends the connection that Dial made. It does nothing to one given to New.
func (c *Client) Close() { c.close() }

// starter is what the client needs of Temporal to start workflows.
type starter interface {
	NewWithStartWorkflowOperation(o temporalclient.StartWorkflowOptions, workflow any, args ...any) temporalclient.WithStartWorkflowOperation
	UpdateWithStartWorkflow(ctx context.Context, o temporalclient.UpdateWithStartWorkflowOptions) (temporalclient.WorkflowUpdateHandle, error)
	ExecuteWorkflow(ctx context.Context, o temporalclient.StartWorkflowOptions, workflow any, args ...any) (temporalclient.WorkflowRun, error)
}

// asker is what it needs to talk with workflows; a worker must be there.
type asker interface {
	UpdateWorkflow(ctx context.Context, o temporalclient.UpdateWorkflowOptions) (temporalclient.WorkflowUpdateHandle, error)
	QueryWorkflow(ctx context.Context, id, run, query string, args ...any) (converter.EncodedValue, error)
}

// viewer is what the server answers by itself, at no cost.
type viewer interface {
	DescribeWorkflowExecution(ctx context.Context, id, run string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	DescribeTaskQueue(ctx context.Context, queue string, kind enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error)
	ListWorkflow(ctx context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	GetWorkflowHistory(ctx context.Context, id, run string, longPoll bool, filter enumspb.HistoryEventFilterType) temporalclient.HistoryEventIterator
}
