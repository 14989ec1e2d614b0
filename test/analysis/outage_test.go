package analysis_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/metrics"
)

// way is a way to the shared Prometheus that the row can cut.
func way(t *testing.T) *metrics.Way {
	t.Helper()
	w, err := metrics.NewWay(t.Context(), shared.prometheus.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// TestOutage: while nobody can ask, nothing moves, and the time does not count.
func TestOutage(t *testing.T) {
	t.Parallel()
	up := func(ctx context.Context, w *metrics.Way) error { return w.Up(ctx) }
	down := func(_ context.Context, w *metrics.Way) error { w.Down(); return nil }
	for _, row := range []struct {
		name        string
		begin, over func(context.Context, *metrics.Way) error
		why         string
	}{
		{name: "down", begin: down, over: up, why: "connect: connection refused"},
		{
			name:  "slow-query",
			begin: func(_ context.Context, w *metrics.Way) error { w.Slow(true); return nil },
			over:  func(_ context.Context, w *metrics.Way) error { w.Slow(false); return nil },
			why:   "no answer in time",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := way(t)
			s := open(t, "outage-"+row.name, options{canary: watches(w.URL, limited("errors", "vector(0)"))})
			s.release("v2", "")
			s.look(sampled(1))
			must(t, row.begin(s.Ctx, w))
			s.until(drive.WaitsFor(rollout.WaitMetrics))
			s.gave("v1 100%", "v1 50%, v2 50%")
			must(t, row.over(s.Ctx, w))
			r := s.ends(rollout.StateSucceeded, watching(promoted(
				`waits for metrics: errors: prometheus: query "vector(0)" at `+w.URL+`: `+row.why,
				"canary-50 analysis resumed: metrics answer again",
				"canary-50 analysis succeeded")...)...)
			if c := r.Job("canary-50", rollout.JobAnalysis).Run.Outcome.Checks[0]; c.Samples < 3 {
				t.Errorf("it has %d samples, want those of 3 s of answers", c.Samples)
			}
			s.gave("v1 100%", "v1 50%, v2 50%", "v2 100%")
		})
	}
}

// TestLongOutage: the server's process ends, and does not come back in time.
func TestLongOutage(t *testing.T) {
	t.Parallel()
	p, err := metrics.Start(t.Context(), metrics.Options{Targets: []string{shared.gauges.URL}})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	s := open(t, "outage-long", options{canary: watches(p.URL, limited("errors", "vector(0)"))})
	s.release("v2", "")
	s.look(sampled(1))
	must(t, p.Down())
	s.until(drive.WaitsFor(rollout.WaitMetrics))
	why := `prometheus: query "vector(0)" at ` + p.URL + `: connect: connection refused`
	s.ends(rollout.StateFailed, watching(
		"waits for metrics: errors: "+why,
		"canary-50 analysis failed: errors: no answer for 12s: "+why, "restored", "failed")...)
	s.gave("v1 100%", "v1 50%, v2 50%", "v1 100%")
	must(t, p.Up(s.Ctx))
	s.Must(shared.Client.RetryJob(s.Ctx, s.name, s.last, rollout.Command{Phase: "canary-50", Job: rollout.JobAnalysis, Actor: "ann"}))
	s.until(drive.In(rollout.StateSucceeded))
	s.gave("v1 100%", "v1 50%, v2 50%", "v1 100%", "v1 50%, v2 50%", "v2 100%")
}

// TestPassword: credentials are a reference, and a wrong one fails at once.
func TestPassword(t *testing.T) {
	t.Parallel()
	p, err := metrics.Start(t.Context(), metrics.Options{Closed: true})
	if errors.Is(err, metrics.ErrMissing) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	with := func(secret string) options {
		return options{canary: strings.Replace(watches(p.URL, limited("errors", "vector(0)")), "    timeout: 1s\n",
			"    timeout: 1s\n    auth: {basic: {username: "+metrics.Username+", password: {env: SERIN_SECRET_"+secret+"}}}\n", 1)}
	}
	s := open(t, "password", with("RIGHT"))
	s.release("v2", "")
	s.ends(rollout.StateSucceeded, watching(promoted("canary-50 analysis succeeded")...)...)
	for _, row := range []struct{ release, secret, why string }{
		{"v3", "WRONG", "the server answers 401 Unauthorized"},
		{"v4", "NONE", "read secret SERIN_SECRET_NONE: this worker has no such secret"},
	} {
		s.configure(with(row.secret))
		s.release(row.release, "")
		s.ends(rollout.StateFailed, watching("canary-50 analysis failed: errors: prometheus: query ...: "+row.why+"...", "restored", "failed")...)
	}
	all, err := shared.Everything(s.Ctx, s.name)
	must(t, err)
	for id, history := range all {
		if strings.Contains(history, metrics.Password) {
			t.Errorf("the history of %s holds the password", id)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
