package analysis

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/combin"
	"gonum.org/v1/gonum/stat/distuv"
)

// Test is a Mann-Whitney U test of two series, and the estimate of Hodges and Lehmann of how
// far they are apart. All of its numbers are finite.
type Test struct {
	Canary     int     `json:"canary"` // samples
	Stable     int     `json:"stable"`
	CanaryMean float64 `json:"canaryMean"`
	StableMean float64 `json:"stableMean"`
	U          float64 `json:"u"`       // pairs in which the canary has the greater value; equal ones are a half
	Greater    float64 `json:"greater"` // p: how likely at least this U is where both are alike
	Less       float64 `json:"less"`    // p: and at most this U
	Shift      float64 `json:"shift"`   // median of all differences, canary minus stable
	Low        float64 `json:"low"`     // Shift is at least that, at the level of the test
	High       float64 `json:"high"`    // and at most that, at the same level
}

// maxSteps bounds the additions that an exact distribution costs: some 5 ms.
const maxSteps = 1 << 22

// newTest compares two sorted series. It returns nil if they are so short that not even the
// greatest U would be significant at level.
func newTest(canary, stable []float64, level float64) *Test {
	n1, n2 := len(canary), len(stable)
	k := bound(n1, n2, level)
	if k == 0 {
		return nil
	}
	r := rank(canary, stable)
	t := &Test{
		Canary: n1, Stable: n2, CanaryMean: stat.Mean(canary, nil), StableMean: stat.Mean(stable, nil),
		U: r.u, Shift: median(canary, stable),
		Low: nthDifference(canary, stable, k), High: nthDifference(canary, stable, n1*n2+1-k),
	}
	t.Greater, t.Less = r.tails()
	return t
}

// ranking is what the order of the values of two series says.
type ranking struct {
	n1, n2 int
	blocks []int   // how many values are equal, from the least value to the greatest
	u      float64 // of the first series
}

// rank puts two sorted series in one order.
func rank(a, b []float64) ranking {
	r := ranking{n1: len(a), n2: len(b)}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		v := math.Inf(1)
		if i < len(a) {
			v = a[i]
		}
		if j < len(b) {
			v = min(v, b[j])
		}
		i0, j0 := i, j
		for ; i < len(a) && a[i] == v; i++ {
		}
		for ; j < len(b) && b[j] == v; j++ {
		}
		r.blocks = append(r.blocks, i-i0+j-j0)
		r.u += float64(i-i0) * (float64(j0) + float64(j-j0)/2)
	}
	return r
}

// tails returns how likely a U of at least r's is, and of at most, if each order of the values is as likely
// as any other. It is exact where that costs no more than maxSteps: for up to 50 different values, and
// for longer series most of whose values are equal, where the normal distribution is
// wrong by a factor of two. Otherwise the normal one is used, with the variance that the ties leave and with
// the correction for continuity.
func (r ranking) tails() (greater, less float64) {
	if r.n1 > r.n2 { // the same test, with fewer additions: both orders are exact, or neither
		less, greater = ranking{n1: r.n2, n2: r.n1, blocks: r.blocks, u: float64(r.n1*r.n2) - r.u}.tails()
		return greater, less
	}
	if r.steps() > maxSteps {
		mean, deviation := r.normal()
		if deviation == 0 {
			return 1, 1
		}
		normal := distuv.UnitNormal
		return normal.Survival((r.u - mean - 0.5) / deviation), normal.CDF((r.u - mean + 0.5) / deviation)
	}
	d := r.permutations()
	at := int(2*r.u) - d.first
	for i, p := range d.p {
		if i >= at {
			greater += p
		}
		if i <= at {
			less += p
		}
	}
	return min(greater, 1), min(less, 1)
}

// normal is the mean of U and its standard deviation with these ties; 0 where all values are equal.
func (r ranking) normal() (mean, deviation float64) {
	n1, n2 := float64(r.n1), float64(r.n2)
	n := n1 + n2
	ties := 0.0
	for _, b := range r.blocks {
		t := float64(b)
		ties += t * (t*t - 1)
	}
	variance := n1 * n2 / 12 * (n + 1 - ties/(n*(n-1)))
	if len(r.blocks) == 1 {
		variance = 0
	}
	return n1 * n2 / 2, math.Sqrt(max(variance, 0))
}

// distribution holds how likely each value of 2U is, from first on.
type distribution struct {
	first int
	p     []float64
}

// mode is the largest block, and how many values are below it.
func (r ranking) mode() (at, below int) {
	sum := 0
	for i, b := range r.blocks {
		if b > r.blocks[at] {
			at, below = i, sum
		}
		sum += b
	}
	return at, below
}

// offsets returns the doubled rank of every value outside of the largest block, counted from that
// block's, and the sums of those below it and above it.
func (r ranking) offsets() (out []int, below, above int) {
	at, under := r.mode()
	zero, sum := 2*under+r.blocks[at], 0
	for i, b := range r.blocks {
		if i != at {
			o := 2*sum + b - zero
			for range b {
				out = append(out, o)
			}
			below, above = below+b*max(-o, 0), above+b*max(o, 0)
		}
		sum += b
	}
	return out, below, above
}

// steps is how many additions permutations needs.
func (r ranking) steps() float64 {
	out, below, above := r.offsets()
	return float64(len(out)) * float64(min(len(out), r.n1)) * float64(below+above+1)
}

// permutations returns the distribution of U over all ways to choose which n1 of these values
// are the first series. Counted are the choices among the values outside of the largest block, by how many they are
// and by the sum of their ranks; the rest comes from the block, where each choice is the same.
func (r ranking) permutations() distribution {
	out, below, above := r.offsets()
	width, most := below+above+1, min(len(out), r.n1)
	ways := make([][]float64, most+1)
	for i := range ways {
		ways[i] = make([]float64, width)
	}
	ways[0][below] = 1
	for seen, o := range out {
		for n := min(seen+1, most); n > 0; n-- {
			from, to := ways[n-1], ways[n]
			for s := max(0, -o); s < min(width, width-o); s++ {
				to[s+o] += from[s]
			}
		}
	}
	at, under := r.mode()
	block := r.blocks[at]
	all := combin.LogGeneralizedBinomial(float64(r.n1+r.n2), float64(r.n1))
	// 2U is twice the sum of the ranks, less the least that it can be: each rank of the block is
	// under + (block+1)/2.
	d := distribution{first: r.n1*(2*under+block+1) - r.n1*(r.n1+1) - below, p: make([]float64, width)}
	for n := max(0, r.n1-block); n <= most; n++ {
		share := math.Exp(combin.LogGeneralizedBinomial(float64(block), float64(r.n1-n)) - all)
		for s, w := range ways[n] {
			d.p[s] += share * w
		}
	}
	return d
}
