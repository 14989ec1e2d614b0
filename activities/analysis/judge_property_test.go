package analysis

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/rollout"
)

// series are up to 40 values, many of them equal.
func series() *rapid.Generator[[]float64] {
	return rapid.Custom(func(t *rapid.T) []float64 {
		value := rapid.Map(rapid.IntRange(0, rapid.SampledFrom([]int{0, 1, 3, 20, 1000}).Draw(t, "greatest")), func(i int) float64 { return float64(i) })
		return rapid.SliceOfN(value, 0, 40).Draw(t, "values")
	})
}

func drawMetric(t *rapid.T) Metric {
	return Metric{
		ID: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id"),
		Compare: rollout.Compare{
			Direction: rapid.SampledFrom([]string{rollout.DirectionIncrease, rollout.DirectionDecrease, rollout.DirectionEither}).Draw(t, "direction"),
			Effect:    rapid.SampledFrom([]float64{1, 1.25, 2}).Draw(t, "effect"),
			Critical:  rapid.Bool().Draw(t, "critical"),
			NoData:    rapid.SampledFrom([]rollout.Action{rollout.ActionFail, rollout.ActionHold}).Draw(t, "noData"),
			Group:     rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "group"),
		},
		Canary: series().Draw(t, "canary"), Stable: series().Draw(t, "stable"),
	}
}

func verdict(m Metric) rollout.Verdict { return Judge(standardJudge(), []Metric{m}).Verdict }

// TestJudgeIsSymmetric: a decrease from stable to the canary is an increase from the canary to stable.
func TestJudgeIsSymmetric(t *testing.T) {
	t.Parallel()
	mirror := map[string]string{
		rollout.DirectionIncrease: rollout.DirectionDecrease, rollout.DirectionDecrease: rollout.DirectionIncrease,
		rollout.DirectionEither: rollout.DirectionEither,
	}
	rapid.Check(t, func(t *rapid.T) {
		m := drawMetric(t)
		swapped := m
		swapped.Canary, swapped.Stable, swapped.Compare.Direction = m.Stable, m.Canary, mirror[m.Compare.Direction]
		if got, want := verdict(swapped), verdict(m); got != want {
			t.Fatalf("swapped %s, and %s before", got, want)
		}
		a, b := newTest(numbers(m.Canary), numbers(m.Stable), 0.02), newTest(numbers(m.Stable), numbers(m.Canary), 0.02)
		if a == nil || b == nil {
			if a != b {
				t.Fatalf("data %+v, and swapped %+v", a, b)
			}
			return
		}
		want := Test{
			Canary: b.Stable, Stable: b.Canary, CanaryMean: b.StableMean, StableMean: b.CanaryMean,
			U: float64(b.Canary*b.Stable) - b.U, Greater: b.Less, Less: b.Greater, Shift: -b.Shift, Low: -b.High, High: -b.Low,
		}
		if !alike(*a, want) {
			t.Fatalf("got %+v, want %+v", *a, want)
		}
	})
}

// TestJudgeKnowsNoOrder: neither of the values nor, for the score, of the metrics. Nor does it change what it is given.
func TestJudgeKnowsNoOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		metrics := rapid.SliceOfN(rapid.Custom(drawMetric), 1, 5).Draw(t, "metrics")
		want := Judge(standardJudge(), metrics)
		var shuffled []Metric
		for _, m := range metrics {
			m.Canary = rapid.Permutation(m.Canary).Draw(t, "canary")
			m.Stable = rapid.Permutation(m.Stable).Draw(t, "stable")
			shuffled = append(shuffled, m)
		}
		before := shuffled[0].Canary
		kept := slices.Clone(before)
		if got := Judge(standardJudge(), shuffled); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		if !slices.Equal(before, kept) {
			t.Fatalf("judging has sorted %v", kept)
		}
		slices.Reverse(shuffled)
		if got := Judge(standardJudge(), shuffled); got.Verdict != want.Verdict || math.Abs(got.Score-want.Score) > 1e-9 {
			t.Fatalf("the other way round %+v, want %+v", got, want)
		}
	})
}

// TestJudgeKnowsNoUnit: seconds and milliseconds are judged alike.
func TestJudgeKnowsNoUnit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := drawMetric(t)
		factor := rapid.SampledFrom([]float64{1.0 / 1024, 0.25, 8, 1 << 20}).Draw(t, "factor") // exact
		scaled := m
		scaled.Canary, scaled.Stable = times(m.Canary, factor), times(m.Stable, factor)
		if got, want := verdict(scaled), verdict(m); got != want {
			t.Fatalf("times %g %s, and %s before", factor, got, want)
		}
		a, b := newTest(numbers(m.Canary), numbers(m.Stable), 0.02), newTest(numbers(scaled.Canary), numbers(scaled.Stable), 0.02)
		if a == nil {
			return
		}
		if a.U != b.U || a.Greater != b.Greater || a.Shift*factor != b.Shift || a.Low*factor != b.Low || a.High*factor != b.High {
			t.Fatalf("got %+v, want %g times %+v", *b, factor, *a)
		}
	})
}

