package model

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// Signals to the root, which is nothing but the place where the others are started.
const (
	signalChild  = "child"
	signalResume = "resume"
	signalEnd    = "end"
)

// sandbox is the real workflows and activities over the fake platform, in skipped time.
type sandbox struct {
	*testsuite.TestWorkflowEnvironment
	*steps
	site  Site
	model *Model // what the stubs answer by: suspensions, policies, rules

	open      map[string]bool // ids of the workflows that run
	abandoned map[string]bool
	asked     int // updates
	broken    map[string]int
}

// child is a workflow that the root starts.
type child struct {
	ID, Type string
	Input    any
}

func newSandbox(t *testing.T, m *Model) *sandbox {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(silent{})
	w := &sandbox{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), site: m.Site, model: m,
		open: map[string]bool{}, abandoned: map[string]bool{}, broken: map[string]int{},
	}
	w.steps = newSteps(w)
	w.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "root", TaskQueue: rollout.DefaultTaskQueue})
	w.SetStartTime(m.Now)
	w.SetDetachedChildWait(false)
	w.SetTestTimeout(time.Minute)
	w.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is no deadlock
	workflows.Register(w)
	w.RegisterWorkflowWithOptions(w.root, workflow.RegisterOptions{Name: "root"})
	w.RegisterActivity(w.steps)
	w.registerStubs()
	w.SetOnChildWorkflowStartedListener(func(info *workflow.Info, _ workflow.Context, _ encoded) {
		w.open[info.WorkflowExecution.ID] = true
	})
	w.SetOnChildWorkflowCompletedListener(func(info *workflow.Info, _ encodedValue, _ error) {
		delete(w.open, info.WorkflowExecution.ID)
	})
	w.SetOnActivityCanceledListener(func(info *activity.Info) { w.steps.canceled(info) })
	// While an activity runs, the environment fires its next timer by the wall clock. Let that be one of ours: a
	// workflow's may be days away, and would keep everything in memory until then.
	w.SetOnTimerFiredListener(func(string) { w.RegisterDelayedCallback(func() {}, time.Second) })
	return w
}

// root starts the entities and whatever it is told to, and ends everything at the end.
func (w *sandbox) root(ctx workflow.Context) error {
	w.start(ctx, child{rollout.ConfigID, rollout.WorkflowConfig, rollout.Index{}})
	for _, l := range w.model.Lanes {
		w.start(ctx, child{rollout.LaneID(pipelineName, l.Target), rollout.WorkflowLane, rollout.LaneStatus{Pipeline: pipelineName, Target: l.Target}})
	}
	ended := false
	s := workflow.NewSelector(ctx)
	s.AddReceive(workflow.GetSignalChannel(ctx, signalChild), func(ch workflow.ReceiveChannel, _ bool) {
		var req rollout.CreateRequest
		ch.Receive(ctx, &req)
		w.start(ctx, child{rollout.ReleaseID(req.Pipeline, req.Release), rollout.WorkflowRelease, req})
	})
	s.AddReceive(workflow.GetSignalChannel(ctx, signalResume), func(ch workflow.ReceiveChannel, _ bool) {
		ch.Receive(ctx, nil)
		_ = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute,
		}), w.steps.Resume).Get(ctx, nil)
	})
	s.AddReceive(workflow.GetSignalChannel(ctx, signalEnd), func(ch workflow.ReceiveChannel, _ bool) {
		ch.Receive(ctx, nil)
		ended = true
	})
	for !ended {
		s.Select(ctx)
	}
	for _, id := range slices.Sorted(keys(w.open)) {
		workflow.RequestCancelExternalWorkflow(ctx, id, "") // here that ends it at once
	}
	return nil
}

func (w *sandbox) start(ctx workflow.Context, c child) {
	cctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: c.ID, ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_TERMINATE,
	})
	_ = workflow.ExecuteChildWorkflow(cctx, c.Type, c.Input).GetChildWorkflowExecution().Get(ctx, nil)
}

