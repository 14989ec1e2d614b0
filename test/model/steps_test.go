package model

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.temporal.io/sdk/activity"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// steps are the real steps, which crash when they are told to, and which leave the worker while
// they wait for the platform: otherwise time could not be skipped.
type steps struct {
	w        *sandbox
	platform *fake.Platform
	real     *activities.Steps

	mu     sync.Mutex
	bad    map[string]bool // releases whose revisions fail when they are made
	early  int             // attempts that are to end before they do anything
	late   int             // attempts that are to end after they have done everything
	parked map[string]*parked
}

// parked is a step that waits.
type parked struct {
	ctx  context.Context //nolint:containedctx // of the activity, which goes on later
	work activities.Work
	do   func(context.Context) (activities.StepResult, error)
}

func newSteps(w *sandbox) *steps {
	s := &steps{w: w, platform: fake.New(), parked: map[string]*parked{}, bad: map[string]bool{}}
	s.real = activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: impatient{s.platform, s}}, new(fake.Artifacts))
	return s
}

type waitKey struct{}

// waits says that the step of ctx would have to wait.
func waits(ctx context.Context) error {
	if waiting, ok := ctx.Value(waitKey{}).(*bool); ok {
		*waiting = true
	}
	return lost()
}

func lost() error {
	return activities.Application(&rollout.Error{Op: "crash", Kind: rollout.Transient, Err: errors.New("connection reset")})
}

func (s *steps) run(ctx context.Context, r activities.StepRequest,
	do func(context.Context, activities.StepRequest) (activities.StepResult, error),
) (activities.StepResult, error) {
	if s.take(&s.early) {
		return activities.StepResult{}, lost()
	}
	waiting := false
	attempt := func(ctx context.Context) (activities.StepResult, error) {
		waiting = false
		return do(context.WithValue(context.WithoutCancel(ctx), waitKey{}, &waiting), r)
	}
	res, err := attempt(ctx)
	if waiting {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parked[key(activity.GetInfo(ctx))] = &parked{ctx: ctx, work: r.Work, do: func(ctx context.Context) (activities.StepResult, error) {
			again, failed := attempt(ctx)
			if waiting {
				failed = activity.ErrResultPending
			}
			return again, failed
		}}
		return activities.StepResult{}, activity.ErrResultPending
	}
	if err == nil && s.take(&s.late) {
		return activities.StepResult{}, lost()
	}
	return res, err
}

func (s *steps) take(n *int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func key(i activity.Info) string { return i.WorkflowExecution.RunID + "/" + i.ActivityID }

// Resume goes on with every step that waits no longer.
func (s *steps) Resume(context.Context) error {
	s.mu.Lock()
	all := s.parked
	s.parked = map[string]*parked{}
	s.mu.Unlock()
	for id, p := range all {
		res, err := p.do(p.ctx)
		if errors.Is(err, activity.ErrResultPending) {
			s.mu.Lock()
			s.parked[id] = p
			s.mu.Unlock()
			continue
		}
		if err = s.w.CompleteActivity(activity.GetInfo(p.ctx).TaskToken, res, err); err != nil {
			return fmt.Errorf("complete %s: %w", id, err)
		}
		// The environment lets only its root go on; any signal wakes the others.
		s.w.RegisterDelayedCallback(func() {
			_ = s.w.SignalWorkflowByID(activity.GetInfo(p.ctx).WorkflowExecution.ID, "wake", nil)
		}, 0)
	}
	return nil
}

// canceled forgets a step that waited. The platform gives up too, on what it waited for.
func (s *steps) canceled(i *activity.Info) {
	s.mu.Lock()
	p := s.parked[key(*i)]
	delete(s.parked, key(*i))
	s.mu.Unlock()
	if p != nil {
		s.platform.FailAt(p.work.Target.Name, p.work.Release, reason)
	}
}

// Baseline is the real one, and so are those below.
func (s *steps) Baseline(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
	return s.run(ctx, r, s.real.Baseline)
}

func (s *steps) Observe(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
	return s.run(ctx, r, s.real.Observe)
}

func (s *steps) Settle(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
	return s.run(ctx, r, s.real.Settle)
}

func (s *steps) Deploy(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
	return s.run(ctx, r, s.real.Deploy)
}

func (s *steps) Remove(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
	return s.run(ctx, r, s.real.Remove)
}

func (s *steps) Leave(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
	return s.run(ctx, r, s.real.Leave)
}

func (s *steps) Restore(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
	return s.run(ctx, r, s.real.Restore)
}

// giveUp lets the platform give up on the revisions of the release for which a step waits.
func (s *steps) giveUp(release string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parked {
		if p.work.Release == release {
			s.platform.FailAt(p.work.Target.Name, release, reason)
		}
	}
	s.platform.MakeReady(release)
}

const reason = "it crashes"

var _ activities.Platform = (*impatient)(nil)

// impatient is the fake platform for whom waiting is an error: in skipped time nothing else
// happens meanwhile.
type impatient struct {
	*fake.Platform
	steps *steps
}

func (impatient) Changed(ctx context.Context, _ activities.Work, _ rollout.Observed) error {
	return waits(ctx)
}

func (i impatient) Deploy(ctx context.Context, w activities.Work) error {
	return errors.Join(i.breaks(ctx, w), i.Platform.Deploy(ctx, w))
}

func (i impatient) Promote(ctx context.Context, w activities.Work) error {
	return errors.Join(i.breaks(ctx, w), i.Platform.Promote(ctx, w))
}

// breaks decides whether the revision fails that is about to be made. One that is ready stays so.
func (i impatient) breaks(ctx context.Context, w activities.Work) error {
	seen, err := i.Observe(ctx, w)
	i.steps.mu.Lock()
	defer i.steps.mu.Unlock()
	why := ""
	if i.steps.bad[w.Release] && !seen.Ready {
		why = reason
	}
	i.FailAt(w.Target.Name, w.Release, why)
	return err
}
