package main

import (
	"time"

	"github.com/serin-dev/serin/rollout"
)

// span is the time in which the traffic was as one phase wanted it.
type span struct {
	phase    string
	revision string         // of the release
	asked    rollout.Weight // by the phase
	accepted rollout.Weight // by the platform
	from     time.Time      // the platform had accepted the weight
	to       time.Time      // the next phase began; zero: it has not
}

// spans are those of the phases that have shifted traffic so far, in order. The
// times are the events' own, so that it does not matter when somebody learned of them.
func spans(s rollout.Status) []span {
	var out []span
	for _, e := range s.Events {
		switch e.Kind { //nolint:exhaustive // only these two bound a span
		case rollout.EventJobStarted:
			if n := len(out); n > 0 && out[n-1].to.IsZero() && out[n-1].phase != e.Phase {
				out[n-1].to = e.Time
			}
		case rollout.EventShifted:
			ph, _ := s.Phase(e.Phase)
			if ph == nil {
				continue
			}
			out = append(out, span{
				phase: e.Phase, revision: e.Revision, asked: ph.Weight, accepted: e.Split.Of(e.Revision), from: e.Time,
			})
		}
	}
	return out
}

// between reports whether the rollout is between two phases: at least one has
// succeeded, none is in progress, and another one follows.
func between(s rollout.Status) bool {
	succeeded, next := false, false
	for _, p := range s.Phases {
		switch p.State {
		case rollout.PhaseSucceeded:
			succeeded = true
		case rollout.PhasePending:
			next = true
		case rollout.PhaseSkipped:
		case rollout.PhaseInProgress, rollout.PhaseFailed, rollout.PhaseAborted:
			return false
		}
	}
	return succeeded && next && s.State == rollout.StateInProgress
}
