package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// second takes v2 through its phases while requests are sent, and measures who
// answers them.
func (s *show) second(ctx context.Context) (result, error) {
	began := time.Now()
	s.heading(fmt.Sprintf("2. v2 takes over, step by step, while %d requests/s are sent", loadRate))
	if err := s.release(ctx, exampleFolder, "v2"); err != nil {
		return result{}, err
	}
	s.say("\n  %-10s %9s %9s %9s", "PHASE", "REQUESTED", "ACCEPTED", "OBSERVED")
	r := result{Release: "v2"}
	end, err := s.watch(ctx, "v2", func(now rollout.Status) error {
		return s.measured(ctx, now, &r)
	})
	if err != nil {
		return r, err
	}
	r.State = end.State
	all := s.load.between(began, time.Time{})
	r.Requests, r.Failed = all.requests, all.failed
	s.say("\n  %s  %d requests, %.0f a second, %s; half were answered within %s, 99%% within %s",
		s.state(end), all.requests, all.rate(), s.failures(all),
		all.quantile(0.5).Round(10*time.Microsecond), all.quantile(0.99).Round(10*time.Microsecond))
	return r, nil
}

// measured prints each phase whose span is over, or was long enough, and is not in r yet.
func (s *show) measured(ctx context.Context, now rollout.Status, r *result) error {
	for _, sp := range spans(now)[len(r.Phases):] {
		if sp.to.IsZero() && sp.phase != rollout.StablePhase {
			return nil // the next phase ends it
		}
		if sp.to.IsZero() {
			if err := s.load.await(ctx, sp.from, enough); err != nil {
				return err
			}
		}
		t := s.load.between(sp.from, sp.to)
		share := t.share(sp.revision)
		r.Phases = append(r.Phases, phaseResult{ID: sp.phase, Weight: sp.asked, Observed: math.Round(share*10) / 10})
		s.say("  %-10s %8d%% %8d%% %8.1f%%  %s  %4d requests, %s",
			sp.phase, sp.asked, sp.accepted, share, s.ink.bar(share), t.requests, s.failures(t))
		if t.requests < enough {
			return fmt.Errorf("%s was measured with %d requests, want %d: the machine is too busy", sp.phase, t.requests, enough)
		}
		if sp.accepted != sp.asked {
			return fmt.Errorf("%s asks for %d%%, and the platform accepted %d%%", sp.phase, sp.asked, sp.accepted)
		}
	}
	return nil
}

// third kills the worker in the middle of v3 and reports whether the release went
// on from where it was.
func (s *show) third(ctx context.Context) (bool, error) {
	began := time.Now()
	s.heading("3. v3 loses its worker on the way")
	if err := s.release(ctx, exampleFolder, "v3"); err != nil {
		return false, err
	}
	s.say("")
	var gone *absence
	said := 0
	end, err := s.watch(ctx, "v3", func(now rollout.Status) (err error) {
		for ; said < len(now.Events); said++ {
			if e := now.Events[said]; e.Kind == rollout.EventShifted {
				s.say("  %s", e)
			}
		}
		if gone == nil && between(now) {
			gone, err = s.leaveAlone(ctx, now)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if gone == nil {
		return false, fmt.Errorf("%s was never seen between two phases, so its worker was not killed", end.Rollout)
	}
	all := s.load.between(began, time.Time{})
	problems := gone.broken(end)
	if all.failed > 0 {
		problems = append(problems, fmt.Sprintf("%d requests failed: %s", all.failed, all.failure))
	}
	for _, p := range problems {
		s.say("  %s", s.ink.red(p))
	}
	n := len(gone.before.Events)
	s.say("\n  %s  %d requests, %s; events 1 to %d are from before the kill, %d to %d from after it",
		s.state(end), all.requests, s.failures(all), n, n+1, len(end.Events))
	s.say("")
	return len(problems) == 0, nil
}

// leaveAlone kills the worker, watches what happens without one, and starts another.
func (s *show) leaveAlone(ctx context.Context, now rollout.Status) (*absence, error) {
	a := &absence{before: now.Clone(), killed: s.stack.worker.PID()}
	s.prompt(fmt.Sprintf("kill -9 %d", a.killed))
	if err := s.stack.worker.Kill(); err != nil {
		return a, err
	}
	from, splits := time.Now(), s.splits()
	if err := s.load.await(ctx, from, enough); err != nil {
		return a, err
	}
	a.away = s.load.between(from, time.Time{})
	a.splits = s.splits() - splits
	s.say("  %.1f s without a worker: %d requests, %s, %.1f%% of them to v3",
		a.away.span.Seconds(), a.away.requests, s.failures(a.away), a.away.share(now.Revision))
	s.prompt("serin-local worker &")
	if err := s.stack.worker.Start(); err != nil {
		return a, err
	}
	a.start = s.stack.worker.PID()
	s.say("  process %d takes over", a.start)
	return a, nil
}

// splits is how often the traffic of any service was divided anew so far.
func (s *show) splits() int {
	n := 0
	for _, name := range s.stack.run.Services() {
		n += len(s.stack.run.Splits(name))
	}
	return n
}

// watch calls fn with the release's rollout after each change and returns how it ended.
func (s *show) watch(ctx context.Context, release string, fn func(rollout.Status) error) (rollout.Status, error) {
	name, err := s.client.WaitRollout(ctx, demoPipeline, release, demoTarget)
	if err != nil {
		return rollout.Status{}, err
	}
	var last rollout.Status
	err = s.client.Watch(ctx, demoPipeline, name, func(r client.Rollout) error {
		last = r.Status
		return fn(r.Status)
	})
	return last, err
}

func (s *show) state(end rollout.Status) string {
	if end.State == rollout.StateSucceeded {
		return s.ink.green(string(end.State))
	}
	return s.ink.red(strings.TrimSpace(string(end.State) + " " + end.Failure))
}

func (s *show) failures(t tally) string {
	if t.failed == 0 {
		return "0 failed"
	}
	return s.ink.red(fmt.Sprintf("%d failed (%s)", t.failed, t.failure))
}
