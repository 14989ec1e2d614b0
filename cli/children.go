package cli

import (
	"fmt"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// ofChildren reports whether a phase is a controller's: its jobs are its children.
func ofChildren(ph rollout.PhaseStatus) bool { return len(ph.Jobs) > 0 && ph.Jobs[0].Child != "" }

// childJobs counts a controller's jobs by state: "1 FAILED, 2 SUCCEEDED".
func childJobs(jobs []rollout.JobStatus) string {
	counts := map[rollout.JobState]int{}
	for _, j := range jobs {
		counts[j.State]++
	}
	var out []string
	for _, state := range []rollout.JobState{
		rollout.JobFailed, rollout.JobAborted, rollout.JobInProgress, rollout.JobPending,
		rollout.JobSucceeded, rollout.JobIgnored, rollout.JobSkipped, rollout.JobDisabled,
	} {
		if n := counts[state]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(out, ", ")
}

// failedChildren are the children whose failed job can be retried.
func failedChildren(s rollout.Status) []rollout.ChildStatus {
	var out []rollout.ChildStatus
	for _, c := range s.Children {
		if c.PhaseState == rollout.PhaseFailed && c.FailedJob != "" && c.Rollout != "" {
			out = append(out, c)
		}
	}
	return out
}

// childCells are one row of the children: target, wave, state, phase, weight, failure.
func childCells(c rollout.ChildStatus) []string {
	phase, weight := "-", "-"
	if c.Phase != "" {
		phase = c.Phase + " " + string(c.PhaseState)
	}
	if c.Weight != nil {
		weight = percent(*c.Weight)
	}
	return []string{c.Target, fmt.Sprint(c.Wave + 1), or(string(c.State), "-"), phase, weight, childOutcome(c)}
}

// childOutcome says what became of a child besides its state.
func childOutcome(c rollout.ChildStatus) string {
	var parts []string
	if c.Promoted {
		parts = append(parts, "promoted")
	}
	if c.Restored {
		parts = append(parts, "restored")
	}
	switch {
	case c.Failure != "" && c.FailedJob != "":
		parts = append(parts, string(c.FailedJob)+": "+oneLine(c.Failure))
	case c.Failure != "":
		parts = append(parts, oneLine(c.Failure))
	case c.FailedJob != "":
		parts = append(parts, string(c.FailedJob)+" failed")
	}
	return or(strings.Join(parts, "; "), "-")
}

func (d *description) children() {
	if len(d.Children) == 0 {
		return
	}
	row(d.w)
	row(d.w, "CHILD", "WAVE", "STATE", "PHASE", "WEIGHT", "OUTCOME")
	for _, c := range d.Children {
		cells := childCells(c)
		cells[len(cells)-1] = cell(cells[len(cells)-1])
		row(d.w, cells...)
	}
}

// waitOf is what a rollout waits for. A HALTED controller waits for a person, who can retry
// all of its failed children by one command: that is only the command line's.
func waitOf(s rollout.Status) *rollout.Waiting {
	if s.State != rollout.StateHalted {
		return s.Waiting
	}
	w := rollout.Waiting{For: rollout.WaitPerson, Reason: s.Failure}
	if s.Waiting != nil {
		w = *s.Waiting
	}
	which := " --pipeline " + s.Pipeline + " --rollout " + s.Rollout
	own := []string{"serin rollout retry-job" + which + " --failed-children"}
	if len(w.Commands) == 0 {
		own = append(own, "serin rollout cancel"+which)
	}
	w.Commands = append(own, w.Commands...)
	return &w
}

// relations says what else a rollout is about: its approval, other rollouts, its repair.
func (d *description) relations() {
	describeApproval(d.w, d.Approval)
	for _, r := range relations(d.Status) {
		row(d.w, r.label+":", r.text)
	}
}

type relation struct{ label, text string }

func relations(s rollout.Status) []relation {
	var out []relation
	if s.StartingPhase != "" {
		out = append(out, relation{"starts at", s.StartingPhase})
	}
	if s.Controller != "" {
		out = append(out, relation{"controller", s.Controller + " advances and cancels it"})
	}
	if s.RollbackOf != "" {
		out = append(out, relation{"rolls back", s.RollbackOf})
	}
	if len(s.RolledBackBy) > 0 {
		out = append(out, relation{"rolled back", "by " + strings.Join(s.RolledBackBy, ", ")})
	}
	if s.Repair != nil {
		out = append(out, relation{"repair", s.Repair.String()})
	}
	return out
}
