package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/serin-dev/serin/rollout"
)

// DefaultLimit is how many entries a list has when its filter does not say.
const DefaultLimit = 100

// pageSize is how many entries are asked for at once, at most.
const pageSize = 200

// Filter selects releases or rollouts. An empty field selects all.
type Filter struct {
	Pipeline string
	Target   string // rollouts only; a release has several
	Release  string
	State    rollout.State
	Limit    int // 0 is DefaultLimit
}

// Summary is one release, rollout or lane in a list.
type Summary struct {
	Pipeline string        `json:"pipeline"`
	Release  string        `json:"release"`           // "" of a lane
	Target   string        `json:"target,omitempty"`  // "" of a release
	Rollout  string        `json:"rollout,omitempty"` // "" of a release or a lane
	State    rollout.State `json:"state"`
	Phase    string        `json:"phase,omitempty"`
	Started  time.Time     `json:"started"`
	Ended    time.Time     `json:"ended,omitzero"` // zero while its workflow is open
}

// Releases lists releases, newest first. It needs no worker. A list is eventually
// consistent: it may be seconds behind, and is nothing to decide by; ask Release.
// What has ended is listed for as long as the namespace retains it.
func (c *Client) Releases(ctx context.Context, f Filter) ([]Summary, error) {
	if f.Target != "" {
		return nil, &rollout.Error{
			Op: "list releases", Kind: rollout.Invalid, Err: fmt.Errorf("a release has several targets, so %q selects none", f.Target),
			Fix: "list rollouts",
		}
	}
	return c.list(ctx, call{op: "list", on: "releases"}, rollout.WorkflowRelease, f)
}

// Rollouts lists rollouts, newest first, as Releases does releases.
func (c *Client) Rollouts(ctx context.Context, f Filter) ([]Summary, error) {
	return c.list(ctx, call{op: "list", on: "rollouts"}, rollout.WorkflowRollout, f)
}

// Lanes lists where rollouts have been sent to: every pipeline on every target, as Releases
// lists releases. Lane tells more of each one. A filter's Release and State select none.
func (c *Client) Lanes(ctx context.Context, f Filter) ([]Summary, error) {
	if f.Release != "" || f.State != "" {
		return nil, &rollout.Error{
			Op: "list lanes", Kind: rollout.Invalid, Err: errors.New("a lane has no release and no state of its own"), Fix: "list rollouts",
		}
	}
	return c.list(ctx, call{op: "list", on: "lanes"}, rollout.WorkflowLane, f)
}

func (c *Client) list(ctx context.Context, in call, kind string, f Filter) ([]Summary, error) {
	in.via = c.via
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	limit := f.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	var out []Summary
	request := &workflowservice.ListWorkflowExecutionsRequest{Query: f.query(kind), PageSize: int32(min(limit, pageSize))}
	for {
		page, err := c.views.ListWorkflow(ctx, request)
		if err != nil {
			return nil, restore(in, err)
		}
		for _, e := range page.GetExecutions() {
			out = append(out, summary(e))
		}
		request.NextPageToken = page.GetNextPageToken()
		if len(out) >= limit || len(request.NextPageToken) == 0 {
			break
		}
	}
	return newest(out[:min(len(out), limit)]), nil
}

// newest sorts a list and leaves out the earlier runs of what was started again
// under the same name, as a release is whose planning failed.
func newest(list []Summary) []Summary {
	slices.SortStableFunc(list, func(a, b Summary) int { return b.Started.Compare(a.Started) })
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(s Summary) bool {
		id := s.Pipeline + "/" + s.Target + "/" + s.Release + "/" + s.Rollout
		again := seen[id]
		seen[id] = true
		return again
	})
}

// query is the filter in Temporal's list language.
func (f Filter) query(kind string) string {
	parts := []string{"WorkflowType = " + quote(kind)}
	if kind == rollout.WorkflowLane { // its earlier runs are no lanes of their own
		parts = append(parts, "ExecutionStatus = 'Running'")
	}
	for _, p := range []struct{ name, value string }{
		{rollout.AttributePipeline, f.Pipeline},
		{rollout.AttributeTarget, f.Target},
		{rollout.AttributeRelease, f.Release},
		{rollout.AttributeState, string(f.State)},
	} {
		if p.value != "" {
			parts = append(parts, p.name+" = "+quote(p.value))
		}
	}
	return strings.Join(parts, " AND ")
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

func summary(e *workflowpb.WorkflowExecutionInfo) Summary {
	a := e.GetSearchAttributes()
	s := Summary{
		Pipeline: attribute(a, rollout.AttributePipeline), Release: attribute(a, rollout.AttributeRelease),
		Target: attribute(a, rollout.AttributeTarget), State: rollout.State(attribute(a, rollout.AttributeState)),
		Phase: attribute(a, rollout.AttributePhase), Started: at(e.GetStartTime()), Ended: at(e.GetCloseTime()),
	}
	if name, ok := strings.CutPrefix(e.GetExecution().GetWorkflowId(), rollout.RolloutID(s.Pipeline, "")); ok {
		s.Rollout = name
	}
	return s
}

// attribute returns a search attribute of type Keyword, "" if it is not set.
func attribute(a *commonpb.SearchAttributes, name string) string {
	p, ok := a.GetIndexedFields()[name]
	if !ok {
		return ""
	}
	var text string
	if err := converter.GetDefaultDataConverter().FromPayload(p, &text); err != nil {
		return ""
	}
	return text
}
