package rollout_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/rollout"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ got, want string }{
		{rollout.ReleaseID("shop", "v2"), "release/shop/v2"},
		{rollout.LaneID("shop", "prod"), "lane/shop/prod"},
		{rollout.Name("v2", "prod", 1), "v2-to-prod-0001"},
		{rollout.RolloutID("shop", rollout.Name("v2", "prod", 12)), "rollout/shop/v2-to-prod-0012"},
		{rollout.DocumentName("shop", "v2"), "releases/shop/v2.json"},
		{rollout.Digest([]byte("serin"))[:14], "sha256:8f5b251"},
	} {
		if row.got != row.want {
			t.Errorf("got %q, want %q", row.got, row.want)
		}
	}
}

func TestRequestDigestIgnoresOnlyTheActor(t *testing.T) {
	t.Parallel()
	base := rollout.CreateRequest{Pipeline: "shop", Release: "v2", Images: map[string]string{"a": "1", "b": "2"}}
	same, other := base, base
	same.Actor = "ann"
	other.Parameters = map[string]string{"k": "v"}
	if base.Digest() != same.Digest() {
		t.Error("the actor changes the digest")
	}
	if base.Digest() == other.Digest() {
		t.Error("a parameter does not change the digest")
	}
}

func TestErrorReadsOperationObjectCauseFix(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", &rollout.Error{
		Op: "cloudRun: set weight", On: "shop", Kind: rollout.Denied, Err: errors.New("permission denied"), Fix: "grant roles/run.developer",
	})
	if want := "outer: cloudRun: set weight shop: permission denied (grant roles/run.developer)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if got := rollout.KindOf(err); got != rollout.Denied {
		t.Errorf("kind %q", got)
	}
	if got := rollout.KindOf(errors.New("plain")); got != "" {
		t.Errorf("kind of a plain error: %q", got)
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	s := rollout.Split{
		{Revision: "b", Percent: 25}, {Revision: "a", Percent: 50}, {Revision: "c", Tags: []string{"old"}}, {Revision: "b", Percent: 25},
	}
	if got, want := s.String(), "a 50%, b 50%"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !s.SameTraffic(rollout.Split{{Revision: "b", Percent: 50}, {Revision: "a", Percent: 50}}) {
		t.Error("order, tags and repeated entries are no difference")
	}
	if got := (rollout.Split{}).String(); got != "nothing" {
		t.Errorf("got %q", got)
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	split := func(percent rollout.Weight) rollout.Split {
		return rollout.Split{{Revision: "new", Percent: percent}, {Revision: "old", Percent: 100 - percent}}
	}
	last := rollout.Mark{Split: split(25), Generation: 4, By: "serin"}
	for _, row := range []struct {
		name string
		seen rollout.Observed
		last rollout.Mark
		want string
	}{
		{"as we left it", rollout.Observed{Split: split(25), Generation: 4, By: "serin"}, last, ""},
		{"our own write, its answer lost", rollout.Observed{Split: split(50), Generation: 5, By: "serin"}, last, ""},
		{
			"a split by somebody else",
			rollout.Observed{Split: split(0), Generation: 5, By: "ann"},
			last,
			"ann changed the split to old 100%; it was old 75%, new 25%",
		},
		{
			"a change beside the split",
			rollout.Observed{Split: split(25), Generation: 5, By: "ann"},
			last,
			"ann changed the service (generation 5, was 4)",
		},
		{"nothing written yet", rollout.Observed{Split: split(10), Generation: 9, By: "ann"}, rollout.Mark{}, ""},
		{"only the split is remembered", rollout.Observed{Split: split(25), Generation: 9, By: "ann"}, rollout.Mark{Split: split(25)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := rollout.Drifted(row.seen, row.last, split(50)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func plan() rollout.Plan {
	jobs := []rollout.Job{{ID: rollout.JobDeploy}, {ID: rollout.JobVerify, Disabled: true}}
	return rollout.Plan{
		Pipeline: "shop", Release: "v2", Target: rollout.Target{Name: "prod"},
		Phases: []rollout.Phase{
			{ID: "canary-25", Weight: 25, Jobs: jobs}, {ID: "canary-50", Weight: 50, Jobs: jobs}, {ID: "stable", Weight: 100, Jobs: jobs},
		},
	}
}

func states(s rollout.Status) string {
	out := string(s.State)
	for _, ph := range s.Phases {
		out += fmt.Sprintf(" %s=%s", ph.ID, ph.State)
		for _, j := range ph.Jobs {
			if j.ID == rollout.JobDeploy {
				out += "/" + string(j.State)
			}
		}
	}
	return out
}

// TestFold reads as the state machines of Cloud Deploy: after each event, the state of
// the rollout, of its phases and of their deploy jobs.
func TestFold(t *testing.T) {
	t.Parallel()
	job := func(k rollout.EventKind, phase string) rollout.Event {
		return rollout.Event{Kind: k, Phase: phase, Job: rollout.JobDeploy, Attempt: 1}
	}
	begun := []rollout.Event{{Kind: rollout.EventCreated}, {Kind: rollout.EventGranted}, job(rollout.EventJobStarted, "canary-25")}
	for _, row := range []struct {
		name   string
		events []rollout.Event
		want   string
	}{
		{"created", begun[:1], "PENDING canary-25=PENDING/PENDING canary-50=PENDING/PENDING stable=PENDING/PENDING"},
		{"granted", begun[:2], "IN_PROGRESS canary-25=PENDING/PENDING canary-50=PENDING/PENDING stable=PENDING/PENDING"},
		{"started", begun, "IN_PROGRESS canary-25=IN_PROGRESS/IN_PROGRESS canary-50=PENDING/PENDING stable=PENDING/PENDING"},
		{
			"a phase is done", append(slices.Clone(begun), job(rollout.EventJobSucceeded, "canary-25")),
			"IN_PROGRESS canary-25=SUCCEEDED/SUCCEEDED canary-50=PENDING/PENDING stable=PENDING/PENDING",
		},
		{
			"a failed job fails its phase and aborts what follows", append(slices.Clone(begun), job(rollout.EventJobFailed, "canary-25"), rollout.Event{Kind: rollout.EventFailed}),
			"FAILED canary-25=FAILED/FAILED canary-50=ABORTED/ABORTED stable=ABORTED/ABORTED",
		},
		{
			"a retry revives them", append(slices.Clone(begun), job(rollout.EventJobFailed, "canary-25"),
				job(rollout.EventRetried, "canary-25"), rollout.Event{Kind: rollout.EventGranted}),
			"IN_PROGRESS canary-25=PENDING/PENDING canary-50=PENDING/PENDING stable=PENDING/PENDING",
		},
		{
			"an ignored job lets the next phase follow", append(slices.Clone(begun), job(rollout.EventJobFailed, "canary-25"),
				job(rollout.EventIgnored, "canary-25"), rollout.Event{Kind: rollout.EventGranted}),
			"IN_PROGRESS canary-25=SUCCEEDED/IGNORED canary-50=PENDING/PENDING stable=PENDING/PENDING",
		},
		{
			"a terminated job run fails its job", append(slices.Clone(begun), job(rollout.EventTerminating, "canary-25"),
				job(rollout.EventJobTerminated, "canary-25"), rollout.Event{Kind: rollout.EventFailed}),
			"FAILED canary-25=FAILED/FAILED canary-50=ABORTED/ABORTED stable=ABORTED/ABORTED",
		},
		{
			"cancelled while it waited", append(slices.Clone(begun), job(rollout.EventJobSucceeded, "canary-25"),
				rollout.Event{Kind: rollout.EventCancelling}, rollout.Event{Kind: rollout.EventEnded, State: rollout.StateCancelled}),
			"CANCELLED canary-25=SUCCEEDED/SUCCEEDED canary-50=ABORTED/ABORTED stable=ABORTED/ABORTED",
		},
		{
			"skipped",
			[]rollout.Event{
				{Kind: rollout.EventGranted},
				{Kind: rollout.EventSkipped, Phase: "canary-25", Note: "nothing serves"},
				{Kind: rollout.EventSkipped, Phase: "canary-50", Note: "nothing serves"},
			},
			"IN_PROGRESS canary-25=SKIPPED/SKIPPED canary-50=SKIPPED/SKIPPED stable=PENDING/PENDING",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := rollout.NewStatus("v2-to-prod-0001", plan())
			for _, e := range row.events {
				s.Apply(e)
			}
			if got := states(s); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestPromotionBeginsWithTheFirstJobOfStable(t *testing.T) {
	t.Parallel()
	s := rollout.NewStatus("v2-to-prod-0001", plan())
	s.Apply(rollout.Event{Kind: rollout.EventJobStarted, Phase: "canary-50", Job: rollout.JobDeploy, Attempt: 1})
	if s.PromotionBegun || !s.Unsettled {
		t.Fatalf("in canary-50: promotion begun %v, unsettled %v", s.PromotionBegun, s.Unsettled)
	}
	s.Apply(rollout.Event{Kind: rollout.EventJobStarted, Phase: "stable", Job: rollout.JobDeploy, Attempt: 1})
	if !s.PromotionBegun {
		t.Fatal("in stable: promotion has not begun")
	}
	w := rollout.Weight(100)
	s.Apply(rollout.Event{Kind: rollout.EventShifted, Phase: "stable", Weight: &w, Revision: "new", Split: rollout.Split{{Revision: "new", Percent: 100}}})
	if s.Unsettled {
		t.Fatal("a promoted release is settled")
	}
}

// TestFoldHoldsForAnyOrder: whatever events arrive, the fold does not panic, numbers
// them without gaps, and keeps at most 500.
func TestFoldHoldsForAnyOrder(t *testing.T) {
	t.Parallel()
	kinds := []rollout.EventKind{
		rollout.EventCreated, rollout.EventGranted, rollout.EventBaseline, rollout.EventSettled, rollout.EventSkipped,
		rollout.EventWaiting, rollout.EventAdvanced, rollout.EventResumed, rollout.EventJobStarted, rollout.EventShifted,
		rollout.EventJobSucceeded, rollout.EventJobFailed, rollout.EventTerminating, rollout.EventJobTerminated, rollout.EventRetried,
		rollout.EventIgnored, rollout.EventFailed, rollout.EventRestored, rollout.EventRestoreFailed, rollout.EventCancelling, rollout.EventRefused, rollout.EventEnded,
		rollout.EventJudged,
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rollout.NewStatus("v2-to-prod-0001", plan())
		n := rapid.IntRange(1, 700).Draw(t, "events")
		for i := range n {
			s.Apply(rollout.Event{
				Kind:  rapid.SampledFrom(kinds).Draw(t, "kind"),
				Phase: rapid.SampledFrom([]string{"canary-25", "canary-50", "stable", "unknown"}).Draw(t, "phase"),
				Job:   rapid.SampledFrom([]rollout.JobKind{rollout.JobDeploy, rollout.JobAnalysis}).Draw(t, "job"),
				Time:  time.Unix(int64(i), 0), State: rollout.StateSucceeded,
			})
		}
		if last := s.Events[len(s.Events)-1].Seq; last != n {
			t.Fatalf("the last of %d events is number %d", n, last)
		}
		if want := min(n, 500); len(s.Events) != want {
			t.Fatalf("%d events kept, want %d", len(s.Events), want)
		}
	})
}

func TestLaneNumbersByWhatItKeeps(t *testing.T) {
	t.Parallel()
	s := rollout.LaneStatus{Pipeline: "shop", Target: "prod", Records: []rollout.Record{{Rollout: "v2-to-prod-0001"}, {Rollout: "v1-to-prod-0001"}}}
	if got := s.Number("v2"); got != 2 {
		t.Errorf("v2: got %d, want 2", got)
	}
	if got := s.Number("v3"); got != 1 {
		t.Errorf("v3: got %d, want 1", got)
	}
}
