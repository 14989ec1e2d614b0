package analysis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// comparison is how long versions are compared: 12 samples of each version, of which they need 4.
const comparison = 12 * time.Second

// comparing is an analysis of requests whose bounds both versions keep. Latency counts for 20 of 100 points.
func comparing() string {
	return strings.Replace(watches(shared.prometheus.URL,
		`{id: success, preset: request-success-rate, provider: cloudRun, interval: 1s, minSamples: 4, min: 10, compare: stable}
- {id: latency, preset: request-duration, provider: cloudRun, interval: 1s, minSamples: 4, max: 5000, compare: {to: stable, effect: 2}}`),
		"duration: 3s", "duration: "+comparison.String(), 1) + "    judge: {groups: {latency: 20}}\n"
}

// TestCompare: what is worse than stable is found at the end of the analysis, though it is within all bounds.
func TestCompare(t *testing.T) {
	t.Parallel()
	const (
		stable  = "DELAY: 60ms"
		numbers = " from N on stable to N on the canary (N times): p ..., where 0.02 or less fails; shift ...; N and N samples"
		errors  = "score 20, below 75: success: fell" + numbers
		slow    = "score 80, below 95: latency: rose" + numbers
	)
	for _, row := range []struct {
		name, env  string
		done       func(client.Rollout) bool
		path, gave []string
	}{
		{
			name: "equal", env: stable, done: drive.In(rollout.StateSucceeded),
			path: watching(promoted("canary-50 analysis succeeded")...),
			gave: []string{"v1 100%", "v1 50%, v2 50%", "v2 100%"},
		},
		{
			name: "more-errors", env: stable + ", ERROR_PERCENT: 40", done: drive.In(rollout.StateFailed),
			path: watching("canary-50 analysis failed: "+errors, "restored", "failed"),
			gave: []string{"v1 100%", "v1 50%, v2 50%", "v1 100%"},
		},
		{
			name: "slower", env: "DELAY: 700ms", done: drive.WaitsFor(rollout.WaitPerson),
			path: watching("canary-50 analysis judged inconclusive: "+slow, "waits for person: analysis of canary-50 is inconclusive: "+slow),
			gave: []string{"v1 100%", "v1 50%, v2 50%"},
		},
		{
			name: "both", env: "DELAY: 700ms, ERROR_PERCENT: 40", done: drive.In(rollout.StateFailed),
			path: watching("canary-50 analysis failed: "+strings.Replace(errors, "20", "0", 1), "restored", "failed"),
			gave: []string{"v1 100%", "v1 50%, v2 50%", "v1 100%"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, "compare-"+row.name, options{canary: comparing(), env: stable})
			s.serve()
			s.release("v2", row.env)
			r := s.until(row.done)
			s.went(r, row.path...)
			s.gave(row.gave...)
			s.compared(r)
		})
	}
}

// compared wants the comparisons of r to be made once the whole time had passed, of samples of the same instants.
func (s *scene) compared(r client.Rollout) {
	s.T.Helper()
	j := r.Job("canary-50", rollout.JobAnalysis)
	var begun, judged time.Time
	for _, e := range r.Events {
		if e.Job == rollout.JobAnalysis && begun.IsZero() {
			begun = e.Time
		} else if e.Job == rollout.JobAnalysis && judged.IsZero() {
			judged = e.Time
		}
	}
	if took := judged.Sub(begun); took < comparison {
		s.T.Errorf("it was judged %s after it had begun, want %s", took, comparison)
	}
	for i, series := range s.samples(r, "canary-50") {
		if c := j.Run.Outcome.Checks[i]; c.Failed > 0 || len(series.Canary) < 4 || len(series.Canary) != len(series.Stable) {
			s.T.Errorf("%s: %d of %d samples are out of bounds, stable has %d", c, c.Failed, len(series.Canary), len(series.Stable))
		}
	}
}
