package rollout

// Tally counts the children of a controller in its current phase.
type Tally struct {
	Running int  // has begun the phase, and a job of it or what follows a failure is at work
	Through int  // has done, or skips, the phase
	Failed  int  // FAILED or CANCELLED
	Waiting int  // has not begun the phase, and may: a later wave, or above MaxConcurrent
	Last    bool // the phase is the last one
	// Over: more have failed than the failure budget allows. It binds only until a person revives a
	// child, which a status does not tell: whoever knows clears it.
	Over bool
}

// ControllerRow is one row of the table that makes a controller's state of its children's. The
// first row that matches is the one.
type ControllerRow struct {
	When  string
	State State
	Then  string
	match func(Tally) bool
}

// ControllerRows returns the table, Cloud Deploy's with the waves and the failure budget.
func ControllerRows() []ControllerRow {
	return []ControllerRow{
		{"any child is at work", StateInProgress, "waits for it", func(t Tally) bool { return t.Running > 0 }},
		{"more have failed than the failure budget allows, and no person has revived one", StateFailed, "no further wave starts; what is promoted stays", func(t Tally) bool { return t.Over }},
		{"a child may begin the phase", StateInProgress, "the next wave begins", func(t Tally) bool { return t.Waiting > 0 }},
		{"a child has failed, in the last phase", StateFailed, "what is promoted stays", func(t Tally) bool { return t.Failed > 0 && t.Last }},
		{"a child has failed, and none is through", StateFailed, "", func(t Tally) bool { return t.Failed > 0 && t.Through == 0 }},
		{"a child has failed, and another is through", StateHalted, "waits for a person: retryJob, ignoreJob or cancel", func(t Tally) bool { return t.Failed > 0 }},
		{"every child is through, in the last phase", StateSucceeded, "", func(t Tally) bool { return t.Last }},
		{"every child is through", StateInProgress, "waits for an advance", func(Tally) bool { return true }},
	}
}

// State returns the state that the children give their controller.
func (t Tally) State() State {
	for _, row := range ControllerRows() {
		if row.match(t) {
			return row.State
		}
	}
	return "" // the last row matches everything
}

// Tally counts the children of s, the status of a controller of p, while it has its lane.
func (p *Parallel) Tally(s *Status) Tally {
	at := currentPhase(s)
	t := Tally{Last: at == len(s.Phases)-1}
	failed := make([]int, p.Waves())
	var waits []int // the waves of the children that have not begun the phase
	for i, c := range s.Children {
		wave := p.Children[i].Wave
		_, in := s.Phase(c.Phase)
		switch {
		case c.State == StateFailed || c.State == StateCancelled:
			failed[wave]++
			t.Failed++
		case s.Phases[at].Jobs[i].State.Done():
			t.Through++
		case c.State != "" && in >= at:
			t.Running++
		default:
			waits = append(waits, wave)
		}
	}
	t.Over = p.FailureBudget != nil && t.Failed > *p.FailureBudget
	for _, wave := range waits {
		if !t.Over && p.opens(wave, failed) {
			t.Waiting++
		}
	}
	return t
}

// opens reports whether what has failed in the waves before lets the wave begin.
func (p *Parallel) opens(wave int, failed []int) bool {
	n := 0
	for _, f := range failed[:wave] {
		n += f
	}
	return n == 0 || (p.FailureBudget != nil && n <= *p.FailureBudget)
}

// currentPhase returns the index of the phase that the children are in: the first that they are
// not all through, once one of them has begun it.
func currentPhase(s *Status) int {
	for i, ph := range s.Phases {
		begun, through := false, true
		for _, j := range ph.Jobs {
			begun = begun || (j.State != JobPending && j.State != JobAborted)
			through = through && j.State.Done()
		}
		if !begun {
			return max(0, i-1)
		}
		if !through {
			return i
		}
	}
	return len(s.Phases) - 1
}
