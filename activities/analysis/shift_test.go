package analysis_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// TestTheFirstSampleLiesBehindTheShift: somebody else has asked the same question nine seconds after this
// analysis began, when its window still held what was before.
func TestTheFirstSampleLiesBehindTheShift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sc := newScene(t, func(_ string, at time.Duration) reply {
			if at < time.Minute { // the window still holds requests to the version before
				return vector("99.9")
			}
			return vector("0")
		})
		go func() {
			<-time.After(9 * time.Second)
			_, _ = sc.options.Analyzer.Measure(t.Context(), rollout.Query{
				Text: `ok{app="shop-canary"}`, Interval: time.Minute,
				Prometheus: rollout.Prometheus{Address: "http://prometheus:9090", Timeout: 10 * time.Second},
			})
		}()
		out, _ := sc.run(spec(func(a *rollout.Analysis) { a.Duration = time.Minute }, first(func(c *rollout.Check) { c.MinSamples = 1 })))
		if out.Verdict == rollout.VerdictPass {
			t.Errorf("pass, although every request since the analysis began has failed; asked at %s", sc.times())
		}
	})
}
