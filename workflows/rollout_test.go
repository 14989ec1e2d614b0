package workflows_test

import (
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

const service = "prod/shop"

// stage is one rollout of v2 to prod over the fake platform.
type stage struct {
	*env
	t        *testing.T
	platform *fake.Platform
	plan     rollout.Plan
	start    rollout.Start // besides the plan and the name
	grant    rollout.Grant
	grants   int
	refused  []string
	words    words // of its jobs and webhooks
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return newStageOn(t, fake.New(), "v2")
}

func newStageOn(t *testing.T, platform *fake.Platform, release string) *stage {
	t.Helper()
	s := &stage{t: t, platform: platform, plan: plan(release), start: rollout.Start{Behavior: rollout.BehaviorNow}}
	s.env = newEnv(t, rollout.RolloutID("shop", release+"-to-prod-0001"), func(e *env) {
		workflows.Register(e)
		e.RegisterActivity(activities.NewSteps(map[rollout.Runtime]activities.Platform{
			rollout.RuntimeCloudRun: s.platform,
		}, new(fake.Artifacts)))
		s.registerJobs(e)
	})
	s.onSignal = func(_, signal string, _ any) error {
		if signal == rollout.SignalAcquire {
			s.at(time.Second, s.give)
		}
		return nil
	}
	return s
}

// after makes v1 the recorded stable that serves.
func (s *stage) after() {
	s.platform.Serve(service, "shop-v1")
	s.grant.Predecessor = &rollout.Record{
		Rollout: "v1-to-prod-0001", State: rollout.StateSucceeded, Promoted: true, Revision: "shop-v1",
		Mark: rollout.Mark{Split: rollout.Split{{Revision: "shop-v1", Percent: 100}}},
	}
}

// give grants the lane.
func (s *stage) give() {
	s.grants++
	g := s.grant
	g.Seq = s.grants
	s.SignalWorkflow(rollout.SignalGrant, g)
}

// command sends c at d, and notes it if it is refused.
func (s *stage) command(d time.Duration, name string, c rollout.Command) {
	s.at(d, func() {
		s.ask(name, c, func(err error) {
			if err != nil {
				_, text := activities.Cause(err)
				s.refused = append(s.refused, text)
			}
		})
	})
}

func (s *stage) advance(d time.Duration, phase string) {
	s.command(d, rollout.CommandAdvance, rollout.Command{Phase: phase, Actor: "ann"})
}

// run plays the rollout to its end and returns its last status.
func (s *stage) run(t *testing.T) rollout.Status {
	t.Helper()
	if s.plan.Approval == nil {
		s.at(0, s.give)
	}
	s.start.Rollout, s.start.Plan = s.plan.Release+"-to-prod-0001", s.plan
	s.ExecuteWorkflow(rollout.WorkflowRollout, s.start)
	if !s.IsWorkflowCompleted() {
		t.Fatalf("the rollout has not ended: %v", s.GetWorkflowError())
	}
	return s.state(t)
}

func (s *stage) state(t *testing.T) rollout.Status {
	t.Helper()
	value, err := s.QueryWorkflow(rollout.QueryState)
	if err != nil {
		t.Fatal(err)
	}
	var status rollout.Status
	if err := value.Get(&status); err != nil {
		t.Fatal(err)
	}
	return status
}

func path(s rollout.Status) []string {
	var out []string
	for _, e := range s.Events {
		out = append(out, e.String())
	}
	return out
}

func denied() error {
	return &rollout.Error{Op: "fake: set weight", On: service, Kind: rollout.Denied, Err: errors.New("no permission")}
}

// TestHowAnExecutionCloses: the Web UI shows a failed rollout as Failed and a
// cancelled one as Canceled.
func TestHowAnExecutionCloses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.platform.Fail("v2", "container exited with 1")
	s.at(time.Hour, func() { s.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
	s.run(t)
	var app *temporal.ApplicationError
	if err := s.GetWorkflowError(); !errors.As(err, &app) || app.Type() != string(rollout.Failed) {
		t.Errorf("FAILED closes with %v", err)
	}
	s = newStage(t)
	s.after()
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{})
	s.run(t)
	if err := s.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("CANCELLED closes with %v", err)
	}
}
