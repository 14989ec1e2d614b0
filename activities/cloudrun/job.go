package cloudrun

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	run "google.golang.org/api/run/v2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// What a job of ours carries besides the pipeline and the rollout. A label may not have a slash.
const (
	annotationPhase   = "serin.dev/phase"
	annotationJob     = "serin.dev/job"
	annotationAttempt = "serin.dev/attempt"
	annotationTask    = "serin.dev/task"
	labelPipeline     = "serin-pipeline"
)

// Limits of a task's timeout: what it is where it has none, and the platform's own.
const (
	taskTimeout    = time.Hour
	maxTaskTimeout = 7 * 24 * time.Hour
)

// jobRun is one run of a task, by the job of its name, which is run once.
type jobRun struct {
	*step // on is the job
	p     *Provider
	t     activities.TaskRun
}

// Run creates the job of t in w's location and runs it once, without retries. A job that is there
// with t's own annotations is that of an earlier call: the execution it has is waited for.
//
// A container that ended with another exit code than 0, by a signal or by its timeout has failed. One
// that never ran, as when its image cannot be pulled, or that somebody cancelled, is inconclusive. The
// job stays, so that whoever asks again finds it, until Stop or until a later run of the
// pipeline, a day after, sweeps it.
//
// Errors: Conflict for a job that is another's; Denied; Invalid for what the platform refuses;
// Transient.
func (p *Provider) Run(ctx context.Context, t activities.TaskRun) (activities.TaskResult, error) {
	r, err := p.openRun(ctx, "run job", t)
	if err != nil {
		return activities.TaskResult{}, err
	}
	job, err := r.ready(ctx)
	if err != nil {
		return activities.TaskResult{}, r.or(ctx, err)
	}
	if gaveUpOn(job) {
		return r.neverRan(why(job.TerminalCondition)), nil
	}
	e, err := r.begun(ctx, job)
	if err != nil {
		return activities.TaskResult{}, r.or(ctx, err)
	}
	if e, err = r.ended(ctx, e); err != nil {
		return activities.TaskResult{}, r.or(ctx, err)
	}
	if e == nil {
		return r.unknown("somebody has deleted its execution"), nil
	}
	res, err := r.result(ctx, e)
	if err != nil {
		return activities.TaskResult{}, r.or(ctx, err)
	}
	if e.StartTime != "" {
		res.Logs = r.read(ctx, e)
	}
	return res, nil
}

// Stop cancels the execution of t and deletes its job. It returns once that is gone. Errors: Conflict
// for a job that is another's; Denied; Transient, also while it is being deleted.
func (p *Provider) Stop(ctx context.Context, t activities.TaskRun) error {
	r, err := p.openRun(ctx, "stop job", t)
	if err != nil {
		return err
	}
	job, err := r.job(ctx)
	if err == nil && job != nil && job.DeleteTime != "" { // by an earlier call, which has not waited for its end
		err = r.fail(rollout.Transient, errors.New("the job is being deleted"))
	}
	if err != nil || job == nil {
		return r.or(ctx, err)
	}
	list, err := r.executions(ctx)
	if err != nil {
		return r.or(ctx, err)
	}
	for _, e := range list {
		if e.CompletionTime != "" {
			continue
		}
		if err := r.cancel(ctx, e); err != nil {
			return r.or(ctx, err)
		}
	}
	return r.or(ctx, r.remove(ctx, r.on))
}

// openRun connects to the location of t.
func (p *Provider) openRun(ctx context.Context, op string, t activities.TaskRun) (*jobRun, error) {
	s := &step{op: op, w: t.Work}
	if err := checkLocation(t.Work.Target.Location); err != nil {
		return nil, s.fail(rollout.Invalid, err)
	}
	c, err := p.client(ctx, t.Work.Target.Endpoint)
	if err != nil {
		return nil, err
	}
	s.api, s.on = c.Projects.Locations, t.Work.Target.Location+"/jobs/"+t.Name()
	return &jobRun{step: s, p: p, t: t}, nil
}

// or is the error of ctx where that has ended: it is why a request did not.
func (r *jobRun) or(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return cmp.Or(ctx.Err(), err)
}

func (r *jobRun) say(format string, args ...any) {
	if r.t.Say != nil {
		r.t.Say(fmt.Sprintf(format, args...))
	}
}

func (r *jobRun) neverRan(why string) activities.TaskResult {
	return activities.TaskResult{
		Verdict: rollout.VerdictInconclusive,
		Reason:  fmt.Sprintf("task %s never ran: %s", r.t.Task.ID, cmp.Or(why, "the platform gives no reason")),
	}
}

// unknown is the result of a container that was not let to its end.
func (r *jobRun) unknown(why string) activities.TaskResult {
	return activities.TaskResult{Verdict: rollout.VerdictInconclusive, Reason: "task " + r.t.Task.ID + ": " + why}
}

