package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// past builds a lane from what happened on it, a line each, oldest first: a release and what its
// rollout has come to. Of its words
//
//	"v2 SUCCEEDED"           ends so after it has started
//	"v2 SUCCEEDED ignored"   although its last job was ignored: its revision is not stable
//	"v2 CANCELLED unstarted" never had the lane
//	"v2 PENDING"             queues; PENDING_APPROVAL does not
//	"v2 IN_PROGRESS"         has the lane
//	"rollback v1 SUCCEEDED"  a person has rolled back what started last; "repair v1 ..." an automation
func past(lines ...string) *rollout.LaneStatus {
	s := &rollout.LaneStatus{Pipeline: "shop", Target: "prod"}
	now := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	for _, line := range lines {
		now = now.Add(time.Hour)
		words := strings.Fields(line)
		var bad *rollout.Record
		person := words[0] == "rollback"
		if person || words[0] == "repair" {
			words, bad = words[1:], s.NewestStarted()
		}
		release, state, how := words[0], rollout.State(words[1]), strings.Join(words[2:], "")
		s.Arrive(release)
		name := rollout.Name(release, "prod", s.Number(release))
		if bad != nil {
			s.RollBack(bad, name, person)
		}
		r := rollout.Record{Rollout: name, Release: release, Document: "releases/shop/" + release + ".json", Created: now, State: state}
		if bad != nil {
			r.RollbackOf = bad.Rollout
		}
		s.Records = slices.Insert(s.Records, 0, r)
		at := &s.Records[0]
		if state == rollout.StatePendingApproval || state == rollout.StateApprovalRejected {
			s.Keep(at)
			continue
		}
		s.Join(at, false, now)
		if state == rollout.StatePending {
			continue
		}
		said := rollout.Record{Rollout: name, Release: release, Document: r.Document, State: state, Ended: now.Add(time.Minute)}
		if how != "unstarted" {
			at.Started = now
			said.Promoted = state == rollout.StateSucceeded && how == ""
		}
		at.Take(said, 1)
		if state.HoldsLane() {
			s.Holder, s.Queue = name, s.Queue[:len(s.Queue)-1]
			continue
		}
		s.Keep(at)
	}
	return s
}

