package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// decide lets a person decide about a verdict: resume runs the job again, with accept it has
// passed. The weight stays meanwhile. Without a decision in time the job fails.
func (r *run) decide(ctx workflow.Context, ph rollout.Phase, job rollout.Job, out rollout.Outcome) (again, passed bool) {
	f := failure{phase: ph.ID, job: job.ID, outcome: &out, text: reasonOf(out)}
	f.terminated = r.askAbout(ctx, ph, job, out)
	switch {
	case r.cancel != nil:
		return false, false
	case f.terminated:
		f.text = "terminated"
	case r.resume == nil && r.giveUp == "":
		f.text += "; nobody has decided within " + briefly(job.ExpireAfter)
	case r.resume != nil && r.resume.Accept:
		r.succeed(ctx, ph, job, &out, "accepted: "+reasonOf(out))
		return false, true
	case r.resume != nil:
		return true, false
	}
	r.fail(ctx, f)
	return false, false
}

// askAbout asks a person about a verdict until somebody answers, or for as long as the job may
// be held. It reports whether somebody has ended the job run.
func (r *run) askAbout(ctx workflow.Context, ph rollout.Phase, job rollout.Job, out rollout.Outcome) (terminated bool) {
	r.record(ctx, rollout.Event{Kind: rollout.EventJudged, Phase: ph.ID, Job: job.ID, Outcome: &out, Note: out.Reason})
	expired := func() bool { return false }
	r.about = subject{phase: ph.ID, job: job.ID}
	w := rollout.Waiting{
		For: rollout.WaitPerson, Reason: fmt.Sprintf("%s of %s is %s: %s", job.ID, ph.ID, out.Verdict, reasonOf(out)),
		Commands: append(r.looks(), r.commandLine(rollout.CommandTerminate)),
	}
	if job.ExpireAfter > 0 {
		w.Until = workflow.Now(ctx).Add(job.ExpireAfter)
		tctx, stop := workflow.WithCancel(ctx)
		defer stop()
		expired = workflow.NewTimerWithOptions(tctx, job.ExpireAfter, workflow.TimerOptions{
			Summary: fmt.Sprintf("%s: nobody decides about %s", ph.ID, job.ID),
		}).IsReady
	}
	r.resume, r.asking, r.stop = nil, true, func() { terminated = true }
	r.spent = r.nextAttempt(ph.ID, job.ID) > maxAttempts
	r.wait(ctx, w)
	r.await(ctx, func() bool { return terminated || r.resume != nil || expired() })
	r.asking, r.stop, r.spent, r.about = false, nil, false, subject{}
	if r.isChild() && !r.ending() {
		r.report(ctx) // it waits no more
	}
	return terminated
}

// subject is what a person is asked about: a job's verdict, a phase that a webhook holds, or with
// neither what serves.
type subject struct {
	phase string
	job   rollout.JobKind
}

func (s subject) String() string {
	switch {
	case s.job != "":
		return fmt.Sprintf("%s of %s", s.job, s.phase)
	case s.phase != "":
		return s.phase
	}
	return "what serves"
}

// answeredBy reports why the resume is no answer about s: it is about something else, or it accepts
// a verdict without saying which. Another one may be asked about since a person has looked.
func (s subject) answeredBy(c rollout.Command) error {
	named := subject{phase: c.Phase, job: c.Job}
	switch {
	case named != (subject{}) && named != s:
		return fmt.Errorf("it is about %s, and a person is asked about %s", named, s)
	case c.Accept && s.job != "" && named != s:
		return fmt.Errorf("phase and job are missing: name the verdict that is accepted, here --phase %s --job %s", s.phase, s.job)
	}
	return nil
}

// looks are the command lines of a person who was asked to look.
func (r *run) looks() []string {
	again := r.commandLine(rollout.CommandResume)
	accept := again + " --accept"
	if r.about.job != "" {
		accept += fmt.Sprintf(" --phase %s --job %s", r.about.phase, r.about.job)
	}
	return []string{again, accept, r.commandLine(rollout.CommandCancel)}
}

// notAgain is the refusal of one more job run.
func notAgain() error {
	return fmt.Errorf("it has had %d attempts: accept what it has found, or cancel", maxAttempts)
}
