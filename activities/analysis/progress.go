package analysis

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/serin-dev/serin/rollout"
)

// progress is what a later attempt goes on with.
type progress struct {
	Started time.Time     `json:"started"`          // when the first attempt began
	Watched time.Duration `json:"watched"`          // how long everything has answered
	Tallies []tally       `json:"checks,omitempty"` // in the order of the checks
	Chunks  []string      `json:"chunks,omitempty"` // digests of older samples: for each, a column a check
}

// snapshot returns what is known, for others to read.
func (w *watch) snapshot() progress {
	p := w.progress
	p.Tallies = make([]tally, len(w.checks))
	for i, c := range w.checks {
		p.Tallies[i] = c.tally
	}
	return p
}

// keep tells what is known, and what a later attempt needs.
func (w *watch) keep(ctx context.Context) {
	w.spill(ctx)
	w.beat.Say(ctx, w.say())
	w.beat.Keep(ctx, w.snapshot())
}

// store puts everything that is known into an artifact.
func (w *watch) store(ctx context.Context) (string, error) {
	content, err := json.Marshal(w.snapshot())
	if err != nil {
		return "", err
	}
	return w.o.Artifacts.Put(ctx, content)
}

// resume goes on where an earlier attempt, or an earlier activity, has stopped. What the
// heartbeats hold is newer.
func (w *watch) resume(ctx context.Context) error {
	kept, err := w.earlier(ctx)
	if err != nil {
		return err
	}
	if kept != nil {
		if err := w.adopt(ctx, *kept); err != nil {
			return err
		}
	}
	now := time.Now()
	w.at, w.running = now, now
	for _, c := range w.checks {
		c.begin(now, w.Watched)
		w.after(c)
	}
	return nil
}

// begin sets when c is asked first in this attempt.
func (c *check) begin(now time.Time, watched time.Duration) {
	switch {
	case c.Silent > 0:
		c.silent, c.why, c.due = now.Add(-c.Silent), "no answer yet", now
	case c.Asked.IsZero():
		c.due = now.Add(max(c.first-watched, 0))
	default:
		c.due = c.Asked.Add(c.every)
		if c.due.Before(now) {
			c.due = now
		}
	}
}

func (w *watch) earlier(ctx context.Context) (*progress, error) {
	if activity.HasHeartbeatDetails(ctx) {
		var text string
		var p progress
		if activity.GetHeartbeatDetails(ctx, &text, &p) == nil && !p.Started.IsZero() {
			return &p, nil
		} // else it died before its first sample
	}
	if len(w.r.Kept) > 0 { // as another run had heartbeated it
		var p progress
		if json.Unmarshal(w.r.Kept, &p) == nil && !p.Started.IsZero() {
			return &p, nil
		}
	}
	if w.r.Resume == "" {
		return nil, nil
	}
	content, err := w.o.Artifacts.Get(ctx, w.r.Resume)
	if err != nil {
		return nil, err
	}
	var p progress
	if err := json.Unmarshal(content, &p); err != nil {
		return nil, w.corrupt(w.r.Resume, err)
	}
	return &p, nil
}

func (w *watch) corrupt(digest string, err error) error {
	return fail(w.r.Work, rollout.Corrupt, fmt.Errorf("what it has kept as %s: %w", digest, err))
}

// adopt takes over what was kept.
func (w *watch) adopt(ctx context.Context, kept progress) error {
	if len(kept.Tallies) != len(w.checks) {
		return w.corrupt(w.r.Resume, fmt.Errorf("it has %d checks, the spec %d", len(kept.Tallies), len(w.checks)))
	}
	for _, digest := range kept.Chunks {
		content, err := w.o.Artifacts.Get(ctx, digest)
		if err != nil {
			return err
		}
		var chunk []column
		if err := json.Unmarshal(content, &chunk); err != nil {
			return w.corrupt(digest, err)
		}
		for i := range min(len(chunk), len(w.checks)) {
			w.checks[i].add(chunk[i], kept.Started)
		}
	}
	for i, c := range w.checks {
		if kept.Tallies[i].ID != c.ID {
			return w.corrupt(w.r.Resume, fmt.Errorf("check %d is %q, want %q", i+1, kept.Tallies[i].ID, c.ID))
		}
		c.tally = kept.Tallies[i]
		c.add(c.New, kept.Started)
	}
	w.progress = kept
	w.Tallies = nil // snapshot makes them
	return nil
}
