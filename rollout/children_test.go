package rollout

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// parallel is a plan over one child target for each wave given.
func parallel(waves ...int) Plan {
	p := canary()
	p.Parallel = &Parallel{}
	for i := range p.Phases {
		p.Phases[i].Jobs = nil
	}
	for i, w := range waves {
		p.Parallel.Children = append(p.Parallel.Children, Child{Target: fmt.Sprintf("t%d", i), Wave: w})
	}
	return p
}

// The rows of Cloud Deploy's table, and those that waves and a failure budget add.
func TestStateOfAController(t *testing.T) {
	t.Parallel()
	const first, next, last = "canary-25", "canary-50", StablePhase
	in := func(phase string, of PhaseState) ChildStatus {
		c := ChildStatus{State: StateInProgress, Phase: phase, PhaseState: of}
		switch {
		case of == PhaseFailed:
			c.State = StateFailed
		case of == PhaseSucceeded && phase == last:
			c.State = StateSucceeded
		}
		return c
	}
	budget := func(n int) *int { return &n }
	for _, row := range []struct {
		name     string
		waves    []int
		budget   *int
		children []ChildStatus
		want     State
	}{
		{"one runs", []int{0, 0}, nil, []ChildStatus{in(first, PhaseInProgress), in(first, PhaseSucceeded)}, StateInProgress},
		{"one runs, another has failed", []int{0, 0}, nil, []ChildStatus{in(first, PhaseInProgress), in(first, PhaseFailed)}, StateInProgress},
		{"some failed, some succeeded, phases remain", []int{0, 0, 0}, nil, []ChildStatus{in(next, PhaseFailed), in(next, PhaseSucceeded), in(next, PhaseSucceeded)}, StateHalted},
		{"some failed in stable", []int{0, 0}, nil, []ChildStatus{in(last, PhaseFailed), in(last, PhaseSucceeded)}, StateFailed},
		{"all failed", []int{0, 0}, nil, []ChildStatus{in(first, PhaseFailed), in(first, PhaseFailed)}, StateFailed},
		{"all succeeded, phases remain", []int{0, 0}, nil, []ChildStatus{in(first, PhaseSucceeded), in(first, PhaseSkipped)}, StateInProgress},
		{"all succeeded", []int{0, 0}, nil, []ChildStatus{in(last, PhaseSucceeded), in(last, PhaseSucceeded)}, StateSucceeded},
		{"the only one succeeded", []int{0}, nil, []ChildStatus{in(last, PhaseSucceeded)}, StateSucceeded},
		{"one restores its traffic", []int{0, 0}, nil, []ChildStatus{{State: StateInProgress, Phase: first, PhaseState: PhaseFailed}, in(first, PhaseSucceeded)}, StateInProgress},
		{"a wave is done, the next one may begin", []int{0, 1}, nil, []ChildStatus{in(first, PhaseSucceeded), {}}, StateInProgress},
		{"a failure in a wave stops the next one", []int{0, 0, 1}, nil, []ChildStatus{in(first, PhaseFailed), in(first, PhaseSucceeded), {}}, StateHalted},
		{"all of a wave failed", []int{0, 1}, nil, []ChildStatus{in(first, PhaseFailed), {}}, StateFailed},
		{"within the budget the next wave begins", []int{0, 1}, budget(1), []ChildStatus{in(first, PhaseFailed), {}}, StateInProgress},
		{"within the budget at the end of a phase", []int{0, 1}, budget(1), []ChildStatus{in(first, PhaseFailed), in(first, PhaseSucceeded)}, StateHalted},
		{"over the budget", []int{0, 0, 1}, budget(0), []ChildStatus{in(next, PhaseFailed), in(next, PhaseSucceeded), in(first, PhaseSucceeded)}, StateFailed},
		{"nothing has begun", []int{0, 0}, nil, []ChildStatus{{}, {}}, StateInProgress},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := parallel(row.waves...)
			p.Parallel.FailureBudget = row.budget
			s := NewStatus("v2-to-all-0001", p)
			s.Apply(Event{Kind: EventGranted})
			for i, c := range row.children {
				if c.Target = p.Parallel.Children[i].Target; c.State != "" {
					s.Apply(Event{Kind: EventChild, Child: &c})
				}
			}
			if tally := p.Parallel.Tally(&s); tally.State() != row.want {
				t.Errorf("got %s of %+v, want %s", tally.State(), tally, row.want)
			}
		})
	}
}

