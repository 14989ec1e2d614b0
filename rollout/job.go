package rollout

import (
	"cmp"
	"fmt"
	"time"
)

// JobSpec is what a predeploy, verify, analysis or postdeploy job does. It is a document of the
// artifact store, and Job.Spec its digest: a plan stays small, and no environment variable of
// a task is in a history.
type JobSpec struct {
	Tasks    []Task      `json:"tasks,omitempty"`    // in order; the first that fails ends the job
	Parallel bool        `json:"parallel,omitempty"` // Tasks run at once, as Skaffold's verify containers do
	HTTP     []HTTPCheck `json:"http,omitempty"`     // after Tasks, in order
	Analysis *Analysis   `json:"analysis,omitempty"` // of an analysis job, and then nothing else
	Exchange *Exchange   `json:"exchange,omitempty"` // of Tasks that render for or deploy to a custom target
}

// Longest is how long the tasks may take together: one after another, unless Parallel. 0 is an hour,
// as for one that does not say.
func (s JobSpec) Longest() time.Duration {
	var out time.Duration
	for _, t := range s.Tasks {
		may := cmp.Or(t.Timeout, time.Hour)
		if s.Parallel {
			out = max(out, may)
		} else {
			out += may
		}
	}
	if out == time.Hour {
		return 0
	}
	return out
}

// The requests of an Exchange, by Cloud Deploy's names.
const (
	RequestRender = "RENDER"
	RequestDeploy = "DEPLOY"
)

// Exchange is what containers that render for or deploy to a custom target get besides what every
// task gets, by Cloud Deploy's contract for custom targets. Files go through the artifact store, which
// the containers must reach; they say how it went in results.json.
type Exchange struct {
	Request    string            `json:"request"`              // RequestRender or RequestDeploy
	Canary     bool              `json:"canary,omitempty"`     // the strategy is a canary
	Source     string            `json:"source"`               // digest of the release's packed source
	Input      string            `json:"input,omitempty"`      // of a deploy: Phase.Rendered
	Parameters map[string]string `json:"parameters,omitempty"` // effective deploy parameters
}

// Rendering is what a render container has made for one phase, stored under the name that
// RenderingName gives.
type Rendering struct {
	Manifest string `json:"manifest"` // digest
	Folder   string `json:"folder"`   // in the artifact store: everything that the container has left
}

// Task is one container that runs to its end; exit code 0 is success.
type Task struct {
	ID      string            `json:"id"` // unique in its job: "task-1", or the name that Skaffold's document gives it
	Image   string            `json:"image"`
	Command []string          `json:"command,omitempty"` // replaces the entrypoint
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"` // before what Serin sets itself

	Timeout time.Duration `json:"timeout,omitempty"` // how long it may run, then it fails; 0: as long as its job
}

// HTTPCheck is one request that a worker makes. URL and Body may hold {{.CanaryURL}}, {{.Service}},
// {{.Release}}, {{.Target}} and {{.Phase}}.
type HTTPCheck struct {
	ID       string            `json:"id"`
	Method   string            `json:"method"` // "GET"
	URL      string            `json:"url"`
	Headers  map[string]string `json:"headers,omitempty"`
	Body     string            `json:"body,omitempty"`
	Status   int               `json:"status"`             // expected
	Match    string            `json:"match,omitempty"`    // expression that the response's body must match; "" is any
	Attempts int               `json:"attempts"`           // at least 1
	Interval time.Duration     `json:"interval,omitempty"` // between attempts
	Timeout  time.Duration     `json:"timeout"`            // of one attempt
}

// Action is what a verdict that is not pass does.
type Action string

// The actions.
const (
	ActionFail Action = "fail" // the job fails, and onFailure decides about the traffic
	ActionHold Action = "hold" // the weight stays until a person decides
	ActionPass Action = "pass" // the job succeeds; only of an inconclusive verdict
)

// Verdict is what a check, or a whole job, has found.
type Verdict string

// The verdicts. The zero value is none yet.
const (
	VerdictPass         Verdict = "pass"
	VerdictFail         Verdict = "fail"
	VerdictInconclusive Verdict = "inconclusive" // nothing was found out: not health
)

// Outcome is what a job run has found. It is at most 8 KB; what is longer is in artifacts.
type Outcome struct {
	Verdict Verdict       `json:"verdict"`
	Reason  string        `json:"reason,omitempty"`  // why it is not pass, or what a pass has skipped, in one line
	Checks  []CheckStatus `json:"checks,omitempty"`  // in the order of the spec
	Logs    string        `json:"logs,omitempty"`    // digest of the last lines of each task
	Samples string        `json:"samples,omitempty"` // digest of every sample

	// Unreachable is set of an analysis that has failed because no server has answered for as long as
	// it bears: nothing is known of the release.
	Unreachable bool `json:"unreachable,omitempty"`
}

// CheckStatus is what is known of one task or check.
type CheckStatus struct {
	ID      string   `json:"id"`
	Verdict Verdict  `json:"verdict,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Samples int      `json:"samples,omitempty"` // that had a value
	Failed  int      `json:"failed,omitempty"`  // of them, outside its limits
	Last    *float64 `json:"last,omitempty"`    // the newest value; nil: none yet
	Score   *float64 `json:"score,omitempty"`   // 0 to 100, of a comparison's group
}

// String is one line, such as "errors fail: 9 of 20 samples outside its limits, last 7.5".
func (c CheckStatus) String() string {
	out := c.ID + " " + cmp.Or(string(c.Verdict), "unknown")
	sep := ": "
	add := func(text string) { out, sep = out+sep+text, ", " }
	if c.Samples > 0 && c.Failed > 0 {
		add(fmt.Sprintf("%d of %d samples outside its limits", c.Failed, c.Samples))
	} else if c.Samples > 0 {
		add(fmt.Sprintf("%d samples", c.Samples))
	}
	if c.Last != nil {
		add(fmt.Sprintf("last %.4g", *c.Last))
	}
	if c.Score != nil {
		add(fmt.Sprintf("score %.4g", *c.Score))
	}
	if c.Reason != "" {
		add(c.Reason)
	}
	return out
}

// LogLines is how many of the last lines of a task are kept.
const LogLines = 50
