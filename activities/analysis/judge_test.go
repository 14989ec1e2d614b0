package analysis

import (
	"math"
	"slices"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func standardJudge() rollout.Judge {
	return rollout.Judge{Confidence: 0.98, Pass: 95, Marginal: 75}
}

// metric has a canary whose values are those of stable, 1 to 10, and by more.
func metric(id string, more float64, c rollout.Compare) Metric {
	return Metric{ID: id, Compare: c, Canary: span(10, 1+more), Stable: span(10, 1)}
}

func TestJudgeOneMetric(t *testing.T) {
	t.Parallel()
	increase := rollout.Compare{Direction: rollout.DirectionIncrease, Effect: 1.25, NoData: rollout.ActionHold}
	with := func(change func(*rollout.Compare)) rollout.Compare {
		c := increase
		change(&c)
		return c
	}
	decrease := with(func(c *rollout.Compare) { c.Direction = rollout.DirectionDecrease })
	either := with(func(c *rollout.Compare) { c.Direction = rollout.DirectionEither })
	zeros := make([]float64, 10)
	nothing := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e301}
	tests := []struct {
		name   string
		metric Metric
		want   rollout.Verdict
		reason string
	}{
		{"no difference", metric("e", 0, increase), rollout.VerdictPass, ""},
		// 7 to 10 tie with one and beat 6 to 9, six beat all: U = 32+60 = 92. Without ties 67 of C(20,10) = 184756
		// choices have as much.
		{"worse", metric("e", 6, increase), rollout.VerdictFail, "rose from 5.5 on stable to 11.5 on the canary (2.09 times): " +
			"p 0.00035, where 0.02 or less fails; shift 6 (3 to 9); 10 and 10 samples"},
		{"better", metric("e", -6, increase), rollout.VerdictPass, ""},
		{"less is worse", metric("e", -6, decrease), rollout.VerdictFail, "fell from 5.5 on stable to -0.5 on the canary: " +
			"p 0.00035, where 0.02 or less fails; shift -6 (-9 to -3); 10 and 10 samples"},
		{"more is better", metric("e", 6, decrease), rollout.VerdictPass, ""},
		{"either way up", metric("e", 6, either), rollout.VerdictFail, "rose from 5.5 on stable to 11.5 on the canary (2.09 times): " +
			"p 0.00035, where 0.01 or less fails; shift 6 (2 to 10); 10 and 10 samples"},
		{"either way down", metric("e", -6, either), rollout.VerdictFail, "fell from 5.5 on stable to -0.5 on the canary: " +
			"p 0.00035, where 0.01 or less fails; shift -6 (-10 to -2); 10 and 10 samples"},
		{"certain and too little to matter", Metric{ID: "e", Compare: increase, Canary: span(60, 1015), Stable: span(60, 1000)}, rollout.VerdictPass, ""},
		{"certain and no effect asked for", Metric{
			ID: "e", Compare: with(func(c *rollout.Compare) { c.Effect = 0 }), Canary: span(60, 1015), Stable: span(60, 1000),
		}, rollout.VerdictFail, "rose from 1.03e+03 on stable to 1.04e+03 on the canary (1.01 times): p 1.8e-05, where 0.02 or less fails; shift 15 (8 to 22); 60 and 60 samples"},
		{"equal and constant", Metric{ID: "e", Compare: increase, Canary: counts(10), Stable: counts(10)}, rollout.VerdictPass, ""},
		{"all zero", Metric{ID: "e", Compare: either, Canary: zeros, Stable: zeros}, rollout.VerdictPass, ""},
		{
			"constant and different",
			Metric{ID: "e", Compare: increase, Canary: counts(0, 4), Stable: counts(4)},
			rollout.VerdictFail,
			"rose from 1 on stable to 2 on the canary (2 times): p 0.014, where 0.02 or less fails; shift 1 (1 to 1); 4 and 4 samples",
		},
		{
			"from zero anything is more",
			Metric{ID: "e", Compare: increase, Canary: counts(10), Stable: zeros},
			rollout.VerdictFail,
			"rose from 0 on stable to 1 on the canary: p 5.4e-06, where 0.02 or less fails; shift 1 (1 to 1); 10 and 10 samples",
		},
		{
			"to zero anything is less",
			Metric{ID: "e", Compare: decrease, Canary: zeros, Stable: counts(10)},
			rollout.VerdictFail,
			"fell from 1 on stable to 0 on the canary: p 5.4e-06, where 0.02 or less fails; shift -1 (-1 to -1); 10 and 10 samples",
		},
		{
			"too few",
			Metric{ID: "e", Compare: increase, Canary: span(3, 100), Stable: span(3, 1)},
			rollout.VerdictInconclusive,
			"no data: the canary has 3 samples and stable 3, and 4 of each are needed",
		},
		{
			"no canary",
			Metric{ID: "e", Compare: increase, Stable: span(60, 1)},
			rollout.VerdictInconclusive,
			"no data: the canary has 0 samples and stable 60, and 4 of each are needed",
		},
		{
			"no stable",
			Metric{ID: "e", Compare: increase, Canary: span(60, 1)},
			rollout.VerdictInconclusive,
			"no data: the canary has 60 samples and stable 0, and 4 of each are needed",
		},
		{
			"no data fails",
			Metric{ID: "e", Compare: with(func(c *rollout.Compare) { c.NoData = rollout.ActionFail })},
			rollout.VerdictFail,
			"no data: the canary has 0 samples and stable 0, and 4 of each are needed",
		},
		{
			"no number is no sample",
			Metric{ID: "e", Compare: increase, Canary: append(span(1, 1), nothing...), Stable: span(60, 1)},
			rollout.VerdictInconclusive, "no data: the canary has 1 samples and stable 60, and 4 of each are needed",
		},
		{
			"unknown direction", metric("e", 6, with(func(c *rollout.Compare) { c.Direction = "up" })), rollout.VerdictInconclusive,
			`direction "up" is none of increase, decrease, either`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := Judge(standardJudge(), []Metric{tt.metric})
			got := all.Metrics[0]
			if got.Verdict != tt.want || got.Reason != tt.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", got.Verdict, got.Reason, tt.want, tt.reason)
			}
			if all.Verdict != tt.want {
				t.Errorf("all is %s, the only metric %s", all.Verdict, tt.want)
			}
		})
	}
}

