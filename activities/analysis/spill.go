package analysis

import (
	"context"
	"encoding/json"
	"time"
)

const (
	// mostKept is about how large the samples in a heartbeat may be, in bytes. Older ones are in
	// artifacts.
	mostKept = 32 << 10
	// storeTimeout is how long an analysis tries to put aside what it could do without.
	storeTimeout = 2 * time.Second
)

// spilled is what came of moving samples to an artifact.
type spilled struct {
	digest string
	counts []int // of each check: how many were moved
	err    error
}

// spill begins to move the samples to an artifact once they are too many for a heartbeat. Nothing
// waits for it.
func (w *watch) spill(ctx context.Context) {
	if w.spilling || w.size() < w.spillAt {
		return
	}
	s := spilled{counts: make([]int, len(w.checks))}
	chunk := make([]column, len(w.checks))
	for i, c := range w.checks {
		chunk[i], s.counts[i] = c.New, len(c.New.At)
	}
	w.spilling = true
	w.asks.Go(func() {
		var content []byte
		if content, s.err = json.Marshal(chunk); s.err == nil {
			bounded, stop := context.WithTimeout(ctx, storeTimeout)
			defer stop()
			s.digest, s.err = w.o.Artifacts.Put(bounded, content)
		}
		w.spills <- s
	})
}

// drop takes what is in an artifact out of the heartbeats. If it could not be stored, it is tried
// again when there are some more samples.
func (w *watch) drop(s spilled) {
	w.spilling = false
	if s.err != nil {
		size := w.size()
		w.spillAt = size + size/4
		return
	}
	w.spillAt = mostKept
	w.Chunks = append(w.Chunks[:len(w.Chunks):len(w.Chunks)], s.digest)
	for i, c := range w.checks {
		c.New = c.New.from(s.counts[i])
	}
}

// from is c without its first n samples.
func (c column) from(n int) column {
	out := column{At: c.At[n:], Canary: c.Canary[n:]}
	if len(c.Stable) > 0 {
		out.Stable = c.Stable[n:]
	}
	return out
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
