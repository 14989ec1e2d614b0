package parallel_test

import (
	"slices"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestThreeTargetsOfWhichOneFails: two clusters, one with a worker of its own, and a location of
// Cloud Run, where the new revision does not come up at first. The clusters go on with v2, the
// release is HALTED, what is wrong is mended, the job is retried, and everything ends on v2. No
// request is lost anywhere.
func TestThreeTargetsOfWhichOneFails(t *testing.T) {
	f := open(t)
	f.must(f.World.Run.FailImage(image("v2"), "HEALTH_CHECK_CONTAINER_ERROR", "the container exited with 1"))
	v2 := f.Release("v2", sources("v2"))

	got := f.Until(v2, drive.In(rollout.StateHalted))
	bad := child(t, got, "run")
	if bad.State != rollout.StateFailed || bad.FailedJob != rollout.JobDeploy || !strings.Contains(bad.Failure, "the container exited with 1") || !bad.Restored {
		t.Errorf("run is %+v", bad)
	}
	if got.Waiting == nil || got.Waiting.For != rollout.WaitPerson || !slices.ContainsFunc(got.Waiting.Commands, func(line string) bool {
		return strings.HasPrefix(line, "serin rollout retry-job") && strings.Contains(line, bad.Rollout)
	}) {
		t.Errorf("it waits %+v", got.Waiting)
	}
	f.plans(v2)
	f.answers("run", "v1")
	for target := range f.clusters {
		f.shares(target, map[string]int{"v1": 50, "v2": 50})
	}
	f.refusals(v2, bad.Rollout)

	f.World.Run.HealImage(image("v2"))
	f.Must(f.World.Client.RetryJob(f.Ctx, name, bad.Rollout, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"}))
	f.Until(v2, drive.AsksFor(rollout.StablePhase))
	for target := range f.loads {
		f.shares(target, map[string]int{"v1": 50, "v2": 50})
	}
	f.Advance(v2, rollout.StablePhase)
	got = f.Until(v2, drive.In(rollout.StateSucceeded))
	for target := range f.loads {
		if c := child(t, got, target); c.State != rollout.StateSucceeded || !c.Promoted {
			t.Errorf("%s is %+v", target, c)
		}
		f.answers(target, "v2")
	}
	f.queues(v2)
	f.close()
}

// plans wants the controller to deploy nothing itself, and each child exactly what is for its runtime.
func (f *fleet) plans(controller string) {
	f.T.Helper()
	plan, err := f.World.Client.Plan(f.Ctx, name, controller)
	f.must(err)
	if plan.Parallel == nil || len(plan.Parallel.Children) != 3 || plan.Kubernetes != nil || plan.CloudRun != nil {
		f.T.Errorf("the controller's plan is %+v", plan)
	}
	for target, runtime := range map[string]rollout.Runtime{
		"east": rollout.RuntimeKubernetes, "west": rollout.RuntimeKubernetes, "run": rollout.RuntimeCloudRun,
	} {
		p, err := f.World.Client.Plan(f.Ctx, name, rollout.ChildName(controller, plan.Release, target))
		f.must(err)
		var phases []string
		for _, ph := range p.Phases {
			phases = append(phases, ph.ID)
			f.only(ph.Manifest, runtime)
		}
		if p.Target.Runtime != runtime || (p.Kubernetes != nil) != (runtime == rollout.RuntimeKubernetes) || (p.CloudRun != nil) != (runtime == rollout.RuntimeCloudRun) ||
			!slices.Equal(phases, []string{"canary-50", rollout.StablePhase}) || p.Digest != plan.Digest || p.Target.Name != target {
			f.T.Errorf("the plan for %s is %+v", target, p)
		}
	}
}

// only wants a manifest to have objects of the runtime alone.
func (f *fleet) only(manifest string, runtime rollout.Runtime) {
	f.T.Helper()
	content, err := f.World.Store.Get(f.Ctx, manifest)
	f.must(err)
	if serving := strings.Contains(string(content), "serving.knative.dev"); serving != (runtime == rollout.RuntimeCloudRun) {
		f.T.Errorf("a manifest for %s is\n%s", runtime, content)
	}
	if apps := strings.Contains(string(content), "kind: Deployment"); apps != (runtime == rollout.RuntimeKubernetes) {
		f.T.Errorf("a manifest for %s is\n%s", runtime, content)
	}
}

// refusals: who takes which command.
func (f *fleet) refusals(controller, child string) {
	f.T.Helper()
	job := rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"}
	for _, row := range []struct {
		rollout, command string
		c                rollout.Command
		text             string
	}{
		{controller, rollout.CommandAdvance, rollout.Command{Phase: rollout.StablePhase, Actor: "ann"}, "HALTED, not IN_PROGRESS"},
		{controller, rollout.CommandRetryJob, job, "controller"},
		{controller, rollout.CommandIgnoreJob, job, "controller"},
		{controller, rollout.CommandTerminate, job, "controller"},
		{child, rollout.CommandAdvance, rollout.Command{Phase: rollout.StablePhase, Actor: "ann"}, controller},
		{child, rollout.CommandCancel, rollout.Command{Actor: "ann"}, controller},
	} {
		_, err := f.World.Client.Command(f.Ctx, name, row.rollout, row.command, row.c)
		if rollout.KindOf(err) != rollout.Refused || !strings.Contains(err.Error(), row.text) {
			f.T.Errorf("%s of %s: %v, want a refusal that says %q", row.command, row.rollout, err, row.text)
		}
	}
}

// queues wants every step at west to have gone to the queue of its own worker, and none of the
// others'.
func (f *fleet) queues(controller string) {
	f.T.Helper()
	for target, want := range map[string]string{"east": rollout.DefaultTaskQueue, "west": westQueue, "run": rollout.DefaultTaskQueue} {
		events, err := f.World.History(f.Ctx, rollout.RolloutID(name, rollout.ChildName(controller, "v2", target)))
		f.must(err)
		steps := 0
		for _, e := range events {
			if e.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
				steps++
				if got := e.GetActivityTaskScheduledEventAttributes().GetTaskQueue().GetName(); got != want {
					f.T.Errorf("%s of %s went to %s, want %s", e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName(), target, got, want)
				}
			}
		}
		if steps == 0 {
			f.T.Errorf("%s had no step", target)
		}
	}
}
