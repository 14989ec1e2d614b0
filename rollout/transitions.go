package rollout

import (
	"errors"
	"fmt"
	"slices"
)

//go:generate go run ./internal/states

// Machine is one of the state machines of a rollout, as a table.
type Machine struct {
	Name  string
	About string
	Rows  []Transition
}

// Transition is one row: in state From, Event leads to To. From is "" before the first event.
type Transition struct {
	From  string
	Event EventKind
	To    string
	When  string // what must hold besides; "" is always
}

// The names of the machines.
const (
	MachineRollout         = "rollout"
	MachineApproval        = "approval"
	MachinePhase           = "phase"
	MachineJob             = "job"
	MachineRun             = "job run"
	MachineRepair          = "repair"
	MachineControllerPhase = "phase of a controller"
	MachineControllerJob   = "job of a controller"
)

// Transitions returns every machine. Status.Apply changes no state of a rollout, an approval or
// a job run against its table; of the other machines CheckChange finds what would.
func Transitions() []Machine {
	return []Machine{
		{MachineRollout, "One release to one target; of a controller, to all of its child targets.", rolloutRows()},
		{MachineApproval, "Whether a rollout may queue for its lane.", approvalRows()},
		{MachinePhase, "One step of a rollout that has jobs of its own.", phaseRows()},
		{MachineJob, "One job of a phase: its latest job run, or why it has none.", jobRows()},
		{MachineRun, "One attempt of a job.", runRows()},
		{MachineRepair, "What an automation does about a failed job. A later failure begins another repair.", repairRows()},
		{MachineControllerPhase, "A controller's phase is what its jobs are.", controllerPhaseRows()},
		{MachineControllerJob, "A controller's job is for its child what the child's phase is.", controllerJobRows()},
	}
}

// Allowed reports whether the event may lead from one state of the named machine to another.
// Staying where it is is no transition, and always allowed.
func Allowed[S ~string](machine string, event EventKind, from, to S) bool {
	if from == to {
		return true
	}
	machines := Transitions()
	i := slices.IndexFunc(machines, func(m Machine) bool { return m.Name == machine })
	return i >= 0 && listed(machines[i].Rows, event, from, to)
}

func listed[S ~string](rows []Transition, event EventKind, from, to S) bool {
	return slices.ContainsFunc(rows, func(t Transition) bool {
		return t.Event == event && t.From == string(from) && t.To == string(to)
	})
}

// enter makes the rollout's state to, if e may lead there, and reports whether s is there now.
// Nothing leads out of a final state, and nothing that comes after it changes what is known.
func (s *Status) enter(e Event, to State) bool {
	if s.State.Final() || (s.State != to && !listed(rolloutRows(), e.Kind, s.State, to)) {
		return false
	}
	s.State = to
	return true
}

// CheckChange returns an error where e has changed a state of a rollout from before to after
// against the tables. It is for tests: what they drive a rollout through may be folded again,
// event by event.
func CheckChange(before, after *Status, e Event) error {
	var found []error
	for _, m := range moves(before, after) {
		if !Allowed(m.machine, e.Kind, m.from, m.to) {
			found = append(found, fmt.Errorf("%s %s: %s leads from %q to %q, which is not in the table", m.machine, m.on, e.Kind, m.from, m.to))
		}
	}
	return errors.Join(found...)
}

// move is what became of the state of one thing.
type move struct{ machine, on, from, to string }

// moves returns one for each thing that has a state, also where it has not changed.
func moves(before, after *Status) []move {
	all := []move{
		{MachineRollout, after.Rollout, string(before.State), string(after.State)},
		{MachineApproval, after.Rollout, string(before.Approval.State), string(after.Approval.State)},
	}
	if now := after.Repair; now != nil {
		m := move{MachineRepair, now.Rule, "", string(now.State)}
		if old := before.Repair; old != nil {
			m.from = string(old.State)
		}
		all = append(all, m)
	}
	phase, job := MachinePhase, MachineJob
	if after.Role() == RoleController {
		phase, job = MachineControllerPhase, MachineControllerJob
	}
	for i, now := range after.Phases {
		was := before.Phases[i]
		all = append(all, move{phase, now.ID, string(was.State), string(now.State)})
		for k, j := range now.Jobs {
			on := fmt.Sprintf("%s of %s%s", j.ID, now.ID, j.Child)
			all = append(all, move{job, on, string(was.Jobs[k].State), string(j.State)})
			if j.Run == nil {
				continue
			}
			m := move{MachineRun, on, "", string(j.Run.State)}
			if run := was.Jobs[k].Run; run != nil && run.Attempt == j.Run.Attempt {
				m.from = string(run.State)
			}
			all = append(all, m)
		}
	}
	return all
}
