package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// loadRate is how many requests a load sends in a second, if the machine can.
	loadRate = 250
	// loadSenders bounds the requests that are under way at once.
	loadSenders = 32
	// loadBurst bounds how much of what a busy machine missed is made up for.
	loadBurst = 50
	// loadLimit bounds the requests of one load: ten minutes of them.
	loadLimit = 10 * 60 * loadRate
	// patience is how long an answer may take before it counts as a failure.
	patience = 5 * time.Second
)

// load sends requests to one URL at a steady rate and remembers every answer.
type load struct {
	url    string
	client *http.Client
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	samples []sample
}

// sample is one request.
type sample struct {
	sent, answered time.Time
	revision       string // that answered
	failure        string // "" for an answer of 2xx
}

// startLoad sends until stop, or the end of ctx.
func startLoad(ctx context.Context, url string, client *http.Client) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{url: url, client: client, cancel: cancel}
	turns := make(chan struct{})
	l.done.Go(func() { pace(ctx, turns) })
	for range loadSenders {
		l.done.Go(func() {
			for range turns {
				s := l.ask(ctx)
				l.mu.Lock()
				l.samples = append(l.samples, s)
				l.mu.Unlock()
			}
		})
	}
	return l
}

// pace gives the senders their turns.
func pace(ctx context.Context, turns chan<- struct{}) {
	defer close(turns)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	last, due := time.Now(), 0.0
	for given := 0; given < loadLimit; {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			due = min(due+now.Sub(last).Seconds()*loadRate, loadBurst)
			last = now
		}
		for ; due >= 1; due-- {
			select {
			case turns <- struct{}{}:
				given++
			case <-ctx.Done():
				return
			}
		}
	}
}

// ask sends one request. The end of ctx does not break it off, or it would count
// as a failure of the service.
func (l *load) ask(ctx context.Context) sample {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	s := sample{sent: time.Now()}
	s.revision, s.failure = l.get(ctx)
	s.answered = time.Now()
	return s
}

func (l *load) get(ctx context.Context) (revision, failure string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return "", err.Error()
	}
	res, err := l.client.Do(req)
	if err != nil {
		return "", err.Error()
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return "", err.Error()
	}
	revision = res.Header.Get(revisionHeader)
	switch {
	case res.StatusCode < 200 || res.StatusCode > 299:
		return revision, res.Status
	case revision == "":
		return "", "the answer names no revision"
	}
	return revision, ""
}

// stop returns when every request has its answer.
func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

// between counts what was sent after from and answered before to; a zero to is now.
func (l *load) between(from, to time.Time) tally {
	if to.IsZero() {
		to = time.Now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := tally{span: to.Sub(from), by: map[string]int{}}
	for _, s := range l.samples {
		if s.sent.After(from) && s.answered.Before(to) {
			t.add(s)
		}
	}
	return t
}

// bad reports whether a user would complain about the answer.
func (s sample) bad() bool { return s.failure != "" || s.answered.Sub(s.sent) >= slowTime }

// bad counts what was bad of what was sent after from, and answered before to; a zero to is now.
// First is when the first of it was answered, zero where there is none.
func (l *load) bad(from, to time.Time) (n int, first time.Time) {
	if to.IsZero() {
		to = time.Now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.samples {
		if !s.sent.After(from) || !s.answered.Before(to) || !s.bad() {
			continue
		}
		if n++; first.IsZero() || s.answered.Before(first) {
			first = s.answered
		}
	}
	return n, first
}

// await returns once n requests were sent after from and answered.
func (l *load) await(ctx context.Context, from time.Time, n int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		have := l.between(from, time.Time{}).requests
		if have >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d requests, %d so far: %w", n, have, ctx.Err())
		case <-tick.C:
		}
	}
}

// tally is what became of the requests in a span of time.
type tally struct {
	span     time.Duration
	requests int
	failed   int
	failure  string         // the first one
	by       map[string]int // successes, by revision
	took     []time.Duration
}

func (t *tally) add(s sample) {
	t.requests++
	if s.failure == "" {
		t.by[s.revision]++
		t.took = append(t.took, s.answered.Sub(s.sent))
		return
	}
	if t.failed++; t.failure == "" {
		t.failure = s.failure
	}
}

// share is the percentage of the successes that a revision answered, 0 of none.
func (t tally) share(revision string) float64 {
	if len(t.took) == 0 {
		return 0
	}
	return 100 * float64(t.by[revision]) / float64(len(t.took))
}

// rate is how many requests a second were really sent.
func (t tally) rate() float64 { return float64(t.requests) / max(t.span.Seconds(), 0.001) }

// quantile is how long the fastest q of the successes took at most, 0 of none.
func (t tally) quantile(q float64) time.Duration {
	if len(t.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.took))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