// registerStubs registers what reads the configuration: the model is the configuration.
func (w *sandbox) registerStubs() {
	for name, do := range map[string]any{
		activities.PlanRelease: func(_ context.Context, r rollout.CreateRequest) (activities.PlanResult, error) {
			return activities.PlanResult{
				Document: rollout.DocumentName(r.Pipeline, r.Release), Stages: w.site.stages(r.Release),
			}, w.crash(activities.PlanRelease)
		},
		activities.LoadPlan: func(_ context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
			release := releaseOf(r.Document)
			for _, s := range w.site.stages(release) {
				if s.Target == r.Target {
					return activities.LoadPlanResult{Plan: s.Plan, Abandoned: w.abandoned[release]}, w.crash(activities.LoadPlan)
				}
			}
			return activities.LoadPlanResult{}, activities.Application(&rollout.Error{Op: "load plan", On: r.Document, Kind: rollout.NotFound})
		},
		activities.Permit: func(_ context.Context, r activities.PermitRequest) (activities.PermitResult, error) {
			return w.permit(r), errors.Join(w.crash(activities.Permit), w.crash(activities.Permit+" "+r.Command+" "+r.Release))
		},
		activities.Automations: func(_ context.Context, r activities.AutomationsRequest) (activities.AutomationsResult, error) {
			return activities.AutomationsResult{Rules: w.rules(r)}, w.crash(activities.Automations)
		},
		activities.Abandon: func(_ context.Context, r rollout.Abandon) error {
			w.abandoned[r.Release] = true
			return w.crash(activities.Abandon)
		},
		"Enqueue": func(_ context.Context, r activities.EnqueueRequest) error {
			w.RegisterDelayedCallback(func() {
				_ = w.SignalWorkflowByID(rollout.LaneID(r.Pipeline, r.Target), rollout.SignalEnqueue, r.Enqueue)
			}, 0)
			return w.crash("Enqueue")
		},
		"Holder": func(_ context.Context, r activities.HolderRequest) (activities.HolderResult, error) {
			found := make(chan activities.HolderResult, 1)
			w.RegisterDelayedCallback(func() { found <- w.holder(r) }, 0)
			return <-found, w.crash("Holder")
		},
	} {
		w.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name})
	}
}

// holder looks at a rollout, as nobody but the environment's own loop may.
func (w *sandbox) holder(r activities.HolderRequest) activities.HolderResult {
	id := rollout.RolloutID(r.Pipeline, r.Rollout)
	var s rollout.Status
	if w.open[id] || w.state(id, &s) != nil {
		return activities.HolderResult{Running: w.open[id]}
	}
	s.Events = nil
	return activities.HolderResult{Status: &s}
}

func (w *sandbox) state(id string, into any) error {
	value, err := w.QueryWorkflowByID(id, rollout.QueryState)
	if err != nil {
		return err
	}
	return value.Get(into)
}

// permit answers as the configuration that the model describes.
func (w *sandbox) permit(r activities.PermitRequest) activities.PermitResult {
	refused, until := w.model.forbids(w.Now(), r.Command, r.Automation, len(r.Override) > 0)
	if w.abandoned[r.Release] && (r.Command == "promote" || r.Command == "rollback" || r.Command == "redeploy") {
		refused, until = "the release was abandoned", time.Time{}
	}
	return activities.PermitResult{Refused: refused, Until: until}
}

// crash is what an activity ends with that has done its work and dies before it says so.
func (w *sandbox) crash(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken[name] == 0 {
		return nil
	}
	w.broken[name]--
	return lost()
}

// ask sends an Update and calls back with its answer.
func (w *sandbox) ask(id, update string, answer func(error), arg any) {
	w.asked++
	if err := w.UpdateWorkflowByID(id, update, name("update", w.asked), &reply{answer: answer}, arg); err != nil {
		answer(err)
	}
}

type reply struct{ answer func(error) }

func (r *reply) Accept()                   {}
func (r *reply) Reject(err error)          { r.answer(err) }
func (r *reply) Complete(_ any, err error) { r.answer(err) }

// silent is a logger for tens of thousands of rollouts.
type silent struct{}

func (silent) Debug(string, ...any)     {}
func (silent) Info(string, ...any)      {}
func (silent) Warn(string, ...any)      {}
func (silent) Error(string, ...any)     {}
func (s silent) With(...any) log.Logger { return s }
