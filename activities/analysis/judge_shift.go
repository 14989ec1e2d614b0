package analysis

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// untied is the ranking of values that all differ, whose U is 0.
func untied(n1, n2 int) ranking {
	r := ranking{n1: n1, n2: n2, blocks: make([]int, n1+n2)}
	for i := range r.blocks {
		r.blocks[i] = 1
	}
	return r
}

// bound returns which of all n1*n2 differences, counted from the least, bounds the shift from
// below at level, and counted from the greatest from above: the greatest k with a probability of at most level
// that U is less than k. 0 means that no U is significant. It takes no ties into account: with them the
// bounds are further apart than they need to be.
func bound(n1, n2 int, level float64) int {
	if n1 == 0 || n2 == 0 {
		return 0
	}
	if n1+n2 > 2*maxExact {
		mean, deviation := float64(n1)*float64(n2)/2, math.Sqrt(float64(n1)*float64(n2)*float64(n1+n2+1)/12)
		return max(0, int(math.Floor(mean-0.5+deviation*distuv.UnitNormal.Quantile(level)))+1)
	}
	d := untied(n1, n2).permutations()
	k, sum := 0, 0.0
	for i := -d.first; i < len(d.p); i += 2 { // 2U is even without ties
		if sum += d.p[i]; !significant(sum, level) {
			break
		}
		k++
	}
	return k
}

// maxExact is how long two equally long series are at most whose bounds are exact.
const maxExact = 25

// needed is how many samples of each series have data at level.
func needed(level float64) int {
	for n := 1; n < 10*maxExact; n++ {
		if bound(n, n, level) > 0 {
			return n
		}
	}
	return 10 * maxExact
}

// median returns the median of all differences x-y of two sorted series.
func median(x, y []float64) float64 {
	n := len(x) * len(y)
	lower := nthDifference(x, y, (n+1)/2)
	if n%2 == 1 {
		return lower
	}
	return lower + (nthDifference(x, y, n/2+1)-lower)/2
}

// nthDifference returns the nth least, from 1, of all differences x-y of two sorted series. It
// halves the range of numbers in which it lies, at most 64 times: the differences themselves would
// be millions for an analysis of some hours.
func nthDifference(x, y []float64, n int) float64 {
	low, high := ordered(x[0]-y[len(y)-1]), ordered(x[len(x)-1]-y[0])
	for low < high {
		middle := low + (high-low)/2
		if differences(x, y, number(middle)) >= n {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return number(low)
}

// differences counts those that are at most v.
func differences(x, y []float64, v float64) int {
	count, from := 0, 0
	for _, a := range x {
		for from < len(y) && a-y[from] > v {
			from++
		}
		count += len(y) - from
	}
	return count
}

// ordered numbers the floating point numbers in their order; number is its inverse.
func ordered(v float64) uint64 {
	bits := math.Float64bits(v + 0) // -0 is 0
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

func number(order uint64) float64 {
	if order>>63 == 1 {
		return math.Float64frombits(order &^ (1 << 63))
	}
	return math.Float64frombits(^order) + 0
}
