package e2e_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	sdkpb "go.temporal.io/api/sdk/v1"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// approved is a scene whose target requires approvals.
func approved(t *testing.T, pipeline, approval string) *scene {
	t.Helper()
	return stage(t, shared, world.Configuration{
		Pipeline: pipeline, Canary: world.Percentages([]int{25}, ""), Settings: "requireApproval: true\n" + approval,
	})
}

// yes is an approval of r by the actor.
func yes(r client.Rollout, actor string) rollout.Command {
	return rollout.Command{Actor: actor, Digest: r.Digest}
}

// details is the Markdown that the Web UI shows for the rollout.
func (s *scene) details(name string) string {
	s.t.Helper()
	answer, err := s.w.Temporal.QueryWorkflow(s.ctx, rollout.RolloutID(s.pipeline(), name), "", "__temporal_workflow_metadata")
	if err != nil {
		s.t.Fatal(err)
	}
	var m sdkpb.WorkflowMetadata
	if err := answer.Get(&m); err != nil {
		s.t.Fatal(err)
	}
	return m.GetCurrentDetails()
}

// payload is the one line of JSON that the details show for a Signal, filled in by a person.
func (s *scene) payload(name, signal, actor string) map[string]any {
	s.t.Helper()
	text := s.details(name)
	found := regexp.MustCompile("`" + signal + "` with `([^`]+)`").FindStringSubmatch(text)
	if found == nil {
		s.t.Fatalf("no payload of %s in\n%s", signal, text)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(found[1], `"you"`, `"`+actor+`"`)), &out); err != nil {
		s.t.Fatalf("%s: %v", found[1], err)
	}
	return out
}

// signal sends what somebody does past the CLI.
func (s *scene) signal(name, signal string, payload any) {
	s.t.Helper()
	if err := s.w.Temporal.SignalWorkflow(s.ctx, rollout.RolloutID(s.pipeline(), name), "", signal, payload); err != nil {
		s.t.Fatal(err)
	}
}

// refusedApproval wants a Signal to change nothing but to leave an event that says why.
func (s *scene) refusedApproval(name string, payload any, text string) {
	s.t.Helper()
	before := s.until(name, func(client.Rollout) bool { return true })
	s.signal(name, rollout.CommandApprove, payload)
	got := s.until(name, func(r client.Rollout) bool {
		return r.Events[len(r.Events)-1].Seq > before.Events[len(before.Events)-1].Seq
	})
	last := got.Events[len(got.Events)-1]
	if last.Kind != rollout.EventRefused || !strings.Contains(last.Note, text) || got.State != before.State || len(got.Approval.Votes) != len(before.Approval.Votes) {
		s.t.Errorf("it ends in %q, state %s, want a refusal that says %q", last, got.State, text)
	}
}

// TestAnApprovalOfTwo: one approves as the CLI does, the other with the Signal that the Web
// UI shows. Until then nothing runs, and nothing holds the lane.
func TestAnApprovalOfTwo(t *testing.T) {
	t.Parallel()
	s := approved(t, "approval", "approval: {approvers: [ann, bob, cid], minApprovals: 2}")
	v1 := s.release("v1")
	got := s.until(v1, drive.WaitsFor(rollout.WaitApproval))
	if got.State != rollout.StatePendingApproval || got.Approval.Needs != 2 {
		t.Errorf("it is %s, %+v", got.State, got.Approval)
	}
	lane := s.lane()
	if lane.Holder != "" || len(lane.Queue) > 0 {
		t.Errorf("it queues or holds the lane: %+v", lane)
	}
	if _, err := s.w.Run.Service(s.service()); err == nil {
		t.Error("something was written before the approval")
	}
	c := s.w.Client
	other := rollout.Digest([]byte("another release"))

	_, err := c.Approve(s.ctx, s.pipeline(), v1, yes(got, "eve"))
	s.refuses(err, rollout.Refused, "approve "+v1, "eve is none of its approvers: ann, bob, cid")
	_, err = c.Approve(s.ctx, s.pipeline(), v1, rollout.Command{Actor: "ann", Digest: other})
	s.refuses(err, rollout.Refused, "approve "+v1)
	_, err = c.Approve(s.ctx, s.pipeline(), v1, rollout.Command{Actor: "ann"})
	s.refuses(err, rollout.Invalid, "no digest given")
	_, err = c.Advance(s.ctx, s.pipeline(), v1, rollout.Command{Phase: rollout.StablePhase, Actor: "ann"})
	s.refuses(err, rollout.Refused, "the rollout is PENDING_APPROVAL, not IN_PROGRESS")

	s.must(c.Approve(s.ctx, s.pipeline(), v1, yes(got, "ann")))
	_, err = c.Approve(s.ctx, s.pipeline(), v1, yes(got, "ann"))
	s.refuses(err, rollout.Refused, "ann has approved already: 1 of 2")

	s.refusedApproval(v1, s.payload(v1, rollout.CommandApprove, "eve"), "eve is none of its approvers")
	s.refusedApproval(v1, s.payload(v1, rollout.CommandApprove, "ann"), "ann has approved already")
	s.refusedApproval(v1, map[string]any{"actor": "bob", "digest": other}, other[:19])
	s.refusedApproval(v1, map[string]any{"actor": "bob"}, "digest is missing")

	s.signal(v1, rollout.CommandApprove, s.payload(v1, rollout.CommandApprove, "bob"))
	got = s.until(v1, drive.In(rollout.StateSucceeded))
	if got.Approval.State != rollout.ApprovalGiven || !drive.Has(got, "approved: 1 of 2 by ann") || !drive.Has(got, "approved: 2 of 2 by bob") {
		t.Errorf("%+v\n%s", got.Approval, strings.Join(drive.Path(got), "\n"))
	}
	s.serves("v1 100%")
}

