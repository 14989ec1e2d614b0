package prometheus_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/analysis"
	"github.com/serin-dev/serin/activities/prometheus"
	"github.com/serin-dev/serin/rollout"
)

const (
	success = `100 * sum(rate(requests_total{revision="{{.Canary}}",code!~"5.."}[5s])) / sum(rate(requests_total{revision="{{.Canary}}"}[5s]))`
	p99     = `1000 * histogram_quantile(0.99, sum(rate(duration_seconds_bucket{revision=~"{{regex .Canary}}"}[5s])) by (le))`
	// heavy takes a server some seconds.
	heavy = `count_over_time((sum by (pod) (rate(requests_total[2s]) or vector(1)))[30d:1s]) > 0`
)

// store is an artifact store in memory.
type store struct {
	mu    sync.Mutex
	files map[string][]byte
}

// Put keeps content.
func (s *store) Put(_ context.Context, content []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(content))
	s.files[digest] = content
	return digest, nil
}

// Get finds it.
func (s *store) Get(_ context.Context, digest string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[digest], nil
}

// site analyses by a Prometheus.
type site struct {
	*store

	p       *server
	options analysis.Options
}

func newSite(p *server) *site {
	s := &site{p: p, store: &store{files: map[string][]byte{}}}
	secrets := activities.Secrets{Getenv: func(name string) string {
		return map[string]string{"SERIN_SECRET_PROM": password, "SERIN_SECRET_OLD": "hunter2"}[name]
	}}
	s.options = analysis.Options{
		Artifacts: s, Analyzer: prometheus.Shared(prometheus.New(prometheus.Options{Secrets: secrets, Hosts: activities.Hosts{"127.0.0.1"}})),
		Patience: time.Second,
	}
	return s
}

// check is one that is asked twice a second.
func check(query string, change func(*rollout.Check)) rollout.Check {
	c := rollout.Check{ID: "check", Query: query, Interval: 500 * time.Millisecond, MinSamples: 2}
	change(&c)
	return c
}

func atLeast(v float64) func(*rollout.Check) { return func(c *rollout.Check) { c.Min = &v } }
func atMost(v float64) func(*rollout.Check)  { return func(c *rollout.Check) { c.Max = &v } }

// run goes on until there is a verdict, as the workflow does. It returns that and the path to it.
func (s *site) run(t *testing.T, deployment string, spec rollout.Analysis, heard func(rollout.Outcome, string)) (rollout.Outcome, string) {
	t.Helper()
	if spec.Prometheus.Auth == nil {
		spec.Prometheus.Auth = &rollout.Auth{Username: user, Password: &rollout.Secret{Env: "SERIN_SECRET_PROM"}}
	}
	spec.Prometheus.Address = "http://" + s.p.address
	content, err := json.Marshal(rollout.JobSpec{Analysis: &spec})
	if err != nil {
		t.Fatal(err)
	}
	digest, _ := s.Put(t.Context(), content)
	r := activities.JobRequest{Spec: digest, Attempt: 1, Work: activities.Work{
		Rollout: "v2-to-prod-0001", Phase: "canary-25", Target: rollout.Target{Runtime: rollout.RuntimeKubernetes},
		Kubernetes: &rollout.Kubernetes{Deployment: deployment, Service: deployment, Namespace: "web"},
	}}
	var path []string
	for {
		res := s.attempt(t, r)
		if heard != nil {
			heard(res.Outcome, res.Outage)
		}
		if res.Resume == "" {
			return res.Outcome, strings.Join(path, ", ")
		}
		r.Resume, r.Outage = res.Resume, res.Outage != ""
		if r.Outage {
			path = append(path, "outage")
		} else {
			path = append(path, "back")
		}
	}
}

func (s *site) attempt(t *testing.T, r activities.JobRequest) activities.JobResult {
	t.Helper()
	suite := testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivityWithOptions(analysis.New(s.options).Analyze, activity.RegisterOptions{Name: activities.Analyze})
	value, err := env.ExecuteActivity(activities.Analyze, r)
	if err != nil {
		_, text := activities.Cause(err)
		return activities.JobResult{Outcome: rollout.Outcome{Reason: "error: " + text}}
	}
	var res activities.JobResult
	if err := value.Get(&res); err != nil {
		t.Fatal(err)
	}
	return res
}

