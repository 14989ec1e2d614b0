package workflows

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// maxOutages is how many outages of its metrics an analysis tells of; then it bears them
	// in silence, so that its history does not grow.
	maxOutages = 3
	// maxCalls is more than such an analysis needs: once it begins, and twice for each outage.
	maxCalls = 1 + 2*maxOutages
)

// job runs one job of the phase, and reports whether what follows it may begin.
func (r *run) job(ctx workflow.Context, ph rollout.Phase, job rollout.Job) bool {
	if job.ID == rollout.JobDeploy && r.in.Plan.Custom == nil {
		return r.deploy(ctx, ph)
	}
	if r.rollsBackBaked(ph, job) {
		r.record(ctx, rollout.Event{
			Kind: rollout.EventSkipped, Phase: ph.ID, Job: job.ID, Note: "what is rolled back to has proved itself before",
		})
		return true
	}
	for {
		again, passed := r.tryJob(ctx, ph, job)
		if !again {
			return passed
		}
	}
}

// tryJob makes one job run and acts on its verdict. Again: a person wants another one.
func (r *run) tryJob(ctx workflow.Context, ph rollout.Phase, job rollout.Job) (again, passed bool) {
	out, err := r.runJob(ctx, ph, job)
	switch {
	case err != nil && r.cancel != nil && job.ID != rollout.JobDeploy: // it says itself what becomes of the traffic
		return false, false
	case r.cancel == nil && r.terminating(ph.ID, job.ID): // whatever it has come to before it heard of that
		r.fail(ctx, terminatedBy(ph.ID, job.ID, out, err))
		return false, false
	case err != nil:
		r.fail(ctx, failureOf(ph.ID, job.ID, err))
		return false, false
	}
	switch action := actionOf(job, out.Verdict); {
	case action == rollout.ActionPass:
		note := ""
		if out.Verdict != rollout.VerdictPass {
			note = reasonOf(out)
		}
		r.succeed(ctx, ph, job, &out, note)
		return false, true
	case action == rollout.ActionHold && r.cancel == nil:
		return r.decide(ctx, ph, job, out)
	case action == rollout.ActionHold:
		return false, false
	}
	r.fail(ctx, failure{phase: ph.ID, job: job.ID, text: reasonOf(out), outcome: &out})
	return false, false
}

// terminating reports whether somebody has ended the latest run of the job.
func (r *run) terminating(phase string, job rollout.JobKind) bool {
	run := r.status.Job(phase, job).Run
	return run != nil && run.State == rollout.RunTerminating
}

func terminatedBy(phase string, job rollout.JobKind, out rollout.Outcome, err error) failure {
	f := failure{phase: phase, job: job, text: "terminated", terminated: true}
	if err == nil {
		f.outcome = &out
	}
	return f
}

// judged makes what is no verdict inconclusive: nothing was found out.
func judged(out rollout.Outcome) rollout.Outcome {
	switch out.Verdict {
	case rollout.VerdictPass, rollout.VerdictFail, rollout.VerdictInconclusive:
	default:
		out.Reason = cmp.Or(out.Reason, fmt.Sprintf("its worker has given no verdict but %q", out.Verdict))
		out.Verdict = rollout.VerdictInconclusive
	}
	return out
}

// actionOf returns what the verdict does.
func actionOf(job rollout.Job, v rollout.Verdict) rollout.Action {
	switch v {
	case rollout.VerdictPass:
		return rollout.ActionPass
	case rollout.VerdictFail:
		return cmp.Or(job.OnFail, rollout.ActionFail)
	case rollout.VerdictInconclusive:
	}
	return cmp.Or(job.OnInconclusive, rollout.ActionHold)
}

func reasonOf(out rollout.Outcome) string {
	return cmp.Or(out.Reason, "its verdict is "+string(out.Verdict))
}

func (r *run) succeed(ctx workflow.Context, ph rollout.Phase, job rollout.Job, out *rollout.Outcome, note string) {
	if job.ID == rollout.JobDeploy {
		r.configured(ctx, ph)
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventJobSucceeded, Phase: ph.ID, Job: job.ID, Outcome: out, Note: note})
	r.repaired(ctx, ph.ID, job.ID)
}