func (s *scene) lane() rollout.LaneStatus {
	s.t.Helper()
	lane, err := s.w.Client.Lane(s.ctx, s.pipeline(), s.config.Target())
	if err != nil {
		s.t.Fatal(err)
	}
	return lane
}

// TestTheFirstApprovedGoesFirst: a release that nobody has approved yet keeps no other one up.
func TestTheFirstApprovedGoesFirst(t *testing.T) {
	t.Parallel()
	s := approved(t, "approval-order", "")
	c := s.w.Client
	v1 := s.release("v1")
	s.must(c.Approve(s.ctx, s.pipeline(), v1, yes(s.until(v1, drive.WaitsFor(rollout.WaitApproval)), "ann")))
	s.until(v1, drive.In(rollout.StateSucceeded))
	v2, v3 := s.release("v2"), s.release("v3")
	s.until(v2, drive.WaitsFor(rollout.WaitApproval))
	s.must(c.Approve(s.ctx, s.pipeline(), v3, yes(s.until(v3, drive.WaitsFor(rollout.WaitApproval)), "bob")))
	s.until(v3, drive.AsksFor(rollout.StablePhase))
	s.must(c.Approve(s.ctx, s.pipeline(), v2, yes(s.until(v2, drive.WaitsFor(rollout.WaitApproval)), "bob")))
	s.until(v2, drive.WaitsFor(rollout.WaitLane))
	s.advance(v3, rollout.StablePhase)
	s.advance(v2, rollout.StablePhase)
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 75%, v3 25%", "v3 100%", "v3 75%, v2 25%", "v2 100%")
}

// TestARejection ends the rollout; the release may be promoted again.
func TestARejection(t *testing.T) {
	t.Parallel()
	s := approved(t, "rejection", "approval: {approvers: [ann]}")
	c := s.w.Client
	v1 := s.release("v1")
	s.until(v1, drive.WaitsFor(rollout.WaitApproval))
	_, err := c.Reject(s.ctx, s.pipeline(), v1, rollout.Command{Actor: "eve"})
	s.refuses(err, rollout.Refused, "reject "+v1, "eve is none of its approvers: ann")
	s.signal(v1, rollout.CommandReject, s.payload(v1, rollout.CommandReject, "ann"))
	got := s.until(v1, drive.In(rollout.StateApprovalRejected))
	if got.Approval.State != rollout.ApprovalRefused || !drive.Has(got, "rejected by ann (why)") {
		t.Errorf("%+v\n%s", got.Approval, strings.Join(drive.Path(got), "\n"))
	}
	_, err = c.Approve(s.ctx, s.pipeline(), v1, yes(got, "ann"))
	s.refuses(err, rollout.Refused, "APPROVAL_REJECTED")
	again, err := c.Promote(s.ctx, s.pipeline(), s.config.Target(), rollout.Create{Release: "v1", Actor: "ann"})
	if err != nil || again.Rollout != rollout.Name("v1", s.config.Target(), 2) || again.State != rollout.StatePendingApproval {
		t.Fatalf("%+v, %v", again, err)
	}
	s.must(c.Approve(s.ctx, s.pipeline(), again.Rollout, yes(s.until(again.Rollout, drive.WaitsFor(rollout.WaitApproval)), "ann")))
	s.until(again.Rollout, drive.In(rollout.StateSucceeded))
	s.drive.Names = append(s.drive.Names, again.Rollout)
	s.serves("v1 100%")
}

// TestAnApprovalExpires: a minute is the shortest that there is. What comes after it is refused
// with the time.
func TestAnApprovalExpires(t *testing.T) {
	t.Parallel()
	s := approved(t, "approval-expires", "approval: {expireAfter: 1m}")
	v1 := s.release("v1")
	got := s.until(v1, drive.WaitsFor(rollout.WaitApproval))
	if got.Waiting.Until.Sub(got.Created).Minutes() != 1 {
		t.Errorf("made at %s, it waits until %s", got.Created, got.Waiting.Until)
	}
	got = s.until(v1, drive.In(rollout.StateApprovalRejected))
	if !drive.Has(got, "rejected: no approval within 1m") {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}
	_, err := s.w.Client.Approve(s.ctx, s.pipeline(), v1, yes(got, "ann"))
	s.refuses(err, rollout.Refused, "APPROVAL_REJECTED")
}
