package analysis

import (
	"fmt"
	"math"
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// largest is the largest value that is judged: the sums and differences of any
// series of them are finite.
const largest = 1e300

// rounding is what two equal numbers may differ by, relative to themselves.
const rounding = 1e-9

// judge compares the series of m.
func (m Metric) judge(confidence float64) MetricJudgment {
	out := MetricJudgment{ID: m.ID, Verdict: rollout.VerdictInconclusive}
	level, rise, fall := 1-confidence, false, false
	switch m.Compare.Direction {
	case rollout.DirectionIncrease:
		rise = true
	case rollout.DirectionDecrease:
		fall = true
	case rollout.DirectionEither:
		rise, fall, level = true, true, level/2
	default:
		out.Reason = fmt.Sprintf("direction %q is none of %s, %s, %s", m.Compare.Direction,
			rollout.DirectionIncrease, rollout.DirectionDecrease, rollout.DirectionEither)
		return out
	}
	canary, stable := numbers(m.Canary), numbers(m.Stable)
	t := newTest(canary, stable, level)
	if t == nil {
		out.Reason = fmt.Sprintf("no data: the canary has %d samples and stable %d, and %d of each are needed",
			len(canary), len(stable), needed(level))
		if m.Compare.NoData == rollout.ActionFail {
			out.Verdict = rollout.VerdictFail
		}
		return out
	}
	out.Test, out.Verdict = t, rollout.VerdictPass
	effect := max(m.Compare.Effect, 1)
	switch {
	case rise && significant(t.Greater, level) && increase(t.CanaryMean, t.StableMean) >= effect:
		out.Verdict, out.Reason = rollout.VerdictFail, t.reason("rose", t.Greater, level)
	case fall && significant(t.Less, level) && increase(t.StableMean, t.CanaryMean) >= effect:
		out.Verdict, out.Reason = rollout.VerdictFail, t.reason("fell", t.Less, level)
	}
	return out
}

func significant(p, level float64) bool { return p <= level*(1+rounding) }

// increase is how many times "from" the mean "to" is: their ratio where both are positive, and where they are not
// 1 plus the difference by the size of from. From 0 any difference is infinite, none is 1. A decrease
// from stable to the canary is the increase from the canary to stable.
func increase(to, from float64) float64 {
	switch {
	case to == from:
		return 1
	case from == 0:
		return math.Inf(1) * math.Copysign(1, to)
	case to > 0 && from > 0:
		return to / from
	default:
		return 1 + (to-from)/math.Abs(from)
	}
}

// reason says why a difference fails, with its numbers.
func (t *Test) reason(verb string, p, level float64) string {
	times := ""
	if ratio := t.CanaryMean / t.StableMean; ratio > 0 && !math.IsInf(ratio, 0) {
		times = fmt.Sprintf(" (%.3g times)", ratio)
	}
	return fmt.Sprintf("%s from %.3g on stable to %.3g on the canary%s: p %.2g, where %.2g or less fails; shift %.3g (%.3g to %.3g); %d and %d samples",
		verb, t.StableMean, t.CanaryMean, times, p, level, t.Shift, t.Low, t.High, t.Stable, t.Canary)
}

// numbers returns the values that can be judged, sorted.
func numbers(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if math.Abs(v) <= largest { // false of NaN
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}
