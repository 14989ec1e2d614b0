package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func begin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// canary is a plan of three phases whose verify is off in the first one.
func canary() Plan {
	jobs := func(disabled bool) []Job {
		return []Job{{ID: JobDeploy}, {ID: JobVerify, Disabled: disabled}, {ID: JobPostdeploy}}
	}
	return Plan{
		Pipeline: "shop", Release: "v2", Target: Target{Name: "prod"},
		Phases: []Phase{
			{ID: "canary-25", Weight: 25, Jobs: jobs(true)},
			{ID: "canary-50", Weight: 50, Jobs: jobs(false)},
			{ID: StablePhase, Weight: 100, Jobs: jobs(false)},
		},
	}
}

// history drives one status, and holds every event against the tables.
type history struct {
	Status
	attempt int
}

func (h *history) apply(t *rapid.T, e Event) {
	t.Helper()
	before := h.Clone()
	e.Time = begin().Add(time.Duration(len(h.Events)) * time.Minute)
	h.Apply(e)
	if err := CheckChange(&before, &h.Status, e); err != nil {
		t.Fatalf("after %s: %v", e, err)
	}
}

// kinds are all kinds of events that the tables name.
func kinds() []EventKind {
	var out []EventKind
	for _, m := range Transitions() {
		for _, r := range m.Rows {
			if !slices.Contains(out, r.Event) {
				out = append(out, r.Event)
			}
		}
	}
	return out
}

// Whatever comes, in whatever order, no state of a rollout, its approval or a job run changes
// against its table, and nothing leaves a final state.
func TestNoEventLeadsOutOfTheTable(t *testing.T) {
	t.Parallel()
	ends := []State{StateSucceeded, StateCancelled, StateFailed, StateApprovalRejected}
	rapid.Check(t, func(t *rapid.T) {
		plan := canary()
		if n := rapid.IntRange(0, 2).Draw(t, "approvals"); n > 0 {
			plan.Approval = &Approval{MinApprovals: n}
		}
		s := NewStatus("v2-to-prod-0001", plan)
		for i := range rapid.IntRange(1, 40).Draw(t, "events") {
			e := Event{
				Kind: rapid.SampledFrom(kinds()).Draw(t, "kind"), Attempt: i + 1, Actor: rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "actor"),
				Phase: rapid.SampledFrom([]string{"canary-25", "canary-50", StablePhase, "nowhere"}).Draw(t, "phase"),
				Job:   rapid.SampledFrom([]JobKind{JobDeploy, JobVerify, JobAnalysis}).Draw(t, "job"),
				State: rapid.SampledFrom(ends).Draw(t, "state"),
			}
			if e.Kind == EventWaiting {
				e.Waiting = &Waiting{For: rapid.SampledFrom([]WaitFor{WaitLane, WaitAdvance}).Draw(t, "for")}
			}
			before := s.Clone()
			s.Apply(e)
			if before.State.Final() && (s.State != before.State || s.Ended != before.Ended) {
				t.Fatalf("%s led out of %s", e, before.State)
			}
			if !Allowed(MachineRollout, e.Kind, before.State, s.State) {
				t.Fatalf("%s leads from %s to %s", e, before.State, s.State)
			}
			if !Allowed(MachineApproval, e.Kind, before.Approval.State, s.Approval.State) {
				t.Fatalf("%s leads from %s to %s", e, before.Approval.State, s.Approval.State)
			}
		}
	})
}

// Events in an order that a rollout can bring forth change every state by a row of its table.
func TestEveryChangeIsInATable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plan := canary()
		if n := rapid.IntRange(0, 2).Draw(t, "approvals"); n > 0 {
			plan.Approval = &Approval{MinApprovals: n}
		}
		h := &history{Status: NewStatus("v2-to-prod-0001", plan)}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			next := h.possible()
			if len(next) == 0 {
				return
			}
			h.apply(t, rapid.SampledFrom(next).Draw(t, "event"))
		}
	})
}

// Each row of the tables is one that a rollout can take, found by taking every way there is. Rows
// that only a controller or its child can take are left to their own test.
func TestEveryRowIsReached(t *testing.T) {
	t.Parallel()
	plan := canary()
	plan.Phases = plan.Phases[1:]
	plan.Phases[0].Jobs = plan.Phases[0].Jobs[:2]
	plan.Phases[1].Jobs = []Job{{ID: JobDeploy}, {ID: JobVerify, Disabled: true}}
	approved := plan
	approved.Approval = &Approval{MinApprovals: 1}

	seen, taken := map[string]bool{}, map[Transition]bool{}
	child := NewStatus("v2-to-eu-0001", plan)
	child.Controller = "v2-to-all-0001"
	todo := []*history{{Status: NewStatus("v2-to-prod-0001", plan)}, {Status: NewStatus("v2-to-prod-0001", approved)}, {Status: child}}
	for len(todo) > 0 {
		h := todo[0]
		todo = todo[1:]
		for _, e := range h.possible() {
			after := &history{Status: h.Clone(), attempt: h.attempt}
			after.Apply(e)
			if err := CheckChange(&h.Status, &after.Status, e); err != nil {
				t.Fatalf("after %s: %v", e, err)
			}
			key := ""
			for _, m := range moves(&h.Status, &after.Status) {
				taken[Transition{From: m.machine + " " + m.from, Event: e.Kind, To: m.to}] = true
				if m.machine != MachineRepair && (m.machine != MachineRun || m.to == string(RunInProgress) || m.to == string(RunTerminating)) {
					key += m.on + m.to + ","
				}
			}
			if after.Repair != nil {
				if _, _, failed := after.FailedJob(); failed {
					key += string(after.Repair.State)
				}
			}
			if key += fmt.Sprint(after.Restored, after.Role()); !seen[key] {
				seen[key], after.Events = true, nil
				todo = append(todo, after)
			}
		}
	}
	for _, m := range Transitions() {
		for _, r := range m.Rows {
			row := Transition{From: m.Name + " " + r.From, Event: r.Event, To: r.To}
			if !strings.Contains(m.Name, "controller") && !strings.HasPrefix(r.When, "a controller") && r.Event != EventCreated && !taken[row] {
				t.Errorf("%s: no rollout goes from %q by %s to %s (%s)", m.Name, r.From, r.Event, r.To, r.When)
			}
		}
	}
	t.Logf("%d states", len(seen))
}

