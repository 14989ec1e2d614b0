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
}

func newFleet(t *testing.T, children ...rollout.Child) *fleet {
	t.Helper()
	f := &fleet{stage: &stage{platform: fake.New()}}
	f.plan = plan("v2")
	f.plan.Target.Name, f.plan.CloudRun = "all", nil
	f.plan.Parallel = &rollout.Parallel{Children: children}
	for i := range f.plan.Phases {
		f.plan.Phases[i].Jobs, f.plan.Phases[i].Manifest = nil, ""
	}
	f.env = newEnv(t, rollout.RolloutID("shop", "v2-to-all-0001"), func(e *env) {
		workflows.Register(e)
		e.RegisterActivity(activities.NewSteps(map[rollout.Runtime]activities.Platform{
			rollout.RuntimeCloudRun: f.platform,
		}, new(fake.Artifacts)))
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.LoadPlanRequest) (activities.LoadPlanResult, error) {
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

// serves are the targets' splits at the end.
func (f *fleet) serves() string {
	var out []string
	for _, c := range f.plan.Parallel.Children {
		splits := f.platform.Splits(c.Target + "/shop")
		out = append(out, c.Target+" "+splits[len(splits)-1].String())
	}
	return strings.Join(out, "; ")
}

type fleetRow struct {
	name     string
	children []rollout.Child
	setup    func(*fleet)
	want     rollout.State
	path     []string
	refused  []string
	serves   string
}

// TestControllers reads as the specification of a controller and its children.
func TestControllers(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(parallels(), halts(), waves(), budgets(), fleetCancels(), fleetFirsts()) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, row.children...)
			row.setup(f)
			s := f.runFleet(t)
			equal(t, "path", fleetPath(s), row.path)
			equal(t, "refused", f.refused, row.refused)
			if s.State != row.want {
				t.Errorf("state %s, want %s", s.State, row.want)
			}
			if got := f.serves(); got != row.serves {
				t.Errorf("serves %s, want %s", got, row.serves)
			}
		})
	}
}

