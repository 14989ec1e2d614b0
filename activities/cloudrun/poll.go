package cloudrun

import (
	"context"
	"time"
)

// polling is how often the platform is looked at, as it cannot be watched: after shortest, then
// after twice as long each time, at most longest.
type polling struct{ shortest, longest time.Duration }

// pauses are those between the looks of one wait.
type pauses struct {
	polling
	next time.Duration
}

func (p polling) begin() *pauses { return &pauses{polling: p, next: p.shortest} }

// wait pauses, and returns ctx's error if it ends first.
func (p *pauses) wait(ctx context.Context) error {
	timer := time.NewTimer(p.next)
	defer timer.Stop()
	p.next = min(2*p.next, p.longest)
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
