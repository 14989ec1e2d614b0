package model

import (
	"maps"
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// New returns a world in which nothing was ever released.
func New(site Site) *Model {
	m := &Model{Site: site, Now: time.Date(2126, 1, 7, 12, 0, 0, 0, time.UTC), Held: map[string]bool{}, Failing: map[string]bool{}}
	for _, target := range targets() {
		m.Lanes = append(m.Lanes, &Lane{Model: m, Target: target, Rejected: map[string]*Rollout{}, platform: map[string]revision{}})
	}
	return m
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

// happen is what is no command: the platform, the configuration, somebody else.
func (m *Model) happen(op Op) {
	switch op.Do {
	case "release":
		m.Releases = append(m.Releases, &Release{Name: op.On})
		if refused, _ := m.forbids(m.Now, "create", "", false); refused == "" {
			m.lane(dev).add(op.On, "", nil)
		}
	case "hold":
		m.Held[op.On] = true
	case "break":
		m.Failing[op.On] = true
	case "mend":
		m.Failing[op.On] = false
	case "ready", "fail":
		m.Held[op.On] = false
		m.settle(op.On, op.Do == "ready")
	case "drift": // somebody gives everything to a revision of theirs
		m.lane(op.On).Split = Split{op.Release: 100}
	case "suspend", "unsuspend":
		m.Suspended = op.Do == "suspend"
	case "idle", "busy":
		m.Idle = op.Do == "idle"
	case "close":
		m.Closed = m.Now.Add(op.For)
	case "abandon":
		m.release(op.On).Abandoned = true
	}
	for _, l := range m.Lanes {
		l.serve()
	}
}

// settle ends every wait for a revision of the release.
func (m *Model) settle(release string, ready bool) {
	for _, l := range m.Lanes {
		r := l.Holder
		if r == nil || r.Release != release || !r.running {
			continue
		}
		r.running = false
		if ready {
			r.deploy(r.next())
		} else {
			l.platform[release] = revision{failed: r.retries + 1}
			r.fail(r.next(), false)
		}
		r.proceed()
	}
}

// Advance lets time pass.
func (m *Model) Advance(to time.Time) {
	for {
		at, do := m.timer()
		if do == nil || at.After(to) {
			break
		}
		m.Now, m.fired = at, at
		do()
		for _, l := range m.Lanes {
			l.serve()
		}
	}
	m.Now = to
}

// timer returns what happens next by itself, and when; nil if nothing does.
func (m *Model) timer() (at time.Time, do func()) {
	sooner := func(t time.Time, what func()) {
		if !t.IsZero() && (do == nil || t.Before(at)) {
			at, do = t, what
		}
	}
	for _, l := range m.Lanes {
		for _, r := range l.Rollouts {
			if r.State == rollout.StatePendingApproval && m.Expire > 0 {
				sooner(r.created.Add(m.Expire), func() { r.end(rollout.StateApprovalRejected) })
			}
			if !r.over() {
				sooner(r.wake, r.proceed)
			}
		}
	}
	for _, r := range m.Releases {
		sooner(r.Due, func() { m.promotesItself(r) })
	}
	return at, do
}

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
	if l.Target != prod || l.Approvals == 0 {
		r.join(of != nil)
	}
	return r
}

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

func (l *Lane) redeploy(Op) bool {
	var newest *Rollout
	for _, r := range l.Rollouts {
		if r.queued > 0 && (newest == nil || r.queued > newest.queued) {
			newest = r
		}
	}
	again := []rollout.State{rollout.StateSucceeded, rollout.StateFailed, rollout.StateCancelled}
	if newest == nil || !slices.Contains(again, newest.State) || l.release(newest.Release).Abandoned {
		return false
	}
	l.add(newest.Release, "", nil)
	return true
}

func (l *Lane) rollback(op Op) bool {
	var bad *Rollout
	for _, r := range l.Rollouts {
		if r.started > 0 && (bad == nil || r.started > bad.started) {
			bad = r
		}
	}
	if bad == nil || l.Holder != nil && !op.Stop {
		return false
	}
	goal := op.Release
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

// told tells a release how a rollout of it has ended: an automation may promote it.
func (l *Lane) told(r *Rollout) {
	release := l.release(r.Release)
	switch {
	case r.State != rollout.StateSucceeded:
	case r.Target == prod:
		release.Over, release.Due = true, time.Time{}
	case l.Promote > 0 && !l.Idle && !release.Over && !release.Abandoned:
		release.Due = l.Now.Add(l.Promote)
	}
}

// promotesItself promotes a release from dev to prod, unless something has come in between.
func (m *Model) promotesItself(r *Release) {
	refused, until := m.forbids(m.Now, "promote", "rule", false)
	from, to := m.lane(dev), m.lane(prod)
	r.Due = until
	current := len(from.stable) > 0 && from.stable[len(from.stable)-1].Release == r.Name
	if refused == "" && current && !r.Abandoned && to.Rejected[r.Name] == nil && !to.open(r.Name) {
		to.add(r.Name, "", nil)
	}
}

func (m *Model) lane(target string) *Lane {
	i := slices.IndexFunc(m.Lanes, func(l *Lane) bool { return l.Target == target })
	return m.Lanes[i]
}

func (m *Model) release(name string) *Release {
	i := slices.IndexFunc(m.Releases, func(r *Release) bool { return r.Name == name })
	if i < 0 {
		return nil
	}
	return m.Releases[i]
}

func (m *Model) rollout(name string) *Rollout {
	for _, l := range m.Lanes {
		for _, r := range l.Rollouts {
			if r.Name == name {
				return r
			}
		}
	}
	return nil
}
