package activities

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// writeAgain is how long a write that the platform did not take is left alone.
const writeAgain = 5 * time.Second

// stalePatience is how long a step goes on reading what is older than its rollout's
// last write, before it takes that for the truth.
const stalePatience = 10 * time.Second

// trip is one run of a step: what it is about, and what was seen last.
type trip struct {
	p     Platform
	w     Work
	last  rollout.Mark
	tried *rollout.Phase
	seen  rollout.Observed
	beat  *Pulse

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
	what, err := t.drifted(ctx)
	if err == nil && what != "" {
		return t.drift(what)
	}
	return err
}

// drifted observes and says what somebody else has changed, "" if nobody has.
func (t *trip) drifted(ctx context.Context) (string, error) {
	if err := t.look(ctx); err != nil {
		return "", err
	}
	if err := t.catchUp(ctx); err != nil {
		return "", err
	}
	if t.last.Generation == 0 && len(t.last.Split) == 0 {
		return "", nil // nothing to compare with
	}
	ours, err := t.ours(ctx)
	if err != nil {
		return "", err
	}
	return t.differs(t.last, ours...), nil
}

// ours are the splits that this step writes, or that one that failed may have written.
func (t *trip) ours(ctx context.Context) ([]rollout.Split, error) {
	ours := make([]rollout.Split, 0, 2)
	for i, w := range t.writes() {
		next, err := t.p.Next(ctx, w)
		if kind := rollout.KindOf(err); i > 0 && kind != "" && kind != rollout.Transient {
			continue // what cannot be planned, as with a damaged manifest, was not written
		}
		if err != nil {
			return nil, err
		}
		ours = append(ours, next)
	}
	return ours, nil
}

// differs is rollout.Drifted. In a cluster an attempt takes the place, and so the share, of
// the one before: there the attempt is no part of the name. So does a promotion.
func (t *trip) differs(last rollout.Mark, ours ...rollout.Split) string {
	seen := t.seen
	if t.w.Kubernetes != nil {
		seen.Split, last.Split = plain(seen.Split), plain(last.Split)
		for i := range ours {
			ours[i] = plain(ours[i])
		}
		if t.w.Promotion && gaveWay(seen.Split, last.Split, rollout.WithoutAttempt(seen.Revision)) {
			ours = append(ours, seen.Split)
		}
	}
	return rollout.Drifted(seen, last, ours...)
}

// gaveWay reports whether seen is last with shares, or parts of them, given to revision: the
// others have at most what they had.
func gaveWay(seen, last rollout.Split, revision string) bool {
	return !slices.ContainsFunc(seen, func(s rollout.Share) bool {
		return s.Revision != revision && seen.Of(s.Revision) > last.Of(s.Revision)
	})
}

// plain drops the attempts from the names of a split's revisions.
func plain(s rollout.Split) rollout.Split {
	out := slices.Clone(s)
	for i := range out {
		out[i].Revision = rollout.WithoutAttempt(out[i].Revision)
	}
	return out
}

// catchUp looks again while the platform shows a state from before the rollout's own
// last write. What still is older after a while was made anew by somebody.
func (t *trip) catchUp(ctx context.Context) error {
	patient, stop := context.WithTimeout(ctx, stalePatience)
	defer stop()
	for t.seen.Generation < t.last.Generation {
		t.beat.Say(ctx, "waiting for a read that is not older than the last write")
		err := t.p.Changed(patient, t.w, t.seen)
		if ctx.Err() == nil && patient.Err() != nil {
			return nil
		}
		if err == nil {
			err = t.look(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writes returns what this step writes, and what one that failed may have written.
func (t *trip) writes() []Work {
	if t.tried == nil {
		return []Work{t.w}
	}
	return []Work{t.w, t.w.At(*t.tried)}
}

// ready reports whether the phase's revision may receive what the phase gives it.
func (t *trip) ready() bool { return t.seen.Ready && t.seen.Settled }

// shift writes the split and waits until the platform has accepted it. What somebody has
// changed since the step began, while it waited for pods perhaps for an hour, is not written
// over. A platform that has settled on another split did not take the write, or somebody
// wrote after us: the first is tried again, the second is drift.
func (t *trip) shift(ctx context.Context, write func(context.Context, Work) error) error {
	ours, err := t.ours(ctx)
	if err != nil {
		return err
	}
	if what := t.differs(rollout.Mark{Split: t.last.Split}, slices.Clone(ours)...); what != "" {
		return t.drift(what)
	}
	next := ours[0]
	for tries := 1; ; tries++ {
		before := t.seen
		if err := write(ctx, t.w); err != nil {
			return err
		}
		if err := t.wait(ctx, fmt.Sprintf("the platform to accept %s", next), func() bool { return t.seen.Settled }); err != nil {
			return err
		}
		if t.seen.Split.SameTraffic(next) {
			return nil
		}
		if what := t.differs(rollout.Mark{Split: t.last.Split}, next); what != "" {
			return t.drift(what)
		}
		if tries == 1 && !reflect.DeepEqual(before, t.seen) {
			continue // it was half of the way, such as more pods here before there are fewer there
		}
		if err := t.pause(ctx); err != nil {
			return err
		}
	}
}

func (t *trip) remove(ctx context.Context) error {
	if err := t.p.Remove(ctx, t.w); err != nil {
		return err
	}
	return t.wait(ctx, "the canary to be removed", func() bool { return t.seen.Settled })
}

// pause waits for a change, and a little while where there is none.
func (t *trip) pause(ctx context.Context) error {
	brief, stop := context.WithTimeout(ctx, writeAgain)
	defer stop()
	if err := t.p.Changed(brief, t.w, t.seen); err != nil && brief.Err() == nil {
		return err
	}
	return ctx.Err()
}

func (t *trip) drift(what string) error {
	return &rollout.Error{Op: "check for drift on", On: t.w.Target.Name, Kind: rollout.Drift, Err: errors.New(what)}
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
				Err: errors.New(t.seen.Failure), Fix: "mend what it names and retry the job, or make a new release",
			}
		}
		if t.own && t.seen.Missing { // the step is tried again, and looks for drift first
			return &rollout.Error{
				Op: "deploy", On: t.seen.Revision + " to " + t.w.Target.Name, Kind: rollout.Transient,
				Err: errors.New("somebody has removed it"),
			}
		}
		text := "waiting for " + what
		if t.seen.Progress != "" {
			text += ": " + t.seen.Progress
		}
		t.beat.Say(ctx, text)
		if err := t.p.Changed(ctx, t.w, t.seen); err != nil {
			return err
		}
	}
}
