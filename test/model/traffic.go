package model

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// prepare finds out what is stable and gives it everything.
func (r *Rollout) prepare() bool {
	r.skip(r.from == rollout.StablePhase)
	if r.takesBack() { // nothing is settled first: what was stable is half replaced
		r.base, r.mark, r.prepared = r.last.base, r.Split, true
		return true
	}
	base, doubt := r.judge()
	if doubt {
		r.asked = true
		return r.wait(rollout.WaitPerson, time.Time{})
	}
	r.base, r.prepared, r.accepted = base, true, false
	if base != "" {
		r.write(Split{base: 100})
	}
	r.skip(base == "" || base == r.Release || r.Google && len(r.stable) == 0) // there is nothing to compare with
	if base == r.Release || base == "" && !r.Google {
		r.from = rollout.StablePhase // it begins by itself
	}
	return true
}

// skip skips what comes before stable.
func (r *Rollout) skip(needless bool) {
	for i := range r.Phases[:len(r.Phases)-1] {
		if ph := &r.Phases[i]; needless && ph.State == rollout.PhasePending {
			ph.State, ph.Job = rollout.PhaseSkipped, rollout.JobSkipped
		}
	}
}

// takesBack reports whether this rolls back a promotion that stopped half way, and nobody has moved traffic since.
func (r *Rollout) takesBack() bool {
	last := r.last
	if last == nil || last != r.rollbackOf || !last.promoting || last.promoted || len(r.Split) == 0 {
		return false
	}
	for release := range r.Split {
		if release != last.base && release != last.Release {
			return false
		}
	}
	return true
}

// judge returns the release that is stable, "" where nothing serves, or a doubt that a person settles.
func (r *Rollout) judge() (base string, doubt bool) {
	last, only := r.last, slices.Collect(maps.Keys(r.Split))
	switch {
	case r.accepted, last == nil, last.base == "" && !last.promoting:
		return strings.Join(only, ""), len(only) > 1
	case last.base == "" && last.mark == nil && len(only) == 0:
		return "", false // there is no traffic to protect
	case last.promoted:
		base = last.Release
	case last.promoting:
		return "", true
	default:
		base = last.base
	}
	return base, r.drifted(last.mark, Split{base: 100})
}

// drifted reports whether somebody else has changed the split since it was mark: it is none of ours either.
func (l *Lane) drifted(mark Split, ours ...Split) bool {
	same := func(s Split) bool { return maps.Equal(s, l.Split) }
	return mark != nil && !same(mark) && !slices.ContainsFunc(ours, same)
}

func (r *Rollout) write(s Split) { r.Split, r.mark = s, s }

// after is the split that the phase at index i writes.
func (r *Rollout) after(i int) Split {
	if w := r.Phases[i].Weight; w < 100 && r.base != "" && r.base != r.Release {
		return Split{r.Release: w, r.base: 100 - w}
	}
	return Split{r.Release: 100}
}

func (r *Rollout) restore() {
	if r.base != "" && !r.promoting {
		r.write(Split{r.base: 100})
		r.restored = true
	}
}
