package cloudruntest

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time and runs timers. All latencies, timeouts and timestamps
// of a Server come from its clock.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f once after d, on a goroutine of the clock's choice; stop
	// prevents that if it has not begun.
	AfterFunc(d time.Duration, f func()) (stop func())
}

var (
	_ Clock = systemClock{}
	_ Clock = (*FakeClock)(nil)
)

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

// FakeClock is a Clock that moves only by Advance. It is safe for concurrent use.
type FakeClock struct {
	mu      sync.Mutex
	now     time.Time
	timers  []*fakeTimer // in order of creation
	changed chan struct{}
}

type fakeTimer struct {
	at time.Time
	f  func()
}

// NewFakeClock returns a clock that stands at start.
func NewFakeClock(start time.Time) *FakeClock {
	return &FakeClock{now: start, changed: make(chan struct{})}
}

// Now returns the time the clock stands at.
func (c *FakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc runs f within the Advance that reaches d from now. A d of zero or
// less waits for the next Advance, however small.
func (c *FakeClock) AfterFunc(d time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{at: c.now.Add(max(d, 0)), f: f}
	c.timers = append(c.timers, t)
	c.broadcast()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.remove(t)
	}
}

// Advance moves the clock by d and runs each timer that falls due on the way, in
// order of time, with the clock standing at that time. It returns when all ran.
func (c *FakeClock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for t := c.due(end); t != nil; t = c.due(end) {
		c.now = t.at
		c.remove(t)
		c.mu.Unlock()
		t.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// WaitTimers blocks until at least n timers are waiting: a test calls it before
// Advance when another goroutine is about to start one.
func (c *FakeClock) WaitTimers(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		got, changed := len(c.timers), c.changed
		c.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *FakeClock) due(end time.Time) *fakeTimer {
	var first *fakeTimer
	for _, t := range c.timers {
		if !t.at.After(end) && (first == nil || t.at.Before(first.at)) {
			first = t
		}
	}
	return first
}

func (c *FakeClock) remove(t *fakeTimer) {
	for i, other := range c.timers {
		if other == t {
			c.timers = append(c.timers[:i], c.timers[i+1:]...)
			return
		}
	}
}

func (c *FakeClock) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}