// ready returns the job once the platform has made it, or given up on it.
func (r *jobRun) ready(ctx context.Context) (*run.GoogleCloudRunV2Job, error) {
	made := false
	for again := r.p.poll.begin(); ; {
		job, err := r.job(ctx)
		switch {
		case err != nil:
			return nil, err
		case job != nil && job.DeleteTime != "":
			return nil, r.fail(rollout.Transient, errors.New("the job is being deleted"))
		case job != nil && settledJob(job):
			if made {
				r.sweep(ctx)
			}
			return job, nil
		case job == nil && !made:
			if err := r.create(ctx); err != nil {
				return nil, err
			}
			made = true
			continue
		}
		r.say("waiting for job %s to be made", r.t.Name())
		if err := again.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// settledJob reports whether the platform has made a job, or given up on it.
func settledJob(job *run.GoogleCloudRunV2Job) bool { return !job.Reconciling || gaveUpOn(job) }

// gaveUpOn reports whether the platform could not make a job, as when it finds no image.
func gaveUpOn(job *run.GoogleCloudRunV2Job) bool {
	c := job.TerminalCondition
	return c != nil && c.State == stateFailed
}

// job returns it, or nil if it does not exist. One that is not of this very run is a Conflict.
func (r *jobRun) job(ctx context.Context) (*run.GoogleCloudRunV2Job, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := r.api.Jobs.Get(r.on).Context(ctx).Do()
	err = r.failed(err)
	if rollout.KindOf(err) == rollout.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for k, v := range r.annotations() {
		if found.Annotations[k] != v {
			return nil, &rollout.Error{
				Op: "cloudRun: " + r.op, On: r.on, Kind: rollout.Conflict,
				Err: fmt.Errorf("the job exists and its annotation %s is %q, not %q", k, found.Annotations[k], v),
				Fix: "delete it if nobody needs it",
			}
		}
	}
	return found, nil
}

func (r *jobRun) annotations() map[string]string {
	w := r.t.Work
	return map[string]string{
		annotationPipeline: w.Pipeline, annotationRollout: w.Rollout, annotationPhase: w.Phase,
		annotationJob: r.t.Job, annotationAttempt: fmt.Sprint(r.t.Attempt), annotationTask: r.t.Task.ID,
	}
}

// create makes the job. That another call has made it meanwhile is no error.
func (r *jobRun) create(ctx context.Context) error {
	body := r.body()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := r.api.Jobs.Create(r.w.Target.Location, body).JobId(path.Base(r.on)).Context(ctx).Do()
	if err = r.failed(err); rollout.KindOf(err) == rollout.Conflict {
		return nil
	}
	if err == nil && o.Error != nil && rollout.KindOf(ended(r.op, r.on, o.Error)) == rollout.Denied {
		return ended(r.op, r.on, o.Error) // every other end is in the job
	}
	return err
}

// body is the job of t: one task, one container, no retries.
func (r *jobRun) body() *run.GoogleCloudRunV2Job {
	labels := map[string]string{labelPipeline: r.w.Pipeline}
	c := &run.GoogleCloudRunV2Container{Image: r.t.Task.Image, Command: r.t.Task.Command, Args: r.t.Task.Args}
	env := merge(r.t.Task.Env, r.t.Env)
	for _, k := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, &run.GoogleCloudRunV2EnvVar{Name: k, Value: env[k], ForceSendFields: []string{"Value"}})
	}
	return &run.GoogleCloudRunV2Job{
		Annotations: r.annotations(), Labels: labels,
		Template: &run.GoogleCloudRunV2ExecutionTemplate{
			Annotations: r.annotations(), Labels: labels, TaskCount: 1, Parallelism: 1,
			Template: &run.GoogleCloudRunV2TaskTemplate{
				Containers: []*run.GoogleCloudRunV2Container{c}, Timeout: fmt.Sprintf("%.0fs", r.timeout().Seconds()),
				ForceSendFields: []string{"MaxRetries"}, // 0; the platform's default is 3
			},
		},
	}
}

// timeout is how long the container may run, in whole seconds.
func (r *jobRun) timeout() time.Duration {
	d := cmp.Or(r.t.Task.Timeout, taskTimeout)
	return min(max(d.Round(time.Second), time.Second), maxTaskTimeout)
}

// begun returns the job's execution, and runs the job if it has none. It is nil where it had one
// that was deleted.
//
// Of two calls at once the later one is refused, as it has an older etag, where the platform
// enforces that; it is tried again and finds the execution.
func (r *jobRun) begun(ctx context.Context, job *run.GoogleCloudRunV2Job) (*run.GoogleCloudRunV2Execution, error) {
	list, err := r.executions(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		return list[0], nil
	}
	if ref := job.LatestCreatedExecution; ref != nil {
		return r.execution(ctx, r.on+"/executions/"+path.Base(ref.Name))
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := r.api.Jobs.Run(r.on, &run.GoogleCloudRunV2RunJobRequest{Etag: job.Etag}).Context(ctx).Do()
	if err = r.failed(err); err != nil {
		return nil, err
	}
	e := new(run.GoogleCloudRunV2Execution)
	if err := json.Unmarshal(o.Metadata, e); err != nil || e.Name == "" {
		return nil, r.fail(rollout.Transient, errors.New("the answer does not name the execution"))
	}
	return e, nil
}

func (r *jobRun) failed(err error) error {
	err = typed(r.op, r.on, err)
	var e *rollout.Error
	if errors.As(err, &e) && e.Kind == rollout.Denied {
		e.Fix = grantJobs
	}
	return err
}
