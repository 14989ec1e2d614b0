package model

import (
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
	case "break", "mend":
		m.Failing[op.On] = op.Do == "break"
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
	m.serve()
}

// serve lets every lane go on.
func (m *Model) serve() {
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
		m.tied = m.tied || at.Sub(m.fired) < quiet
		m.Now, m.fired = at, at
		do()
		m.serve()
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

// opens is when whoever waits for a window asks again: it may open early, which is noticed within the hour.
func (m *Model) opens(until time.Time) time.Time {
	if hour := m.Now.Add(time.Hour); hour.Before(until) {
		return hour
	}
	return until
}

// ended tells a release how a rollout of it has ended: an automation may promote it.
func (l *Lane) ended(r *Rollout) {
	release := l.release(r.Release)
	switch {
	case r.State != rollout.StateSucceeded:
	case r.Target == prod:
		release.Over, release.Due = true, time.Time{}
	case l.Promote > 0 && !l.Idle && !release.Over && !release.Abandoned:
		release.Due, release.behind = l.Now.Add(l.Promote), len(l.stable)
	}
}

// promotesItself promotes a release from dev to prod, unless something has come in between.
func (m *Model) promotesItself(r *Release) {
	refused, until := m.forbids(m.Now, "promote", "rule", false)
	from, to := m.lane(dev), m.lane(prod)
	if r.Due = until; !until.IsZero() {
		r.Due = m.opens(until)
	}
	// A rollout whose last job was ignored has SUCCEEDED too; what counts is whether another release has since.
	current := len(from.stable) == r.behind || from.stable[len(from.stable)-1].Release == r.Name
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