func times(values []float64, factor float64) []float64 {
	out := slices.Clone(values)
	for i := range out {
		out[i] *= factor
	}
	return out
}

// TestJudgePassesNothingWithoutData: whatever else there is.
func TestJudgePassesNothingWithoutData(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		metrics := rapid.SliceOfN(rapid.Custom(drawMetric), 0, 4).Draw(t, "metrics")
		empty := drawMetric(t)
		few := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, math.NaN(), math.Inf(1)}), 0, 3).Draw(t, "few")
		if rapid.Bool().Draw(t, "whose") {
			empty.Canary = nil
		} else {
			empty.Canary, empty.Stable = few, few
		}
		at := rapid.IntRange(0, len(metrics)).Draw(t, "at")
		got := Judge(standardJudge(), slices.Insert(metrics, at, empty))
		if got.Verdict == rollout.VerdictPass || got.Metrics[at].Verdict == rollout.VerdictPass {
			t.Fatalf("passed: %+v", got)
		}
	})
}

// TestJudgePassesTheSameSeries: a canary with exactly the values of stable, constant or not.
func TestJudgePassesTheSameSeries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := drawMetric(t)
		m.Stable = rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 5, 40).Draw(t, "values")
		if rapid.Bool().Draw(t, "constant") {
			m.Stable = slices.Repeat(m.Stable[:1], len(m.Stable))
		}
		m.Canary = rapid.Permutation(m.Stable).Draw(t, "canary")
		if got := Judge(standardJudge(), []Metric{m}); got.Verdict != rollout.VerdictPass || got.Metrics[0].Test.Shift != 0 {
			t.Fatalf("got %+v of %+v", got, got.Metrics[0].Test)
		}
	})
}

// TestJudgeShiftIsADifference: the median and the bounds are what sorting all differences finds.
func TestJudgeShiftIsADifference(t *testing.T) {
	t.Parallel()
	values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 12)
	rapid.Check(t, func(t *rapid.T) {
		x, y := numbers(values.Draw(t, "x")), numbers(values.Draw(t, "y"))
		var all []float64
		for _, a := range x {
			for _, b := range y {
				all = append(all, a-b)
			}
		}
		slices.Sort(all)
		n := rapid.IntRange(1, len(all)).Draw(t, "n")
		if got := nthDifference(x, y, n); got != all[n-1] || math.Signbit(got) && got == 0 {
			t.Fatalf("difference %d of %v is %v, want %v", n, all, got, all[n-1])
		}
	})
}

// TestJudgeProbabilitiesAddUp: of both tails one value is counted twice, and all ways together are one.
func TestJudgeProbabilitiesAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rank(numbers(series().Draw(t, "x")), numbers(series().Draw(t, "y")))
		if r.n1 == 0 || r.n2 == 0 || r.steps() > maxSteps {
			t.Skip("no exact distribution")
		}
		d := r.permutations()
		sum, mean, variance := 0.0, 0.0, 0.0
		for i, p := range d.p {
			sum += p
			mean += p * float64(d.first+i) / 2
		}
		for i, p := range d.p {
			variance += p * math.Pow(float64(d.first+i)/2-mean, 2)
		}
		// The tie correction of the normal distribution is this variance.
		wantMean, deviation := r.normal()
		if math.Abs(sum-1) > 1e-9 || math.Abs(mean-wantMean) > 1e-6 || math.Abs(math.Sqrt(variance)-deviation) > 1e-6*max(1, deviation) {
			t.Fatalf("sum %g, mean %g (%g), deviation %g (%g)", sum, mean, wantMean, math.Sqrt(variance), deviation)
		}
	})
}

// TestJudgeWeights: they are 100 together where somebody takes what is left.
func TestJudgeWeights(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 1, 5, rapid.ID).Draw(t, "names")
		given := map[string]float64{}
		for _, name := range names[rapid.IntRange(0, len(names)).Draw(t, "given"):] {
			given[name] = rapid.Float64Range(0, 20).Draw(t, name)
		}
		weights, sum := weigh(given, names), 0.0
		for _, name := range names {
			if w, ok := given[name]; ok && w != weights[name] {
				t.Fatalf("%s was given %g and has %g", name, w, weights[name])
			}
			sum += weights[name]
		}
		if len(given) < len(names) && math.Abs(sum-100) > 1e-9 {
			t.Fatalf("%v are %g together", weights, sum)
		}
	})
}

// TestJudgmentIsJSON: whatever the values, the numbers of a judgment can be written down.
func TestJudgmentIsJSON(t *testing.T) {
	t.Parallel()
	values := rapid.SliceOfN(rapid.Float64(), 0, 60)
	rapid.Check(t, func(t *rapid.T) {
		m := drawMetric(t)
		m.Canary, m.Stable = values.Draw(t, "canary"), values.Draw(t, "stable")
		got := Judge(standardJudge(), []Metric{m})
		if _, err := json.Marshal(got); err != nil {
			t.Fatal(err)
		}
		if (got.Reason == "") != (got.Verdict == rollout.VerdictPass) {
			t.Fatalf("%s because %q", got.Verdict, got.Reason)
		}
	})
}
