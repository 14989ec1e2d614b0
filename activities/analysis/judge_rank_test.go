package analysis

import (
	"math"
	"testing"
)

// span is n values from first on, each one more than the last.
func span(n int, first float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = first + float64(i)
	}
	return out
}

// counts is n values: as many of 1, 2, 3 as it says.
func counts(of ...int) []float64 {
	var out []float64
	for i, n := range of {
		for range n {
			out = append(out, float64(i+1))
		}
	}
	return out
}

// TestJudgeTest compares with what is worked out by hand.
func TestJudgeTest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		canary, stable []float64
		level          float64
		want           *Test
	}{{
		// All of 4*4 pairs: U = 16. Only 1 of C(8,4) = 70 choices of four values has it, p = 1/70 =
		// 0.0142857. P(U<=0) = 1/70 is at most 0.02 and P(U<=1) = 2/70 is not: the bounds are the
		// least difference, 5-4, and the greatest, 8-1. The 16 differences lie evenly around 4.
		name: "apart", canary: span(4, 5), stable: span(4, 1), level: 0.02,
		want: &Test{
			Canary: 4, Stable: 4, CanaryMean: 6.5, StableMean: 2.5,
			U: 16, Greater: 1.0 / 70, Less: 1, Shift: 4, Low: 1, High: 7,
		},
	}, {
		// 2 beats 1; 4 beats 1, 3; 6 beats 1, 3, 5: U = 6. Of the 20 choices 1,1,2,3,3,3,3,2,1,1 have
		// U = 0 to 9: P(U>=6) = (3+2+1+1)/20 = 0.35, P(U<=6) = (20-4)/20 = 0.8. Differences:
		// -3 -1 -1 1 1 1 3 3 5, median 1. P(U<=1) = 0.1: the second of each end, -1 and 3.
		name: "mixed", canary: []float64{2, 4, 6}, stable: []float64{1, 3, 5}, level: 0.1,
		want: &Test{
			Canary: 3, Stable: 3, CanaryMean: 4, StableMean: 3,
			U: 6, Greater: 0.35, Less: 0.8, Shift: 1, Low: -1, High: 3,
		},
	}, {
		// Each 2 beats 1 and ties with two: 1+1/2+1/2 = 2, twice; 3 beats three: U = 7. Of the 20 choices
		// of three among 1,2,2,2,2,3 there are 6 with 3 and without 1: U = 7; 4 with both and 4 with
		// neither: 4.5; 6 with 1 only: 2. P(U>=7) = 6/20. Differences: 0 0 1, 0 0 1, 1 1 2: the median is 1.
		// P(U<=0) = 1/20 without ties: the bounds are 0 and 2.
		name: "ties, exact", canary: []float64{2, 2, 3}, stable: []float64{1, 2, 2}, level: 0.05,
		want: &Test{
			Canary: 3, Stable: 3, CanaryMean: 7.0 / 3, StableMean: 5.0 / 3,
			U: 7, Greater: 0.3, Less: 1, Shift: 1, Low: 0, High: 2,
		},
	}, {
		// U: 40 twos beat 40 ones and tie with 20 twos, 50 each; 20 ones tie with 40 ones, 20 each: 2400.
		// Mean 1800. Ties: 2*(60^3-60)/(120*119) = 30.2437; variance 3600/12*(121-30.2437) = 27226.9,
		// deviation 165.006. Greater: z = (2400-1800-0.5)/165.006 = 3.63321, p = 0.000139960; Less: z =
		// 600.5/165.006, p = 0.999863. Differences: 400 of -1, 1600 of 0, 1600 of 1: the median is 0.
		// Bounds: 1800-0.5-2.05375*sqrt(3600*121/12) = 1408.2: the 1409th of each end, 0 and 1.
		name: "ties, normal", canary: counts(20, 40), stable: counts(40, 20), level: 0.02,
		want: &Test{
			Canary: 60, Stable: 60, CanaryMean: 5.0 / 3, StableMean: 4.0 / 3,
			U: 2400, Greater: 0.000139960042839, Less: 0.999863292702670, Shift: 0, Low: 0, High: 1,
		},
	}, {
		// Value i of the canary, i+15.5, beats min(i+15, 60): 1710 for i up to 45 and 15*60: U = 2610.
		// Deviation sqrt(36300) = 190.526, z = 809.5/190.526 = 4.24877 and 810.5/190.526. The 1409th
		// difference: (60-m)(61-m)/2 are at most 15.5-m, 1431 for m = 7 and 1378 for m = 8.
		name: "normal", canary: span(60, 16.5), stable: span(60, 1), level: 0.02,
		want: &Test{
			Canary: 60, Stable: 60, CanaryMean: 46, StableMean: 30.5,
			U: 2610, Greater: 1.0747223827468637e-05, Less: 0.9999895017556092, Shift: 15.5, Low: 8.5, High: 22.5,
		},
	}, {
		// Five errors in 120 samples, all on the canary: C(60,5)/C(120,5) = 5461512/190578024 = 0.0286576. The
		// normal distribution would say 0.012. U: 5*60, and 55 ties with 60: 300+1650.
		name: "mostly equal", canary: counts(55, 1, 1, 1, 1, 1), stable: counts(60), level: 0.02,
		want: &Test{
			Canary: 60, Stable: 60, CanaryMean: 1.25, StableMean: 1,
			U: 1950, Greater: 5461512.0 / 190578024, Less: 1, Shift: 0, Low: 0, High: 0,
		},
	}, {
		name: "equal and constant", canary: counts(60), stable: counts(60), level: 0.02,
		want: &Test{Canary: 60, Stable: 60, CanaryMean: 1, StableMean: 1, U: 1800, Greater: 1, Less: 1},
	}, {
		// 1 of C(6,3) = 20 choices: 0.05.
		name: "too few", canary: span(3, 5), stable: span(3, 1), level: 0.02,
	}, {
		name: "none", stable: span(60, 1), level: 0.02,
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := newTest(tt.canary, tt.stable, tt.level)
			if got == nil || tt.want == nil {
				if got != tt.want {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
				return
			}
			if !alike(*got, *tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, *tt.want)
			}
		})
	}
}

