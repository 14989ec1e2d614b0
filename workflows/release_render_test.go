package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// easel is a release whose phases containers render.
type easel struct {
	*env
	mu       sync.Mutex
	lacking  []string                   // phases that are not rendered yet
	answers  map[string]rollout.Outcome // of a phase's container; it renders where there is none
	never    map[string]bool            // its container does not end
	lost     map[string]bool            // what its container renders is not found
	changed  []string                   // phases that are lacking besides, once the first is rendered
	away     int                        // how often no worker polls the queue
	plans    int                        // how often the release was planned
	rendered []string                   // phases, in the order their containers were asked
	requests []activities.RenderRequest
	looks    []activities.JobRequest
	enqueued int
	told     []string // what who waits for the plan was told
}

func newEasel(t *testing.T, phases ...string) *easel {
	t.Helper()
	e := &easel{lacking: phases, answers: map[string]rollout.Outcome{}, never: map[string]bool{}, lost: map[string]bool{}}
	e.env = newEnv(t, rollout.ReleaseID("shop", "v2"), func(env *env) {
		workflows.Register(env)
		env.RegisterActivityWithOptions(e.plan, activity.RegisterOptions{Name: activities.PlanRelease})
		env.RegisterActivityWithOptions(e.render, activity.RegisterOptions{Name: activities.RenderCustom})
		env.RegisterActivityWithOptions(e.look, activity.RegisterOptions{Name: activities.StopJob})
		env.RegisterActivityWithOptions(func(context.Context, activities.EnqueueRequest) error {
			e.enqueued++
			return nil
		}, activity.RegisterOptions{Name: "Enqueue"})
	})
	e.at(0, func() {
		e.UpdateWorkflow(rollout.UpdatePlanned, "", &callback{answer: func(err error) {
			e.told = append(e.told, fmt.Sprintf("%s, %v", e.status(t).RenderState, err))
		}}, request())
	})
	return e
}

func (e *easel) plan(context.Context, rollout.CreateRequest) (activities.PlanResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.plans++
	var res activities.PlanResult
	for _, ph := range e.lacking {
		res.Renders = append(res.Renders, activities.RenderRequest{
			Work: activities.Work{Target: rollout.Target{Name: "prod", TaskQueue: "eu"}, Phase: ph}, Spec: "sha256:spec", Name: "renderings/" + ph,
		})
	}
	if len(e.lacking) == 0 {
		res = activities.PlanResult{Document: "releases/shop/v2.json", Stages: []rollout.StagePlan{{Target: "prod", Plan: customPlan()}}}
	}
	return res, nil
}

// look finds a worker after an hour.
func (e *easel) look(ctx context.Context, r activities.JobRequest) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looks = append(e.looks, r)
	if err := e.noWorker(); err != nil {
		return err
	}
	token := activity.GetInfo(ctx).TaskToken
	e.at(time.Hour, func() { _ = e.CompleteActivity(token, nil, nil) })
	return activity.ErrResultPending
}

func (e *easel) noWorker() error {
	if e.away == 0 {
		return nil
	}
	e.away--
	return temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
}

func (e *easel) render(_ context.Context, r activities.RenderRequest) (activities.RenderResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rendered, e.requests = append(e.rendered, r.Work.Phase), append(e.requests, r)
	if err := e.noWorker(); err != nil {
		return activities.RenderResult{}, err
	}
	if e.never[r.Work.Phase] {
		return activities.RenderResult{}, activity.ErrResultPending
	}
	if out, ok := e.answers[r.Work.Phase]; ok {
		return activities.RenderResult{Outcome: out}, nil
	}
	if !e.lost[r.Work.Phase] {
		e.lacking = slices.DeleteFunc(slices.Clone(e.lacking), func(ph string) bool { return ph == r.Work.Phase })
	}
	e.lacking, e.changed = append(e.lacking, e.changed...), nil
	return activities.RenderResult{Outcome: rollout.Outcome{Verdict: rollout.VerdictPass}}, nil
}

func (e *easel) status(t *testing.T) (s rollout.ReleaseStatus) {
	t.Helper()
	value, err := e.QueryWorkflow(rollout.QueryState)
	if err == nil {
		err = value.Get(&s)
	}
	if err != nil {
		t.Error(err)
	}
	return s
}

func (e *easel) create(t *testing.T) rollout.ReleaseStatus {
	t.Helper()
	e.follow(24*time.Hour, 1, rollout.StateSucceeded)
	e.ExecuteWorkflow(rollout.WorkflowRelease, request())
	return e.status(t)
}

// TestReleaseThatContainersRender: every phase once, then it is planned as any other.
func TestReleaseThatContainersRender(t *testing.T) {
	t.Parallel()
	e := newEasel(t, "canary-50", "stable")
	s := e.create(t)
	slices.Sort(e.rendered)
	if s.RenderState != rollout.StateSucceeded || s.Document == "" || e.plans != 2 || e.enqueued != 1 || *s.Renders != (rollout.RenderCount{Done: 2, All: 2}) {
		t.Errorf("%+v, planned %d times, enqueued %d", s, e.plans, e.enqueued)
	}
	equal(t, "rendered", e.rendered, []string{"canary-50", "stable"})
	equal(t, "who waits is told", e.told, []string{"IN_PROGRESS, <nil>"}) // before: it may take an hour
	for _, r := range e.requests {
		if r.Work.Rollout != "default-test-run-id" {
			t.Errorf("its attempt is %q", r.Work.Rollout)
		}
	}
}