func TestJudgeScore(t *testing.T) {
	t.Parallel()
	in := func(group string, critical bool) rollout.Compare {
		return rollout.Compare{Direction: rollout.DirectionIncrease, Effect: 1, NoData: rollout.ActionHold, Group: group, Critical: critical}
	}
	good := func(id, group string) Metric { return metric(id, 0, in(group, false)) }
	bad := func(id, group string) Metric { return metric(id, 6, in(group, false)) }
	none := func(id, group string) Metric { return Metric{ID: id, Compare: in(group, false)} }
	rose := "rose from 5.5 on stable to 11.5 on the canary (2.09 times): p 0.00035, where 0.02 or less fails; shift 6 (3 to 9); 10 and 10 samples"
	missing := "no data: the canary has 0 samples and stable 0, and 4 of each are needed"
	weights := map[string]float64{"errors": 60, "latency": 30}
	tests := []struct {
		name    string
		groups  map[string]float64
		metrics []Metric
		want    rollout.Verdict
		score   float64
		scores  []float64
		reason  string
	}{
		{"all pass", nil, []Metric{good("a", ""), good("b", "")}, rollout.VerdictPass, 100, []float64{100, 100}, ""},
		{"half fails", nil, []Metric{good("a", ""), bad("b", "")}, rollout.VerdictFail, 50, []float64{100, 0}, "score 50, below 75: b: " + rose},
		{
			"one of five is marginal", nil,
			[]Metric{good("a", "x"), good("b", "x"), good("c", "x"), good("d", "x"), bad("e", "x")},
			rollout.VerdictInconclusive, 80,
			[]float64{80, 80, 80, 80, 80},
			"score 80, below 95: e: " + rose,
		},
		{ // 60 of 60, 30/2 of 30, and 10 is left for the third
			"weights", weights,
			[]Metric{good("a", "errors"), good("b", "latency"), bad("c", "latency"), good("d", "")},
			rollout.VerdictInconclusive, 85,
			[]float64{100, 50, 50, 100},
			"score 85, below 95: c: " + rose,
		},
		{ // 10 is shared by two
			"rest is shared", weights,
			[]Metric{good("a", "errors"), good("b", "latency"), bad("c", ""), good("d", "")},
			rollout.VerdictPass, 95,
			[]float64{100, 100, 0, 100},
			"",
		},
		{ // latency's 30 are of nobody here: 10 of 70 are lost
			"weights of absent groups", weights,
			[]Metric{good("a", "errors"), bad("c", "")},
			rollout.VerdictInconclusive, 60.0 / 70 * 100,
			[]float64{100, 0},
			"score 85.7, below 95: c: " + rose,
		},
		{"a group without data is not health", nil, []Metric{good("a", ""), none("b", "")}, rollout.VerdictInconclusive, 100, []float64{100, -1}, "b: " + missing},
		{"what has no data counts as nothing", nil, []Metric{good("a", "x"), none("b", "x")}, rollout.VerdictInconclusive, 100, []float64{100, 100}, "b: " + missing},
		{"a failure beside no data", nil, []Metric{bad("a", ""), none("b", "")}, rollout.VerdictFail, 0, []float64{0, -1}, "score 0, below 75: a: " + rose},
		{"only no data", nil, []Metric{none("a", ""), none("b", "")}, rollout.VerdictInconclusive, -1, []float64{-1, -1}, "a: " + missing},
		{"nothing", nil, nil, rollout.VerdictInconclusive, -1, nil, "there is nothing to compare"},
		{
			"critical",
			map[string]float64{"x": 99},
			[]Metric{good("a", "x"), metric("b", 6, in("", true))},
			rollout.VerdictFail, 0,
			[]float64{100, 0},
			"critical b: " + rose,
		},
		{"critical passes", nil, []Metric{good("a", "x"), metric("b", 0, in("", true))}, rollout.VerdictPass, 100, []float64{100, 100}, ""},
		{
			"critical without data", nil,
			[]Metric{good("a", "x"), {ID: "b", Compare: in("", true)}},
			rollout.VerdictInconclusive, 100,
			[]float64{100, -1},
			"b: " + missing,
		},
		{"no weight is no say", map[string]float64{"x": 100}, []Metric{good("a", "x"), bad("b", "y")}, rollout.VerdictPass, 100, []float64{100, 0}, ""},
		{
			"no weight at all",
			map[string]float64{"x": 100},
			[]Metric{good("b", "y")},
			rollout.VerdictInconclusive, -1,
			[]float64{100},
			"no group of these comparisons has a weight",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := standardJudge()
			j.Groups = tt.groups
			got := Judge(j, tt.metrics)
			if got.Verdict != tt.want || got.Reason != tt.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", got.Verdict, got.Reason, tt.want, tt.reason)
			}
			if math.Abs(scored(got.Score, got.Scored)-tt.score) > 1e-9 {
				t.Errorf("score %g (%v), want %g", got.Score, got.Scored, tt.score)
			}
			var scores []float64
			for _, m := range got.Metrics {
				scores = append(scores, scored(m.Score, m.Scored))
			}
			if !slices.Equal(scores, tt.scores) {
				t.Errorf("scores of the groups %v, want %v", scores, tt.scores)
			}
		})
	}
}