func TestGoals(t *testing.T) {
	t.Parallel()
	back, again, promote := rollout.UpdateRollback, rollout.UpdateRedeploy, rollout.UpdatePromote
	for _, row := range []struct {
		name    string
		past    []string
		command string
		create  rollout.Create
		want    string // the goals, best first, or the error
	}{
		// rollback
		{"nothing has started", []string{"v1 PENDING_APPROVAL", "v2 PENDING"}, back, rollout.Create{}, "no rollout has started here yet"},
		{"the first rollout has nothing before it", []string{"v1 SUCCEEDED"}, back, rollout.Create{}, "v1 is what is rolled back (name the release to go to)"},
		{"a failed canary goes to what still serves", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 FAILED"}, back, rollout.Create{}, "v2@stable v1@stable of v3-to-prod-0001"},
		{"a cancelled canary too", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 CANCELLED"}, back, rollout.Create{}, "v2@stable v1@stable of v3-to-prod-0001"},
		{"a success goes to the one before", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED"}, back, rollout.Create{}, "v2@stable v1@stable of v3-to-prod-0001"},
		{"an old one, should those after it be abandoned", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED", "v4 FAILED"}, back, rollout.Create{}, "v3@stable v2@stable v1@stable of v4-to-prod-0001"},
		{"failures between successes are no goals", []string{"v1 SUCCEEDED", "v2 FAILED", "v3 SUCCEEDED"}, back, rollout.Create{}, "v1@stable of v3-to-prod-0001"},
		{"one that never started is not rolled back", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 CANCELLED unstarted"}, back, rollout.Create{}, "v1@stable of v2-to-prod-0001"},
		{"nor one that waits for approval", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 PENDING_APPROVAL"}, back, rollout.Create{}, "v1@stable of v2-to-prod-0001"},
		{"nor one that was rejected", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 APPROVAL_REJECTED"}, back, rollout.Create{}, "v1@stable of v2-to-prod-0001"},
		{"never the release itself: a redeploy has failed", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v2 FAILED"}, back, rollout.Create{}, "v1@stable of v2-to-prod-0002"},
		{"never the release itself: it has succeeded twice", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v2 SUCCEEDED"}, back, rollout.Create{}, "v1@stable of v2-to-prod-0002"},
		{"an ignored last job made nothing stable", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED ignored"}, back, rollout.Create{}, "v2@stable v1@stable of v3-to-prod-0001"},
		{"a rollback sticks: not back to v3", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED", "rollback v2 SUCCEEDED"}, back, rollout.Create{}, "v1@stable of v2-to-prod-0002"},
		{"a failed rollback does not go back to v3 either", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED", "rollback v2 FAILED"}, back, rollout.Create{}, "v1@stable of v2-to-prod-0002"},
		{"what an automation rolled back may be offered", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "repair v1 SUCCEEDED"}, back, rollout.Create{}, "v2@stable of v1-to-prod-0002"},
		{"after a newer release has failed: what serves", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED", "rollback v2 SUCCEEDED", "v4 FAILED"}, back, rollout.Create{}, "v2@stable v3@stable v1@stable of v4-to-prod-0001"},
		{"a rollback that nobody approved rejects nothing", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "rollback v1 APPROVAL_REJECTED", "v3 FAILED"}, back, rollout.Create{}, "v2@stable v1@stable of v3-to-prod-0001"},
		{"every other one is rejected", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "rollback v1 SUCCEEDED"}, back, rollout.Create{}, "v1 is what is rolled back, v2 was rolled back by v1-to-prod-0002 (name the release to go to)"},
		{"a person may name the rejected one", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "rollback v1 SUCCEEDED"}, back, rollout.Create{Release: "v2"}, "v2@stable of v1-to-prod-0002"},
		{"and one of long ago", []string{"v8 SUCCEEDED", "v9 SUCCEEDED"}, back, rollout.Create{Release: "v1"}, "v1@stable of v9-to-prod-0001"},
		{"and another phase", []string{"v1 SUCCEEDED", "v2 SUCCEEDED"}, back, rollout.Create{StartingPhase: "canary-25"}, "v1@canary-25 of v2-to-prod-0001"},
		{"not the one that is rolled back", []string{"v1 SUCCEEDED", "v2 FAILED"}, back, rollout.Create{Release: "v2"}, "v2 is what is rolled back: redeploy it instead"},
		{"the guard holds", []string{"v1 SUCCEEDED", "v2 SUCCEEDED"}, back, rollout.Create{Rollout: "v1-to-prod-0001"}, "v1-to-prod-0001 is not the newest rollout that has started, which is v2-to-prod-0001"},
		{"the lane is held", []string{"v1 SUCCEEDED", "v2 IN_PROGRESS"}, back, rollout.Create{}, "v2-to-prod-0001 has the lane, IN_PROGRESS (serin rollout cancel --pipeline shop --rollout v2-to-prod-0001, or roll back with --stop-running)"},
		{"the holder is stopped", []string{"v1 SUCCEEDED", "v2 IN_PROGRESS"}, back, rollout.Create{StopRunning: true}, "v1@stable of v2-to-prod-0001"},
		{"the holder's own repair may ask", []string{"v1 SUCCEEDED", "v2 IN_PROGRESS"}, back, rollout.Create{Automation: "shop/auto/rule", Rollout: "v2-to-prod-0001"}, "v1@stable of v2-to-prod-0001"},
		{"one rollback at a time", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "rollback v1 PENDING_APPROVAL"}, back, rollout.Create{}, "v1-to-prod-0002 rolls it back already, PENDING_APPROVAL"},
		{"what queues may go first", []string{"v1 SUCCEEDED", "v2 FAILED", "v3 PENDING"}, back, rollout.Create{UnlessPending: true}, "v3-to-prod-0001 is PENDING"},
		{"or wait for approval", []string{"v1 SUCCEEDED", "v2 FAILED", "v3 PENDING_APPROVAL"}, back, rollout.Create{UnlessPending: true}, "v3-to-prod-0001 is PENDING_APPROVAL"},
		{"an older one does not", []string{"v1 SUCCEEDED", "v0 PENDING_APPROVAL", "v2 FAILED"}, back, rollout.Create{UnlessPending: true}, "v1@stable of v2-to-prod-0001"},
		{"overriding needs a reason", []string{"v1 SUCCEEDED", "v2 SUCCEEDED"}, back, rollout.Create{Override: []string{"freeze"}}, "overriding a deploy policy needs a reason"},
		// redeploy
		{"there is nothing to redeploy", nil, again, rollout.Create{}, "nothing was rolled out here yet"},
		{"the newest again", []string{"v1 SUCCEEDED", "v2 FAILED"}, again, rollout.Create{}, "v2@"},
		{"by enqueue: a cancelled one that never started", []string{"v1 SUCCEEDED", "v2 CANCELLED unstarted"}, again, rollout.Create{}, "v2@"},
		{"one that waits for approval has not queued", []string{"v1 SUCCEEDED", "v2 PENDING_APPROVAL"}, again, rollout.Create{}, "v1@"},
		{"nor one that was rejected", []string{"v1 SUCCEEDED", "v2 APPROVAL_REJECTED"}, again, rollout.Create{}, "v1@"},
		{"not while it queues", []string{"v1 SUCCEEDED", "v2 PENDING"}, again, rollout.Create{}, "v2-to-prod-0001 is PENDING, not SUCCEEDED, FAILED or CANCELLED"},
		{"not while it runs", []string{"v1 SUCCEEDED", "v2 HALTED"}, again, rollout.Create{}, "v2-to-prod-0001 is HALTED, not SUCCEEDED, FAILED or CANCELLED"},
		{"no other release", []string{"v1 SUCCEEDED", "v2 SUCCEEDED"}, again, rollout.Create{Release: "v1"}, "the newest rollout is v2-to-prod-0001: promote v1 instead"},
		{"the guard holds for a redeploy", []string{"v1 SUCCEEDED", "v2 SUCCEEDED"}, again, rollout.Create{Rollout: "v1-to-prod-0001"}, "v1-to-prod-0001 is not the newest rollout, which is v2-to-prod-0001"},
		{"only a rollback stops what runs", []string{"v1 SUCCEEDED"}, again, rollout.Create{StopRunning: true}, "only a rollback can stop what runs, or give way to what is pending"},
		// promote
		{"a new release", nil, promote, rollout.Create{Release: "v1"}, "v1@"},
		{"a release is needed", nil, promote, rollout.Create{}, "no release given"},
		{"behind another one that runs", []string{"v1 IN_PROGRESS"}, promote, rollout.Create{Release: "v2", StartingPhase: "stable"}, "v2@stable"},
		{"not twice at a time", []string{"v1 IN_PROGRESS"}, promote, rollout.Create{Release: "v1"}, "v1-to-prod-0001 is IN_PROGRESS: a release has one open rollout on a target"},
		{"not while it waits for approval", []string{"v1 PENDING_APPROVAL"}, promote, rollout.Create{Release: "v1"}, "v1-to-prod-0001 is PENDING_APPROVAL: a release has one open rollout on a target"},
		{"again after it has failed", []string{"v1 FAILED"}, promote, rollout.Create{Release: "v1"}, "v1@"},
		{"a rejected one by a person", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "rollback v1 SUCCEEDED"}, promote, rollout.Create{Release: "v2"}, "v2@"},
		{"not by an automation", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "rollback v1 SUCCEEDED"}, promote, rollout.Create{Release: "v2", Automation: "shop/auto/rule"}, "v2 was rolled back on prod by v1-to-prod-0002"},
		{"until a newer release is made", []string{"v1 SUCCEEDED", "v2 SUCCEEDED", "rollback v1 SUCCEEDED", "v3 FAILED"}, promote, rollout.Create{Release: "v2", Automation: "shop/auto/rule"}, "v2@"},
		{"no automation promotes what is stable", []string{"v1 SUCCEEDED"}, promote, rollout.Create{Release: "v1", Automation: "shop/auto/rule"}, "v1 is stable on prod already"},
		{"no other command", nil, "approve", rollout.Create{}, "a lane knows promote, rollback and redeploy"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			goals, err := past(row.past...).Goals(row.command, row.create)
			got := ""
			for i, g := range goals {
				got += strings.Repeat(" ", min(i, 1)) + g.Release + "@" + g.StartingPhase
				if g.Document != "releases/shop/"+g.Release+".json" || g.Target != "prod" {
					t.Errorf("%+v", g)
				}
			}
			if len(goals) > 0 && goals[0].RollbackOf != "" {
				got += " of " + goals[0].RollbackOf
			}
			if err != nil {
				got = strings.TrimPrefix(err.Error(), row.command+" shop/prod: ")
				got = strings.TrimPrefix(got, "no other release has SUCCEEDED here: ")
				if rollout.KindOf(err) != rollout.Refused && rollout.KindOf(err) != rollout.Invalid {
					t.Errorf("kind %q", rollout.KindOf(err))
				}
			}
			if got != row.want {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

// TestTheLaneKeepsWhatARollbackNeeds: the stable release and the two newest that are not
// rejected, of different releases, newest first.
func TestTheLaneKeepsWhatARollbackNeeds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		past []string
		want string
	}{
		{[]string{"v1 SUCCEEDED"}, "v1"},
		{[]string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED"}, "v3 v2"},
		{[]string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v2 SUCCEEDED", "v2 SUCCEEDED"}, "v2 v1"},
		{[]string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v1 SUCCEEDED"}, "v1 v2"},
		{[]string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED", "rollback v2 PENDING_APPROVAL"}, "v3 v2 v1"},
		{[]string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED", "rollback v2 SUCCEEDED"}, "v2 v1"},
		{[]string{"v1 SUCCEEDED", "v2 SUCCEEDED", "v3 SUCCEEDED", "rollback v2 SUCCEEDED", "v4 SUCCEEDED"}, "v4 v2"},
		{[]string{"v1 SUCCEEDED", "v2 FAILED", "v3 CANCELLED"}, "v1"},
	} {
		var got []string
		for _, r := range past(row.past...).Succeeded {
			got = append(got, r.Release)
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%q: got %q, want %q", row.past, got, row.want)
		}
	}
}

// TestARecordKeepsWhatOnlyTheLaneKnows: a rollout's report knows nothing of who asked for it.
func TestARecordKeepsWhatOnlyTheLaneKnows(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	before := rollout.Record{
		Rollout: "v1-to-prod-0002", Created: at, Enqueued: 3, Request: "r", Automation: "a", Reason: "why", StartingPhase: "stable",
		RollbackOf: "v2-to-prod-0001", RolledBackBy: "v3-to-prod-0001", Head: true, Queued: at, Started: at, Behavior: 1,
		Answer: &rollout.Created{Rollout: "v1-to-prod-0002"},
	}
	after := before
	after.Take(rollout.Record{Rollout: "v1-to-prod-0002", State: rollout.StateSucceeded}, 7)
	want := before
	want.State, want.Heard = rollout.StateSucceeded, 7
	if got, wanted := fmt.Sprintf("%+v", after), fmt.Sprintf("%+v", want); got != wanted {
		t.Errorf("got  %s\nwant %s", got, wanted)
	}
}

// TestAChildThatDidNotMoveIsAsTheRolloutBeforeLeftIt: the next rollout compares with what
// somebody wrote, not with what nobody did.
func TestAChildThatDidNotMoveIsAsTheRolloutBeforeLeftIt(t *testing.T) {
	t.Parallel()
	split := rollout.Mark{Split: rollout.Split{{Revision: "r1", Percent: 100}}}
	child := func(name, release string, mark rollout.Mark) rollout.Record {
		return rollout.Record{Rollout: name, Release: release, Mark: mark}
	}
	s := &rollout.LaneStatus{Pipeline: "shop", Target: "all", Records: []rollout.Record{{
		Rollout: "v1-to-all-0001", Release: "v1", State: rollout.StateSucceeded, Promoted: true, Children: map[string]rollout.Record{
			"eu": child("v1-to-eu-0001", "v1", split), "us": child("v1-to-us-0001", "v1", split),
		},
	}}}
	s.Keep(&s.Records[0])
	s.Records = slices.Insert(s.Records, 0, rollout.Record{
		Rollout: "v2-to-all-0001", Release: "v2", State: rollout.StateFailed, Children: map[string]rollout.Record{
			"eu": child("v2-to-eu-0001", "v2", split), "us": child("v2-to-us-0001", "v2", rollout.Mark{}),
		},
	})
	s.Keep(&s.Records[0])
	if got := s.Last.Children; got["eu"].Rollout != "v2-to-eu-0001" || got["us"].Rollout != "v1-to-us-0001" {
		t.Errorf("%+v", got)
	}
	if s.Records[0].Children != nil || len(s.Succeeded[0].Children) != 2 {
		t.Errorf("%+v %+v", s.Records[0], s.Succeeded[0])
	}
}