// TestConfigurationChangesWhileContainersRender: what is configured now is rendered too.
func TestConfigurationChangesWhileContainersRender(t *testing.T) {
	t.Parallel()
	e := newEasel(t, "stable")
	e.changed = []string{"canary-50", "stable"}
	s := e.create(t)
	slices.Sort(e.rendered[1:])
	if s.RenderState != rollout.StateSucceeded || e.plans != 3 || e.enqueued != 1 || *s.Renders != (rollout.RenderCount{Done: 2, All: 2}) {
		t.Errorf("%+v, planned %d times, enqueued %d", s, e.plans, e.enqueued)
	}
	equal(t, "rendered", e.rendered, []string{"stable", "canary-50", "stable"})
}

// TestReleaseThatCannotBeRendered fails with the container's reason and logs, ends the other containers,
// and leaves its name free.
func TestReleaseThatCannotBeRendered(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		setup   func(*easel)
		failure string
		logs    string
	}{
		{
			"one of two fails", func(e *easel) {
				e.answers["stable"] = rollout.Outcome{Verdict: rollout.VerdictFail, Reason: "no chart", Logs: "sha256:logs"}
				e.never["canary-50"] = true
			},
			"render of prod, phase stable: no chart", "sha256:logs",
		},
		{
			"a container never ran", func(e *easel) {
				e.answers["stable"] = rollout.Outcome{Verdict: rollout.VerdictInconclusive, Reason: "its image cannot be pulled"}
			},
			"render of prod, phase stable: its image cannot be pulled", "",
		},
		{
			"it is cancelled", func(e *easel) {
				e.never["canary-50"] = true
				e.at(time.Minute, e.CancelWorkflow)
			},
			"render of prod, phase canary-50: cancelled", "",
		},
		{
			"what was rendered is not found: nothing is rendered for ever", func(e *easel) { e.lost["stable"] = true },
			"plan release shop/v2: prod, phase stable was rendered, and is not found (create it again: run workers of one version on one artifact store, and apply nothing while containers render)", "",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			e := newEasel(t, "canary-50", "stable")
			row.setup(e)
			s := e.create(t)
			if s.RenderState != rollout.StateFailed || s.Failure != row.failure || s.FailureLogs != row.logs || e.enqueued != 0 {
				t.Errorf("%+v", s)
			}
			if kind, text := activities.Cause(e.GetWorkflowError()); kind != rollout.Failed || text != row.failure {
				t.Errorf("it ends with %s %q", kind, text)
			}
		})
	}
}

// TestReleaseWithoutAWorkerToRenderItSaysSo, once for each queue, and goes on when there is one.
func TestReleaseWithoutAWorkerToRenderItSaysSo(t *testing.T) {
	t.Parallel()
	e := newEasel(t, "canary-50", "stable")
	e.away = 5 // both containers, and looks; the next look is answered after an hour
	var waiting []rollout.Waiting
	e.at(30*time.Minute, func() { waiting = e.status(t).Waiting })
	s := e.create(t)
	if s.RenderState != rollout.StateSucceeded || len(s.Waiting) != 0 {
		t.Errorf("%+v", s)
	}
	if len(waiting) != 1 || waiting[0].For != rollout.WaitWorker || waiting[0].Reason != "no worker polls task queue eu" ||
		waiting[0].Commands[0] != "temporal workflow cancel --workflow-id release/shop/v2" {
		t.Errorf("meanwhile it waits for %+v", waiting)
	}
	for _, r := range e.looks {
		if r.Attempt != 0 || r.Spec != "sha256:spec" || r.Work.Target.TaskQueue != "eu" {
			t.Errorf("a look stops %+v", r)
		}
	}
}

// TestReleaseRendersAFewPhasesAtATime: a hundred children are not a hundred containers at once.
func TestReleaseRendersAFewPhasesAtATime(t *testing.T) {
	t.Parallel()
	phases := make([]string, 30)
	e := newEasel(t)
	for i := range phases {
		phases[i] = fmt.Sprintf("phase-%02d", i)
		e.never[phases[i]] = true
	}
	e.lacking = phases
	e.at(time.Hour, func() {
		if len(e.rendered) != 8 {
			t.Errorf("%d at a time", len(e.rendered))
		}
		e.CancelWorkflow()
	})
	e.create(t)
	if len(e.rendered) != 8 {
		t.Errorf("%d were begun", len(e.rendered))
	}
}

// TestAPlanOfWhatContainersHaveRenderedHasTime: every phase of every target is read from the store.
func TestAPlanOfWhatContainersHaveRenderedHasTime(t *testing.T) {
	t.Parallel()
	e := newEasel(t, "canary-50")
	var may []string
	e.SetOnActivityStartedListener(func(i *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if i.ActivityType.Name == activities.PlanRelease {
			may = append(may, i.StartToCloseTimeout.String())
		}
	})
	e.ExecuteWorkflow(rollout.WorkflowRelease, request())
	equal(t, "each plan may take", may, []string{"1m0s", "10m0s"})
}
