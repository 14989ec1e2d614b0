package analysis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// watches is an analysis of three samples, by checks.
func watches(address, checks string) string {
	return fmt.Sprintf(`analysis:
  duration: 3s
  unreachableAfter: 12s
  prometheus:
    address: %s
    timeout: 1s
    checks:
    - %s
`, address, indent(checks, "    "))
}

// byCloudRun are the checks of a service on Cloud Run.
const byCloudRun = `{id: success, preset: request-success-rate, provider: cloudRun, interval: 1s, min: 99}
- {id: latency, preset: request-duration, provider: cloudRun, interval: 1s, max: 250}`

// limited is a check of a query.
func limited(id, query string) string {
	return fmt.Sprintf("{id: %s, query: '%s', interval: 1s, max: 1, minSamples: 2}", id, query)
}

// TestRequests has versions whose requests the platform counts.
func TestRequests(t *testing.T) {
	t.Parallel()
	good, back := []string{"v1 100%", "v1 50%, v2 50%", "v2 100%"}, []string{"v1 100%", "v1 50%, v2 50%", "v1 100%"}
	for _, row := range []struct {
		name, env string
		state     rollout.State
		path      []string
		gave      []string
	}{
		{
			name: "good", state: rollout.StateSucceeded, gave: good,
			path: watching(promoted("canary-50 analysis succeeded")...),
		},
		{
			name: "errors", env: "ERROR_PERCENT: 100", state: rollout.StateFailed, gave: back,
			path: watching("canary-50 analysis failed: success: N is below 99", "restored", "failed"),
		},
		{
			name: "slow", env: "DELAY: 300ms", state: rollout.StateFailed, gave: back,
			path: watching("canary-50 analysis failed: latency: N is above 250", "restored", "failed"),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, "requests-"+row.name, options{canary: watches(shared.prometheus.URL, byCloudRun)})
			s.serve()
			s.release("v2", row.env)
			s.ends(row.state, row.path...)
			s.gave(row.gave...)
		})
	}
}

// TestQuickBack: from the failing sample to weight 0 is at most a second and an interval.
func TestQuickBack(t *testing.T) {
	t.Parallel()
	s := open(t, "quick", options{canary: watches(shared.prometheus.URL, byCloudRun)})
	s.serve()
	s.release("v2", "ERROR_PERCENT: 100")
	r := s.until(drive.In(rollout.StateFailed))
	zero := s.zero(r.Revision)
	series := s.samples(r, "canary-50")
	failed := series[0].Canary[len(series[0].Canary)-1].Time
	t.Logf("weight 0 %s after the failing sample, %s after the first bad response",
		zero.Sub(failed).Round(time.Millisecond), zero.Sub(shared.answers.firstBad(s.name)).Round(time.Millisecond))
	if took, limit := zero.Sub(failed), 2*time.Second; took > limit {
		t.Errorf("weight 0 %s after the failing sample, want at most %s", took, limit)
	}
}

// TestNoTraffic: a canary without requests has no errors, and is not healthy. A person takes it as it is.
func TestNoTraffic(t *testing.T) {
	t.Parallel()
	s := open(t, "silent", options{canary: watches(shared.prometheus.URL, byCloudRun)})
	s.release("v2", "")
	r := s.until(drive.WaitsFor(rollout.WaitPerson))
	if j := r.Job("canary-50", rollout.JobAnalysis); j.State != rollout.JobInProgress || j.Run.Outcome == nil || j.Run.Outcome.Verdict != rollout.VerdictInconclusive {
		t.Errorf("the analysis is %s with %+v, want it held", j.State, j.Run)
	}
	s.gave("v1 100%", "v1 50%, v2 50%")
	s.Must(shared.Client.Resume(s.Ctx, s.name, s.last, rollout.Command{
		Accept: true, Phase: "canary-50", Job: rollout.JobAnalysis, Actor: "bob", Reason: "it is night",
	}))
	const nothing = "success: 0 of N answers had a value, want at least 2; latency: 0 of N answers had a value, want at least 2"
	s.ends(rollout.StateSucceeded, watching(promoted(
		"canary-50 analysis judged inconclusive: "+nothing,
		"waits for person: analysis of canary-50 is inconclusive: "+nothing,
		"resumed: accepted what is observed by bob (it is night)",
		"canary-50 analysis succeeded: accepted: "+nothing)...)...)
	s.gave("v1 100%", "v1 50%, v2 50%", "v2 100%")
}

// TestQueries has what a query can be answered with.
func TestQueries(t *testing.T) {
	t.Parallel()
	held, failed := drive.WaitsFor(rollout.WaitPerson), drive.In(rollout.StateFailed)
	const nothing = "errors: 0 of 3 answers had a value, want at least 2"
	inconclusive := watching(
		"canary-50 analysis judged inconclusive: "+nothing,
		"waits for person: analysis of canary-50 is inconclusive: "+nothing)
	for _, row := range []struct {
		name, checks string
		done         func(client.Rollout) bool
		path         []string
	}{
		{name: "nan", checks: limited("errors", "0 / 0"), done: held, path: inconclusive},
		{name: "infinite", checks: limited("errors", "1 / 0"), done: held, path: inconclusive},
		{name: "empty", checks: limited("errors", "vector(1) > 2"), done: held, path: inconclusive},
		{
			name: "two-series", checks: limited("errors", `vector(0) or label_replace(vector(0), "pod", "b", "", "")`), done: failed,
			path: watching("canary-50 analysis failed: errors: prometheus: query ...: it returned 2 series, want 1: aggregate it, for example with sum()",
				"restored", "failed"),
		},
		{
			name: "wrong", checks: limited("errors", "sum("), done: failed,
			path: watching(`canary-50 analysis failed: errors: prometheus: query "sum(" at ...: bad_data: ...parse error: unclosed left parenthesis`,
				"restored", "failed"),
		},
		{
			name: "disagree", checks: limited("good", "vector(0.5)") + "\n- " + limited("bad", "vector(5)") + "\n- " + limited("silent", "0 / 0"), done: failed,
			path: watching("canary-50 analysis failed: bad: 5 is above 1", "restored", "failed"),
		},
		{
			name: "half-silent", checks: limited("good", "vector(0.5)") + "\n- " + limited("errors", "0 / 0"), done: held, path: inconclusive,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, "queries-"+row.name, options{canary: watches(shared.prometheus.URL, row.checks)})
			s.release("v2", "")
			s.went(s.until(row.done), row.path...)
		})
	}
}
