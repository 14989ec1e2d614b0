package workflows_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// words is what the jobs and webhooks of a stage answer, and what they were asked.
type words struct {
	mu      sync.Mutex
	answers map[string][]answer
	heard   []string
	work    []activities.JobRequest
	waits   *rollout.Waiting // what a controller has heard of its child last
}

// answer comes after a while of the workflow's own time; one without an end never comes.
type answer struct {
	after  time.Duration
	never  bool
	late   enumspb.TimeoutType // it timed out
	kept   any                 // and had heartbeated this
	result activities.JobResult
	err    error
}

// next returns the next answer to the job or webhook; without one left it is yes, at once.
func (w *words) next(name, line string) answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, line)
	all := w.answers[name]
	if len(all) == 0 {
		return answer{result: activities.JobResult{Outcome: rollout.Outcome{Verdict: rollout.VerdictPass}}}
	}
	w.answers[name] = all[1:]
	return all[0]
}

// job notes a request and answers it.
func (s *stage) job(kind string) func(context.Context, activities.JobRequest) (activities.JobResult, error) {
	return func(ctx context.Context, r activities.JobRequest) (activities.JobResult, error) {
		line := fmt.Sprintf("%s %s of %s %d", kind, r.Job, r.Work.Phase, r.Attempt)
		for word, is := range map[string]bool{" in an outage": r.Outage, " patient": r.Patient} {
			if is {
				line += word
			}
		}
		s.words.mu.Lock()
		s.words.work = append(s.words.work, r)
		s.words.mu.Unlock()
		name := string(r.Job)
		if kind == activities.StopJob {
			name = kind
		}
		a := s.words.next(name, line)
		return s.late(ctx, a)
	}
}

// late lets the answer come when it is due.
func (s *stage) late(ctx context.Context, a answer) (activities.JobResult, error) {
	if a.late != enumspb.TIMEOUT_TYPE_UNSPECIFIED {
		if a.kept != nil {
			return a.result, temporal.NewTimeoutError(a.late, nil, "watches", a.kept)
		}
		return a.result, temporal.NewTimeoutError(a.late, nil)
	}
	if a.after == 0 && !a.never {
		return a.result, activities.Application(a.err)
	}
	token := activity.GetInfo(ctx).TaskToken
	if !a.never {
		s.at(a.after, func() {
			// What has ended meanwhile takes no answer.
			_ = s.CompleteActivity(token, a.result, activities.Application(a.err))
		})
	}
	return activities.JobResult{}, activity.ErrResultPending
}

func (s *stage) registerJobs(e *env) {
	s.words.answers = map[string][]answer{}
	for _, name := range []string{activities.RunJob, activities.Analyze, activities.StopJob} {
		e.RegisterActivityWithOptions(s.job(name), activity.RegisterOptions{Name: name})
	}
	e.RegisterActivityWithOptions(func(ctx context.Context, r activities.WebhookRequest) error {
		_, err := s.late(ctx, s.words.next(r.Webhook.ID, fmt.Sprintf("ask %s about %s at %d%%", r.Webhook.ID, r.Phase, r.Weight)))
		return err
	}, activity.RegisterOptions{Name: activities.AskWebhook})
}

// with adds a job to a phase, in the order of kinds.
func (s *stage) with(phase string, jobs ...rollout.Job) {
	order := []rollout.JobKind{rollout.JobPredeploy, rollout.JobDeploy, rollout.JobVerify, rollout.JobAnalysis, rollout.JobPostdeploy}
	_, i := s.plan.Phase(phase)
	all := map[rollout.JobKind]rollout.Job{rollout.JobDeploy: {ID: rollout.JobDeploy}}
	for _, j := range append(s.plan.Phases[i].Jobs, jobs...) {
		j.Spec = "sha256:spec-" + string(j.ID)
		all[j.ID] = j
	}
	s.plan.Phases[i].Jobs = nil
	for _, id := range order {
		if j, ok := all[id]; ok {
			s.plan.Phases[i].Jobs = append(s.plan.Phases[i].Jobs, j)
		}
	}
}

// says sets what the job, or the webhook, answers, one after another.
func (s *stage) says(name rollout.JobKind, answers ...answer) {
	s.words.answers[string(name)] = append(s.words.answers[string(name)], answers...)
}

func found(v rollout.Verdict, reason string) activities.JobResult {
	return activities.JobResult{Outcome: rollout.Outcome{Verdict: v, Reason: reason}}
}

// passes, fails and unsure are verdicts after a while.
func passes(after time.Duration) answer {
	return answer{after: after, result: found(rollout.VerdictPass, "")}
}

func fails(after time.Duration, reason string) answer {
	return answer{after: after, result: found(rollout.VerdictFail, reason)}
}

func unsure(after time.Duration, reason string) answer {
	return answer{after: after, result: found(rollout.VerdictInconclusive, reason)}
}

// lost and back are the words of an analysis in between.
func lost(after time.Duration) answer {
	return answer{after: after, result: activities.JobResult{Resume: "sha256:progress", Outage: "prometheus:9090 does not answer"}}
}

func back(after time.Duration) answer {
	return answer{after: after, result: activities.JobResult{Resume: "sha256:progress"}}
}

func (s *stage) resumes(d time.Duration) {
	s.command(d, rollout.CommandResume, rollout.Command{Actor: "bob"})
}

// accepts takes the verdict of canary-25's job as passed.
func (s *stage) accepts(d time.Duration, job rollout.JobKind) {
	s.command(d, rollout.CommandResume, rollout.Command{Actor: "bob", Accept: true, Phase: "canary-25", Job: job})
}

func (s *stage) cancels(d time.Duration) {
	s.command(d, rollout.CommandCancel, rollout.Command{Actor: "ann"})
}
