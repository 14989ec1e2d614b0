package model

import (
	"slices"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// command is what a rollout may be told: when it is taken, and what it does. i is the index of the phase that
// is named, -1 for none.
type command struct {
	allows func(r *Rollout, op Op, i int) bool
	obey   func(r *Rollout, op Op, i int)
}

// told is the table of the commands of a rollout.
func told() map[string]command {
	return map[string]command{
		"approve":         {(*Rollout).approvable, (*Rollout).approve},
		"reject":          {(*Rollout).votes, func(r *Rollout, _ Op, _ int) { r.end(rollout.StateApprovalRejected) }},
		"advance":         {(*Rollout).advanceable, func(r *Rollout, op Op, _ int) { r.advanced = op.Phase }},
		"pause":           {(*Rollout).pausable, (*Rollout).pause},
		"resume":          {(*Rollout).resumable, (*Rollout).resume},
		"retryJob":        {(*Rollout).revivable, func(r *Rollout, _ Op, i int) { r.mends = false; r.revive(i, rollout.JobPending) }},
		"ignoreJob":       {(*Rollout).revivable, func(r *Rollout, _ Op, i int) { r.mends = false; r.revive(i, rollout.JobIgnored) }},
		"terminateJobRun": {(*Rollout).terminable, (*Rollout).terminate},
		"cancel":          {(*Rollout).cancelable, (*Rollout).stopFor},
	}
}

func (r *Rollout) approvable(op Op, i int) bool {
	return r.votes(op, i) && op.Digest != "" && !slices.Contains(r.Votes, op.Actor)
}

func (r *Rollout) approve(op Op, _ int) {
	if r.Votes = append(r.Votes, op.Actor); len(r.Votes) >= r.Approvals {
		r.join(r.rollbackOf != nil)
	}
}

// advanceable: the next phase, once, and never the first.
func (r *Rollout) advanceable(op Op, i int) bool {
	waits := r.State == rollout.StateInProgress && r.prepared && !r.Paused && r.advanced != op.Phase
	return waits && i > 0 && i == r.next() && r.Phases[i].State == rollout.PhasePending
}

func (r *Rollout) pausable(Op, int) bool {
	return (r.State == rollout.StatePending || r.State == rollout.StateInProgress) && !r.Paused
}

func (r *Rollout) pause(Op, int) {
	if r.Paused = true; r.auto == "rule" && !r.wake.IsZero() {
		r.auto = "" // a person has taken over, for this phase
	}
}

// resumable: it ends a pause, and answers a question.
func (r *Rollout) resumable(op Op, _ int) bool {
	return r.cancel == nil && (r.asked || r.Paused && !op.Accept)
}

func (r *Rollout) resume(op Op, _ int) {
	r.accepted, r.Paused, r.asked = r.asked && op.Accept, false, false
}

func (r *Rollout) terminable(_ Op, i int) bool {
	return i >= 0 && r.Phases[i].Job == rollout.JobInProgress && r.running
}

func (r *Rollout) terminate(_ Op, i int) {
	r.platform[r.Release] = revision{failed: r.retries + 1} // nobody waits for it
	r.fail(i, true)
}

// cancelable: one without restore overrules one with it.
func (r *Rollout) cancelable(op Op, _ int) bool {
	return (r.cancel == nil || r.cancel.Restore && !op.Restore) && !(op.Restore && r.promoting)
}

func (r *Rollout) stopFor(op Op, _ int) {
	r.cancel, r.State, r.repairing, r.asked = &op, rollout.StateCancelling, false, false
}

// votes reports whether the approval is open, and the actor's to give.
func (r *Rollout) votes(op Op, _ int) bool {
	return r.State == rollout.StatePendingApproval && slices.Contains([]string{"ann", "bob", "cat"}, op.Actor)
}

// revivable reports whether the job has failed for good, or waits for a repair.
func (r *Rollout) revivable(_ Op, i int) bool {
	return i >= 0 && !r.Paused && r.Phases[i].Job == rollout.JobFailed && (r.State == rollout.StateFailed || r.repairing)
}

// allows reports whether the state lets the rollout take the command.
func (r *Rollout) allows(op Op) bool {
	i := r.phase(op)
	another := op.Digest != "" && !strings.HasPrefix(digest(r.Release), op.Digest)
	return !r.over() && !another && (op.Phase == "" || i >= 0) && told()[op.Do].allows(r, op, i)
}

// obey does what the command asks for.
func (r *Rollout) obey(op Op) {
	told()[op.Do].obey(r, op, r.phase(op))
	r.proceed()
}

func (r *Rollout) phase(op Op) int {
	return slices.IndexFunc(r.Phases, func(p Phase) bool { return p.ID == op.Phase })
}

// forbids says why a command is not permitted now, and until when. Automation is "" for a person.
func (m *Model) forbids(now time.Time, command, automation string, override bool) (refused string, until time.Time) {
	makes := slices.Contains([]string{"create", "promote", "rollback", "redeploy"}, command)
	decides := slices.Contains([]string{"approve", "reject", "advance", "ignoreJob", "retryJob"}, command)
	switch {
	case command == "pause" || command == "resume":
		return "", time.Time{}
	case m.Suspended && (makes || decides && automation == ""):
		return "the pipeline is suspended", time.Time{}
	case m.Idle && automation != "" && automation != "plan":
		return "the automation is suspended", time.Time{}
	case now.Before(m.Closed) && !override:
		return "the policy forbids it", m.Closed
	}
	return "", time.Time{}
}

// Do carries out a command, and reports whether it is accepted.
func (m *Model) Do(op Op) bool {
	if refused, _ := m.forbids(m.Now, op.Do, "", op.Override); refused != "" {
		return false
	}
	if r := m.rollout(op.On); r != nil {
		if !r.allows(op) {
			return false
		}
		r.obey(op)
		r.serve()
		return true
	}
	l := m.lane(op.On)
	if !map[string]func(Op) bool{"promote": l.promote, "rollback": l.rollback, "redeploy": l.redeploy}[op.Do](op) {
		return false
	}
	l.serve()
	return true
}
