package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// fleet is one controller rollout of v2 to the multi-target all, over the fake platform.
type fleet struct {
	*stage
	reports []rollout.Record // what its lane heard

	startingPhase string

	unread func(target string) error // why a child's plan cannot be read now; nil can read every one
}

func newFleet(t *testing.T, children ...rollout.Child) *fleet {
	t.Helper()
	return newFleetOf(t, func(e *env) { workflows.Register(e) }, children...)
}

// newFleetOf runs what register makes of the workflows.
func newFleetOf(t *testing.T, register func(*env), children ...rollout.Child) *fleet {
	t.Helper()
	f := &fleet{stage: &stage{platform: fake.New()}}
	f.plan = plan("v2")
	f.plan.Target.Name, f.plan.CloudRun = "all", nil
	f.plan.Parallel = &rollout.Parallel{Children: children}
	for i := range f.plan.Phases {
		f.plan.Phases[i].Jobs, f.plan.Phases[i].Manifest = nil, ""
	}
	f.env = newEnv(t, rollout.RolloutID("shop", "v2-to-all-0001"), func(e *env) {
		register(e)
		e.RegisterActivity(activities.NewSteps(map[rollout.Runtime]activities.Platform{
			rollout.RuntimeCloudRun: f.platform,
		}, new(fake.Artifacts)))
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
			if f.unread != nil {
				if err := f.unread(r.Child); err != nil {
					return activities.LoadPlanResult{}, activities.Application(err)
				}
			}
			p := plan("v2")
			p.Target.Name, p.OnFailure = r.Child, f.plan.OnFailure
			p.Phases = p.Phases[len(p.Phases)-len(f.plan.Phases):]
			return activities.LoadPlanResult{Plan: p}, nil
		}, activity.RegisterOptions{Name: activities.LoadPlan})
	})
	f.onSignal = func(_, signal string, arg any) error {
		switch m := arg.(type) {
		case rollout.Acquire:
			f.at(time.Second, f.give)
		case rollout.Report:
			f.reports = append(f.reports, m.Record)
		}
		return nil
	}
	return f
}

func three() []rollout.Child {
	return []rollout.Child{{Target: "asia"}, {Target: "eu"}, {Target: "us"}}
}

// child sends a command to a child at d.
func (f *fleet) child(d time.Duration, target, name string, c rollout.Command) {
	f.at(d, func() {
		if err := f.UpdateWorkflowByID(rollout.RolloutID("shop", "v2-to-"+target+"-0001"), name, fmt.Sprint(name, d), &callback{answer: func(err error) {
			if err != nil {
				_, text := activities.Cause(err)
				f.refused = append(f.refused, target+": "+text)
			}
		}}, c); err != nil {
			f.refused = append(f.refused, target+": "+err.Error())
		}
	})
}

// serve makes v1 the recorded stable that serves everywhere.
func (f *fleet) serve() {
	for _, c := range f.plan.Parallel.Children {
		f.platform.Serve(c.Target+"/shop", "shop-v1")
	}
	f.grant.Predecessor = &rollout.Record{Rollout: "v1-to-all-0001", State: rollout.StateSucceeded, Children: map[string]rollout.Record{}}
	for _, c := range f.plan.Parallel.Children {
		f.grant.Predecessor.Children[c.Target] = rollout.Record{
			Rollout: "v1-to-" + c.Target + "-0001", State: rollout.StateSucceeded, Promoted: true, Revision: "shop-v1",
			Mark: rollout.Mark{Split: rollout.Split{{Revision: "shop-v1", Percent: 100}}},
		}
	}
}

func (f *fleet) runFleet(t *testing.T) rollout.Status {
	t.Helper()
	if !f.grant.First {
		f.serve()
	}
	f.at(0, f.give)
	f.ExecuteWorkflow(rollout.WorkflowRollout, rollout.Start{
		Rollout: "v2-to-all-0001", Plan: f.plan, Document: "releases/shop/v2.json", Behavior: rollout.BehaviorNow,
		StartingPhase: f.startingPhase,
	})
	if !f.IsWorkflowCompleted() {
		t.Fatalf("the rollout has not ended: %v", f.GetWorkflowError())
	}
	return f.state(t)
}

// fleetPath is the controller's own path, with the phases of its children. Children that do
// something one after the other are sorted: who is first of two is not decided.
func fleetPath(s rollout.Status) []string {
	var out, children []string
	for _, e := range s.Events {
		if e.Child != nil {
			line := fmt.Sprintf("%s %s %s", e.Child.Target, e.Child.Phase, e.Child.PhaseState)
			if e.Child.State == rollout.StateCancelled {
				line += " CANCELLED"
			}
			children = append(children, line)
			continue
		}
		slices.Sort(children)
		out = append(append(out, strings.Join(children, ", ")), e.String())
		children = nil
	}
	slices.Sort(children)
	return slices.DeleteFunc(append(out, strings.Join(children, ", ")), func(line string) bool { return line == "" })
}

// went is the line of children that come through a phase.
func went(phase string, targets ...string) string {
	var lines []string
	for _, t := range targets {
		lines = append(lines, t+" "+phase+" IN_PROGRESS", t+" "+phase+" SUCCEEDED")
	}
	return strings.Join(lines, ", ")
}

// onward is the rest of a path in which a person advances the targets from canary-25 to the end.
func onward(targets ...string) []string {
	return []string{
		"waits for advance: canary-25 is done; canary-50 gives the release 50%", "canary-50 advanced by ann", went("canary-50", targets...),
		"waits for advance: canary-50 is done; stable gives the release 100%", "stable advanced by ann", went("stable", targets...),
		"ended SUCCEEDED",
	}
}

// serves are the targets' splits at the end.
func (f *fleet) serves() string {
	var out []string
	for _, c := range f.plan.Parallel.Children {
		splits := f.platform.Splits(c.Target + "/shop")
		out = append(out, c.Target+" "+splits[len(splits)-1].String())
	}
	return strings.Join(out, "; ")
}

// newLed is one child whose controller is the test.
func newLed(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, platform: fake.New(), plan: plan("v2")}
	s.env = newEnv(t, rollout.RolloutID("shop", "v2-to-prod-0001"), func(e *env) {
		workflows.Register(e)
		e.RegisterActivity(activities.NewSteps(map[rollout.Runtime]activities.Platform{
			rollout.RuntimeCloudRun: s.platform,
		}, new(fake.Artifacts)))
		e.RegisterActivityWithOptions(func(context.Context, activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
			return activities.LoadPlanResult{Plan: s.plan}, nil
		}, activity.RegisterOptions{Name: activities.LoadPlan})
		s.registerJobs(e)
	})
	s.after()
	return s
}

// lead plays the child to its end.
func (s *stage) lead(t *testing.T) rollout.Status {
	t.Helper()
	g := s.grant
	g.Seq = 1
	s.ExecuteWorkflow(rollout.WorkflowRollout, rollout.Start{
		Rollout: "v2-to-prod-0001", Behavior: rollout.BehaviorNow, Controller: "v2-to-all-0001", Parent: "all", Target: "prod", Grant: &g,
	})
	if !s.IsWorkflowCompleted() {
		t.Fatalf("the child has not ended: %v", s.GetWorkflowError())
	}
	return s.state(t)
}
