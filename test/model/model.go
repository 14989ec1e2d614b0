package model

import (
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// proceed goes on until the rollout has to wait.
func (r *Rollout) proceed() {
	for !r.over() && !r.running && r.step() {
	}
}

// step takes the one step that the state calls for, and reports whether another may follow.
func (r *Rollout) step() bool {
	switch {
	case r.cancel != nil:
		return r.stop()
	case r.rollsBack && !r.Paused:
		return r.rollsBackItself()
	case r.Holder != r || r.asked:
		return false
	case r.repairing && !r.Paused:
		return r.retriesItself()
	case r.repairing:
		return r.wait(rollout.WaitPerson, time.Time{})
	}
	return r.goOn(r.next())
}

// goOn goes on with the phase at index i, or with what comes after the last one. A pause holds up what has not begun.
func (r *Rollout) goOn(i int) bool {
	switch {
	case i == len(r.Phases):
		return r.end(rollout.StateSucceeded)
	case r.Phases[i].State == rollout.PhaseInProgress:
		return r.deploy(i)
	case r.Paused:
		return r.wait(rollout.WaitPerson, time.Time{})
	case !r.prepared:
		return r.prepare()
	}
	return r.follow(i)
}

// follow begins the phase at index i, if it may.
func (r *Rollout) follow(i int) bool {
	if id := r.Phases[i].ID; i > 0 && r.advanced != id && r.from != id {
		return r.advancesItself(id)
	}
	return r.begin(i)
}

func (r *Rollout) begin(i int) bool {
	r.Phases[i].State, r.Phases[i].Job, r.restored = rollout.PhaseInProgress, rollout.JobInProgress, false
	if i == len(r.Phases)-1 {
		r.promoting, r.last = true, r
	}
	return r.deploy(i)
}

// deploy gives the release the phase's weight, once its revision is ready.
func (r *Rollout) deploy(i int) bool {
	for release := range r.Split {
		if r.accepted && release != r.Release { // what is there now is the baseline
			r.accepted, r.base, r.mark = false, release, r.Split
		}
	}
	if r.drifted(r.mark, r.after(i)) {
		r.asked = true
		return r.wait(rollout.WaitPerson, time.Time{})
	}
	rev := r.platform[r.Release]
	switch attempt := r.retries + 1; {
	case rev.ready, rev.starting && !r.Held[r.Release]:
	case rev.failed >= attempt: // what failed has that name for ever
		return r.fail(i, false)
	case r.Failing[r.Release]:
		r.platform[r.Release] = revision{failed: attempt}
		return r.fail(i, false)
	case r.Held[r.Release]:
		r.running, rev.starting = true, true
		r.platform[r.Release] = rev
		return r.wait("", time.Time{})
	}
	r.platform[r.Release] = revision{ready: true}
	r.write(r.after(i))
	r.Phases[i].State, r.Phases[i].Job = rollout.PhaseSucceeded, rollout.JobSucceeded
	r.promoted, r.mends = r.promoting, false
	return true
}

// fail ends the phase at index i as failed. Before promotion onFailure decides what becomes of the
// traffic; then an automation may repair the job, which keeps the lane.
func (r *Rollout) fail(i int, terminated bool) bool {
	r.running = false
	r.Phases[i].State, r.Phases[i].Job = rollout.PhaseFailed, rollout.JobFailed
	r.abort(i + 1)
	if r.cancel != nil {
		return r.stop()
	}
	if !r.Hold && !r.drifted(r.mark, r.after(i), Split{r.base: 100}) {
		r.restore()
	}
	return r.repairs(terminated) || r.failed()
}

// repairs reports whether an automation retries the failed job, with the lane in hand. It may end in a rollback,
// which goes before whoever queues.
func (r *Rollout) repairs(terminated bool) bool {
	if !r.mends {
		r.mends, r.measure, r.tries = r.Target == dev && !r.Idle, 0, 0
	}
	for ; r.mends && !terminated && r.measure < len(r.Repair); r.measure, r.tries = r.measure+1, 0 {
		phase := r.Repair[r.measure]
		if r.tries++; r.tries <= phase.Attempts {
			r.repairing, r.due = true, r.Now.Add(phase.Before(r.tries))
			return true
		}
		if phase.Attempts == 0 {
			if r.rollsBack = true; !r.Paused {
				r.rollsBackItself()
			}
			return false
		}
	}
	return false
}

// failed gives the lane back. The rollout stays open for a retry until a newer one starts.
func (r *Rollout) failed() bool {
	r.State, r.mends, r.repairing = rollout.StateFailed, false, false
	if !r.rollsBack {
		r.wait("", time.Time{})
	}
	r.leave()
	r.serve()
	return true
}

// retriesItself repairs the failed job once its wait is over and the policy allows it.
func (r *Rollout) retriesItself() bool {
	if r.due.After(r.Now) {
		return r.wait(rollout.WaitTimer, r.due)
	}
	switch refused, until := r.forbids(r.Now, "retryJob", "rule", false); {
	case !until.IsZero():
		return r.wait(rollout.WaitWindow, r.opens(until))
	case refused != "":
		return r.failed()
	}
	r.revive(slices.IndexFunc(r.Phases, func(p Phase) bool { return p.State == rollout.PhaseFailed }), rollout.JobPending)
	return true
}

// rollsBackItself is the rollback that a repair ends with.
func (r *Rollout) rollsBackItself() bool {
	refused, until := r.forbids(r.Now, "rollback", "rule", false)
	if !until.IsZero() {
		return r.wait(rollout.WaitWindow, r.opens(until))
	}
	if r.rollsBack = false; refused == "" {
		r.back(r, r.goal(r))
		r.serve()
	}
	return r.wait("", time.Time{})
}

// advances says what lets the next phase begin by itself, and when; "" is a person.
func (r *Rollout) advances() (auto string, due time.Time) {
	switch {
	case r.restored && r.Phases[r.next()-1].Job == rollout.JobIgnored: // nobody else goes on from no requests at all
	case r.Target == dev && r.Soak > 0:
		return "plan", r.Now.Add(r.Soak)
	case r.Target == prod && r.Rule > 0 && !r.Idle:
		return "rule", r.Now.Add(r.Rule)
	}
	return "", time.Time{}
}

// advancesItself lets the phase begin when the plan or an automation says so, or else asks a person.
func (r *Rollout) advancesItself(phase string) bool {
	if r.looked != phase {
		r.looked = phase
		r.auto, r.due = r.advances()
	}
	switch {
	case r.auto == "":
		return r.wait(rollout.WaitAdvance, time.Time{})
	case r.due.After(r.Now):
		return r.wait(rollout.WaitTimer, r.due)
	}
	switch refused, until := r.forbids(r.Now, "advance", r.auto, false); {
	case !until.IsZero():
		return r.wait(rollout.WaitWindow, r.opens(until))
	case refused != "":
		r.auto = ""
	default:
		r.advanced = phase
	}
	return true
}

// revive makes the failed job pending again, or ignores it, and asks for the lane.
func (r *Rollout) revive(i int, job rollout.JobState) {
	for k := range r.Phases[i:] {
		if ph := &r.Phases[i+k]; ph.State == rollout.PhaseFailed || ph.State == rollout.PhaseAborted {
			ph.State, ph.Job = rollout.PhasePending, rollout.JobPending
		}
	}
	if r.Phases[i].Job = job; job == rollout.JobIgnored {
		r.Phases[i].State = rollout.PhaseSucceeded
	} else {
		r.retries++
	}
	r.advanced, r.repairing, r.rollsBack = r.Phases[i].ID, false, false
	if r.Holder != r {
		r.join(true)
	}
}

// stop carries out a cancel. Traffic moves only with restore, and then only with the lane in hand.
func (r *Rollout) stop() bool {
	if r.cancel.Restore && r.prepared && !r.restored {
		if r.Holder != r {
			r.join(true)
			return false
		}
		r.restore()
	}
	return r.end(rollout.StateCancelled)
}

func (r *Rollout) end(state rollout.State) bool {
	if r.State = state; state != rollout.StateSucceeded {
		r.abort(0)
	} else if r.promoted {
		r.stable = append(r.stable, r)
	}
	r.leave()
	r.ended(r)
	return r.wait("", time.Time{})
}

func (r *Rollout) abort(from int) {
	for i := range r.Phases[from:] {
		if ph := &r.Phases[from+i]; ph.State == rollout.PhasePending || ph.State == rollout.PhaseInProgress {
			ph.State, ph.Job = rollout.PhaseAborted, rollout.JobAborted
		}
	}
}

// next is the index of the phase that comes next, or is in progress.
func (r *Rollout) next() int {
	i := slices.IndexFunc(r.Phases, func(p Phase) bool { return p.State == rollout.PhasePending || p.State == rollout.PhaseInProgress })
	if i < 0 {
		return len(r.Phases)
	}
	return i
}

func (r *Rollout) over() bool { return r.State.Final() || r.Closed }

func (r *Rollout) wait(what rollout.WaitFor, until time.Time) bool {
	r.Waits, r.wake = what, until
	return false
}