// runJob makes one job run, and stops what it leaves running.
func (r *run) runJob(ctx workflow.Context, ph rollout.Phase, job rollout.Job) (rollout.Outcome, error) {
	req := activities.JobRequest{
		Work: r.work(ph), Job: job.ID, Spec: job.Spec, Attempt: r.nextAttempt(ph.ID, job.ID), URL: r.status.URL,
		Timeout: job.Timeout,
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventJobStarted, Phase: ph.ID, Job: job.ID, Attempt: req.Attempt})
	if job.ID == rollout.JobDeploy {
		r.promotes(ctx, ph)
	}
	o := stepOptions{work: req.Work, summary: fmt.Sprintf("%s: %s", ph.ID, job.ID), budget: job.Timeout, job: true, spec: job.Spec}
	r.running = false
	outages := 0
	for range maxCalls {
		var res activities.JobResult
		err := r.perform(ctx, req, o, &res)
		if job.ID == rollout.JobDeploy {
			return r.deployed(ctx, req, judged(res.Outcome), err)
		}
		if err != nil {
			if !activities.NoWorker(err) {
				r.stopJob(ctx, req)
			}
			return rollout.Outcome{}, err
		}
		if res.Resume == "" || r.terminating(ph.ID, job.ID) {
			return judged(res.Outcome), nil
		}
		if res.Outage != "" && !req.Outage {
			outages++
		}
		r.goOn(ctx, &req, res)
		req.Patient = outages >= maxOutages && !req.Outage
	}
	r.stopJob(ctx, req)
	return rollout.Outcome{}, &rollout.Error{
		Op: "run job", On: fmt.Sprintf("%s of %s", job.ID, ph.ID), Kind: rollout.Failed, Err: errors.New("it never ends"),
		Fix: "run workers of one version",
	}
}

// goOn makes req the next call of an analysis that has a word in between: no server answers,
// and the weight stays as it is, or one does again.
func (r *run) goOn(ctx workflow.Context, req *activities.JobRequest, res activities.JobResult) {
	was := req.Outage
	req.Resume, req.Outage = res.Resume, res.Outage != ""
	switch {
	case req.Outage && !was:
		r.wait(ctx, rollout.Waiting{
			For: rollout.WaitMetrics, Reason: res.Outage, Commands: r.commands(rollout.CommandTerminate, rollout.CommandCancel),
		})
	case was && !req.Outage:
		r.record(ctx, rollout.Event{Kind: rollout.EventResumed, Phase: req.Work.Phase, Job: req.Job, Note: "metrics answer again"})
		if r.isChild() {
			r.report(ctx)
		}
	}
}

// perform runs the job's activity. It can be ended at any time: it moves no traffic. Only what deploys
// to a custom target ends by itself, as every deploy does, unless it is terminated.
func (r *run) perform(ctx workflow.Context, req activities.JobRequest, o stepOptions, res *activities.JobResult) error {
	name := activities.RunJob
	if req.Job == rollout.JobAnalysis {
		name = activities.Analyze
	}
	for {
		actx, stop := workflow.WithCancel(workflow.WithActivityOptions(ctx, r.activityOptions(o, pollerWait)))
		r.stop = stop
		f := workflow.ExecuteActivity(actx, name, req)
		r.publish(ctx)
		// The context is never cancelled.
		_ = workflow.Await(ctx, func() bool { return f.IsReady() || (req.Job != rollout.JobDeploy && r.ending()) })
		if !f.IsReady() {
			stop()
		}
		err := f.Get(ctx, res)
		r.stop = nil
		stop()
		r.begunBy(err)
		if !activities.NoWorker(err) || r.quits(o) || !r.awaitWorker(ctx, o) {
			return err
		}
		if kept := keptBy(err); kept != nil && name == activities.Analyze {
			req.Kept = kept
		}
	}
}

// maxKept bounds what a job run that has lost its worker hands on, in bytes.
const maxKept = 64 << 10

// keptBy returns what a job run had heartbeated for a later attempt that no worker has taken in
// time; nil where it had not, or what cannot be read.
func keptBy(err error) json.RawMessage {
	var timeout *temporal.TimeoutError
	if !errors.As(err, &timeout) || !timeout.HasLastHeartbeatDetails() {
		return nil
	}
	var text string
	var kept json.RawMessage
	if timeout.LastHeartbeatDetails(&text, &kept) != nil || len(kept) > maxKept {
		return nil
	}
	return kept
}

// stopJob ends what a job run has left running. Nothing waits for it but the end of the
// workflow: traffic comes first. An analysis ends the containers of its checks itself.
func (r *run) stopJob(ctx workflow.Context, req activities.JobRequest) {
	if req.Job == rollout.JobAnalysis {
		return
	}
	r.stopping++
	o := stepOptions{summary: fmt.Sprintf("%s: stop %s", req.Work.Phase, req.Job), budget: leaveBudget}
	workflow.GoNamed(ctx, "stop "+string(req.Job), func(ctx workflow.Context) {
		defer func() { r.stopping-- }()
		actx := workflow.WithActivityOptions(ctx, r.activityOptions(o, leaveBudget))
		if err := workflow.ExecuteActivity(actx, activities.StopJob, req).Get(ctx, nil); err != nil {
			_, text := activities.Cause(err)
			workflow.GetLogger(ctx).Warn("stop job", "rollout", r.in.Rollout, "phase", req.Work.Phase, "job", req.Job, "error", text)
		}
	})
}