// scored is -1 where there is no score.
func scored(score float64, ok bool) float64 {
	if ok {
		return score
	}
	return score - 1
}

func TestJudgeRefusesToJudge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		judge rollout.Judge
		want  string
	}{
		{rollout.Judge{}, "a confidence of 0 is not between 0 and 1"},
		{rollout.Judge{Confidence: 1, Pass: 95}, "a confidence of 1 is not between 0 and 1"},
		{rollout.Judge{Confidence: math.NaN(), Pass: 95}, "a confidence of NaN is not between 0 and 1"},
		{rollout.Judge{Confidence: 0.98}, "a pass score of 0 is not above 0 and at most 100"},
		{rollout.Judge{Confidence: 0.98, Pass: 101}, "a pass score of 101 is not above 0 and at most 100"},
		{rollout.Judge{Confidence: 0.98, Pass: 90, Marginal: 95}, "a marginal score of 95 is not from 0 to 90, the pass score"},
		{
			rollout.Judge{Confidence: 0.98, Pass: 90, Groups: map[string]float64{"a": -1}},
			"the weight -1 of group a is not from 0 to 100",
		},
		{
			rollout.Judge{Confidence: 0.98, Pass: 90, Groups: map[string]float64{"a": 60, "b": 50}},
			"the weights of the groups are 110 together, more than 100",
		},
	}
	for _, tt := range tests {
		got := Judge(tt.judge, []Metric{metric("e", 0, rollout.Compare{Direction: rollout.DirectionIncrease})})
		if got.Verdict != rollout.VerdictInconclusive || got.Reason != tt.want || got.Metrics[0].Reason != tt.want {
			t.Errorf("got %+v, want inconclusive: %s", got, tt.want)
		}
	}
}
