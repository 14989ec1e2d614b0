// Package jobs runs what a predeploy, verify or postdeploy job does: containers near the target, and
// requests that the worker makes. It also asks webhooks.
package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// Options are what a worker gives its jobs.
type Options struct {
	Platforms map[rollout.Runtime]activities.Platform // those that are Runners run tasks
	Artifacts activities.Artifacts
	Files     Files            // nil refuses jobs of custom targets
	Client    *http.Client     // nil is one that finds names below localhost; its CheckRedirect is not used
	Hosts     activities.Hosts // where requests may go, besides the service itself
}

// Jobs are the activities RunJob, StopJob, RenderCustom and AskWebhook. They keep nothing between two calls.
type Jobs struct {
	platforms map[rollout.Runtime]activities.Platform
	artifacts activities.Artifacts
	files     Files
	client    *http.Client
	hosts     activities.Hosts
}

// New returns the jobs of a worker.
func New(o Options) *Jobs {
	return &Jobs{platforms: o.Platforms, artifacts: o.Artifacts, files: o.Files, client: within(o.Client), hosts: o.Hosts}
}

// RunJob does what the job's spec says, and returns what it has found: its tasks first, then its
// requests. A request that is repeated finds the tasks that it began. What was found out is a
// Verdict; an error means that nothing was.
func (j *Jobs) RunJob(ctx context.Context, r activities.JobRequest) (activities.JobResult, error) {
	pulse := activities.StartPulse(ctx)
	defer pulse.End()
	out, err := j.run(ctx, r, pulse)
	if err != nil {
		return activities.JobResult{}, activities.Application(err)
	}
	return activities.JobResult{Outcome: out}, nil
}

func (j *Jobs) run(ctx context.Context, r activities.JobRequest, pulse *activities.Pulse) (rollout.Outcome, error) {
	spec, err := j.spec(ctx, r)
	if err != nil {
		return rollout.Outcome{}, err
	}
	if spec.Exchange != nil && spec.Exchange.Request != rollout.RequestDeploy {
		return rollout.Outcome{}, specError(r, rollout.Invalid, fmt.Errorf("it asks containers to %q, and a job can only deploy", spec.Exchange.Request), "")
	}
	rep, err := j.contain(ctx, r, spec, pulse)
	if err != nil {
		return rollout.Outcome{}, err
	}
	checks, err := j.requests(ctx, spec.HTTP, rep.at, turn{pulse: pulse, open: verdictOf(rep.found) == rollout.VerdictPass})
	if err != nil {
		return rollout.Outcome{}, err
	}
	rep.found = append(rep.found, checks...)
	return j.told(ctx, rep)
}

// report is what the tasks of a job have left.
type report struct {
	at    place
	found []rollout.CheckStatus
	logs  []byte

	results results // of an Exchange whose tasks have passed
}

// contain runs the tasks of spec, and reads what those of an Exchange say of themselves.
func (j *Jobs) contain(ctx context.Context, r activities.JobRequest, spec rollout.JobSpec, pulse *activities.Pulse) (report, error) {
	at, err := j.place(ctx, r)
	if err == nil && spec.Exchange != nil {
		at.exchange, err = j.exchange(*spec.Exchange, at)
	}
	if err != nil {
		return report{}, err
	}
	if spec.Exchange != nil {
		pulse.Say(ctx, "begins") // from here on containers may run: whoever ends the run later has to stop them
	}
	rep := report{at: at}
	if rep.found, rep.logs, err = j.tasks(ctx, spec, at, pulse); err != nil {
		return report{}, err
	}
	if spec.Exchange == nil {
		return rep, nil
	}
	return rep, j.judge(ctx, &rep, spec.Exchange.Request)
}

// told is the outcome of a job, whose logs are stored.
func (j *Jobs) told(ctx context.Context, rep report) (rollout.Outcome, error) {
	out := outcome(rep.found)
	if out.Verdict == rollout.VerdictPass && rep.results.Status == statusSkipped {
		out.Reason = cut(rep.results.skipped(), maxReason)
	}
	if len(rep.logs) == 0 {
		return out, nil
	}
	var err error
	if out.Logs, err = j.artifacts.Put(ctx, rep.logs); err != nil {
		return rollout.Outcome{}, err
	}
	return out, nil
}

// StopJob ends the tasks of a job run that was begun, and takes them away.
func (j *Jobs) StopJob(ctx context.Context, r activities.JobRequest) error {
	pulse := activities.StartPulse(ctx)
	defer pulse.End()
	spec, err := j.spec(ctx, r)
	if err != nil || len(spec.Tasks) == 0 {
		return activities.Application(err)
	}
	runner, err := activities.RunnerOf(j.platforms, r.Work)
	if err != nil {
		return activities.Application(err)
	}
	return activities.Application(stop(ctx, runner, runs(spec, place{request: r})))
}

// spec reads what the job does. A field that this worker does not know would be left undone.
func (j *Jobs) spec(ctx context.Context, r activities.JobRequest) (rollout.JobSpec, error) {
	content, err := j.artifacts.Get(ctx, r.Spec)
	if err != nil {
		return rollout.JobSpec{}, fmt.Errorf("read what job %s does: %w", r.Job, err)
	}
	var spec rollout.JobSpec
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&spec); err != nil {
		return spec, specError(r, rollout.Unsupported, err, "update the workers that poll "+r.Work.Target.TaskQueue)
	}
	if spec.Analysis != nil || len(spec.Tasks)+len(spec.HTTP) == 0 {
		return spec, specError(r, rollout.Invalid, errors.New("it has neither tasks nor requests, or it is an analysis"), "")
	}
	if spec.Exchange == nil {
		return spec, nil
	}
	switch {
	case j.files == nil:
		return spec, specError(r, rollout.Unsupported, errors.New("this worker shares no files with containers"), "")
	case len(spec.Tasks) == 0:
		return spec, specError(r, rollout.Invalid, errors.New("it has no task that could render or deploy"), "")
	}
	return spec, nil
}

func specError(r activities.JobRequest, kind rollout.Kind, err error, fix string) error {
	return &rollout.Error{Op: "read what job " + string(r.Job), On: "does, " + r.Spec, Kind: kind, Err: err, Fix: fix}
}
