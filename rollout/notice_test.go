package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/rollout"
)

// TestNoticesOf: what people and machines are told of, and what they are not.
func TestNoticesOf(t *testing.T) {
	t.Parallel()
	waits := func(f rollout.WaitFor) rollout.Event {
		return rollout.Event{Kind: rollout.EventWaiting, Waiting: &rollout.Waiting{For: f, Reason: "r"}}
	}
	ends := func(s rollout.State) rollout.Event { return rollout.Event{Kind: rollout.EventEnded, State: s} }
	for _, row := range []struct {
		name   string
		event  rollout.Event
		status rollout.Status
		want   string
	}{
		{"made", rollout.Event{Kind: rollout.EventCreated}, rollout.Status{State: rollout.StatePending}, "resources Create"},
		{"made, with an approval", rollout.Event{Kind: rollout.EventCreated, Waiting: &rollout.Waiting{}}, rollout.Status{State: rollout.StatePendingApproval}, "resources Create, approvals Required"},
		{"one of two approvals", rollout.Event{Kind: rollout.EventApproved}, rollout.Status{Approval: rollout.ApprovalStatus{State: rollout.ApprovalNeeded}}, ""},
		{"the last approval", rollout.Event{Kind: rollout.EventApproved}, rollout.Status{Approval: rollout.ApprovalStatus{State: rollout.ApprovalGiven}}, "approvals Approved"},
		{"rejected", rollout.Event{Kind: rollout.EventRejected}, rollout.Status{}, "approvals Rejected"},
		{"closed because it was rejected", ends(rollout.StateApprovalRejected), rollout.Status{}, ""},
		{"has its lane", rollout.Event{Kind: rollout.EventGranted}, rollout.Status{}, "operations Start"},
		{"waits for an advance", waits(rollout.WaitAdvance), rollout.Status{}, "advances Required"},
		{"a child waits for its controller", waits(rollout.WaitAdvance), rollout.Status{Controller: "c"}, ""},
		{"advanced", rollout.Event{Kind: rollout.EventAdvanced}, rollout.Status{}, "advances Advanced"},
		{"its controller advances a child", rollout.Event{Kind: rollout.EventAdvanced}, rollout.Status{Controller: "c"}, ""},
		{"a person must look", waits(rollout.WaitPerson), rollout.Status{}, "operations Waiting"},
		{"no metrics", waits(rollout.WaitMetrics), rollout.Status{}, "operations Waiting"},
		{"no worker", waits(rollout.WaitWorker), rollout.Status{}, "operations Waiting"},
		{"a timer comes by itself", waits(rollout.WaitTimer), rollout.Status{}, ""},
		{"so does a lane", waits(rollout.WaitLane), rollout.Status{}, ""},
		{"a job run begins", rollout.Event{Kind: rollout.EventJobStarted, Phase: "stable", Job: rollout.JobVerify}, rollout.Status{}, "operations Start of stable-verify-1"},
		{"it is done", rollout.Event{Kind: rollout.EventJobSucceeded, Phase: "stable", Job: rollout.JobVerify, Attempt: 2}, rollout.Status{}, "operations Succeed of stable-verify-2"},
		{"it fails", rollout.Event{Kind: rollout.EventJobFailed, Phase: "stable", Job: rollout.JobVerify}, rollout.Status{}, "operations Failure of stable-verify-1"},
		{"it is terminated", rollout.Event{Kind: rollout.EventJobTerminated, Phase: "stable", Job: rollout.JobVerify}, rollout.Status{}, "operations Terminated of stable-verify-1"},
		{"the weight changes", rollout.Event{Kind: rollout.EventShifted}, rollout.Status{}, "resources Update"},
		{"traffic is back", rollout.Event{Kind: rollout.EventRestored}, rollout.Status{}, "operations Restored"},
		{"it is not", rollout.Event{Kind: rollout.EventRestoreFailed}, rollout.Status{}, "operations RestoreFailed"},
		{"the rollout fails", rollout.Event{Kind: rollout.EventFailed}, rollout.Status{}, "operations Failure"},
		{"it has failed before", ends(rollout.StateFailed), rollout.Status{}, ""},
		{"it succeeds", ends(rollout.StateSucceeded), rollout.Status{}, "operations Succeed"},
		{"it is cancelled", ends(rollout.StateCancelled), rollout.Status{}, "operations Cancelled"},
		{"a command is refused", rollout.Event{Kind: rollout.EventRefused}, rollout.Status{}, ""},
	} {
		var got []string
		for _, n := range rollout.NoticesOf(rollout.Plan{}, &row.status, row.event) {
			line := string(n.Topic) + " " + string(n.Action)
			if n.Resource == rollout.ResourceJobRun {
				line += " of " + n.JobRun()
			}
			got = append(got, line)
		}
		if text := strings.Join(got, ", "); text != row.want {
			t.Errorf("%s: %q, want %q", row.name, text, row.want)
		}
	}
}

