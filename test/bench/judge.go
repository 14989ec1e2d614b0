package main

import (
	"context"

	"github.com/serin-dev/serin/activities/analysis"
	"github.com/serin-dev/serin/activities/analysis/judgetest"
	"github.com/serin-dev/serin/rollout"
)

// confidence of the comparisons is the default of a pipeline; so is the effect, 1.
const confidence = 0.98

// judgeRows asks the judge about simulated pairs of versions: how often two that are equal do not pass, and how often
// one that has twice the errors does not.
func judgeRows(context.Context, *programs) ([]row, error) {
	equal, doubled := judgetest.Standard(), judgetest.Standard()
	doubled.Canary = 2 * doubled.Stable
	percent := func(s judgetest.Simulation) float64 { return hundredths(100 * s.Rate(rejects)) }
	return []row{
		{
			Name: "judge.false_alarm_rate", Value: percent(equal), Unit: "%", N: equal.Pairs,
			target: target{limit: hundredths(100 * (1 - confidence)), inclusive: true, count: true},
		},
		{
			Name: "judge.power_at_double_errors", Value: percent(doubled), Unit: "%", N: doubled.Pairs,
			target: target{limit: 99, least: true, count: true},
		},
	}, nil
}

func rejects(canary, stable []float64) bool {
	j := analysis.Judge(rollout.Judge{Confidence: confidence, Pass: 95, Marginal: 75}, []analysis.Metric{{
		ID: "errors", Compare: rollout.Compare{Direction: rollout.DirectionIncrease, Effect: 1, NoData: rollout.ActionHold},
		Canary: canary, Stable: stable,
	}})
	return j.Verdict != rollout.VerdictPass
}
