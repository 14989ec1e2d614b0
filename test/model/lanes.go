package model

import (
	"maps"
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// add makes a rollout. The first one of a release ends what was rejected before it.
func (l *Lane) add(release, from string, of *Rollout) *Rollout {
	n := 1
	for _, r := range l.Rollouts {
		if r.Release == release {
			n++
		}
	}
	if n == 1 {
		clear(l.Rejected)
	}
	delete(l.Rejected, release)
	l.release(release).Due = time.Time{} // whoever made it was faster
	r := &Rollout{
		Lane: l, Release: release, Name: rollout.Name(release, l.Target, n), State: rollout.StatePendingApproval,
		Phases: phasesOf(l.Target), created: l.Now, from: from, rollbackOf: of,
	}
	l.Rollouts = append(l.Rollouts, r)
	if !l.needsApproval() {
		r.join(of != nil)
	}
	return r
}

func (l *Lane) needsApproval() bool { return l.Target == prod && l.Approvals > 0 }

// join queues the rollout.
func (r *Rollout) join(head bool) {
	if r.cancel == nil {
		r.State = rollout.StatePending
	}
	if r.queued == 0 {
		r.clock++
		r.queued = r.clock
	}
	at := len(r.Queue)
	if head {
		at = 0
	}
	if !slices.Contains(r.Queue, r) {
		r.Queue = slices.Insert(r.Queue, at, r)
	}
}

// serve gives the lane to the next in the queue, and closes what FAILED before.
func (l *Lane) serve() {
	for l.Holder == nil && len(l.Queue) > 0 {
		r := l.Queue[0]
		l.Queue, l.Holder = l.Queue[1:], r
		for _, old := range l.Rollouts {
			old.Closed = old.Closed || old != r && old.State == rollout.StateFailed
		}
		if r.cancel == nil {
			r.State = rollout.StateInProgress
		}
		if r.started == 0 {
			r.clock++
			r.started = r.clock
		}
		r.proceed()
	}
}

// leave gives the lane back, and leaves behind what the next rollout has to know.
func (r *Rollout) leave() {
	if r.mark != nil || r.promoting {
		r.last = r
	}
	if r.Holder == r {
		r.Holder = nil
	}
	r.Queue = slices.DeleteFunc(r.Queue, func(q *Rollout) bool { return q == r })
	unwanted := r.State == rollout.StateApprovalRejected || r.State == rollout.StateCancelled && r.started == 0
	maps.DeleteFunc(r.Rejected, func(_ string, by *Rollout) bool { return unwanted && by == r })
}

func (l *Lane) promote(op Op) bool {
	if r := l.release(op.Release); r == nil || r.Abandoned || l.open(op.Release) {
		return false
	}
	l.add(op.Release, "", nil)
	return true
}

// open reports whether the release has a rollout here that is on its way.
func (l *Lane) open(release string) bool {
	return slices.ContainsFunc(l.Rollouts, func(r *Rollout) bool {
		return r.Release == release && !r.State.Final() && r.State != rollout.StateFailed
	})
}

// newest returns the rollout that was latest at something, or nil.
func (l *Lane) newest(when func(*Rollout) int) (latest *Rollout) {
	for _, r := range l.Rollouts {
		if when(r) > 0 && (latest == nil || when(r) > when(latest)) {
			latest = r
		}
	}
	return latest
}

func (l *Lane) redeploy(Op) bool {
	newest := l.newest(func(r *Rollout) int { return r.queued })
	again := []rollout.State{rollout.StateSucceeded, rollout.StateFailed, rollout.StateCancelled}
	if newest == nil || !slices.Contains(again, newest.State) || l.release(newest.Release).Abandoned {
		return false
	}
	l.add(newest.Release, "", nil)
	return true
}

func (l *Lane) rollback(op Op) bool {
	bad, goal := l.newest(func(r *Rollout) int { return r.started }), op.Release
	if bad == nil || l.Holder != nil && (!op.Stop || l.needsApproval()) { // what waits for approval stops nobody
		return false
	}
	if goal == "" {
		goal = l.goal(bad)
	}
	if r := l.release(goal); r == nil || r.Abandoned || goal == bad.Release {
		return false
	}
	holder := l.Holder
	r := l.back(bad, goal)
	if r == nil {
		return false
	}
	l.Rejected[bad.Release] = r
	if stop := (Op{Do: "cancel"}); holder != nil && holder.allows(stop) {
		holder.obey(stop)
	}
	return true
}

// goal is the newest release that SUCCEEDED here, is not the one that is rolled back, and was neither
// abandoned nor rolled back by a person; "" is none.
func (l *Lane) goal(bad *Rollout) string {
	for _, r := range slices.Backward(l.stable) {
		if r.Release != bad.Release && l.Rejected[r.Release] == nil && !l.release(r.Release).Abandoned {
			return r.Release
		}
	}
	return ""
}

// back makes the rollout that rolls bad back, and cancels what queues; nil where it cannot.
func (l *Lane) back(bad *Rollout, goal string) *Rollout {
	twice := slices.ContainsFunc(l.Rollouts, func(r *Rollout) bool {
		return r.rollbackOf == bad && (r.State == rollout.StatePending || r.State == rollout.StatePendingApproval)
	})
	if goal == "" || twice {
		return nil
	}
	l.release(bad.Release).Due = time.Time{}
	queue := slices.Clone(l.Queue)
	r := l.add(goal, rollout.StablePhase, bad)
	for _, old := range queue {
		if old.State == rollout.StatePending {
			old.obey(Op{Do: "cancel"})
		}
	}
	return r
}
