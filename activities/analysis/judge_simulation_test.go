package analysis_test

import (
	"testing"

	"github.com/serin-dev/serin/activities/analysis"
	"github.com/serin-dev/serin/activities/analysis/judgetest"
	"github.com/serin-dev/serin/rollout"
)

const confidence = 0.98

// rejects judges error rates, of which any increase matters.
func rejects(canary, stable []float64) bool {
	j := analysis.Judge(rollout.Judge{Confidence: confidence, Pass: 95, Marginal: 75}, []analysis.Metric{{
		ID: "errors", Compare: rollout.Compare{Direction: rollout.DirectionIncrease, Effect: 1, NoData: rollout.ActionHold},
		Canary: canary, Stable: stable,
	}})
	return j.Verdict != rollout.VerdictPass
}

func TestJudgeFalseAlarms(t *testing.T) {
	t.Parallel()
	got, nominal := judgetest.Standard().Rate(rejects), 1-confidence
	t.Logf("%.4f of 10,000 equal pairs do not pass", got)
	if got > nominal {
		t.Errorf("%.4f is above the nominal level %.4f", got, nominal)
	}
}

func TestJudgePower(t *testing.T) {
	t.Parallel()
	for factor, want := range map[float64]float64{1.5: 0.85, 2: 0.99} {
		s := judgetest.Standard()
		s.Pairs, s.Canary = 1000, factor*s.Stable
		got := s.Rate(rejects)
		t.Logf("%.4f of 1,000 canaries with %g times the errors do not pass", got, factor)
		if got < want {
			t.Errorf("%g times the errors: %.4f do not pass, want %g", factor, got, want)
		}
	}
}

// TestJudgeFalseAlarmsOfRareErrors: where most samples are zero the level holds too.
func TestJudgeFalseAlarmsOfRareErrors(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.0001, 0.0005} {
		s := judgetest.Standard()
		s.Pairs, s.Stable, s.Canary = 2000, rate, rate
		if got := s.Rate(rejects); got > 1-confidence {
			t.Errorf("at a rate of %g: %.4f of equal pairs do not pass, want at most %.4f", rate, got, 1-confidence)
		}
	}
}
