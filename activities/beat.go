package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// HeartbeatTimeout is how long a step may be silent. Steps beat four times as
// often, so that a lost beat is no failure.
const HeartbeatTimeout = 10 * time.Second

// Pulse heartbeats an activity's latest progress until it is ended, also while
// the platform's API blocks. The first detail of a heartbeat is a text for people, the
// second what a later attempt goes on with.
type Pulse struct {
	mu   sync.Mutex
	text string
	kept any
	stop chan struct{}
	done sync.WaitGroup
}

// StartPulse begins to beat.
func StartPulse(ctx context.Context) *Pulse {
	p := &Pulse{stop: make(chan struct{})}
	p.done.Go(func() {
		tick := time.NewTicker(HeartbeatTimeout / 4)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				p.beat(ctx)
			}
		}
	})
	return p
}

// Say sets what the next beats tell, and tells it now.
func (p *Pulse) Say(ctx context.Context, text string) {
	p.mu.Lock()
	changed := p.text != text
	p.text = text
	p.mu.Unlock()
	if changed {
		p.beat(ctx)
	}
}

// Keep sets what a later attempt of the activity goes on with, and stores it now. The value must
// not be written to afterwards.
func (p *Pulse) Keep(ctx context.Context, value any) {
	p.mu.Lock()
	p.kept = value
	p.mu.Unlock()
	p.beat(ctx)
}

func (p *Pulse) beat(ctx context.Context) {
	p.mu.Lock()
	text, kept := p.text, p.kept
	p.mu.Unlock()
	if kept == nil {
		activity.RecordHeartbeat(ctx, text)
		return
	}
	activity.RecordHeartbeat(ctx, text, kept)
}

// End stops it.
func (p *Pulse) End() {
	close(p.stop)
	p.done.Wait()
}
