package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/serin-dev/serin/rollout"
)

// Steps are the activities that look at a target or write to it. They run on the
// target's task queue. Its methods are the activities, registered by their names.
type Steps struct {
	platforms map[rollout.Runtime]Platform
	artifacts Artifacts
	patience  time.Duration
}

// restorePatience is how long a restore waits for the stable revision to be ready
// before it shifts anyway.
const restorePatience = 60 * time.Second

// NewSteps returns the steps over the given platforms; no other runtime is served.
func NewSteps(platforms map[rollout.Runtime]Platform, artifacts Artifacts) *Steps {
	return &Steps{platforms: platforms, artifacts: artifacts, patience: restorePatience}
}

// platform returns the platform of w, or Unsupported with those this worker has.
func (s *Steps) platform(w Work) (Platform, error) {
	if p, ok := s.platforms[w.Target.Runtime]; ok {
		return p, nil
	}
	var have []string
	for _, r := range slices.Sorted(maps.Keys(s.platforms)) {
		have = append(have, string(r))
	}
	return nil, &rollout.Error{
		Op: "find provider", On: fmt.Sprintf("%q of target %s", w.Target.Runtime, w.Target.Name), Kind: rollout.Unsupported,
		Err: fmt.Errorf("this worker has %s", strings.Join(have, ", ")),
	}
}

// Baseline checks that the rollout may start and records what is live before its
// first write. It writes nothing to the platform.
func (s *Steps) Baseline(ctx context.Context, r StepRequest) (StepResult, error) {
	var digest string
	res, err := s.step(ctx, r, func(ctx context.Context, t *trip) error {
		if err := preflight(ctx, t.p, t.w); err != nil {
			return err
		}
		if err := t.look(ctx); err != nil {
			return err
		}
		spec, err := t.p.Record(ctx, t.w)
		if err != nil || len(spec) == 0 {
			return err
		}
		digest, err = s.artifacts.Put(ctx, spec)
		return err
	})
	if err != nil {
		return StepResult{}, err
	}
	res.Baseline = digest
	return res, nil
}

// Observe looks at the target once, and says whether anybody else has changed it.
func (s *Steps) Observe(ctx context.Context, r StepRequest) (StepResult, error) {
	var drift string
	res, err := s.step(ctx, r, func(ctx context.Context, t *trip) (err error) {
		drift, err = t.drifted(ctx)
		return err
	})
	if err != nil {
		return StepResult{}, err
	}
	res.Drift = drift
	return res, nil
}

// Settle gives everything that is not the recorded stable revision weight 0, and
// returns once the platform has accepted it. It is the first write of a rollout.
func (s *Steps) Settle(ctx context.Context, r StepRequest) (StepResult, error) {
	return s.step(ctx, r, func(ctx context.Context, t *trip) error {
		if err := t.check(ctx); err != nil {
			return err
		}
		next, err := t.p.Next(ctx, t.w)
		if err != nil {
			return err
		}
		if !t.seen.Split.SameTraffic(next) { // else nothing shifts towards it
			if err := t.p.ScaleStable(ctx, t.w); err != nil {
				return err
			}
			if err := t.wait(ctx, "the stable revision to be ready", func() bool {
				return t.seen.StableReady || t.seen.Split.SameTraffic(next)
			}); err != nil {
				return err
			}
		}
		return t.shift(ctx, t.p.SetWeight)
	})
}

// Deploy makes the phase's revision exist and, once it is ready, gives it the
// phase's weight. In a promotion it then takes the canary away, unless it is to keep it.
func (s *Steps) Deploy(ctx context.Context, r StepRequest) (StepResult, error) {
	return s.step(ctx, r, func(ctx context.Context, t *trip) error {
		if err := t.check(ctx); err != nil {
			return err
		}
		t.own = true
		deploy := t.p.Deploy
		if t.w.Promotion {
			deploy = t.p.Promote
		}
		if err := deploy(ctx, t.w); err != nil {
			return err
		}
		if err := t.wait(ctx, "the revision to be ready", t.ready); err != nil {
			return err
		}
		if err := t.shift(ctx, t.p.SetWeight); err != nil {
			return err
		}
		if !t.w.Promotion || r.Keep {
			return nil
		}
		return t.remove(ctx)
	})
}

// Remove takes away what only the canary phases needed, once no request goes there.
func (s *Steps) Remove(ctx context.Context, r StepRequest) (StepResult, error) {
	return s.step(ctx, r, func(ctx context.Context, t *trip) error {
		if err := t.check(ctx); err != nil {
			return err
		}
		return t.remove(ctx)
	})
}

// Leave ends the rollout's care of the target. It moves nothing.
func (s *Steps) Leave(ctx context.Context, r StepRequest) (StepResult, error) {
	return s.step(ctx, r, func(ctx context.Context, t *trip) error {
		if err := t.p.Leave(ctx, t.w); err != nil {
			return err
		}
		return t.look(ctx)
	})
}

// Restore gives the stable revision all requests, after the size it had. It waits for
// that revision at most a minute: requests to a canary that failed are worse than a
// cold start.
func (s *Steps) Restore(ctx context.Context, r StepRequest) (StepResult, error) {
	var note string
	res, err := s.step(ctx, r, func(ctx context.Context, t *trip) error {
		if err := t.check(ctx); err != nil {
			return err
		}
		if err := t.p.ScaleStable(ctx, t.w); err != nil {
			if ctx.Err() != nil {
				return err
			}
			note = "its size could not be put back: " + err.Error() // the requests matter more
		}
		patient, stop := context.WithTimeout(ctx, s.patience)
		defer stop()
		err := t.wait(patient, "the stable revision to be ready", func() bool { return t.seen.StableReady })
		switch {
		case err == nil:
		case ctx.Err() == nil && patient.Err() != nil:
			note = strings.TrimPrefix(fmt.Sprintf("%s; shifted although %s was not ready after %s", note, t.w.Stable, s.patience), "; ")
		default:
			return err
		}
		return t.shift(ctx, t.p.Restore)
	})
	if err != nil {
		return StepResult{}, err
	}
	res.Note = note
	return res, nil
}

func (s *Steps) step(ctx context.Context, r StepRequest, do func(context.Context, *trip) error) (StepResult, error) {
	p, err := s.platform(r.Work)
	if err != nil {
		return StepResult{}, Application(err)
	}
	if activity.GetInfo(ctx).Attempt > 1 {
		r.Last.By = "" // who wrote since may have been an earlier attempt of this step
	}
	t := &trip{p: p, w: r.Work, last: r.Last, tried: r.Tried, beat: StartPulse(ctx)}
	defer t.beat.End()
	if err := do(ctx, t); err != nil {
		return StepResult{}, Application(err)
	}
	return StepResult{Observed: t.seen}, nil
}

func preflight(ctx context.Context, p Platform, w Work) error {
	problems, err := p.Check(ctx, w)
	if err != nil || len(problems) == 0 {
		return err
	}
	texts := make([]string, len(problems))
	for i, problem := range problems {
		texts[i] = problem.String()
	}
	return &rollout.Error{
		Op: "preflight", On: w.Target.Name, Kind: rollout.Invalid,
		Err: errors.New(strings.Join(texts, "; ")),
	}
}
