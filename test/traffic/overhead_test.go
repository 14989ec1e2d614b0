package traffic_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// overheadFile is where the benchmark's numbers are kept.
const overheadFile = "build/kubernetes-overhead.json"

// BenchmarkPhaseOverhead measures what Serin adds to a phase beyond the start of its pods and
// the acceptance of its route. One iteration is a canary of three such phases.
func BenchmarkPhaseOverhead(b *testing.B) {
	s := start(b)
	sc := s.make(b, "overhead", options{canary: automatic()})
	sc.law = watchLaw(sc.Ctx, b, s.cluster, "overhead")
	sc.Until(sc.Release("v0", sc.files("v0")), drive.In(rollout.StateSucceeded))
	var samples []float64
	for i := 0; b.Loop(); i++ {
		version := fmt.Sprintf("v%d", i+1)
		name := sc.Release(version, sc.files(version))
		sc.Until(name, drive.In(rollout.StateSucceeded))
		gaps, err := sc.phaseGaps(sc.Ctx, name)
		sc.must(err)
		for _, g := range gaps {
			samples = append(samples, g.Seconds()*1000)
		}
	}
	slices.Sort(samples)
	median := samples[len(samples)/2]
	b.ReportMetric(median, "median-ms/phase")
	keep(b, overheadFile, map[string]any{"medianMs": median, "n": len(samples)})
}
