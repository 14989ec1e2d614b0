package client

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

func TestCreateRelease(t *testing.T) {
	t.Parallel()
	request := rollout.CreateRequest{Pipeline: "shop", Release: "v2", Source: "sha256:s", Actor: "ada"}
	planned := rollout.ReleaseStatus{Pipeline: "shop", Release: "v2", Digest: request.Digest(), RenderState: rollout.StateSucceeded}
	other := planned
	other.Digest = "sha256:other"
	ended := fmt.Errorf("failed workflow start: %w", serviceerror.NewWorkflowExecutionAlreadyStarted("it has run", "", ""))
	tests := []struct {
		name   string
		answer any
		err    error
		start  error
		stored any // state of the release that has ended
		kind   rollout.Kind
		text   string
	}{
		{name: "planned", answer: planned},
		{
			name: "planning failed", err: temporal.NewApplicationError("skaffold.yaml:4: unknown profile", "Invalid"),
			kind: rollout.Invalid, text: "create release v2: skaffold.yaml:4: unknown profile",
		},
		{name: "the same release has ended", start: ended, stored: planned},
		{
			name: "another release of that name has ended", start: ended, stored: other,
			kind: rollout.Conflict, text: "create release v2: release v2 exists with other content (choose another name)",
		},
		{
			name: "another release of that name is open", answer: other,
			kind: rollout.Conflict, text: "create release v2: release v2 exists with other content (choose another name)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			s.start = tt.start
			s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) { return tt.answer, tt.err }
			if tt.stored != nil {
				s.put(rollout.ReleaseID("shop", "v2"), func(r *run) { r.closed, r.state = true, tt.stored })
			}
			got, err := s.client(nil).CreateRelease(t.Context(), request)
			if tt.kind != "" {
				wantError(t, err, tt.kind, tt.text)
				return
			}
			if err != nil || got.Digest != request.Digest() {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// A release is found by its attributes before a worker has touched it, runs once,
// and may be tried again only after it failed.
func TestCreateReleaseStart(t *testing.T) {
	t.Parallel()
	s := newServer()
	request := rollout.CreateRequest{Pipeline: "shop", Release: "v2", Source: "sha256:s"}
	s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) {
		return rollout.ReleaseStatus{Digest: request.Digest()}, nil
	}
	c := s.client(nil)
	for range 2 {
		if _, err := c.CreateRelease(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	o := s.starts[0]
	if o.ID != "release/shop/v2" || o.TaskQueue != "serin" || o.StaticSummary != "release v2 of shop" {
		t.Errorf("started %+v", o)
	}
	if o.WorkflowIDConflictPolicy != enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING ||
		o.WorkflowIDReusePolicy != enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY {
		t.Errorf("policies %s, %s", o.WorkflowIDConflictPolicy, o.WorkflowIDReusePolicy)
	}
	for name, want := range map[string]string{"SerinPipeline": "shop", "SerinRelease": "v2", "SerinState": "PENDING_RELEASE"} {
		if got, _ := o.TypedSearchAttributes.GetKeyword(temporal.NewSearchAttributeKeyKeyword(name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	a, b := s.updates[0].UpdateID, s.updates[1].UpdateID
	if a == b || !strings.HasPrefix(a, "planned/"+request.Digest()+"/") {
		t.Errorf("ids %q and %q: a run that failed would answer for the next", a, b)
	}
	_, err := c.CreateRelease(t.Context(), rollout.CreateRequest{Pipeline: "shop", Release: "v2"})
	wantError(t, err, rollout.Invalid, "create release: no source given")
}

func TestWaitRollout(t *testing.T) {
	t.Parallel()
	stages := func(name string) []rollout.StageStatus {
		return []rollout.StageStatus{{Target: "staging", Rollout: "v2-to-staging-0001"}, {Target: "prod", Rollout: name}}
	}
	tests := []struct {
		name   string
		target string
		first  rollout.ReleaseStatus
		then   *rollout.ReleaseStatus // after 3 seconds
		want   string
		kind   rollout.Kind
		text   string
		after  time.Duration
	}{
		{
			name: "at once", target: "staging", first: rollout.ReleaseStatus{Release: "v2", Stages: stages("")},
			want: "v2-to-staging-0001",
		},
		{
			name: "once the lane has numbered it", target: "prod", first: rollout.ReleaseStatus{Release: "v2"},
			then: &rollout.ReleaseStatus{Release: "v2", Stages: stages(rolloutName)}, want: rolloutName, after: 3 * time.Second,
		},
		{
			name: "no such target", target: "qa", first: rollout.ReleaseStatus{Release: "v2", Stages: stages("")},
			kind: rollout.NotFound, text: "find rollout of v2 to qa: it is no target of the release (its targets: staging, prod)",
		},
		{
			name: "not planned", target: "prod", first: rollout.ReleaseStatus{Release: "v2"},
			then: &rollout.ReleaseStatus{Release: "v2", RenderState: rollout.StateFailed, Failure: "no pipeline shop"},
			kind: rollout.Failed, text: "find rollout of v2 to prod: the release could not be planned: no pipeline shop", after: 3 * time.Second,
		},
		{
			name: "forbidden", target: "prod", kind: rollout.Refused,
			first: rollout.ReleaseStatus{Pipeline: "shop", Release: "v2", Stages: []rollout.StageStatus{{Target: "prod", Refused: "policy freeze forbids CREATE"}}},
			text: "find rollout of v2 to prod: policy freeze forbids CREATE " +
				"(promote it later: serin release promote --pipeline shop --release v2 --to-target prod)",
		},
		{
			name: "abandoned", target: "prod", first: rollout.ReleaseStatus{Release: "v2", Stages: stages(""), Ended: time.Unix(1, 0)},
			kind: rollout.NotFound, text: "find rollout of v2 to prod: the release ended before it was promoted there",
		},
		{
			name: "never", target: "prod", first: rollout.ReleaseStatus{Release: "v2", Stages: stages("")}, kind: rollout.Expired,
			text: "wait for rollout of v2 to prod: context deadline exceeded (it goes on without you; watch it again)", after: time.Hour,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				id := rollout.ReleaseID("shop", "v2")
				s.put(id, func(r *run) { r.state = tt.first })
				if tt.then != nil {
					time.AfterFunc(3*time.Second, func() { s.put(id, func(r *run) { r.state = *tt.then }) })
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				got, err := s.client(nil).WaitRollout(ctx, "shop", "v2", tt.target)
				if tt.kind != "" {
					wantError(t, err, tt.kind, tt.text)
				} else if err != nil || got != tt.want {
					t.Errorf("got %q, %v", got, err)
				}
				if took := time.Since(began); took != tt.after {
					t.Errorf("took %s, want %s", took, tt.after)
				}
			})
		})
	}
}