func TestNoticesTellControllersAndChildrenApart(t *testing.T) {
	t.Parallel()
	event := rollout.Event{Kind: rollout.EventFailed}
	for _, row := range []struct {
		plan       rollout.Plan
		controller string
		want       rollout.Notice
	}{
		{rollout.Plan{CloudRun: &rollout.CloudRun{Service: "web"}, Target: rollout.Target{Location: "projects/p/locations/l"}}, "", rollout.Notice{Type: rollout.RolloutSingle, Service: "web", Place: "projects/p/locations/l"}},
		{rollout.Plan{Parallel: &rollout.Parallel{}}, "", rollout.Notice{Type: rollout.RolloutController}},
		{rollout.Plan{
			Kubernetes: &rollout.Kubernetes{Deployment: "web"}, Target: rollout.Target{Cluster: &rollout.Cluster{GKE: "projects/p/locations/l/clusters/c", Namespace: "store"}},
		}, "v2-to-all-0001", rollout.Notice{Type: rollout.RolloutChild, Controller: "v2-to-all-0001", Service: "web", Space: "store", Place: "projects/p/locations/l/clusters/c"}},
	} {
		s := rollout.Status{Controller: row.controller, Failure: strings.Repeat("ü", 1000)}
		got := rollout.NoticesOf(row.plan, &s, event)[0]
		if !strings.HasPrefix(got.Text, "failed: üü") || len(got.Text) > 400 {
			t.Errorf("text of %d bytes: %s", len(got.Text), got.Text)
		}
		row.want.Text, row.want.Resource, row.want.Topic, row.want.Action = got.Text, rollout.ResourceRollout, rollout.TopicOperations, rollout.NoticeFailure
		if got != row.want {
			t.Errorf("got %+v\nwant %+v", got, row.want)
		}
	}
}

// TestANotifierLosesNothingSilently: whatever comes, however often and in whichever portions it
// is delivered, each notice is delivered once and in the order of its rollout, or counted as dropped.
func TestANotifierLosesNothingSilently(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s rollout.NotifierStatus
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		sent, busy := map[string]int{}, 0
		last, delivered, dropped := map[string]int{}, 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, time.Hour, 5 * time.Hour}).Draw(t, "later"))
			switch rapid.SampledFrom([]string{"take", "take", "deliver", "refuse", "miss", "expire"}).Draw(t, "what") {
			case "take":
				name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "rollout")
				var m rollout.Notices
				for range rapid.IntRange(1, 400).Draw(t, "notices") {
					sent[name]++
					m.Notices = append(m.Notices, rollout.Notice{Pipeline: "shop", Rollout: name, Time: now}.Numbered(sent[name]))
				}
				s.Take(m, busy, now)
				twice := m.Notices[max(0, len(m.Notices)-50):]
				s.Take(rollout.Notices{Notices: twice}, busy, now)
			case "deliver":
				n := rapid.IntRange(0, len(s.Queue)).Draw(t, "done")
				for _, each := range s.Queue[:n] {
					if each.Seq <= last[each.Rollout] {
						t.Fatalf("%s after %d", each.ID, last[each.Rollout])
					}
					last[each.Rollout] = each.Seq
				}
				s.Answered(n, nil, now)
				delivered, busy = delivered+n, 0
			case "refuse":
				if len(s.Queue) > 0 {
					s.Answered(1, []string{"no"}, now)
					dropped++
				}
				busy = 0
			case "miss":
				s.Missed("away", now)
				busy = min(20, len(s.Queue))
			case "expire":
				before := len(s.Queue)
				s.Expire(now)
				dropped += before - len(s.Queue)
				busy = 0
			}
		}
		if len(s.Queue) > 1000 || len(s.Recent) > 100 || len(s.Notes) > rollout.KeptRecords {
			t.Fatalf("it grows: %d, %d, %d", len(s.Queue), len(s.Recent), len(s.Notes))
		}
		if s.Delivered != delivered || s.Dropped < dropped || sent["a"]+sent["b"] != s.Delivered+s.Dropped+len(s.Queue) {
			t.Fatalf("sent %d, delivered %d, dropped %d, %d wait", sent["a"]+sent["b"], s.Delivered, s.Dropped, len(s.Queue))
		}
	})
}

// TestANotifierKeepsWhatIsBeingDelivered while the oldest of the others make room.
func TestANotifierKeepsWhatIsBeingDelivered(t *testing.T) {
	t.Parallel()
	var s rollout.NotifierStatus
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var m rollout.Notices
	for i := range 1005 {
		m.Notices = append(m.Notices, rollout.Notice{Rollout: "a", Time: now}.Numbered(i+1))
	}
	s.Take(m, 0, now)
	if s.Queue[0].Seq != 6 {
		t.Errorf("the first is %d", s.Queue[0].Seq)
	}
	s.Take(rollout.Notices{Notices: []rollout.Notice{rollout.Notice{Rollout: "b", Time: now}.Numbered(1)}}, 3, now)
	var first []string
	for _, n := range s.Queue[:4] {
		first = append(first, fmt.Sprint(n.Seq))
	}
	if !slices.Equal(first, []string{"6", "7", "8", "10"}) || s.Dropped != 6 {
		t.Errorf("the first are %v, %d dropped: %q", first, s.Dropped, s.Notes)
	}
}
