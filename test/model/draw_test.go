package model

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/rollout"
)

// drawSite draws what is configured.
func drawSite(t *rapid.T) Site {
	s := Site{
		Google: rapid.Bool().Draw(t, "google"), Hold: rapid.Bool().Draw(t, "hold"),
		Approvals: rapid.IntRange(0, 2).Draw(t, "approvals"),
		Expire:    rapid.SampledFrom([]time.Duration{0, 26 * time.Hour}).Draw(t, "expire"),
		Soak:      rapid.SampledFrom([]time.Duration{0, 0, time.Hour}).Draw(t, "soak"),
		Rule:      rapid.SampledFrom([]time.Duration{0, 0, 2 * time.Hour}).Draw(t, "rule"),
		Promote:   rapid.SampledFrom([]time.Duration{0, 0, 3 * time.Hour}).Draw(t, "promote"),
	}
	s.Repair = rapid.SampledFrom([][]rollout.Repair{
		nil, nil,
		{{Attempts: 2, Wait: time.Hour, Exponential: true}},
		{{Attempts: 1, Wait: 30 * time.Minute}, {}},
		{{}},
	}).Draw(t, "repair")
	return s
}

// drawOps draws a sequence by playing it on the model alone.
func drawOps(t *rapid.T, site Site) []Op {
	m := New(site)
	m.Advance(m.Now.Add(quiet))
	var ops []Op
	for i := range rapid.IntRange(3, 16).Draw(t, "length") {
		after := time.Duration(0)
		if i > 0 {
			after = m.pass(quiet + rapid.SampledFrom(m.jumps()).Draw(t, "after"))
		}
		if m.tied {
			break
		}
		op := m.draw(t)
		op.After = after
		if !commands()[op.Do] {
			m.happen(op)
		} else if m.Do(op); op.Twice && m.rollout(op.On) != nil {
			m.Do(op)
		}
		ops = append(ops, op)
	}
	return ops
}

// jumps are how long nobody may do anything. While somebody queues a lane looks after its holder every
// minute, which takes its time.
func (m *Model) jumps() []time.Duration {
	all := []time.Duration{0, 0, 0, 0, time.Minute, 10 * time.Minute, time.Hour, 5 * time.Hour, 24 * time.Hour, 72 * time.Hour}
	if slices.ContainsFunc(m.Lanes, func(l *Lane) bool { return len(l.Queue) > 0 }) {
		return all[:7]
	}
	return all
}

// pass lets about d pass, so that nothing ends by itself close to the end, and returns how long it was.
func (m *Model) pass(d time.Duration) time.Duration {
	start := m.Now
	m.Advance(start.Add(d))
	for {
		at, do := m.timer()
		switch {
		case do != nil && at.Sub(m.Now) < 2*quiet:
			m.Advance(at.Add(quiet))
		case m.Now.Sub(m.fired) < quiet:
			m.Advance(m.fired.Add(quiet))
		default:
			return m.Now.Sub(start)
		}
	}
}

// draw draws what happens next: mostly what the state allows, and often enough what it does not.
func (m *Model) draw(t *rapid.T) Op {
	var op Op
	open, all := m.open()
	switch dice := rapid.IntRange(0, 99).Draw(t, "dice"); {
	case len(all) == 0 || dice < 12 && len(m.Releases) < 4:
		op = Op{Do: "release", On: fmt.Sprintf("v%d", len(m.Releases)+1)}
	case dice < 62 && len(open) > 0:
		op = rapid.SampledFrom(open).Draw(t, "allowed")
	case dice < 70:
		op = m.anything(t, rapid.SampledFrom(all).Draw(t, "rollout"))
	case dice < 84:
		op = m.request(t)
	case dice < 94:
		op = m.outside(t)
	default:
		op = rapid.SampledFrom([]Op{
			{Do: "crash early"},
			{Do: "crash late"},
			{Do: "crash", On: "Permit"},
			{Do: "crash", On: "Automations"},
			{Do: "crash", On: "Enqueue"},
			{Do: "crash", On: "LoadPlan"},
			{Do: "nothing"},
		}).Draw(t, "crash")
	}
	if commands()[op.Do] {
		op.Override = rapid.IntRange(0, 3).Draw(t, "override") == 0
		switch rapid.IntRange(0, 9).Draw(t, "how") {
		case 0: // of others the second may come before or after what the first sets off
			op.Twice = slices.Contains([]string{"advance", "approve", "cancel", "pause", "promote", "rollback", "redeploy"}, op.Do)
		case 1:
			op.Signal = true
		}
	}
	return op
}