func parallels() []fleetRow {
	return []fleetRow{
		{
			name: "a person advances all children together", children: three(),
			setup: func(f *fleet) {
				f.advance(1*time.Hour, "canary-50")
				f.advance(2*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%; us shop-v2 100%",
			path: []string{
				"created", "granted",
				went("canary-25", "asia", "eu", "us"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				went("canary-50", "asia", "eu", "us"),
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann",
				went("stable", "asia", "eu", "us"),
				"ended SUCCEEDED",
			},
		},
		{
			name: "what a child does not take, and what a controller does not", children: three()[:1],
			setup: func(f *fleet) {
				f.child(1*time.Hour, "asia", rollout.CommandAdvance, rollout.Command{Phase: "canary-50", Actor: "ann"})
				f.child(1*time.Hour, "asia", rollout.CommandCancel, rollout.Command{Actor: "ann"})
				f.child(1*time.Hour, "asia", rollout.CommandApprove, rollout.Command{Actor: "ann", Digest: "sha256:v2"})
				f.child(1*time.Hour, "asia", rollout.CommandPause, rollout.Command{Actor: "ann"})
				f.command(1*time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobCreateChild})
				f.command(1*time.Hour, rollout.CommandTerminate, rollout.Command{Phase: "canary-25", Job: rollout.JobCreateChild})
				f.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted",
				went("canary-25", "asia"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"cancelling by ann",
				"asia canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
			refused: []string{
				"asia: advance v2-to-asia-0001: it is a child: advance its controller v2-to-all-0001",
				"asia: cancel v2-to-asia-0001: it is a child: cancel its controller v2-to-all-0001",
				"asia: approve v2-to-asia-0001: it is a child: approve its controller v2-to-all-0001",
				"asia: pause v2-to-asia-0001: it is a child: pause its controller v2-to-all-0001",
				"retryJob v2-to-all-0001: it is a controller, and its jobs are its children's: v2-to-asia-0001",
				"terminateJobRun v2-to-all-0001: it is a controller, and its jobs are its children's: v2-to-asia-0001",
			},
		},
		{
			name: "a rollback starts at stable in every child", children: three()[:2],
			setup: func(f *fleet) { f.startingPhase = "stable" },
			want:  rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%",
			path: []string{
				"created", "granted",
				"canary-25 skipped: starts at stable", "canary-50 skipped: starts at stable",
				went("stable", "asia", "eu"),
				"ended SUCCEEDED",
			},
		},
	}
}

// halts: some children come through a phase and others do not.
func halts() []fleetRow {
	retry := rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}
	return []fleetRow{
		{
			name: "one of three fails: HALTED, retried, SUCCEEDED", children: three(),
			setup: func(f *fleet) {
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.advance(1*time.Hour, "canary-50") // refused
				f.at(2*time.Hour, func() { f.platform.FailAt("eu", "v2", "") })
				f.child(3*time.Hour, "eu", rollout.CommandRetryJob, retry)
				f.advance(4*time.Hour, "canary-50")
				f.advance(5*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2-2 100%; us shop-v2 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS, us canary-25 IN_PROGRESS, us canary-25 SUCCEEDED",
				"halted: 1 of 3 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 3 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				went("canary-25", "eu"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				went("canary-50", "asia", "eu", "us"),
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann",
				went("stable", "asia", "eu", "us"),
				"ended SUCCEEDED",
			},
			refused: []string{
				"advance v2-to-all-0001: the rollout is HALTED, not IN_PROGRESS",
			},
		},
		{
			name: "its failed job is ignored", children: three()[:2],
			setup: func(f *fleet) {
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.child(1*time.Hour, "eu", rollout.CommandIgnoreJob, retry)
				f.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 75%, shop-v2 25%; eu shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"halted: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				went("canary-25", "eu"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"cancelling by ann",
				"asia canary-25 SUCCEEDED CANCELLED, eu canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "HALTED and cancelled", children: three()[:2],
			setup: func(f *fleet) {
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann", Restore: true})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 100%; eu shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"halted: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 2 children failed: eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"cancelling: restore by ann",
				"asia canary-25 SUCCEEDED CANCELLED, eu canary-25 FAILED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "all fail: FAILED, the lane is free; a retry takes it again", children: three()[:2],
			setup: func(f *fleet) {
				f.platform.Fail("v2", "it exits with 1")
				f.at(1*time.Hour, func() { f.platform.Fail("v2", "") })
				f.child(2*time.Hour, "eu", rollout.CommandRetryJob, retry)
				f.child(3*time.Hour, "asia", rollout.CommandRetryJob, retry)
				f.command(4*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 75%, shop-v2-2 25%; eu shop-v1 75%, shop-v2-2 25%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"failed: 2 of 2 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release)), eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for lane: asks for its lane again",
				"granted",
				went("canary-25", "eu"),
				"halted: 1 of 2 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 2 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				went("canary-25", "asia"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"cancelling by ann",
				"asia canary-25 SUCCEEDED CANCELLED, eu canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "one fails in stable: FAILED; a newer rollout closes it", children: three()[:2],
			setup: func(f *fleet) {
				f.plan.Phases = f.plan.Phases[2:]
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.at(3*time.Hour, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			},
			want: rollout.StateFailed, serves: "asia shop-v2 100%; eu shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia stable IN_PROGRESS, asia stable SUCCEEDED, eu stable FAILED, eu stable IN_PROGRESS",
				"failed: 1 of 2 children failed: eu (stable: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"ended FAILED: v3-to-all-0001 has started",
			},
		},
	}
}

func waved() []rollout.Child {
	return []rollout.Child{{Target: "asia"}, {Target: "eu", Wave: 1}, {Target: "us", Wave: 1}}
}

// waves: in each phase a wave begins when the one before is done.
func waves() []fleetRow {
	return []fleetRow{
		{
			name: "a wave waits for the one before", children: waved(),
			setup: func(f *fleet) {
				f.advance(2*time.Hour, "canary-50")
				f.advance(3*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%; us shop-v2 100%",
			path: []string{
				"created", "granted",
				went("canary-25", "asia", "eu", "us"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				went("canary-50", "asia", "eu", "us"),
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann",
				went("stable", "asia", "eu", "us"),
				"ended SUCCEEDED",
			},
		},
		{
			name: "no wave begins after one that failed", children: waved(),
			setup: func(f *fleet) {
				f.platform.FailAt("asia", "v2", "it exits with 1")
				f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 100%; eu shop-v1 100%; us shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS",
				"failed: 1 of 3 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"cancelling by ann",
				"asia canary-25 FAILED CANCELLED",
				"ended CANCELLED",
			},
		},
	}
}

// budgets: how many children may fail.
func budgets() []fleetRow {
	of := func(n int) *int { return &n }
	return []fleetRow{
		{
			name: "a failure within the budget holds no wave back", children: waved(),
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget = of(1)
				f.platform.FailAt("asia", "v2", "it exits with 1")
				f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 100%; eu shop-v1 75%, shop-v2 25%; us shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, eu canary-25 IN_PROGRESS, eu canary-25 SUCCEEDED, us canary-25 IN_PROGRESS, us canary-25 SUCCEEDED",
				"halted: 1 of 3 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"waits for person: 1 of 3 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))",
				"cancelling by ann",
				"asia canary-25 FAILED CANCELLED, eu canary-25 SUCCEEDED CANCELLED, us canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
		},
		{
			name: "over the budget: what is not promoted follows its onFailure", children: []rollout.Child{{Target: "asia"}, {Target: "eu"}, {Target: "us", Wave: 1}},
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget = of(0)
				f.at(1*time.Hour-time.Second, func() { f.platform.FailAt("us", "v2", "it exits with 1") })
				f.advance(1*time.Hour, "canary-50")
				f.at(3*time.Hour, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			},
			want: rollout.StateFailed, serves: "asia shop-v1 100%; eu shop-v1 100%; us shop-v1 100%",
			path: []string{
				"created", "granted",
				went("canary-25", "asia", "eu", "us"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				"asia canary-50 FAILED, asia canary-50 IN_PROGRESS, asia canary-50 SUCCEEDED, eu canary-50 FAILED, eu canary-50 IN_PROGRESS, eu canary-50 SUCCEEDED, us canary-50 FAILED, us canary-50 IN_PROGRESS",
				"failed: 3 of 3 children failed: asia (canary-50: the failure budget of v2-to-all-0001 is 0, and 1 of 3 children failed), eu (canary-50: the failure budget of v2-to-all-0001 is 0, and 1 of 3 children failed), us (canary-50: deploy shop-v2 to us: it exits with 1 (mend what it names and retry the job, or make a new release)); the failure budget is 0",
				"ended FAILED: v3-to-all-0001 has started",
			},
		},
		{
			name: "over the budget: jobs that run are terminated, and with hold traffic stays", children: three(),
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget, f.plan.OnFailure = of(0), rollout.OnFailureHold
				f.platform.Hold("v2")
				f.platform.FailAt("us", "v2", "it exits with 1")
				f.at(3*time.Hour, func() { f.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-all-0001"}) })
			},
			want: rollout.StateFailed, serves: "asia shop-v1 100%; eu shop-v1 100%; us shop-v1 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, eu canary-25 FAILED, eu canary-25 IN_PROGRESS, us canary-25 FAILED, us canary-25 IN_PROGRESS",
				"failed: 3 of 3 children failed: asia (canary-25: the failure budget of v2-to-all-0001 is 0, and 1 of 3 children failed), eu (canary-25: the failure budget of v2-to-all-0001 is 0, and 1 of 3 children failed), us (canary-25: deploy shop-v2 to us: it exits with 1 (mend what it names and retry the job, or make a new release)); the failure budget is 0",
				"ended FAILED: v3-to-all-0001 has started",
			},
		},
		{
			name: "a person's retry is not bound by the budget", children: waved()[:2],
			setup: func(f *fleet) {
				f.plan.Parallel.FailureBudget = of(0)
				f.platform.FailAt("eu", "v2", "it exits with 1")
				f.at(1*time.Hour, func() { f.platform.FailAt("eu", "v2", "") })
				for i, target := range []string{"eu", "asia"} {
					f.child(time.Duration(2+i)*time.Hour, target, rollout.CommandRetryJob,
						rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"})
				}
				f.advance(5*time.Hour, "canary-50")
				f.advance(6*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2-2 100%",
			path: []string{
				"created", "granted",
				"asia canary-25 FAILED, asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
				"failed: 2 of 2 children failed: asia (canary-25: the failure budget of v2-to-all-0001 is 0, and 1 of 2 children failed), eu (canary-25: deploy shop-v2 to eu: it exits with 1 (mend what it names and retry the job, or make a new release)); the failure budget is 0",
				"waits for lane: asks for its lane again",
				"granted",
				went("canary-25", "eu"),
				"halted: 1 of 2 children failed: asia (canary-25: the failure budget of v2-to-all-0001 is 0, and 1 of 2 children failed)",
				"waits for person: 1 of 2 children failed: asia (canary-25: the failure budget of v2-to-all-0001 is 0, and 1 of 2 children failed)",
				went("canary-25", "asia"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"canary-50 advanced by ann",
				went("canary-50", "asia", "eu"),
				"waits for advance: canary-50 is done; stable gives the release 100%",
				"stable advanced by ann",
				went("stable", "asia", "eu"),
				"ended SUCCEEDED",
			},
		},
	}
}

func fleetCancels() []fleetRow {
	return []fleetRow{{
		name: "cancel reaches a child whose job runs, and leaves traffic", children: three()[:2],
		setup: func(f *fleet) {
			f.advance(1*time.Hour, "canary-50")
			f.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
		},
		want: rollout.StateCancelled, serves: "asia shop-v1 50%, shop-v2 50%; eu shop-v1 50%, shop-v2 50%",
		path: []string{
			"created",
			"granted",
			went("canary-25", "asia", "eu"),
			"waits for advance: canary-25 is done; canary-50 gives the release 50%",
			"canary-50 advanced by ann",
			went("canary-50", "asia", "eu"),
			"waits for advance: canary-50 is done; stable gives the release 100%",
			"cancelling by ann",
			"asia canary-50 SUCCEEDED CANCELLED, eu canary-50 SUCCEEDED CANCELLED",
			"ended CANCELLED",
		},
	}}
}

// fleetFirsts: where nothing serves, there is nothing to compare with.
func fleetFirsts() []fleetRow {
	return []fleetRow{{
		name: "the first rollout goes to stable by itself", children: three()[:2],
		setup: func(f *fleet) { f.grant.First = true },
		want:  rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%",
		path: []string{
			"created",
			"granted",
			"asia canary-25 IN_PROGRESS, asia canary-50 SKIPPED, asia stable IN_PROGRESS, asia stable SUCCEEDED, eu canary-25 IN_PROGRESS, eu canary-50 SKIPPED, eu stable IN_PROGRESS, eu stable SUCCEEDED",
			"ended SUCCEEDED",
		},
	}}
}

// TestWaves: in each phase no child begins before every child of the wave before is done.
func TestWaves(t *testing.T) {
	t.Parallel()
	var children []rollout.Child
	for i := range 9 {
		children = append(children, rollout.Child{Target: fmt.Sprintf("t%d", i), Wave: i / 3})
	}
	f := newFleet(t, children...)
	f.advance(1*time.Hour, "canary-50")
	f.advance(2*time.Hour, "stable")
	s := f.runFleet(t)
	done, begun := map[string]int{}, 0
	for _, e := range s.Events {
		if e.Child == nil {
			continue
		}
		where := func(wave int) string { return fmt.Sprint(e.Child.Phase, wave) }
		switch e.Child.PhaseState {
		case rollout.PhaseSucceeded:
			done[where(e.Child.Wave)]++
		case rollout.PhaseInProgress:
			if begun++; e.Child.Wave > 0 && done[where(e.Child.Wave-1)] != 3 {
				t.Errorf("%s begins %s when %d children of the wave before are done", e.Child.Target, e.Child.Phase, done[where(e.Child.Wave-1)])
			}
		default:
			t.Errorf("%s: %s", e.Child.Target, e)
		}
	}
	if s.State != rollout.StateSucceeded || begun != 27 {
		t.Errorf("%s, and %d phases of children have begun, want 27", s.State, begun)
	}
}

// TestMaxConcurrent: never do more children work than are allowed to.
func TestMaxConcurrent(t *testing.T) {
	t.Parallel()
	var children []rollout.Child
	for i := range 7 {
		children = append(children, rollout.Child{Target: fmt.Sprintf("t%d", i)})
	}
	f := newFleet(t, children...)
	f.plan.Parallel.MaxConcurrent = 2
	f.advance(1*time.Hour, "canary-50")
	f.advance(2*time.Hour, "stable")
	s := f.runFleet(t)
	working, most := map[string]bool{}, 0
	for _, e := range s.Events {
		if e.Child == nil {
			continue
		}
		working[e.Child.Target] = e.Child.PhaseState == rollout.PhaseInProgress
		n := 0
		for _, w := range working {
			if w {
				n++
			}
		}
		most = max(most, n)
	}
	if s.State != rollout.StateSucceeded || most != 2 {
		t.Errorf("%s, and at most %d children worked at the same time, want 2", s.State, most)
	}
}

// TestWhatALaneHearsOfAController: the record of each child, and for one that has not begun the
// record that was there before.
func TestWhatALaneHearsOfAController(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waved()...)
	f.platform.FailAt("asia", "v2", "it exits with 1")
	f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	f.runFleet(t)
	var states []string
	for _, r := range f.reports {
		states = append(states, string(r.State))
	}
	equal(t, "reports", states, []string{"FAILED", "CANCELLED"})
	last := f.reports[len(f.reports)-1]
	if asia := last.Children["asia"]; asia.Rollout != "v2-to-asia-0001" || asia.Stable != "shop-v1" || asia.State != rollout.StateCancelled {
		t.Errorf("asia: %+v", asia)
	}
	if eu := last.Children["eu"]; eu.Rollout != "v1-to-eu-0001" || !eu.Promoted {
		t.Errorf("eu: %+v", eu)
	}
	if last.Promoted || !last.Moved() {
		t.Errorf("promoted %t, moved %t", last.Promoted, last.Moved())
	}
}
