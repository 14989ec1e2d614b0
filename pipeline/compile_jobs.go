package pipeline

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// The defaults of analyses and of what waits for a person.
const (
	defaultExpiry      = 24 * time.Hour
	defaultUnreachable = 15 * time.Minute
	// outages is how many outages, each as long as it may be, an analysis lasts.
	outages = 3
)

// jobber makes the jobs of a phase of one target.
type jobber struct {
	target   *Target
	extended bool
	promoted bool // the phase is stable
	// rollback are the webhooks that an analysis asks.
	rollback []rollout.Webhook
	// custom is what deploys to a custom target, or nil.
	custom *contract
}

// all lists the jobs of one phase in order of execution, and with the same indices their
// specs. A verify job is listed even where none is configured, as Cloud Deploy does.
func (b jobber) all(j Jobs) ([]rollout.Job, []Spec) {
	var jobs []rollout.Job
	var specs []Spec
	add := func(job rollout.Job, s Spec) {
		jobs, specs = append(jobs, job), append(specs, s)
	}
	if j.Predeploy != nil {
		add(b.job(rollout.JobPredeploy), j.Predeploy.frozen())
	}
	add(b.custom.deploy())
	if j.Verifies() {
		add(b.job(rollout.JobVerify), j.verified())
	} else {
		add(rollout.Job{ID: rollout.JobVerify, Disabled: true}, Spec{})
	}
	if j.Analysis != nil {
		job, spec := b.analysis(j.Analysis)
		add(job, spec)
	}
	if j.Postdeploy != nil {
		add(b.job(rollout.JobPostdeploy), j.Postdeploy.frozen())
	}
	return jobs, specs
}

// job is a job of tasks. One that has found out nothing, such as because an image cannot be
// pulled, fails under Google's version, which has no such verdict.
func (b jobber) job(kind rollout.JobKind) rollout.Job {
	if !b.extended {
		return rollout.Job{ID: kind, OnInconclusive: rollout.ActionFail}
	}
	return rollout.Job{ID: kind, OnInconclusive: rollout.ActionHold, ExpireAfter: defaultExpiry}
}

func (b jobber) analysis(a *Analysis) (rollout.Job, Spec) {
	out := b.watched(a)
	out.Webhooks = b.rollback
	job := b.job(rollout.JobAnalysis)
	job.Timeout = out.Duration + outages*out.UnreachableAfter + time.Hour
	if a.FailAction == string(rollout.ActionHold) {
		job.OnFail = rollout.ActionHold
	}
	job.OnInconclusive = rollout.Action(cmp.Or(a.InconclusiveAction, string(job.OnInconclusive)))
	job.ExpireAfter = 0
	if job.OnFail == rollout.ActionHold || job.OnInconclusive == rollout.ActionHold {
		job.ExpireAfter = a.ExpireAfter.or(defaultExpiry)
	}
	return job, Spec{JobSpec: rollout.JobSpec{Analysis: out}}
}

func (h *Hook) frozen() Spec {
	return Spec{JobSpec: rollout.JobSpec{Tasks: frozenTasks(h.Tasks)}, Actions: h.Actions}
}

func (j Jobs) verified() Spec {
	v := j.verification()
	out := Spec{JobSpec: rollout.JobSpec{Tasks: frozenTasks(v.Tasks)}}
	if j.Verify != nil && j.Verify.Skaffold {
		out.SkaffoldVerify, out.Parallel = true, true
	}
	for _, c := range v.HTTP {
		out.HTTP = append(out.HTTP, c.frozen())
	}
	return out
}

func (c HTTPCheck) frozen() rollout.HTTPCheck {
	return rollout.HTTPCheck{
		ID: c.ID, Method: cmp.Or(c.Method, http.MethodGet), URL: c.URL, Headers: c.Headers, Body: c.Body,
		Status: cmp.Or(c.Status, http.StatusOK), Match: c.Match, Attempts: max(1, c.Attempts),
		Interval: c.Interval.or(time.Second), Timeout: c.Timeout.or(10 * time.Second),
	}
}

func frozenTasks(all []Task) []rollout.Task {
	var out []rollout.Task
	for i, t := range all {
		out = append(out, t.frozen(fmt.Sprintf("task-%d", i+1)))
	}
	return out
}

func (t Task) frozen(id string) rollout.Task {
	c := t.Container
	return rollout.Task{ID: id, Image: c.Image, Command: c.Command, Args: c.Args, Env: c.Env}
}

// watched is a as a spec has it.
func (b jobber) watched(a *Analysis) *rollout.Analysis {
	out := &rollout.Analysis{
		Duration: time.Duration(a.Duration), UnreachableAfter: a.UnreachableAfter.or(defaultUnreachable),
	}
	if a.Prometheus != nil {
		out.Prometheus = b.measured(a.Prometheus, time.Duration(a.Duration))
	}
	if g := a.GoogleCloud; g != nil {
		for _, c := range g.AlertPolicyChecks {
			out.Alerts = append(out.Alerts, rollout.AlertCheck{ID: c.ID, Policies: c.AlertPolicies, Labels: c.Labels})
		}
		for _, c := range g.ErrorReportingChecks {
			out.Errors = append(out.Errors, rollout.ErrorCheck{ID: c.ID, Project: c.Project, Service: c.Service})
		}
	}
	for _, c := range a.CustomChecks {
		out.Custom = append(out.Custom, rollout.TaskCheck{ID: c.ID, Every: c.Every(), Task: c.Task.frozen(c.ID)})
	}
	return out
}

func (b jobber) measured(p *Prometheus, duration time.Duration) *rollout.Prometheus {
	out := &rollout.Prometheus{
		Address: p.Address, Headers: p.Headers, Auth: p.Auth.frozen(), Timeout: p.Timeout.or(10 * time.Second),
	}
	if len(p.groups()) > 0 {
		out.Judge = p.Judge.frozen()
	}
	for _, c := range p.Checks {
		out.Checks = append(out.Checks, rollout.Check{
			ID: c.ID, Query: c.query(b.target, b.promoted), Interval: c.every(), Warmup: time.Duration(c.Warmup),
			Min: (*float64)(c.Min), Max: (*float64)(c.Max), MinSamples: c.needed(duration),
			FailureLimit: c.FailureLimit, ConsecutiveFailureLimit: c.ConsecutiveFailureLimit, Compare: c.compared(),
		})
	}
	return out
}

func (a *MetricsAuth) frozen() *rollout.Auth {
	if a == nil {
		return nil
	}
	out := &rollout.Auth{Google: a.Google}
	if a.Basic != nil {
		out.Username, out.Password = a.Basic.Username, a.Basic.Password.frozen()
	}
	if a.Bearer != nil {
		out.Bearer = a.Bearer.frozen()
	}
	return out
}

// frozen is s as activities resolve it.
func (s SecretReference) frozen() *rollout.Secret { return &rollout.Secret{Env: s.Env, File: s.File} }