// open returns every command that some rollout would take now, and every rollout.
func (m *Model) open() (ops []Op, all []*Rollout) {
	for _, l := range m.Lanes {
		for _, r := range l.Rollouts {
			all = append(all, r)
			for _, op := range r.some() {
				if r.allows(op) {
					ops = append(ops, op)
				}
			}
		}
	}
	return ops, all
}

// some returns commands that fit the rollout, whether it takes them or not.
func (r *Rollout) some() []Op {
	ops := []Op{
		{Do: "cancel"},
		{Do: "cancel", Restore: true},
		{Do: "pause"},
		{Do: "resume"},
		{Do: "resume", Accept: true},
		{Do: "reject"},
		{Do: "approve", Digest: digest(r.Release)},
		{Do: "approve", Digest: digest(r.Release)[:20]},
	}
	for _, ph := range r.Phases {
		for _, do := range []string{"advance", "advance", "retryJob", "ignoreJob", "terminateJobRun"} {
			ops = append(ops, Op{Do: do, Phase: ph.ID})
		}
	}
	for i := range ops {
		ops[i].On, ops[i].Actor = r.Name, "ann"
		if len(r.Votes) > 0 {
			ops[i].Actor = "bob"
		}
	}
	return ops
}

// anything draws a command without a look at the state.
func (m *Model) anything(t *rapid.T, r *Rollout) Op {
	op := rapid.SampledFrom(r.some()).Draw(t, "anything")
	op.Actor = rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(t, "actor")
	switch rapid.IntRange(0, 5).Draw(t, "wrong") {
	case 0:
		op.Digest = digest("another")
	case 1:
		op.Digest = ""
	case 2:
		op.Phase = "canary-99"
	}
	return op
}

// request draws what a lane is asked for.
func (m *Model) request(t *rapid.T) Op {
	l := rapid.SampledFrom(m.Lanes).Draw(t, "lane")
	r := rapid.SampledFrom(m.Releases).Draw(t, "release")
	op := Op{On: l.Target, Actor: "ann", Do: rapid.SampledFrom([]string{"promote", "promote", "rollback", "rollback", "redeploy"}).Draw(t, "request")}
	switch op.Do {
	case "promote":
		op.Release = r.Name
	case "rollback":
		op.Stop = rapid.Bool().Draw(t, "stop")
		if rapid.IntRange(0, 3).Draw(t, "explicit") == 0 {
			op.Release = r.Name
		}
	}
	return op
}

// outside draws what the platform, the configuration or somebody else does.
func (m *Model) outside(t *rapid.T) Op {
	r := rapid.SampledFrom(m.Releases).Draw(t, "release")
	ops := []Op{
		{Do: "hold", On: r.Name},
		{Do: "hold", On: r.Name},
		{Do: "break", On: r.Name},
		{Do: "break", On: r.Name},
		{Do: "mend", On: r.Name},
		{Do: "suspend"},
		{Do: "unsuspend"},
		{Do: "idle"},
		{Do: "busy"},
		{Do: "close", For: 7 * time.Hour},
		{Do: "close", For: time.Minute},
		{Do: "abandon", On: r.Name},
	}
	for _, each := range m.Releases {
		if m.Held[each.Name] {
			ops = append(ops, Op{Do: "ready", On: each.Name}, Op{Do: "ready", On: each.Name}, Op{Do: "fail", On: each.Name})
		}
	}
	for _, l := range m.Lanes {
		if len(l.Split) > 0 && (l.Holder == nil || !l.Holder.running) {
			ops = append(ops, Op{Do: "drift", On: l.Target, Release: fmt.Sprintf("eve%d", len(l.Rollouts))})
		}
	}
	return rapid.SampledFrom(ops).Draw(t, "outside")
}
