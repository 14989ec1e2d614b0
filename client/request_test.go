package client

import (
	"errors"
	"strings"
	"testing"

	temporalclient "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

func stagedRelease() rollout.ReleaseStatus {
	return rollout.ReleaseStatus{
		Pipeline: "shop", Release: "v2", Stages: []rollout.StageStatus{{Target: "test"}, {Target: "staging"}, {Target: "prod"}},
	}
}

// gcloud's rules, row by row.
func TestPromoteTarget(t *testing.T) {
	t.Parallel()
	current := func(releases ...string) rollout.LaneStatus {
		var l rollout.LaneStatus
		for _, r := range releases {
			rec := rollout.Record{Release: r, Rollout: r + "-to-x-0001", State: rollout.StateSucceeded}
			l.Succeeded, l.Records = append(l.Succeeded, rec), append(l.Records, rec)
		}
		return l
	}
	runs := func(l rollout.LaneStatus, state rollout.State) rollout.LaneStatus {
		l.Records = append([]rollout.Record{{Release: "v2", Rollout: "v2-to-prod-0001", State: state}}, l.Records...)
		return l
	}
	abandoned, unplanned, broken := stagedRelease(), stagedRelease(), stagedRelease()
	abandoned.Abandoned = true
	unplanned.Stages, broken.Stages = nil, nil
	broken.RenderState, broken.Failure = rollout.StateFailed, "no such profile"
	superseded := stagedRelease()
	superseded.Stages[0].Superseded = "v3"
	type lanes = map[string]rollout.LaneStatus
	tests := []struct {
		name    string
		release rollout.ReleaseStatus
		lanes   lanes
		to      string
		want    Promotion
		kind    rollout.Kind
		text    string
	}{
		{name: "to the next", lanes: lanes{"test": current("v2", "v1"), "staging": current("v1")}, want: Promotion{From: "test", Target: "staging", Current: "v1"}},
		{name: "to a stage where nothing was", lanes: lanes{"test": current("v2")}, want: Promotion{From: "test", Target: "staging"}},
		{name: "the farthest counts", lanes: lanes{"test": current("v2"), "staging": current("v2", "v1")}, want: Promotion{From: "staging", Target: "prod"}},
		{
			name: "superseded on the first, current on the second", lanes: lanes{"test": current("v3", "v2"), "staging": current("v2", "v1"), "prod": current("v1")},
			want: Promotion{From: "staging", Target: "prod", Current: "v1"},
		},
		{name: "at the last", lanes: lanes{"prod": current("v2", "v1")}, want: Promotion{From: "prod", Target: "prod", Current: "v2", Again: true}},
		{name: "a stage is passed over by name", lanes: lanes{"test": current("v2")}, to: "prod", want: Promotion{From: "test", Target: "prod"}},
		{name: "back by name", lanes: lanes{"prod": current("v2")}, to: "test", want: Promotion{From: "prod", Target: "test"}},
		{name: "superseded, but named", lanes: lanes{"test": current("v3", "v2")}, to: "staging", want: Promotion{Target: "staging"}},
		{
			name: "superseded", lanes: lanes{"test": current("v3", "v2")}, kind: rollout.Refused,
			text: "promote v2: on test it was superseded by v3 (name the stage with --to-target: one of test, staging, prod)",
		},
		{
			name: "superseded, and only the release knows", release: superseded, lanes: lanes{"test": current("v3")}, kind: rollout.Refused,
			text: "promote v2: on test it was superseded by v3 (name the stage with --to-target: one of test, staging, prod)",
		},
		{
			name: "succeeded nowhere", lanes: lanes{"test": runs(current("v1"), rollout.StateFailed)}, kind: rollout.Refused,
			text: "promote v2: no rollout of it is the newest that SUCCEEDED on any stage (name the stage with --to-target: one of test, staging, prod)",
		},
		{
			name: "in progress", lanes: lanes{"test": current("v2"), "prod": runs(current("v1"), rollout.StateInProgress)}, to: "staging", kind: rollout.Refused,
			text: "promote v2: its rollout v2-to-prod-0001 is IN_PROGRESS (serin rollout wait --pipeline shop --rollout v2-to-prod-0001)",
		},
		{name: "pending is no obstacle", lanes: lanes{"test": current("v2"), "prod": runs(current("v1"), rollout.StatePending)}, want: Promotion{From: "test", Target: "staging"}},
		{name: "abandoned", release: abandoned, lanes: lanes{"test": current("v2")}, kind: rollout.Refused, text: "promote v2: the release is abandoned (make a new release)"},
		{name: "not planned", release: unplanned, kind: rollout.Refused, text: "promote v2: the release is not planned yet"},
		{name: "planning failed", release: broken, kind: rollout.Refused, text: "promote v2: the release could not be planned: no such profile (its name is free: create it again)"},
		{name: "no stage", lanes: lanes{"test": current("v2")}, to: "pord", kind: rollout.NotFound, text: "promote v2: pord is no stage of the release (its stages: test, staging, prod)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.release
			if r.Release == "" {
				r = stagedRelease()
			}
			got, err := PromoteTarget(r, tt.lanes, tt.to)
			if tt.kind != "" {
				wantError(t, err, tt.kind, tt.text)
				return
			}
			tt.want.Release = "v2"
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// answers lets every update of s be answered with what it was sent.
func (s *server) answers() {
	s.answer = func(o temporalclient.UpdateWorkflowOptions) (any, error) {
		r, ok := o.Args[0].(rollout.Create)
		if !ok {
			return nil, errors.New("no request")
		}
		return rollout.Created{Rollout: r.Request, Release: r.Release, Document: r.Document}, nil
	}
}

// A promotion starts the lane where there is none, but never for a target that may be a typo.
func TestPromote(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.put(rollout.ReleaseID("shop", "v2"), func(r *run) { r.state = stagedRelease() })
	s.answers()
	c := s.client(nil)
	created, err := c.Promote(WithRequestID(t.Context(), "ticket-7"), "shop", "prod", rollout.Create{Release: "v2", Actor: "ada"})
	if err != nil || created.Rollout != "ticket-7" || created.Document != "releases/shop/v2.json" {
		t.Errorf("got %+v, %v", created, err)
	}
	if len(s.starts) != 1 || s.starts[0].ID != "lane/shop/prod" || s.updates[0].UpdateID != "promote/v2/ticket-7" {
		t.Errorf("started %+v, sent %+v", s.starts, s.updates)
	}
	_, err = c.Promote(t.Context(), "shop", "pord", rollout.Create{Release: "v2"})
	wantError(t, err, rollout.NotFound, "promote v2: pord is no stage of the release (its stages: test, staging, prod)")
	_, err = c.Promote(t.Context(), "shop", "prod", rollout.Create{Release: "v1"})
	wantError(t, err, rollout.NotFound, "promote shop/prod: release v1 does not exist (serin release list --pipeline shop)")
	s.put(rollout.LaneID("shop", "prod"), func(*run) {})
	if created, err = c.Promote(t.Context(), "shop", "prod", rollout.Create{Release: "v1"}); err != nil || created.Release != "v1" {
		t.Errorf("a release that is not retained any more: %+v, %v", created, err)
	}
	if len(s.starts) != 1 {
		t.Errorf("started %+v", s.starts[1:])
	}
}

// A dry run is no intent: the request that follows it is carried out.
func TestRollback(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.put(rollout.LaneID("shop", "prod"), func(*run) {})
	s.answers()
	c := s.client(nil)
	ctx := WithRequestID(t.Context(), "incident-12")
	for _, r := range []rollout.Create{{DryRun: true}, {DryRun: true}, {Release: "v1", StartingPhase: "stable"}, {Release: "v1", StartingPhase: "stable"}} {
		if _, err := c.Rollback(ctx, "shop", "prod", r); err != nil {
			t.Fatal(err)
		}
	}
	if u := s.updates; u[0].UpdateID == u[1].UpdateID || strings.Contains(u[0].UpdateID, "incident-12") {
		t.Errorf("two dry runs have the ids %q and %q", u[0].UpdateID, u[1].UpdateID)
	}
	if u := s.updates; u[2].UpdateID != "rollback/v1/stable/incident-12" || u[2].UpdateID != u[3].UpdateID {
		t.Errorf("one intent has the ids %q and %q", u[2].UpdateID, u[3].UpdateID)
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		target string
		create rollout.Create
		answer error
		kind   rollout.Kind
		text   string
	}{
		{
			name: "refused by the lane", target: "prod", kind: rollout.Refused,
			answer: temporal.NewApplicationError("rollback shop/prod: v3-to-prod-0001 has the lane, IN_PROGRESS (cancel it)", "Refused"),
			text:   "rollback shop/prod: v3-to-prod-0001 has the lane, IN_PROGRESS (cancel it)",
		},
		{
			name: "no lane", target: "test", kind: rollout.NotFound,
			text: "rollback shop/test: it does not exist (nothing was ever rolled out there; serin target list --pipeline shop)",
		},
		{name: "no target", kind: rollout.Invalid, text: "rollback: no target given"},
		{
			name: "override without a reason", target: "prod", create: rollout.Create{Override: []string{"freeze"}}, kind: rollout.Invalid,
			text: "rollback: no reason given (overriding a deploy policy needs one: it is recorded)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			s.put(rollout.LaneID("shop", "prod"), func(*run) {})
			s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) { return nil, tt.answer }
			_, err := s.client(nil).Rollback(t.Context(), "shop", tt.target, tt.create)
			wantError(t, err, tt.kind, tt.text)
		})
	}
}

func TestDestination(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.put(rollout.ReleaseID("shop", "v2"), func(r *run) { r.state = stagedRelease() })
	s.put(rollout.LaneID("shop", "test"), func(r *run) {
		r.state = rollout.LaneStatus{Succeeded: []rollout.Record{{Release: "v2"}}}
	})
	c := s.client(nil)
	got, err := c.Destination(t.Context(), "shop", "v2", "")
	if want := (Promotion{Release: "v2", From: "test", Target: "staging"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	got, err = c.Destination(t.Context(), "shop", "v0", "prod")
	if want := (Promotion{Release: "v0", Target: "prod"}); err != nil || got != want {
		t.Errorf("a release that is not retained any more: got %+v, %v", got, err)
	}
	_, err = c.Destination(t.Context(), "shop", "v0", "")
	wantError(t, err, rollout.NotFound, "read release v0: it does not exist (serin release list --pipeline shop)")
}

func TestChangesOfConfig(t *testing.T) {
	t.Parallel()
	s := newServer()
	c := s.client(nil)
	err := c.Abandon(t.Context(), rollout.Abandon{Pipeline: "shop", Release: "v2"})
	wantError(t, err, rollout.NotFound, "abandon v2: it does not exist (nothing is configured in this namespace: serin apply)")
	s.put(rollout.ConfigID, func(*run) {})
	s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) {
		return rollout.ApplyResult{Updated: []rollout.Entry{{Name: "shop"}}}, nil
	}
	if err = c.Abandon(t.Context(), rollout.Abandon{Pipeline: "shop", Release: "v2"}); err != nil {
		t.Error(err)
	}
	result, err := c.Suspend(t.Context(), rollout.Suspend{Kind: "DeliveryPipeline", Name: "shop", Suspended: true})
	if err != nil || len(result.Updated) != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
	_, err = c.Suspend(t.Context(), rollout.Suspend{Kind: "DeployPolicy"})
	wantError(t, err, rollout.Invalid, "resume: no name given")
	s.answer = func(temporalclient.UpdateWorkflowOptions) (any, error) {
		return nil, temporal.NewApplicationError(`suspend Automation "shop/x": it does not exist; known are shop/auto`, "NotFound")
	}
	_, err = c.Suspend(t.Context(), rollout.Suspend{Kind: "Automation", Name: "shop/x"})
	wantError(t, err, rollout.NotFound, "resume Automation shop/x: it does not exist; known are shop/auto")
	if got := []string{s.updates[1].UpdateName, s.updates[2].UpdateName}; got[0] != "abandon" || got[1] != "suspend" {
		t.Errorf("sent %q", got)
	}
}
