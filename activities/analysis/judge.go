package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// Metric is one comparison: what was measured of the canary and of stable over the same time.
// The order of the values says nothing, and values that are no number, infinite or greater
// than 1e300 are left out.
type Metric struct {
	ID      string // unique among the metrics of a judgment
	Compare rollout.Compare
	Canary  []float64
	Stable  []float64
}

// Judgment is what all comparisons say together.
type Judgment struct {
	Verdict rollout.Verdict  `json:"verdict"`
	Reason  string           `json:"reason,omitempty"` // why it is not pass, in one line
	Score   float64          `json:"score"`            // 0 to 100: the weighted mean of its groups
	Scored  bool             `json:"scored"`           // false: no group has data, and Score is 0
	Metrics []MetricJudgment `json:"metrics"`          // in the order they were given
}

// MetricJudgment is what one comparison says. Inconclusive is that it has no data: it counts as
// nothing in the score of its group.
type MetricJudgment struct {
	ID      string          `json:"id"`
	Verdict rollout.Verdict `json:"verdict"`
	Reason  string          `json:"reason,omitempty"` // why it is not pass, in one line
	Score   float64         `json:"score"`            // of its group, 0 to 100: the share that passes
	Scored  bool            `json:"scored"`           // false: its group has no data, and Score is 0
	Test    *Test           `json:"test,omitempty"`   // nil: no data
}

// Judge compares the canary with stable. It is pure, and the order of the values does not matter.
//
// A comparison fails where both hold: the Mann-Whitney U test finds the bad direction at j's
// confidence, and the ratio of the means is at least the effect that matters. A direction that is not
// the bad one passes. DirectionEither shares the level among both sides, so that two equal
// versions fail a comparison with a probability of at most 1 - confidence, whatever its direction. That
// holds for samples that do not depend on each other: a query over a window that is longer than
// its interval counts a request in many samples, and fails equal versions more often. It
// holds for each comparison, not for all of them together.
//
// Series that are equal and constant pass. Where there are fewer samples than the test needs to
// ever reject at this confidence (4 and 4 at 0.98) there is no data: the comparison
// is inconclusive, or fails if its noData says so, and never passes.
//
// The scoring is that of Kayenta's NetflixACAJudge, and so is the test, with these differences:
// ties get no random noise but the distribution that they really have; the shift must differ from 0 and
// not from a quarter of itself, since the effect already says what is too little; no data leaves its
// group without that comparison, and the whole cannot pass then, where Kayenta counts such a group as
// 100, and fails if half of all have none; the ratio is measured from means of any sign.
//
// A configuration that cannot be judged by is inconclusive, with the reason.
func Judge(j rollout.Judge, metrics []Metric) Judgment {
	out := Judgment{Verdict: rollout.VerdictInconclusive, Metrics: make([]MetricJudgment, len(metrics))}
	flaw := flawOf(j)
	for i, m := range metrics {
		if flaw == "" {
			out.Metrics[i] = m.judge(j.Confidence)
		} else {
			out.Metrics[i] = MetricJudgment{ID: m.ID, Verdict: rollout.VerdictInconclusive, Reason: flaw}
		}
	}
	switch {
	case flaw != "":
		out.Reason = flaw
	case len(metrics) == 0:
		out.Reason = "there is nothing to compare"
	default:
		out.score(j, metrics)
		out.decide(j, metrics)
	}
	return out
}

// flawOf says what of j is out of range, or "".
func flawOf(j rollout.Judge) string {
	within := func(v, from, to float64) bool { return v >= from && v <= to } // false of NaN
	switch {
	case !(j.Confidence > 0 && j.Confidence < 1):
		return fmt.Sprintf("a confidence of %g is not between 0 and 1", j.Confidence)
	case !within(j.Pass, 0, 100) || j.Pass == 0:
		return fmt.Sprintf("a pass score of %g is not above 0 and at most 100", j.Pass)
	case !within(j.Marginal, 0, j.Pass):
		return fmt.Sprintf("a marginal score of %g is not from 0 to %g, the pass score", j.Marginal, j.Pass)
	}
	sum := 0.0
	for _, name := range slices.Sorted(maps.Keys(j.Groups)) {
		if !within(j.Groups[name], 0, 100) {
			return fmt.Sprintf("the weight %g of group %s is not from 0 to 100", j.Groups[name], name)
		}
		sum += j.Groups[name]
	}
	if sum > 100+rounding {
		return fmt.Sprintf("the weights of the groups are %g together, more than 100", sum)
	}
	return ""
}

// firsts are the first comparisons that fail, are critical and fail, and have no data, each with
// its reason; "" is none.
func (out *Judgment) firsts(metrics []Metric) (failed, critical, unknown string) {
	for i, m := range out.Metrics {
		text := m.ID + ": " + m.Reason
		switch m.Verdict {
		case rollout.VerdictInconclusive:
			unknown = cmp.Or(unknown, text)
		case rollout.VerdictFail:
			failed = cmp.Or(failed, text)
			if metrics[i].Compare.Critical {
				critical = cmp.Or(critical, text)
			}
		case rollout.VerdictPass:
		}
	}
	return failed, critical, unknown
}

// decide sets the verdict by the score, after a critical comparison that fails.
func (out *Judgment) decide(j rollout.Judge, metrics []Metric) {
	failed, critical, unknown := out.firsts(metrics)
	switch {
	case critical != "":
		out.Verdict, out.Reason, out.Score, out.Scored = rollout.VerdictFail, "critical "+critical, 0, true
	case !out.Scored:
		out.Reason = cmp.Or(unknown, "no group of these comparisons has a weight")
	case out.Score < j.Marginal-rounding:
		out.Verdict, out.Reason = rollout.VerdictFail, fmt.Sprintf("score %.3g, below %g: %s", out.Score, j.Marginal, failed)
	case out.Score < j.Pass-rounding:
		out.Reason = fmt.Sprintf("score %.3g, below %g: %s", out.Score, j.Pass, failed)
	case unknown != "":
		out.Reason = unknown
	default:
		out.Verdict = rollout.VerdictPass
	}
}
