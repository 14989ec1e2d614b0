package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/serin-dev/serin/rollout"
)

// tolerance is how far an observed share may be from its weight, in percentage
// points, before it is another weight.
const tolerance = 8

// result is the demo's last line: what became of the second release.
type result struct {
	Release      string        `json:"release"`
	State        rollout.State `json:"state"`
	Phases       []phaseResult `json:"phases"`
	Requests     int           `json:"requests"`
	Failed       int           `json:"failed"`
	SurvivedKill bool          `json:"survivedKill"` // of the third release
	PutBack      []putBack     `json:"putBack"`      // the fourth and the fifth
	Outage       outage        `json:"outage"`       // of the sixth
	WebUI        string        `json:"webUI"`
}

// phaseResult is one phase, in percent of the requests.
type phaseResult struct {
	ID       string         `json:"id"`
	Weight   rollout.Weight `json:"weight"`
	Observed float64        `json:"observed"`
}

// wrong is everything that is not as it must be, or nil.
func (r result) wrong() error {
	var all error
	if r.State != rollout.StateSucceeded {
		all = errors.Join(all, fmt.Errorf("release %s is %s", r.Release, r.State))
	}
	if r.Failed > 0 {
		all = errors.Join(all, fmt.Errorf("%d requests failed", r.Failed))
	}
	for _, p := range r.Phases {
		if math.Abs(p.Observed-float64(p.Weight)) > tolerance {
			all = errors.Join(all, fmt.Errorf("%s has %.1f%% of the requests, want %d%%", p.ID, p.Observed, p.Weight))
		}
	}
	if !r.SurvivedKill {
		all = errors.Join(all, errors.New("the third release did not go on from where it was"))
	}
	for _, p := range r.PutBack {
		all = errors.Join(all, p.wrong())
	}
	return errors.Join(all, r.Outage.wrong())
}

// putBack is what became of a release that is bad.
type putBack struct {
	Release  string        `json:"release"`
	State    rollout.State `json:"state"`
	Found    string        `json:"found"`            // why
	Seconds  float64       `json:"secondsToWeight0"` // from the first bad answer
	Queries  float64       `json:"queryIntervals"`   // the same in intervals of the check
	Requests int           `json:"requests"`         // to everybody, from its creation to weight 0
	Bad      int           `json:"bad"`              // of them: errors or slow, what users have noticed
	After    int           `json:"badAfter"`         // of what was sent after weight 0
}

func (p putBack) wrong() error {
	var all error
	if p.State != rollout.StateFailed {
		all = errors.Join(all, fmt.Errorf("release %s is %s, want it found", p.Release, p.State))
	}
	if p.Queries > 2 || p.Seconds <= 0 {
		all = errors.Join(all, fmt.Errorf("release %s was off the traffic %.1f s after its first bad answer, want two queries", p.Release, p.Seconds))
	}
	if p.Bad == 0 || p.After > 0 {
		all = errors.Join(all, fmt.Errorf("release %s gave %d bad answers before weight 0 and %d after it", p.Release, p.Bad, p.After))
	}
	return all
}

// outage is what became of a good release while nobody could ask Prometheus.
type outage struct {
	Release string         `json:"release"`
	State   rollout.State  `json:"state"`
	Seconds float64        `json:"secondsDown"`
	Weight  rollout.Weight `json:"weightHeld"` // at the end of the outage, as at its beginning
	Moves   int            `json:"moves"`      // of the traffic meanwhile
	Failed  int            `json:"failed"`     // requests
}

func (o outage) wrong() error {
	var all error
	if o.State != rollout.StateSucceeded {
		all = errors.Join(all, fmt.Errorf("release %s is %s", o.Release, o.State))
	}
	if o.Moves > 0 || o.Failed > 0 || o.Weight == 0 {
		all = errors.Join(all, fmt.Errorf("without Prometheus the traffic of %s moved %d times to %d%%, and %d requests failed", o.Release, o.Moves, o.Weight, o.Failed))
	}
	return all
}

func (r result) print(w io.Writer) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s\n", line); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}
