package analysis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	mostReason  = 500     // of a reason, in bytes
	mostOutcome = 8 << 10 // of an Outcome as JSON
)

// end judges. A check that has failed ends everything; else the duration is over, and every check has
// a verdict of its own.
func (w *watch) end() activities.JobResult {
	failed := w.bad() != nil
	out := rollout.Outcome{Verdict: rollout.VerdictPass, Checks: make([]rollout.CheckStatus, len(w.checks))}
	var compared Judgment
	if !failed {
		compared = w.compare()
	}
	var reasons []string
	for i, c := range w.checks {
		s, decides := c.status(failed, compared)
		out.Checks[i] = s
		if decides {
			out.Verdict, reasons = worse(out.Verdict, reasons, s.Verdict, c.ID+": "+s.Reason)
		}
	}
	if compared.Verdict != "" {
		out.Verdict, reasons = worse(out.Verdict, reasons, compared.Verdict, compared.Reason)
	}
	out.Reason = strings.Join(slices.Compact(reasons), "; ")
	out.Unreachable = failed && !slices.ContainsFunc(w.checks, func(c *check) bool { return c.Bad != "" && !c.Unreachable })
	return activities.JobResult{Outcome: out}
}

// status is what is known of c, and whether its verdict decides about the whole: that of a
// comparison is part of the Judgment.
func (c *check) status(failed bool, compared Judgment) (rollout.CheckStatus, bool) {
	s := rollout.CheckStatus{ID: c.ID, Samples: c.Samples, Failed: c.Failed, Last: c.Last}
	judged := slices.IndexFunc(compared.Metrics, func(m MetricJudgment) bool { return m.ID == c.ID })
	if judged >= 0 && compared.Metrics[judged].Scored {
		s.Score = &compared.Metrics[judged].Score
	}
	switch {
	case c.Bad != "":
		s.Verdict, s.Reason = rollout.VerdictFail, c.Bad
	case failed: // cut off: none yet
		return s, false
	case c.Samples < c.need && (judged < 0 || compared.Metrics[judged].Verdict != rollout.VerdictFail):
		s.Verdict = rollout.VerdictInconclusive
		s.Reason = fmt.Sprintf("%d of %d answers had a value, want at least %d", c.Samples, c.Runs, c.need)
	case judged >= 0:
		s.Verdict, s.Reason = compared.Metrics[judged].Verdict, compared.Metrics[judged].Reason
		return s, false
	default:
		s.Verdict = rollout.VerdictPass
		if c.spec == nil && c.Samples < c.Runs {
			s.Reason = fmt.Sprintf("%d of %d questions had no answer", c.Runs-c.Samples, c.Runs)
			if c.why != "" {
				s.Reason += ", the last: " + c.why
			}
		}
	}
	return s, true
}

// worse adds a verdict to the worst so far and the reasons for that one.
func worse(worst rollout.Verdict, reasons []string, v rollout.Verdict, reason string) (rollout.Verdict, []string) {
	switch cmp.Compare(badness(v), badness(worst)) {
	case 1:
		return v, []string{reason}
	case 0:
		if v != rollout.VerdictPass {
			reasons = append(reasons, reason)
		}
	}
	return worst, reasons
}

func badness(v rollout.Verdict) int {
	switch v {
	case rollout.VerdictPass:
		return 0
	case rollout.VerdictInconclusive:
		return 1
	default:
		return 2
	}
}

// compare judges the canary by stable. It is zero where no check compares.
func (w *watch) compare() Judgment {
	var metrics []Metric
	for _, c := range w.checks {
		if c.spec == nil || c.spec.Compare == nil {
			continue
		}
		metrics = append(metrics, Metric{ID: c.ID, Compare: *c.spec.Compare, Canary: values(c.series.Canary), Stable: values(c.series.Stable)})
	}
	if len(metrics) == 0 {
		return Judgment{}
	}
	if w.spec.Prometheus.Judge == nil {
		return Judgment{Verdict: rollout.VerdictInconclusive, Reason: "nothing says how sure the comparisons must be"}
	}
	return Judge(*w.spec.Prometheus.Judge, metrics)
}

func values(samples []rollout.Sample) []float64 {
	var out []float64
	for _, s := range samples {
		if s.Found {
			out = append(out, s.Value)
		}
	}
	return out
}

// fit cuts reasons, and at last checks, until out is small enough for a history.
func fit(out rollout.Outcome) rollout.Outcome {
	out.Reason = cut(out.Reason, mostReason)
	for _, most := range []int{400, 200, 80, 0} {
		for i := range out.Checks {
			out.Checks[i].Reason = cut(out.Checks[i].Reason, most)
		}
		if sizeOf(out) <= mostOutcome {
			return out
		}
	}
	for sizeOf(out) > mostOutcome && len(out.Checks) > 0 {
		out.Checks = out.Checks[:len(out.Checks)-1]
	}
	return out
}

func sizeOf(out rollout.Outcome) int {
	content, err := json.Marshal(out)
	if err != nil {
		return 0
	}
	return len(content)
}

func cut(text string, most int) string {
	const dots = "..."
	switch {
	case len(text) <= most:
		return text
	case most < len(dots):
		return ""
	}
	return strings.ToValidUTF8(text[:most-len(dots)], "") + dots
}