// group is a controller with its children, driven without any workflow.
type group struct {
	history
	plan     Plan
	children []*history
	phase    int
	gone     map[int]bool // ended by force
}

// told is what a child says of itself.
func (g *group) told(i int) ChildStatus {
	s, c := &g.children[i].Status, ChildStatus{Target: g.plan.Parallel.Children[i].Target}
	c.State = s.State
	for _, ph := range s.Phases {
		if ph.State != PhasePending && ph.State != PhaseAborted {
			c.Phase, c.PhaseState = ph.ID, ph.State
		}
	}
	if c.Phase == "" {
		c.Phase, c.PhaseState = s.Phases[0].ID, s.Phases[0].State
	}
	if phase, job, ok := s.FailedJob(); ok {
		c.Phase, c.PhaseState, c.FailedJob = phase, PhaseFailed, job
	}
	return c
}

// TestControllerFollowsItsChildren: whatever children do, a controller's states change by its tables,
// and it is HALTED only where some failed, some are through, none is at work and phases remain.
func TestControllerFollowsItsChildren(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		waves := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 4).Draw(t, "waves")
		g := &group{plan: parallel(waves...), gone: map[int]bool{}}
		if b := rapid.IntRange(-1, 2).Draw(t, "budget"); b >= 0 {
			g.plan.Parallel.FailureBudget = &b
		}
		g.Status = NewStatus("v2-to-all-0001", g.plan)
		for range waves {
			child := &history{Status: NewStatus("v2-to-t-0001", canary())}
			child.Controller = g.Rollout
			g.children = append(g.children, child)
		}
		g.apply(t, Event{Kind: EventGranted})
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			if g.State.Final() {
				return
			}
			i := rapid.IntRange(0, len(waves)-1).Draw(t, "child")
			if g.interrupt(t, i); g.State.Final() {
				return
			}
			g.act(t, i)
			g.settle(t)
		}
	})
}

// act lets one child take a step, or begin the phase if it may.
func (g *group) act(t *rapid.T, i int) {
	t.Helper()
	child, phase, target := g.children[i], g.Phases[g.phase].ID, g.plan.Parallel.Children[i].Target
	began := Event{Kind: EventChild, Child: &ChildStatus{Target: target, State: StateInProgress, Phase: phase, PhaseState: PhaseInProgress}}
	switch job := g.ChildJob(phase, target); {
	case g.gone[i]:
		return // nobody revives it
	case child.State == StateFailed:
		if g.State == StateFailed { // it needs its lane again
			g.apply(t, Event{Kind: EventWaiting, Waiting: &Waiting{For: WaitLane}})
			g.apply(t, Event{Kind: EventGranted})
		}
		failed, job, _ := child.FailedJob()
		child.apply(t, Event{Kind: rapid.SampledFrom([]EventKind{EventRetried, EventIgnored}).Draw(t, "revival"), Phase: failed, Job: job})
		child.apply(t, Event{Kind: EventGranted})
		g.apply(t, began)
	case job.State == JobPending && g.State == StateInProgress && g.plan.Parallel.Tally(&g.Status).Waiting > 0:
		if child.State == StatePending {
			child.apply(t, Event{Kind: EventGranted})
		}
		g.apply(t, began)
	case child.State == StateInProgress && (job.State == JobInProgress || child.Phases[g.phase].State != PhaseSucceeded):
		g.step(t, child)
	}
	if child.State != StatePending {
		g.tell(t, i)
	}
}