// possible returns the events that can come next.
func (h *history) possible() []Event {
	cancel := Event{Kind: EventCancelling, Actor: "ann"}
	switch h.State {
	case StatePendingApproval:
		return []Event{
			{Kind: EventApproved, Actor: "ann"},
			{Kind: EventRejected, Actor: "ann"},
			{Kind: EventEnded, State: StateApprovalRejected},
			cancel,
		}
	case StatePending:
		return []Event{{Kind: EventGranted}, {Kind: EventEnded, State: StateFailed}, cancel}
	case StateInProgress:
		return append(h.work(), cancel)
	case StateFailed:
		return append(h.revivals(), cancel, Event{Kind: EventEnded, State: StateFailed})
	case StateCancelling:
		return append(h.ends(), Event{Kind: EventEnded, State: StateCancelled})
	case StatePendingRelease, StateHalted, StateSucceeded, StateApprovalRejected, StateCancelled:
	}
	return nil
}

// work is what a rollout does while it has its lane: it runs jobs in their order, fails, repairs.
func (h *history) work() []Event {
	if phase, job, failed := h.FailedJob(); failed {
		next := append(h.revivals(), Event{Kind: EventFailed})
		states := []RepairState{RepairSucceeded, RepairFailed, RepairAborted}
		if h.Repair == nil || h.Repair.State != RepairInProgress {
			states = []RepairState{RepairInProgress}
		}
		for _, to := range states {
			next = append(next, Event{Kind: EventRepair, Repair: &RepairStatus{Phase: phase, Job: job, State: to}})
		}
		return next
	}
	if ends := h.ends(); len(ends) > 0 {
		return ends
	}
	var next []Event
	if h.Role() == RoleChild {
		next = h.givenUp()
	}
	ph, i := h.NextPhase()
	if running := slices.IndexFunc(h.Phases, func(p PhaseStatus) bool { return p.State == PhaseInProgress }); running >= 0 {
		ph = &h.Phases[running]
	} else if ph == nil {
		return append(next, Event{Kind: EventEnded, State: StateSucceeded})
	}
	if i == 0 && ph.Jobs[0].State == JobPending {
		next = append(next, Event{Kind: EventJobFailed, Phase: ph.ID, Job: JobDeploy}, Event{Kind: EventJobTerminated, Phase: ph.ID, Job: JobDeploy})
	}
	if ph.ID != StablePhase && ph.State == PhasePending {
		next = append(next, Event{Kind: EventSkipped, Phase: ph.ID})
	}
	for _, j := range ph.Jobs {
		if j.State == JobPending {
			if ph.State == PhaseInProgress {
				next = append(next, Event{Kind: EventSkipped, Phase: ph.ID, Job: j.ID})
			}
			h.attempt++
			return append(next, Event{Kind: EventJobStarted, Phase: ph.ID, Job: j.ID, Attempt: h.attempt})
		}
	}
	return next
}

// givenUp is what may befall a child that waits for its controller: its last deploy is failed, or it
// is closed.
func (h *history) givenUp() []Event {
	phase := h.Phases[0].ID
	for _, ph := range h.Phases {
		if ph.Jobs[0].Run != nil {
			phase = ph.ID
		}
	}
	return []Event{{Kind: EventJobFailed, Phase: phase, Job: JobDeploy}, {Kind: EventEnded, State: StateFailed}}
}

// ends are how the job run in progress may end.
func (h *history) ends() []Event {
	for _, ph := range h.Phases {
		for _, j := range ph.Jobs {
			if j.State != JobInProgress {
				continue
			}
			out := []Event{
				{Kind: EventJobSucceeded, Phase: ph.ID, Job: j.ID},
				{Kind: EventJobFailed, Phase: ph.ID, Job: j.ID, Note: "quota"},
				{Kind: EventJobTerminated, Phase: ph.ID, Job: j.ID},
			}
			if j.Run.State == RunInProgress {
				out = append(out, Event{Kind: EventTerminating, Phase: ph.ID, Job: j.ID})
			}
			return out
		}
	}
	return nil
}

// revivals are what a person or a repair may do about a failed job; asked for, a lane is granted.
func (h *history) revivals() []Event {
	phase, job, failed := h.FailedJob()
	if !failed {
		return []Event{
			{Kind: EventWaiting, Waiting: &Waiting{For: WaitLane}}, {Kind: EventGranted},
		}
	}
	return []Event{
		{Kind: EventRestored}, {Kind: EventRetried, Phase: phase, Job: job}, {Kind: EventIgnored, Phase: phase, Job: job},
	}
}
