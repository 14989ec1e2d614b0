package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
)

// slowTime is how long an answer takes that users complain about.
const slowTime = 300 * time.Millisecond

// queryInterval is that of the checks of watchedFolder.
const queryInterval = 2 * time.Second

// watched is the demo's second act: a pipeline that looks at metrics.
func (s *show) watched(ctx context.Context, r *result) error {
	s.heading("4. From now on Prometheus is asked: v4 has errors, v5 is slow, and both are found")
	if err := s.apply(ctx, watchedFolder); err != nil {
		return err
	}
	for _, bad := range []struct{ release, parameter string }{{"v4", "errors=5"}, {"v5", "delay=" + slowTime.String()}} {
		p, err := s.bad(ctx, bad.release, bad.parameter)
		if err != nil {
			return fmt.Errorf("release %s: %w", bad.release, err)
		}
		r.PutBack = append(r.PutBack, p)
	}
	var err error
	if r.Outage, err = s.sixth(ctx); err != nil {
		return fmt.Errorf("release v6: %w", err)
	}
	return nil
}

// bad makes a release that is bad, and measures how long it is served.
func (s *show) bad(ctx context.Context, release, parameter string) (putBack, error) {
	began := time.Now()
	if err := s.release(ctx, watchedFolder, release, "--parameters", parameter); err != nil {
		return putBack{}, err
	}
	s.say("")
	said := 0
	end, err := s.watch(ctx, release, func(now rollout.Status) error {
		said = s.moves(now, said)
		return nil
	})
	if err != nil {
		return putBack{}, err
	}
	p := putBack{Release: release, State: end.State, Found: end.Failure}
	zero := s.lost(end.Revision)
	_, first := s.load.bad(began, zero)
	if first.IsZero() || zero.IsZero() {
		return p, fmt.Errorf("it gave its first bad answer at %s, and has no traffic since %s", first.Format(time.StampMilli), zero.Format(time.StampMilli))
	}
	if err := s.load.await(ctx, zero, enough); err != nil {
		return p, err
	}
	took, all := zero.Sub(first), s.load.between(began, zero)
	p.Seconds, p.Queries = rounded(took.Seconds()), rounded(float64(took)/float64(queryInterval))
	p.Requests = all.requests
	p.Bad, _ = s.load.bad(began, zero)
	p.After, _ = s.load.bad(zero, time.Time{})
	s.say("\n  %s  weight 0 %.1f s after its first bad answer (%.1f queries); of %d requests %d were bad, and none after it",
		s.state(end), p.Seconds, p.Queries, p.Requests, p.Bad)
	return p, nil
}

// moves prints what moves traffic, and why, from event number said on.
func (s *show) moves(now rollout.Status, said int) int {
	for ; said < len(now.Events); said++ {
		switch e := now.Events[said]; e.Kind { //nolint:exhaustive // the others move nothing
		case rollout.EventShifted, rollout.EventJobFailed, rollout.EventRestored:
			s.say("  %s", e)
		case rollout.EventWaiting:
			if e.Waiting.For == rollout.WaitMetrics {
				s.say("  %s", e)
			}
		}
	}
	return said
}

// lost is when the revision had lost its traffic, zero if it has some, or never had any. The
// emulator's splits and the load's answers know nothing of each other.
func (s *show) lost(revision string) (zero time.Time) {
	served := false
	for _, split := range s.allSplits() {
		switch has := split.Shares[revision] > 0; {
		case has:
			served, zero = true, time.Time{}
		case served && zero.IsZero():
			zero = split.Time
		}
	}
	return zero
}

func (s *show) allSplits() []cloudruntest.Split {
	var out []cloudruntest.Split
	for _, name := range s.stack.run.Services() {
		out = append(out, s.stack.run.Splits(name)...)
	}
	return out
}

// sixth takes a good release through its phases, in the first of which Prometheus is down.
func (s *show) sixth(ctx context.Context) (outage, error) {
	s.heading("5. v6 is good, but nobody can ask Prometheus for a while")
	began := time.Now()
	if err := s.release(ctx, watchedFolder, "v6"); err != nil {
		return outage{}, err
	}
	s.say("")
	o, said := outage{Release: "v6"}, 0
	var down time.Time
	var before int
	end, err := s.watch(ctx, "v6", func(now rollout.Status) (err error) {
		said = s.moves(now, said)
		waits := now.Waiting != nil && now.Waiting.For == rollout.WaitMetrics
		switch {
		case down.IsZero() && now.Weight != nil && *now.Weight > 0:
			down, before = time.Now(), s.splits()
			s.say("  Prometheus is stopped")
			err = s.stack.metrics.Down()
		case waits && o.Seconds == 0:
			o.Seconds, o.Weight, o.Moves = rounded(time.Since(down).Seconds()), *now.Weight, s.splits()-before
			s.say("  %.0f s later %d%% is still what it has: Prometheus is started again", o.Seconds, o.Weight)
			err = s.stack.metrics.Up(ctx)
		}
		return err
	})
	if err != nil {
		return o, err
	}
	all := s.load.between(began, time.Time{})
	o.State, o.Failed = end.State, all.failed
	s.say("\n  %s  %d requests, %s\n", s.state(end), all.requests, s.failures(all))
	return o, nil
}

// rounded to hundredths.
func rounded(x float64) float64 { return math.Round(x*100) / 100 }
