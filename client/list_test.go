package client

import (
	"reflect"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/serin-dev/serin/rollout"
)

func TestFilterQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "WorkflowType = 'Rollout'"},
		{
			Filter{Pipeline: "shop", Target: "prod", Release: "v2", State: rollout.StateInProgress, Limit: 3},
			"WorkflowType = 'Rollout' AND SerinPipeline = 'shop' AND SerinTarget = 'prod' AND SerinRelease = 'v2' AND SerinState = 'IN_PROGRESS'",
		},
		{Filter{Pipeline: `x' OR 'a' = 'a\`}, `WorkflowType = 'Rollout' AND SerinPipeline = 'x'' OR ''a'' = ''a\\'`},
	}
	for _, tt := range tests {
		if got := tt.filter.query(rollout.WorkflowRollout); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	entry := func(id string, minute int, closed bool, attrs map[string]string) *workflowpb.WorkflowExecutionInfo {
		e := &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: id}, StartTime: timestamppb.New(minuteOf(minute)), SearchAttributes: attributes(attrs),
		}
		if closed {
			e.CloseTime = timestamppb.New(minuteOf(minute + 1))
		}
		return e
	}
	first := map[string]string{"SerinPipeline": "shop", "SerinRelease": "v1", "SerinTarget": "prod", "SerinState": "SUCCEEDED", "SerinPhase": "stable"}
	second := map[string]string{"SerinPipeline": "shop", "SerinRelease": "v2", "SerinTarget": "prod", "SerinState": "IN_PROGRESS"}
	pages := func() []*workflowservice.ListWorkflowExecutionsResponse {
		return []*workflowservice.ListWorkflowExecutionsResponse{
			{Executions: []*workflowpb.WorkflowExecutionInfo{entry("rollout/shop/v1-to-prod-0001", 1, true, first)}, NextPageToken: []byte("2")},
			{Executions: []*workflowpb.WorkflowExecutionInfo{entry("rollout/shop/v2-to-prod-0001", 5, false, second)}},
		}
	}
	older := Summary{
		Pipeline: "shop", Release: "v1", Target: "prod", Rollout: "v1-to-prod-0001", State: "SUCCEEDED", Phase: "stable",
		Started: minuteOf(1), Ended: minuteOf(2),
	}
	newer := Summary{Pipeline: "shop", Release: "v2", Target: "prod", Rollout: "v2-to-prod-0001", State: "IN_PROGRESS", Started: minuteOf(5)}

	s := newServer()
	s.pages = pages()
	got, err := s.client(nil).Rollouts(t.Context(), Filter{Pipeline: "shop"})
	if want := []Summary{newer, older}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	s.pages = pages()
	if got, err = s.client(nil).Rollouts(t.Context(), Filter{Limit: 1}); err != nil || len(got) != 1 || len(s.pages) != 1 {
		t.Errorf("limit 1: got %+v, %v with %d pages left", got, err, len(s.pages))
	}
	s.pages = []*workflowservice.ListWorkflowExecutionsResponse{{Executions: []*workflowpb.WorkflowExecutionInfo{
		entry("release/shop/v1", 1, true, first), entry("release/shop/v1", 3, false, first),
	}}}
	if got, err = s.client(nil).Releases(t.Context(), Filter{}); err != nil || len(got) != 1 || got[0].Started != minuteOf(3) {
		t.Errorf("created again after it failed: got %+v, %v", got, err)
	}
	s.pages = []*workflowservice.ListWorkflowExecutionsResponse{{}}
	if got, err = s.client(nil).Releases(t.Context(), Filter{}); err != nil || len(got) != 0 {
		t.Errorf("none: got %+v, %v", got, err)
	}
	if q := s.lists[len(s.lists)-1]; q.GetQuery() != "WorkflowType = 'Release'" || q.GetPageSize() != DefaultLimit {
		t.Errorf("asked %v", q)
	}
}

func TestListErrors(t *testing.T) {
	t.Parallel()
	s := newServer()
	_, err := s.client(nil).Releases(t.Context(), Filter{Target: "prod"})
	wantError(t, err, rollout.Invalid, `list releases: a release has several targets, so "prod" selects none (list rollouts)`)
	s.down = serviceerror.NewUnavailable("connection refused")
	_, err = s.client(nil).Rollouts(t.Context(), Filter{})
	wantError(t, err, rollout.Unreachable,
		"list rollouts through Temporal at temporal:7233: connection refused (is Temporal running there? TEMPORAL_ADDRESS or a profile names another address)")
}

func minuteOf(n int) time.Time { return time.Date(2026, 1, 1, 10, n, 0, 0, time.UTC) }

// Each target of a pipeline is listed, and only the run that a lane is in now.
func TestLanes(t *testing.T) {
	t.Parallel()
	s := newServer()
	entry := func(target string) *workflowpb.WorkflowExecutionInfo {
		return &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: "lane/shop/" + target}, StartTime: timestamppb.New(minuteOf(1)),
			SearchAttributes: attributes(map[string]string{"SerinPipeline": "shop", "SerinTarget": target}),
		}
	}
	s.pages = []*workflowservice.ListWorkflowExecutionsResponse{{Executions: []*workflowpb.WorkflowExecutionInfo{entry("prod"), entry("staging")}}}
	got, err := s.client(nil).Lanes(t.Context(), Filter{Pipeline: "shop"})
	if err != nil || len(got) != 2 || got[0].Target != "prod" || got[1].Target != "staging" {
		t.Errorf("got %+v, %v", got, err)
	}
	const want = "WorkflowType = 'Lane' AND ExecutionStatus = 'Running' AND SerinPipeline = 'shop'"
	if s.lists[0].GetQuery() != want {
		t.Errorf("asked %s, want %s", s.lists[0].GetQuery(), want)
	}
	_, err = s.client(nil).Lanes(t.Context(), Filter{Release: "v2"})
	wantError(t, err, rollout.Invalid, "list lanes: a lane has no release and no state of its own (list rollouts)")
}