// tell lets a child speak, which it does not while a phase is yet to come.
func (g *group) tell(t *rapid.T, i int) {
	t.Helper()
	told := g.told(i)
	if told.PhaseState == PhasePending && !told.State.Final() {
		return
	}
	g.apply(t, Event{Kind: EventChild, Child: &told})
}

// step is most often a good one, so that some children come through.
func (g *group) step(t *rapid.T, child *history) {
	t.Helper()
	if ph, at := child.NextPhase(); ph != nil && at > g.phase && child.Phases[g.phase].State.Done() {
		return // it waits for its controller
	}
	var other, good []Event
	for _, e := range child.work() {
		job := child.Job(e.Phase, e.Job)
		switch {
		case e.Kind == EventJobStarted || e.Kind == EventJobSucceeded:
			good = append(good, e)
		case e.Kind == EventEnded, e.Kind == EventJobFailed && job.State != JobInProgress, e.Kind == EventSkipped && child.attempt > 0:
		default:
			other = append(other, e)
		}
	}
	if len(good) > 0 && (len(other) == 0 || rapid.IntRange(0, 9).Draw(t, "good") != 7) {
		other = good
	}
	if len(other) > 0 {
		child.apply(t, rapid.SampledFrom(other).Draw(t, "event"))
	}
}

// interrupt cancels everything, ends one child by force, or gives all up that are over the budget.
func (g *group) interrupt(t *rapid.T, i int) {
	t.Helper()
	switch n := rapid.IntRange(0, 60).Draw(t, "interruption"); {
	case n == 29:
		g.apply(t, Event{Kind: EventCancelling})
		for i, child := range g.children {
			if child.State == StatePending || child.State.Final() || g.gone[i] {
				continue
			}
			child.apply(t, Event{Kind: EventCancelling})
			child.apply(t, Event{Kind: EventEnded, State: StateCancelled})
			g.tell(t, i)
		}
		g.apply(t, Event{Kind: EventEnded, State: StateCancelled})
	case n == 31 && g.children[i].State == StateInProgress:
		told := g.told(i)
		told.State, told.PhaseState = StateFailed, PhaseFailed
		g.children[i].State = StateFailed
		g.gone[i] = true
		g.apply(t, Event{Kind: EventChild, Child: &told})
	case n > 20 && g.plan.Parallel.Tally(&g.Status).Over:
		for i, child := range g.children {
			if child.State == StateInProgress && !g.gone[i] && !g.promoted(i) {
				if ends := child.ends(); len(ends) > 0 {
					child.apply(t, ends[2]) // terminated
				} else if _, _, failed := child.FailedJob(); !failed {
					child.apply(t, child.givenUp()[0])
				}
				child.apply(t, Event{Kind: EventFailed})
				g.tell(t, i)
			}
		}
	}
}

func (g *group) promoted(i int) bool {
	return g.ChildJob(StablePhase, g.plan.Parallel.Children[i].Target).State.Done()
}

// settle makes the controller what its children say, once none is at work.
func (g *group) settle(t *rapid.T) {
	t.Helper()
	tally := g.plan.Parallel.Tally(&g.Status)
	switch state := tally.State(); {
	case state == StateHalted && g.State == StateInProgress:
		g.apply(t, Event{Kind: EventHalted, Note: "some have failed"})
		if tally.Failed == 0 || tally.Through == 0 || tally.Running > 0 || tally.Last {
			t.Fatalf("halted with %+v", tally)
		}
	case state == StateFailed && (g.State == StateInProgress || g.State == StateHalted):
		g.apply(t, Event{Kind: EventFailed, Note: "too many have failed"})
	case state == StateSucceeded:
		g.apply(t, Event{Kind: EventEnded, State: StateSucceeded})
	case state == StateInProgress && tally.Through == len(g.children) && g.phase < len(g.Phases)-1:
		g.phase++
		g.apply(t, Event{Kind: EventAdvanced, Phase: g.Phases[g.phase].ID})
	}
}
