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

// pulse heartbeats an activity's latest progress until it is stopped, also while
// the platform's API blocks.
type pulse struct {
	mu   sync.Mutex
	text string
	stop chan struct{}
	done sync.WaitGroup
}

func startPulse(ctx context.Context) *pulse {
	p := &pulse{stop: make(chan struct{})}
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

// say sets what the next beats tell, and tells it now.
func (p *pulse) say(ctx context.Context, text string) {
	p.mu.Lock()
	changed := p.text != text
	p.text = text
	p.mu.Unlock()
	if changed {
		p.beat(ctx)
	}
}

func (p *pulse) beat(ctx context.Context) {
	p.mu.Lock()
	text := p.text
	p.mu.Unlock()
	activity.RecordHeartbeat(ctx, text)
}

func (p *pulse) end() {
	close(p.stop)
	p.done.Wait()
}