// TestAnalyze is what a real Prometheus says of versions and queries, and the verdict.
func TestAnalyze(t *testing.T) {
	t.Parallel()
	p := newServer(t, map[string]version{
		"good": {requests: 100}, "bad": {requests: 100, errors: 5}, "slow": {requests: 100, slow: 10},
		"idle": {}, "twins": {requests: 100, pods: 2},
	})
	for _, row := range []struct {
		name   string
		app    string
		checks []rollout.Check
		change func(*rollout.Analysis)
		want   string // the verdict, and something of the reason
	}{
		{name: "good", app: "good", checks: []rollout.Check{check(success, atLeast(99)), check(p99, atMost(500))}, want: "pass "},
		{name: "errors", app: "bad", checks: []rollout.Check{check(success, atLeast(99))}, want: "fail check: 95 is below 99"},
		{name: "slow", app: "slow", checks: []rollout.Check{check(p99, atMost(500))}, want: "fail is above 500"},
		{name: "two checks disagree", app: "slow", checks: []rollout.Check{check(success, atLeast(99)), check(p99, atMost(500))}, want: "fail is above 500"},
		{name: "no traffic is not a number", app: "idle", checks: []rollout.Check{check(success, atLeast(99))}, want: "inconclusive 0 of "},
		{name: "empty vector", app: "absent", checks: []rollout.Check{check(success, atLeast(99))}, want: "inconclusive 0 of "},
		{
			name: "two series", app: "twins", checks: []rollout.Check{check(`rate(requests_total{revision="{{.Canary}}",code="200"}[5s])`, atLeast(0))},
			want: "fail it returned 2 series, want 1: aggregate it, for example with sum()",
		},
		{name: "a scalar", app: "good", checks: []rollout.Check{check("scalar(count(up))", atLeast(1))}, want: "pass "},
		{name: "a matrix", app: "good", checks: []rollout.Check{check("up[2s]", atLeast(1))}, want: "fail it returned a matrix"},
		{name: "a string", app: "good", checks: []rollout.Check{check(`"up"`, atLeast(1))}, want: "fail it returned no number"},
		{name: "parse error", app: "good", checks: []rollout.Check{check("sum(up", atLeast(1))}, want: "fail bad_data: invalid parameter \"query\": 1:7: parse error"},
		{
			name: "execution error", app: "twins", checks: []rollout.Check{check(`requests_total{revision="{{.Canary}}"} / on(revision) requests_total{revision="{{.Canary}}"}`, atLeast(1))},
			want: "fail execution: found duplicate series",
		},
		{
			name: "wrong password", app: "good", checks: []rollout.Check{check(success, atLeast(99))},
			change: func(a *rollout.Analysis) {
				a.Prometheus.Auth = &rollout.Auth{Username: user, Password: &rollout.Secret{Env: "SERIN_SECRET_OLD"}}
			},
			want: "fail the server answers 401 Unauthorized",
		},
		{
			name: "slow query", app: "good", checks: []rollout.Check{check(heavy, atLeast(0))},
			change: func(a *rollout.Analysis) {
				a.Prometheus.Timeout, a.UnreachableAfter = 50*time.Millisecond, 500*time.Millisecond
			},
			want: "fail check: no answer for ",
		},
		{
			name: "a service that would end the string", app: `good"} or vector(100) #`, checks: []rollout.Check{check(success, atLeast(99))},
			want: " a query cannot hold",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			spec := rollout.Analysis{Duration: 3 * time.Second, UnreachableAfter: time.Minute, Prometheus: &rollout.Prometheus{Timeout: 10 * time.Second, Checks: row.checks}}
			for i := range row.checks[1:] {
				row.checks[i+1].ID = fmt.Sprintf("check-%d", i+2)
			}
			if row.change != nil {
				row.change(&spec)
			}
			out, _ := newSite(p).run(t, row.app, spec, nil)
			verdict, reason, _ := strings.Cut(row.want, " ")
			if string(out.Verdict) != verdict || !strings.Contains(out.Reason, reason) {
				t.Errorf("got  %s %s\nwant %s", out.Verdict, out.Reason, row.want)
			}
		})
	}
}

// TestDown kills Prometheus in the middle of an analysis.
func TestDown(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name        string
		unreachable time.Duration
		back        bool
		verdict     rollout.Verdict
		path        string
	}{
		{name: "for a while", unreachable: time.Minute, back: true, verdict: rollout.VerdictPass, path: "outage, back"},
		{name: "for too long", unreachable: 3 * time.Second, verdict: rollout.VerdictFail, path: "outage"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := newServer(t, map[string]version{"good": {requests: 100}})
			s := newSite(p)
			spec := rollout.Analysis{
				Duration: 4 * time.Second, UnreachableAfter: row.unreachable,
				Prometheus: &rollout.Prometheus{Timeout: 10 * time.Second, Checks: []rollout.Check{check(success, atLeast(99))}},
			}
			kill := time.AfterFunc(1700*time.Millisecond, func() { p.stop() })
			defer kill.Stop()
			out, path := s.run(t, "good", spec, func(_ rollout.Outcome, outage string) {
				if outage != "" && row.back {
					p.start()
				}
			})
			if out.Verdict != row.verdict || path != row.path {
				t.Errorf("got %s %s by %q, want %s by %q", out.Verdict, out.Reason, path, row.verdict, row.path)
			}
			if row.verdict == rollout.VerdictFail && !strings.Contains(out.Reason, "no answer for 3s") {
				t.Errorf("reason %s", out.Reason)
			}
		})
	}
}
