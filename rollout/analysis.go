package rollout

import "time"

// Analysis watches the release for a while. The first check that fails fails it at once; it
// passes only when the whole duration has passed.
type Analysis struct {
	Duration         time.Duration `json:"duration"`
	UnreachableAfter time.Duration `json:"unreachableAfter"` // how long no server may answer before the job fails

	Prometheus *Prometheus  `json:"prometheus,omitempty"`
	Alerts     []AlertCheck `json:"alerts,omitempty"`
	Errors     []ErrorCheck `json:"errors,omitempty"`
	Custom     []TaskCheck  `json:"custom,omitempty"`
	Webhooks   []Webhook    `json:"webhooks,omitempty"` // asked at each interval: rollback
}

// Prometheus is a server and what it is asked.
type Prometheus struct {
	Address string            `json:"address"` // "http://prometheus:9090"
	Headers map[string]string `json:"headers,omitempty"`
	Auth    *Auth             `json:"auth,omitempty"`
	Timeout time.Duration     `json:"timeout"` // of one query
	Checks  []Check           `json:"checks"`
	Judge   *Judge            `json:"judge,omitempty"` // of the checks that compare; nil where none does
}

// Auth says where a worker finds credentials; it never holds one. One of Password, Bearer and
// Google is set.
type Auth struct {
	Username string  `json:"username,omitempty"`
	Password *Secret `json:"password,omitempty"` // basic, together with Username
	Bearer   *Secret `json:"bearer,omitempty"`
	Google   bool    `json:"google,omitempty"` // a token of Application Default Credentials
}

// Secret is a reference: exactly one of its fields is set.
type Secret struct {
	Env  string `json:"env,omitempty"`  // a variable of the worker, whose name begins with SERIN_SECRET_
	File string `json:"file,omitempty"` // a file below the worker's SERIN_SECRETS folder
}

// Check is a query that is asked again and again. Its value must lie from Min to Max.
type Check struct {
	ID       string        `json:"id"`
	Query    string        `json:"query"` // PromQL, with {{.Canary}}, {{.Stable}}, {{.Service}}, {{.Namespace}}, {{.Interval}}; {{regex .Canary}} within =~, {{snake .Service}} with _ for what is no letter or digit
	Interval time.Duration `json:"interval"`
	Warmup   time.Duration `json:"warmup,omitempty"` // nothing is asked before
	Min      *float64      `json:"min,omitempty"`
	Max      *float64      `json:"max,omitempty"`

	FailureLimit            int `json:"failureLimit,omitempty"`            // more failed samples than this fail the check
	ConsecutiveFailureLimit int `json:"consecutiveFailureLimit,omitempty"` // and so do more in a row; 0: off
	MinSamples              int `json:"minSamples"`                        // fewer samples with a value are inconclusive; at least 1

	Compare *Compare `json:"compare,omitempty"` // with stable; nil: only Min and Max decide
}

// The directions of a comparison: which difference is bad.
const (
	DirectionIncrease = "increase"
	DirectionDecrease = "decrease"
	DirectionEither   = "either"
)

// Compare judges the canary's samples by those of stable, once at the end. The query is asked for
// both: for stable {{.Canary}} is the stable revision.
type Compare struct {
	Direction string  `json:"direction"`
	Effect    float64 `json:"effect"`             // the ratio of the means that matters at least, such as 1.25
	Critical  bool    `json:"critical,omitempty"` // if it fails, all fails
	NoData    Action  `json:"noData"`             // fail, or hold: the check counts as nothing, and inconclusive
	Group     string  `json:"group,omitempty"`    // "" is a group of its own name
	Fresh     bool    `json:"fresh,omitempty"`    // with pods of stable that begin with the canary and are as many; Kubernetes only
}

// Judge weighs groups of comparisons.
type Judge struct {
	Confidence float64            `json:"confidence"`       // 0.98
	Pass       float64            `json:"pass"`             // a score from here on passes: 95
	Marginal   float64            `json:"marginal"`         // from here on it is inconclusive, below it fails: 75
	Groups     map[string]float64 `json:"groups,omitempty"` // weights, together at most 100; groups without one share the rest
}

// AlertCheck fails while an alert of its policies is open.
type AlertCheck struct {
	ID       string            `json:"id"`
	Policies []string          `json:"policies"` // "projects/P/alertPolicies/ID"
	Labels   map[string]string `json:"labels,omitempty"`
}

// ErrorCheck fails when Error Reporting first sees an error group on the canary.
type ErrorCheck struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	Service string `json:"service,omitempty"` // "" is the release's
}

// TaskCheck runs a container again and again.
type TaskCheck struct {
	ID    string        `json:"id"`
	Every time.Duration `json:"every"`
	Task  Task          `json:"task"`
}

// Query is one question to a server of metrics.
type Query struct {
	Prometheus Prometheus    `json:"prometheus"`     // without Checks
	Text       string        `json:"text"`           // nothing is left to fill in
	Interval   time.Duration `json:"interval"`       // the same text within it may get the same answer
	After      time.Time     `json:"after,omitzero"` // an answer that was given before is too old
}

// Sample is one value of a check. Found is false where there is none: no series, NaN. That is
// no error, and not zero.
type Sample struct {
	Time  time.Time `json:"time"`
	Value float64   `json:"value"`
	Found bool      `json:"found"`
}

// Series are the samples of one check, in order of time; Stable those of stable where it compares.
type Series struct {
	Check  string   `json:"check"`
	Query  string   `json:"query"` // as it was asked
	Canary []Sample `json:"canary"`
	Stable []Sample `json:"stable,omitempty"`
}
