package cloudrun

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/internal/google"
	"github.com/serin-dev/serin/rollout"
)

const grantJobs = "grant roles/run.developer to this worker's identity, and roles/iam.serviceAccountUser on the project's default service account, as which jobs run"

// codeDeadline is google.rpc's DEADLINE_EXCEEDED.
const codeDeadline = 4

// sweepAfter is how long a job is kept after its end, and sweepMost how many others one run deletes.
const (
	sweepAfter = 24 * time.Hour
	sweepMost  = 20
)

// executions returns those of the job, oldest first.
func (r *jobRun) executions(ctx context.Context) ([]*run.GoogleCloudRunV2Execution, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var all []*run.GoogleCloudRunV2Execution
	err := r.api.Jobs.Executions.List(r.on).PageSize(100).Pages(ctx, func(page *run.GoogleCloudRunV2ListExecutionsResponse) error {
		all = append(all, page.Executions...)
		return nil
	})
	if err = r.failed(err); err != nil && rollout.KindOf(err) != rollout.NotFound {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b *run.GoogleCloudRunV2Execution) int { return born(a).Compare(born(b)) })
	return all, nil
}

func born(e *run.GoogleCloudRunV2Execution) time.Time { return moment(e.CreateTime) }

// moment is a time of the API; the zero time where there is none.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// execution returns the execution of this name, or nil if it does not exist.
func (r *jobRun) execution(ctx context.Context, name string) (*run.GoogleCloudRunV2Execution, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	e, err := r.api.Jobs.Executions.Get(name).Context(ctx).Do()
	err = r.failed(err)
	if rollout.KindOf(err) == rollout.NotFound {
		return nil, nil
	}
	return e, err
}

