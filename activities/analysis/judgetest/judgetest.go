// Package judgetest simulates versions whose true error rates are known, so that a judge can be asked
// how often it is wrong.
package judgetest

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// Simulation is pairs of series of error rates. Every sample is the share of its
// requests that fail, and requests fail independently of each other.
type Simulation struct {
	Pairs    int
	Samples  int     // of each series
	Requests int     // of each sample
	Stable   float64 // true error rate, from 0 to 1
	Canary   float64
	Seed     uint64 // the same seed is the same pairs
}

// Standard is half an hour at an interval of 30 s with 6.7 requests a second for each version, and
// 1 % of errors on both: 10,000 pairs of 60 samples.
func Standard() Simulation {
	return Simulation{Pairs: 10_000, Samples: 60, Requests: 200, Stable: 0.01, Canary: 0.01, Seed: 1}
}

// Rate returns the share of pairs of which rejects is true, from 0 to 1.
func (s Simulation) Rate(rejects func(canary, stable []float64) bool) float64 {
	source := rand.NewPCG(s.Seed, 0)
	stable := distuv.Binomial{N: float64(s.Requests), P: s.Stable, Src: source}
	canary := distuv.Binomial{N: float64(s.Requests), P: s.Canary, Src: source}
	a, b := make([]float64, s.Samples), make([]float64, s.Samples)
	rejected := 0
	for range s.Pairs {
		for i := range a {
			a[i], b[i] = canary.Rand()/float64(s.Requests), stable.Rand()/float64(s.Requests)
		}
		if rejects(a, b) {
			rejected++
		}
	}
	return float64(rejected) / float64(s.Pairs)
}
