package activities

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// Runner runs containers to their end, near the target. It is an optional ability of a Platform:
// whoever needs it asks whether the Platform is a Runner.
type Runner interface {
	// Run runs t and returns once it has ended. The same TaskRun is the same run: whoever asks
	// again waits for the one that began. What it tells is facts; an error means that it could
	// not look. Once ctx ends it returns, and the container goes on: Stop ends it.
	Run(ctx context.Context, t TaskRun) (TaskResult, error)
	// Stop ends the run of t and takes it away. Nothing there is not an error.
	Stop(ctx context.Context, t TaskRun) error
}

// TaskRun is one run of a container.
type TaskRun struct {
	Work    Work              `json:"work"` // whose Target it runs at
	Job     string            `json:"job"`  // "verify"
	Attempt int               `json:"attempt"`
	Task    rollout.Task      `json:"task"`          // its Timeout 0 is an hour
	Env     map[string]string `json:"env,omitempty"` // what Serin sets, over the task's own
	Say     func(string)      `json:"-"`             // hears how far it is; may be nil
}

// Name is the name of what runs t, the same for the same run: "serin-<12 hex>" of rollout, phase,
// job, attempt and task.
func (t TaskRun) Name() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s/%s/%d/%s", t.Work.Pipeline, t.Work.Rollout, t.Work.Phase, t.Job, t.Attempt, t.Task.ID))
	return fmt.Sprintf("serin-%x", sum[:6])
}

// TaskResult is how a container ended.
type TaskResult struct {
	Verdict rollout.Verdict `json:"verdict"` // inconclusive: it never ran, as when its image cannot be pulled
	Reason  string          `json:"reason,omitempty"`
	Logs    []byte          `json:"-"` // the last rollout.LogLines lines
}

// RunnerOf returns the Runner of w's target, or Unsupported.
func RunnerOf(platforms map[rollout.Runtime]Platform, w Work) (Runner, error) {
	if r, ok := platforms[w.Target.RunsAt()].(Runner); ok {
		return r, nil
	}
	return nil, &rollout.Error{
		Op: "find runner of containers", On: fmt.Sprintf("%q of target %s", w.Target.RunsAt(), w.Target.Name), Kind: rollout.Unsupported,
		Err: errors.New("this worker has none"), Fix: "remove the job's tasks, or run a worker that can",
	}
}

// Analyzer measures.
type Analyzer interface {
	// Measure asks q now. No series and NaN are no error: Found is false. Errors: Invalid for what
	// will not become better, such as a query that the server refuses or more than one series;
	// Denied for credentials; Transient and Unreachable for a server that does not answer.
	Measure(ctx context.Context, q rollout.Query) (rollout.Sample, error)
}

// Names of the activities that activities/jobs and activities/analysis implement, on the
// target's task queue.
const (
	RunJob  = "RunJob"  // JobRequest -> JobResult
	StopJob = "StopJob" // JobRequest -> nothing
	Analyze = "Analyze" // JobRequest -> JobResult

	AskWebhook = "AskWebhook" // WebhookRequest -> nothing

	RenderCustom = "RenderCustom" // RenderRequest -> RenderResult
)

// RenderRequest asks for the Rendering of one phase of a release to a custom target, by containers.
// What is rendered already, under Name, is not rendered again.
type RenderRequest struct {
	Work Work          `json:"work"`           // without a manifest; Rollout names the attempt at the release: a container that failed is not asked again
	Spec string        `json:"spec"`           // digest of the JobSpec, which has an Exchange
	Name string        `json:"name"`           // RenderingName
	Wait time.Duration `json:"wait,omitempty"` // JobSpec.Longest of Spec
}

// RenderResult is how it went. The Rendering itself is in the store: only of a pass.
type RenderResult struct {
	Outcome rollout.Outcome `json:"outcome"`
}

// JobRequest asks for one job run, or for going on with it. The same request is the same run.
type JobRequest struct {
	Work    Work            `json:"work"`
	Job     rollout.JobKind `json:"job"`
	Spec    string          `json:"spec"` // digest of the JobSpec
	Attempt int             `json:"attempt"`
	URL     string          `json:"url,omitempty"`     // where the service answers
	Timeout time.Duration   `json:"timeout,omitempty"` // Job.Timeout: how long each of its tasks may run; 0 is an hour

	// Resume is the digest of the Progress that an Analyze which ended early has left; Outage that
	// it ended because no server answers.
	Resume string `json:"resume,omitempty"`
	Outage bool   `json:"outage,omitempty"`
	// Patient is set where it no longer says so: its history would grow.
	Patient bool `json:"patient,omitempty"`
	// Kept is what a run of an Analyze that lost its worker had heartbeated, as the second detail; at
	// most 64 KB. It is newer than what Resume names.
	Kept json.RawMessage `json:"kept,omitempty"`
}

// JobResult is what a job run has found. Of Analyze it may be a word in between: with Resume set
// the analysis goes on with it.
type JobResult struct {
	Outcome rollout.Outcome `json:"outcome"`
	Resume  string          `json:"resume,omitempty"`
	Outage  string          `json:"outage,omitempty"` // why no server answers; "" again once one does
}

// WebhookRequest asks one webhook once. What it answers instead of a yes is an error that is worth
// another attempt, after the webhook's interval.
type WebhookRequest struct {
	Work    Work            `json:"work"`
	Webhook rollout.Webhook `json:"webhook"`
	Phase   string          `json:"phase"` // that may begin; of a rollback webhook the one that is done
	Weight  rollout.Weight  `json:"weight"`
	// Checksum is Flagger's: the same for the same release, so that a gate can tell one from another.
	Checksum string `json:"checksum"`
}
