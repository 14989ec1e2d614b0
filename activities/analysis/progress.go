package analysis

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/serin-dev/serin/rollout"
)

const (
	// mostKept is how large the samples in a heartbeat may be, in bytes. Older ones are in artifacts.
	mostKept = 32 << 10
	// storeTimeout is how long an analysis waits to put aside what it could do without.
	storeTimeout = 2 * time.Second
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

// spill moves the samples to an artifact once they are too many for a heartbeat. If that cannot
// be done it is tried again when there are some more.
func (w *watch) spill(ctx context.Context) {
	size := w.size()
	if size < w.spillAt {
		return
	}
	w.spillAt = size + size/4
	chunk := make([]column, len(w.checks))
	for i, c := range w.checks {
		chunk[i] = c.New
	}
	content, err := json.Marshal(chunk)
	if err != nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	digest, err := w.o.Artifacts.Put(ctx, content)
	if err != nil {
		return
	}
	w.spillAt = mostKept
	w.Chunks = append(w.Chunks[:len(w.Chunks):len(w.Chunks)], digest)
	for _, c := range w.checks {
		c.New = column{}
	}
}

// size is at most how large the samples are as JSON, in bytes.
func (w *watch) size() int {
	const instant, value = 14, 25
	n := 0
	for _, c := range w.checks {
		n += len(c.New.At)*instant + (len(c.New.Canary)+len(c.New.Stable))*value
	}
	return n
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
