package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

// trip is one run of a step: what it is about, and what was seen last.
type trip struct {
	p    Platform
	w    Work
	last rollout.Mark
	seen rollout.Observed
	beat *pulse

	// own is set while the release's own revision matters: a release that failed
	// must not keep its stable revision from serving again.
	own bool
}

func (t *trip) look(ctx context.Context) (err error) {
	t.seen, err = t.p.Observe(ctx, t.w)
	return err
}

// check observes and refuses to write over what somebody else changed.
func (t *trip) check(ctx context.Context) error {
	if err := t.look(ctx); err != nil {
		return err
	}
	next, err := t.p.Next(ctx, t.w)
	if err != nil {
		return err
	}
	if what := rollout.Drifted(t.seen, t.last, next); what != "" {
		return &rollout.Error{Op: "check for drift on", On: t.w.Target.Name, Kind: rollout.Drift, Err: errors.New(what)}
	}
	return nil
}

// ready reports whether the phase's revision may receive what the phase gives it.
func (t *trip) ready() bool { return t.seen.Ready && t.seen.Settled }

// shift writes the split and waits until the platform has accepted it.
func (t *trip) shift(ctx context.Context, write func(context.Context, Work) error) error {
	next, err := t.p.Next(ctx, t.w)
	if err != nil {
		return err
	}
	if err := write(ctx, t.w); err != nil {
		return err
	}
	return t.wait(ctx, fmt.Sprintf("the platform to accept %s", next), func() bool {
		return t.seen.Settled && t.seen.Split.SameTraffic(next)
	})
}

// wait watches until done, the platform gives up, or ctx ends.
func (t *trip) wait(ctx context.Context, what string, done func() bool) error {
	for {
		if err := t.look(ctx); err != nil {
			return err
		}
		if done() {
			return nil
		}
		if t.own && t.seen.Failure != "" {
			return &rollout.Error{
				Op: "deploy", On: t.seen.Revision + " to " + t.w.Target.Name, Kind: rollout.Failed,
				Err: errors.New(t.seen.Failure),
			}
		}
		text := "waiting for " + what
		if t.seen.Progress != "" {
			text += ": " + t.seen.Progress
		}
		t.beat.say(ctx, text)
		if err := t.p.Changed(ctx, t.w, t.seen); err != nil {
			return err
		}
	}
}
