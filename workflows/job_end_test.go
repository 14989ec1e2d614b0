package workflows_test

import (
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// deaf lets a job's activity end as it does although its cancellation was asked for: it hears of that by a
// heartbeat, up to eight seconds later, and the server takes its result until then.
type deaf struct {
	name string // of the activity
	interceptor.WorkerInterceptorBase
}

func (d *deaf) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &deafIn{interceptor.WorkflowInboundInterceptorBase{Next: next}, d.name}
}

type deafIn struct {
	interceptor.WorkflowInboundInterceptorBase
	name string
}

func (d *deafIn) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return d.Next.Init(&deafOut{interceptor.WorkflowOutboundInterceptorBase{Next: out}, d.name})
}

type deafOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	name string
}

func (d *deafOut) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	if name == d.name {
		ctx, _ = workflow.NewDisconnectedContext(ctx)
	}
	return d.Next.ExecuteActivity(ctx, name, args...)
}

// TestATerminatedJobDoesNotPass: a terminate that was acknowledged fails the job, also where the job
// passes, or has a word in between, before it hears of it.
func TestATerminatedJobDoesNotPass(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		job  rollout.JobKind
		name string
		says answer
	}{
		{rollout.JobVerify, activities.RunJob, passes(10 * time.Minute)},
		{rollout.JobAnalysis, activities.Analyze, lost(10 * time.Minute)},
	} {
		t.Run(string(row.job), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&deaf{name: row.name}}})
			s.after()
			s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
			s.with("canary-25", rollout.Job{ID: row.job})
			s.says(row.job, row.says)
			s.command25(10*time.Minute-5*time.Second, rollout.CommandTerminate, row.job)
			s.cancels(time.Hour)
			s.hears(row.name + " " + string(row.job) + " of canary-25 1")
			equal(t, "path", path(s.run(t)), deployed("canary-25 "+string(row.job)+" started", "canary-25 "+string(row.job)+" terminating by ann",
				"canary-25 "+string(row.job)+" terminated: terminated", restored, "failed", cancelled, ended))
		})
	}
}

// TestAnAnalysisThatHasLostItsWorkerGoesOn: what it had heartbeated is in the timeout of the attempt
// that no worker takes. What is too large, and what a job other than an analysis had, stays behind.
func TestAnAnalysisThatHasLostItsWorkerGoesOn(t *testing.T) {
	t.Parallel()
	away := func(kept any) answer { return answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, kept: kept} }
	type samples struct {
		Seen []int `json:"seen"`
	}
	for _, row := range []struct {
		name string
		job  rollout.JobKind
		says []answer
		want []string // that each call goes on with
	}{
		{
			"it goes on with what there was last", rollout.JobAnalysis,
			[]answer{away(samples{[]int{1, 2}}), away(samples{[]int{1, 2, 3}}), away(nil)},
			[]string{"", `{"seen":[1,2]}`, `{"seen":[1,2,3]}`, `{"seen":[1,2,3]}`},
		},
		{"not with what is older than a word in between", rollout.JobAnalysis, []answer{away(samples{[]int{1}}), lost(0), back(0)}, []string{"", `{"seen":[1]}`, "", ""}},
		{"not with too much", rollout.JobAnalysis, []answer{away(samples{make([]int, 40<<10)})}, []string{"", ""}},
		{"nor does another job", rollout.JobVerify, []answer{away(samples{[]int{1}})}, []string{"", ""}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.after()
			s.with("canary-25", rollout.Job{ID: row.job})
			s.says(row.job, row.says...)
			s.cancels(time.Hour)
			got := path(s.run(t))
			if !slices.Contains(got, "canary-25 "+string(row.job)+" succeeded") {
				t.Errorf("%q", got)
			}
			var kept []string
			for _, w := range s.words.work {
				kept = append(kept, string(w.Kept))
			}
			equal(t, "kept", kept, row.want)
		})
	}
}