// ended returns e once it has ended, nil if it is gone.
func (r *jobRun) ended(ctx context.Context, e *run.GoogleCloudRunV2Execution) (*run.GoogleCloudRunV2Execution, error) {
	for again := r.p.poll.begin(); e != nil && e.CompletionTime == ""; {
		if text := why(completed(e)); text != "" {
			r.say("%s", text)
		} else if e.StartTime == "" {
			r.say("waiting for execution %s to begin", short(e.Name))
		} else {
			r.say("execution %s is running", short(e.Name))
		}
		if err := again.wait(ctx); err != nil {
			return nil, err
		}
		var err error
		if e, err = r.execution(ctx, e.Name); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func completed(e *run.GoogleCloudRunV2Execution) *run.GoogleCloudRunV2Condition {
	for _, c := range e.Conditions {
		if c.Type == "Completed" {
			return c
		}
	}
	return nil
}

// result judges an execution that has ended by what is known of its container.
func (r *jobRun) result(ctx context.Context, e *run.GoogleCloudRunV2Execution) (activities.TaskResult, error) {
	c := completed(e)
	if c == nil {
		c = &run.GoogleCloudRunV2Condition{}
	}
	switch {
	case e.CancelledCount > 0, c.ExecutionReason == "CANCELLED", c.ExecutionReason == "DELETED":
		return r.unknown("somebody has cancelled execution " + short(e.Name)), nil
	case e.SucceededCount > 0 && e.FailedCount == 0:
		return activities.TaskResult{Verdict: rollout.VerdictPass}, nil
	}
	tried, err := r.attempt(ctx, e)
	if err != nil && rollout.KindOf(err) != rollout.Denied { // who may not see tasks has the condition's word
		return activities.TaskResult{}, err
	}
	if how := badly(c, tried); how != "" {
		return activities.TaskResult{Verdict: rollout.VerdictFail, Reason: "task " + r.t.Task.ID + " " + how}, nil
	}
	return r.neverRan(cmp.Or(statusText(tried), why(c))), nil
}

// badly says how a container that ran has ended, "" if it never did.
func badly(c *run.GoogleCloudRunV2Condition, tried *run.GoogleCloudRunV2TaskAttemptResult) string {
	text := cmp.Or(statusText(tried), why(c))
	switch {
	case tried.ExitCode != 0:
		return fmt.Sprintf("exited with %d", tried.ExitCode)
	case tried.TermSignal != 0:
		return fmt.Sprintf("was ended by signal %d: %s", tried.TermSignal, text)
	case tried.Status != nil && tried.Status.Code == codeDeadline:
		return "did not end in time: " + text
	case tried.Status == nil && c.ExecutionReason == "NON_ZERO_EXIT_CODE":
		return "failed: " + text
	default:
		return ""
	}
}

func statusText(a *run.GoogleCloudRunV2TaskAttemptResult) string {
	if a.Status == nil {
		return ""
	}
	return google.Cut(a.Status.Message)
}

// attempt returns how the task of e ended, the zero value where nothing is known.
func (r *jobRun) attempt(ctx context.Context, e *run.GoogleCloudRunV2Execution) (*run.GoogleCloudRunV2TaskAttemptResult, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	none := &run.GoogleCloudRunV2TaskAttemptResult{}
	list, err := r.api.Jobs.Executions.Tasks.List(e.Name).Context(ctx).Do()
	err = r.failed(err)
	if rollout.KindOf(err) == rollout.NotFound {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	for _, t := range list.Tasks {
		if t.LastAttemptResult != nil {
			return t.LastAttemptResult, nil
		}
	}
	return none, nil
}

// cancel ends e. One that has ended, or is gone, is left alone.
func (r *jobRun) cancel(ctx context.Context, e *run.GoogleCloudRunV2Execution) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.api.Jobs.Executions.Cancel(e.Name, &run.GoogleCloudRunV2CancelExecutionRequest{}).Context(ctx).Do()
	err = r.failed(err)
	if kind := rollout.KindOf(err); kind == rollout.NotFound || kind == rollout.Invalid {
		return nil
	}
	return err
}

// remove deletes a job, and returns once it is gone. What is gone already, or on its way, is no error.
func (r *jobRun) remove(ctx context.Context, name string) error {
	o, err := r.delete(ctx, name)
	if err != nil || o == nil {
		return err
	}
	return r.await(ctx, o)
}

// delete begins to delete a job. The operation is nil where it is gone.
func (r *jobRun) delete(ctx context.Context, name string) (*run.GoogleLongrunningOperation, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := r.api.Jobs.Delete(name).Context(ctx).Do()
	err = r.failed(err)
	if rollout.KindOf(err) == rollout.NotFound {
		return nil, nil
	}
	return o, err
}

// sweep deletes jobs of the pipeline that ended more than a day ago: nobody asks for them any more,
// and the platform keeps a thousand. What it cannot do now, a later run does.
func (r *jobRun) sweep(ctx context.Context) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var old []string
	err := r.api.Jobs.List(r.w.Target.Location).PageSize(100).Pages(call, func(page *run.GoogleCloudRunV2ListJobsResponse) error {
		for _, job := range page.Jobs {
			if job.Name != r.on && r.over(job) {
				old = append(old, job.Name)
			}
		}
		return nil
	})
	if err != nil {
		return
	}
	for _, name := range old[:min(len(old), sweepMost)] {
		if _, err := r.delete(ctx, name); err != nil {
			return
		}
	}
}

// over reports whether a job is one of ours that ended, or was never run, more than a day ago.
func (r *jobRun) over(job *run.GoogleCloudRunV2Job) bool {
	ours := strings.HasPrefix(short(job.Name), "serin-") && job.Annotations[annotationPipeline] == r.w.Pipeline &&
		job.Annotations[annotationTask] != "" && job.DeleteTime == ""
	end := moment(job.CreateTime)
	if ref := job.LatestCreatedExecution; ref != nil {
		end = moment(ref.CompletionTime)
	}
	return ours && !end.IsZero() && time.Since(end) > sweepAfter
}
