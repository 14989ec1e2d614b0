package analysis

import (
	"bytes"
	"cmp"
	"context"
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
func (w *watch) end(ctx context.Context) (activities.JobResult, error) {
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
	w.files(ctx, &out)
	return activities.JobResult{Outcome: fit(out)}, nil
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

// files stores the samples, and the words of containers that failed. A verdict does not wait
// long for that: requests may have to go back.
func (w *watch) files(ctx context.Context, out *rollout.Outcome) {
	ctx, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	var series []rollout.Series
	var logs bytes.Buffer
	for _, c := range w.checks {
		if c.spec != nil {
			series = append(series, c.series)
		}
		if len(c.logs) > 0 {
			fmt.Fprintf(&logs, "== %s ==\n%s\n", c.ID, bytes.TrimRight(c.logs, "\n"))
		}
	}
	var err error
	if len(series) > 0 {
		var content []byte
		if content, err = json.Marshal(series); err == nil {
			out.Samples, err = w.o.Artifacts.Put(ctx, content)
		}
	}
	if logs.Len() > 0 && err == nil {
		out.Logs, err = w.o.Artifacts.Put(ctx, logs.Bytes())
	}
	if err != nil && out.Verdict != rollout.VerdictPass {
		out.Reason += "; its samples are not stored: " + err.Error()
	}
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
