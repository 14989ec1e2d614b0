package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/render"
	"github.com/serin-dev/serin/rollout"
)

// plannedJob is what one job of a phase will do. What its verdicts do, and its limits,
// is in the plan's job of the same id.
type plannedJob struct {
	ID rollout.JobKind `json:"id"`
	// Spec is the job's document, but for what may be a secret: values of environment
	// variables and of headers, and bodies, are "***".
	Spec rollout.JobSpec `json:"spec"`
}

// hidden stands for what a plan does not show.
const hidden = "***"

// renderJobs says what the jobs of a phase do, as far as the files say.
func renderJobs(specs []pipeline.Spec) []render.Job {
	out := make([]render.Job, len(specs))
	for i, s := range specs {
		out[i] = render.Job{JobSpec: s.JobSpec, Verify: s.SkaffoldVerify, Actions: s.Actions}
	}
	return out
}

// plannedJobs shows the jobs that do something besides the deploy of Serin itself, in order.
func plannedJobs(jobs []rollout.Job, specs []render.Spec) []plannedJob {
	var out []plannedJob
	for i, s := range specs {
		if jobs[i].Spec != "" {
			out = append(out, plannedJob{ID: jobs[i].ID, Spec: shown(s.JobSpec)})
		}
	}
	return out
}

// shown is s without what may be a secret.
func shown(s rollout.JobSpec) rollout.JobSpec {
	s.Tasks = slices.Clone(s.Tasks)
	for i := range s.Tasks {
		s.Tasks[i].Env = hide(s.Tasks[i].Env)
	}
	s.HTTP = slices.Clone(s.HTTP)
	for i := range s.HTTP {
		s.HTTP[i].Headers = hide(s.HTTP[i].Headers)
		if s.HTTP[i].Body != "" {
			s.HTTP[i].Body = hidden
		}
	}
	if s.Analysis == nil {
		return s
	}
	a := *s.Analysis
	if a.Prometheus != nil {
		server := *a.Prometheus
		server.Headers = hide(server.Headers)
		a.Prometheus = &server
	}
	a.Custom = slices.Clone(a.Custom)
	for i := range a.Custom {
		a.Custom[i].Task.Env = hide(a.Custom[i].Task.Env)
	}
	a.Webhooks = slices.Clone(a.Webhooks)
	for i := range a.Webhooks {
		a.Webhooks[i].Metadata = hide(a.Webhooks[i].Metadata)
	}
	s.Analysis = &a
	return s
}

func hide(all map[string]string) map[string]string {
	if all == nil {
		return nil
	}
	out := map[string]string{}
	for name := range all {
		out[name] = hidden
	}
	return out
}

// printJobs says what the jobs of each phase do, where they do more than deploy.
func printJobs(w io.Writer, s plannedStage) {
	said := sayings{}
	for i, ph := range s.Phases {
		if len(ph.Jobs) == 0 && ph.Render == nil {
			continue
		}
		row(w)
		row(w, fmt.Sprintf("jobs of %s:", ph.ID))
		if ph.Render != nil {
			lines := slices.Concat([]string{"  render: when the release is made, a failure fails the release"}, describe(*ph.Render))
			said.print(w, ph.ID, lines, ph.renders)
		}
		for _, j := range s.Plan.Phases[i].Jobs {
			if !j.Disabled {
				printJob(w, j, ph, said)
			}
		}
	}
}

// printJob says what j does, unless a phase before has said so.
func printJob(w io.Writer, j rollout.Job, ph plannedPhase, said sayings) {
	i := slices.IndexFunc(ph.Jobs, func(p plannedJob) bool { return p.ID == j.ID })
	if i < 0 {
		row(w, "  "+string(j.ID))
		return
	}
	lines := slices.Concat([]string{fmt.Sprintf("  %s: %s", j.ID, verdicts(j))}, describe(ph.Jobs[i].Spec))
	said.print(w, ph.ID, lines, j.Spec)
}

// sayings are what was said, each with the phase that it was first said of.
type sayings map[string]string

// print says lines of phase, or with which phase they were said. What they hide is the same
// only with the same digest.
func (s sayings) print(w io.Writer, phase string, lines []string, digest string) {
	all := strings.Join(lines, "\n    ")
	if before, ok := s[all+digest]; ok {
		title, _, _ := strings.Cut(all, ":")
		row(w, fmt.Sprintf("%s: as in %s", title, before))
		return
	}
	s[all+digest] = phase
	row(w, all)
}

// verdicts is "a failure fails it, inconclusive holds for 24h".
func verdicts(j rollout.Job) string {
	out := "a failure " + does(j.OnFail, rollout.ActionFail, j.ExpireAfter)
	return out + ", inconclusive " + does(j.OnInconclusive, rollout.ActionHold, j.ExpireAfter)
}

func does(a, byDefault rollout.Action, expire time.Duration) string {
	if a == "" {
		a = byDefault
	}
	switch a {
	case rollout.ActionFail:
		return "fails it"
	case rollout.ActionPass:
		return "passes"
	case rollout.ActionHold:
		if expire > 0 {
			return fmt.Sprintf("holds for %s, then fails it", wait(expire))
		}
		return "holds until somebody decides"
	}
	return string(a)
}

// describe says what s does, a line for each thing.
func describe(s rollout.JobSpec) []string {
	var out []string
	if s.Parallel && len(s.Tasks) > 1 {
		out = append(out, fmt.Sprintf("%d containers at once:", len(s.Tasks)))
	}
	for _, t := range s.Tasks {
		out = append(out, "container "+task(t))
	}
	for _, c := range s.HTTP {
		out = append(out, request(c))
	}
	if s.Analysis != nil {
		out = append(out, watches(*s.Analysis)...)
	}
	return out
}

// task is "smoke: reg.example/smoke:v2 /bin/check --path /health, at most 1m30s".
func task(t rollout.Task) string {
	out := t.ID + ": " + oneLine(strings.Join(slices.Concat([]string{t.Image}, t.Command, t.Args), " "))
	if t.Timeout > 0 {
		out += ", at most " + wait(t.Timeout)
	}
	return out
}

func request(c rollout.HTTPCheck) string {
	out := fmt.Sprintf("request %s: %s %s is answered with %d", c.ID, c.Method, oneLine(c.URL), c.Status)
	if c.Match != "" {
		out += fmt.Sprintf(" and matches %q", c.Match)
	}
	out += " within " + wait(c.Timeout)
	if c.Attempts > 1 {
		out += fmt.Sprintf(", %d attempts %s apart", c.Attempts, wait(c.Interval))
	}
	return out
}
