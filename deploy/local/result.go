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