// alike is up to rounding.
func alike(a, b Test) bool {
	close := func(x, y float64) bool { return math.Abs(x-y) <= rounding*max(1e-6, math.Abs(x)) }
	return a.Canary == b.Canary && a.Stable == b.Stable && close(a.CanaryMean, b.CanaryMean) && close(a.StableMean, b.StableMean) &&
		close(a.U, b.U) && close(a.Greater, b.Greater) && close(a.Less, b.Less) &&
		close(a.Shift, b.Shift) && close(a.Low, b.Low) && close(a.High, b.High)
}

// TestJudgeExactIsNearNormal compares both ways where both are good: 25 and 25 different values.
func TestJudgeExactIsNearNormal(t *testing.T) {
	t.Parallel()
	for u := 200; u <= 450; u += 10 {
		r := untied(25, 25)
		r.u = float64(u)
		exact, _ := r.tails()
		mean, deviation := r.normal()
		normal := math.Erfc((r.u-mean-0.5)/deviation/math.Sqrt2) / 2
		if math.Abs(exact-normal) > 0.002 {
			t.Errorf("U %d: exact p %g, normal %g", u, exact, normal)
		}
	}
}

func TestJudgeSamplesNeeded(t *testing.T) {
	t.Parallel()
	// 1/C(2n,n): 1/2, 1/6, 1/20, 1/70, 1/252, 1/924.
	for level, want := range map[float64]int{0.5: 1, 0.1: 3, 0.05: 3, 0.02: 4, 0.01: 5, 0.0025: 6} {
		if got := needed(level); got != want {
			t.Errorf("at %g: got %d, want %d", level, got, want)
		}
	}
}
