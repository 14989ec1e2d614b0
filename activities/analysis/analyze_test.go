package analysis_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// TestAnalyze asks a server until there is a verdict.
func TestAnalyze(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(limits(), values(), outages(), refusals(), several()) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sc := newScene(t, row.answer)
				out, path := sc.run(row.spec)
				if got := verdict(out); got != row.want {
					t.Errorf("verdict\n got %s\nwant %s", got, row.want)
				}
				if out.Unreachable != strings.Contains(row.want, "no answer for") {
					t.Errorf("unreachable is %v: %s", out.Unreachable, verdict(out))
				}
				if row.name != "down again and again" && !reflect.DeepEqual(path, row.path) {
					t.Errorf("path\n got %q\nwant %q", path, row.path)
				}
				if len(path) > 6 {
					t.Errorf("history of %d outages and returns, want at most 6: %q", len(path), path)
				}
				if got := counts(out); row.checks != "" && got != row.checks {
					t.Errorf("samples/failed: got %s, want %s", got, row.checks)
				}
				if sc.took != row.took {
					t.Errorf("it took %s, want %s; asked at %s", sc.took, row.took, sc.times())
				}
				if all := fmt.Sprint(out, path, sc.beats); strings.Contains(all, "hunter2") {
					t.Errorf("the password is in %s", all)
				}
			})
		})
	}
}

// row is what the server of metrics does, and what becomes of the release.
type row struct {
	name   string
	answer func(query string, at time.Duration) reply
	spec   rollout.Analysis
	want   string // verdict: reason
	path   []string
	checks string // samples/failed of each check; "" is not looked at
	took   time.Duration
}

// limits are verdicts by Min and Max.
func limits() []row {
	const m = time.Minute
	return []row{
		{
			name: "good", answer: always("99.9"), spec: spec(),
			want: "pass", checks: "10/0", took: 10 * m,
		},
		{
			name: "errors", answer: sinceThree("99.9", "94.25"), spec: spec(),
			want: "fail: success: 94.25 is below 99", checks: "3/1", took: 3 * m,
		},
		{
			name: "slow responses", answer: sinceThree("100", "900"),
			spec: spec(first(func(c *rollout.Check) { c.Min, c.Max, c.FailureLimit = nil, limit(500), 2 })),
			want: "fail: success: 900 is above 500: 3 of 5 samples failed, more than 2", checks: "5/3", took: 5 * m,
		},
		{
			name: "failed samples within the limit", answer: between(3*m, 5*m, "90", "99.9"),
			spec: spec(first(func(c *rollout.Check) { c.FailureLimit = 2 })),
			want: "pass", checks: "10/2", took: 10 * m,
		},
		{
			name: "too many in a row", answer: between(3*m, 6*m, "90", "99.9"),
			spec: spec(first(func(c *rollout.Check) { c.FailureLimit, c.ConsecutiveFailureLimit = 5, 2 })),
			want: "fail: success: 90 is below 99: 3 samples in a row failed, more than 2", checks: "5/3", took: 5 * m,
		},
		{
			name: "a sample without a value ends no row",
			answer: func(_ string, at time.Duration) reply {
				if at == 4*m {
					return vector()
				}
				return vector("90")
			},
			spec: spec(first(func(c *rollout.Check) { c.FailureLimit, c.ConsecutiveFailureLimit = 9, 4 })),
			want: "fail: success: 90 is below 99: 5 samples in a row failed, more than 4", checks: "5/5", took: 6 * m,
		},
		{
			name: "nothing is asked in the warmup", answer: sinceThree("10", "99.9"),
			spec: spec(first(func(c *rollout.Check) { c.Warmup = 2 * m })),
			want: "pass", checks: "8/0", took: 10 * m,
		},
	}
}

// values are answers that say nothing.
func values() []row {
	const m = time.Minute
	return []row{
		{
			name: "a scalar is a value", spec: spec(),
			answer: func(string, time.Duration) reply {
				return reply{status: 200, body: `{"status":"success","data":{"resultType":"scalar","result":[1,"99.5"]}}`}
			},
			want: "pass", checks: "10/0", took: 10 * m,
		},
		{
			name: "no traffic", answer: always("NaN"), spec: spec(),
			want: "inconclusive: success: 0 of 10 answers had a value, want at least 5", checks: "0/0", took: 10 * m,
		},
		{
			name: "a division by zero", answer: always("+Inf"), spec: spec(),
			want: "inconclusive: success: 0 of 10 answers had a value, want at least 5", checks: "0/0", took: 10 * m,
		},
		{
			name: "empty vector", answer: func(string, time.Duration) reply { return vector() }, spec: spec(),
			want: "inconclusive: success: 0 of 10 answers had a value, want at least 5", checks: "0/0", took: 10 * m,
		},
		{
			name: "too few samples", answer: between(0, 3*m, "99.9", "NaN"), spec: spec(),
			want: "inconclusive: success: 2 of 10 answers had a value, want at least 5", checks: "2/0", took: 10 * m,
		},
		{
			name: "nothing to check", answer: always("1"), spec: rollout.Analysis{Duration: m},
			want: "inconclusive: there is no check",
		},
	}
}

// outages are servers that do not answer.
func outages() []row {
	const m, s = time.Minute, time.Second
	return []row{
		{
			name: "down for 20 seconds", answer: down(4*m, 20*s), spec: spec(),
			want: "pass", checks: "10/0", took: 10*m + 22*s,
			path: []string{"outage: success: " + refused, "back"},
		},
		{
			name: "down for 5 seconds is not worth a word", answer: down(4*m, 5*s), spec: spec(),
			want: "pass", checks: "10/0", took: 10*m + 7*s,
		},
		{
			name: "down for 2 minutes", answer: down(4*m, 2*m), spec: spec(),
			want: "pass", checks: "10/0", took: 12*m + 2*s,
			path: []string{"outage: success: " + refused, "back"},
		},
		{
			name: "down for 20 minutes", answer: down(4*m, 20*m), spec: spec(),
			want: "fail: success: no answer for 15m: " + refused, checks: "3/0", took: 19 * m,
			path: []string{"outage: success: " + refused},
		},
		{
			name: "down for 20 minutes, which it may be", answer: down(4*m, 20*m),
			spec: spec(func(a *rollout.Analysis) { a.UnreachableAfter = 30 * m }),
			want: "pass", checks: "10/0", took: 30*m + 2*s,
			path: []string{"outage: success: " + refused, "back"},
		},
		{
			name: "down again and again", spec: spec(),
			answer: func(_ string, at time.Duration) reply {
				return reply{down: at%(90*s) < m, status: 200, body: vector("99.9").body}
			},
			want: "pass", checks: "10/0", took: 14*m + 31*s,
		},
		{
			name: "bad once it is back", answer: func(q string, at time.Duration) reply {
				if at > 5*m {
					return vector("10")
				}
				return down(4*m, 2*m)(q, at)
			}, spec: spec(),
			want: "fail: success: 10 is below 99", checks: "4/1", took: 5*m + 2*s,
			path: []string{"outage: success: " + refused},
		},
		{
			name: "the server has an error", spec: spec(),
			answer: func(_ string, at time.Duration) reply {
				if at < m+20*s {
					return refusal(http.StatusServiceUnavailable, "unavailable", "TSDB not ready")
				}
				return vector("99.9")
			},
			want: "pass", checks: "10/0", took: 10*m + 22*s,
			path: []string{`outage: success: prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: the server answers 503 Service Unavailable`, "back"},
		},
		{
			name: "slow query", answer: func(_ string, at time.Duration) reply {
				return reply{hangs: at >= 4*m && at < 5*m, status: 200, body: vector("99.9").body}
			}, spec: spec(),
			want: "pass", checks: "10/0", took: 11*m + 2*s,
			path: []string{`outage: success: prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: no answer in time`, "back"},
		},
		{
			name: "a query that is always slow", answer: func(string, time.Duration) reply { return reply{hangs: true} }, spec: spec(),
			want:   `fail: success: no answer for 15m10s: prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: no answer in time`,
			path:   []string{`outage: success: prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: no answer in time`},
			checks: "0/0", took: 16*m + 10*s,
		},
	}
}

// refusals are questions that have no answer, ever.
func refusals() []row {
	const m, s = time.Minute, time.Second
	return []row{
		{
			name: "two series", answer: func(string, time.Duration) reply { return vector("1", "2") }, spec: spec(),
			want:   `fail: success: prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: it returned 2 series, want 1: aggregate it, for example with sum()`,
			checks: "0/0", took: m,
		},
		{
			name: "wrong password", spec: spec(func(a *rollout.Analysis) {
				a.Prometheus.Auth = &rollout.Auth{Username: "serin", Password: &rollout.Secret{Env: "SERIN_SECRET_PROM"}}
			}),
			answer: func(string, time.Duration) reply { return reply{status: 401, body: "wrong password hunter2"} },
			want:   `fail: success: prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: the server answers 401 Unauthorized (check auth: the reference, and what the worker that polls the target's task queue has there)`,
			checks: "0/0", took: m,
		},
		{
			name: "query error", spec: spec(),
			answer: func(string, time.Duration) reply { return refusal(400, "bad_data", "1:4: parse error") },
			want:   `fail: success: prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: bad_data: 1:4: parse error`,
			checks: "0/0", took: m,
		},
	}
}

// several checks make one verdict.
func several() []row {
	const m = time.Minute
	return []row{
		{
			name: "two checks disagree", spec: spec(func(a *rollout.Analysis) {
				a.Prometheus.Checks = append(a.Prometheus.Checks, rollout.Check{ID: "slow", Query: "latency", Interval: m, Max: limit(500), MinSamples: 1})
			}),
			answer: func(q string, at time.Duration) reply {
				if q == "latency" && at >= 7*m {
					return vector("800")
				}
				return vector("99.9")
			},
			want: "fail: slow: 800 is above 500", took: 7 * m,
		},
		{
			name: "one good, one without data", spec: spec(func(a *rollout.Analysis) {
				a.Prometheus.Checks = append(a.Prometheus.Checks, rollout.Check{ID: "slow", Query: "latency", Interval: m, Max: limit(500), MinSamples: 1})
			}),
			answer: func(q string, _ time.Duration) reply {
				if q == "latency" {
					return vector()
				}
				return vector("99.9")
			},
			want: "inconclusive: slow: 0 of 10 answers had a value, want at least 1", checks: "10/0 0/0", took: 10 * m,
		},
		{
			name: "one of two servers' answers is missing, and the other is bad", spec: spec(func(a *rollout.Analysis) {
				a.Prometheus.Checks = append(a.Prometheus.Checks, rollout.Check{ID: "slow", Query: "latency", Interval: m, Max: limit(500), MinSamples: 1})
			}),
			answer: func(q string, at time.Duration) reply {
				switch {
				case q == "latency":
					return reply{hangs: true}
				case at > 3*m:
					return vector("12")
				}
				return vector("99.9")
			},
			want: "fail: success: 12 is below 99", took: 4 * m,
			path: []string{`outage: slow: prometheus: query "latency" at http://prometheus:9090: no answer in time`},
		},
	}
}

const refused = `prometheus: query "ok{app=\"shop-canary\"}" at http://prometheus:9090: connection refused`

// sinceThree answers one value, and another one after three minutes.
func sinceThree(before, after string) func(string, time.Duration) reply {
	return between(3*time.Minute, 1000*time.Hour, after, before)
}

// between answers inside from an instant until another one, and outside else.
func between(from, until time.Duration, inside, outside string) func(string, time.Duration) reply {
	return func(_ string, at time.Duration) reply {
		if at >= from && at < until {
			return vector(inside)
		}
		return vector(outside)
	}
}

// down answers nothing for a while.
func down(from, lasts time.Duration) func(string, time.Duration) reply {
	return func(_ string, at time.Duration) reply {
		r := vector("99.9")
		r.down = at >= from && at < from+lasts
		return r
	}
}

func verdict(out rollout.Outcome) string {
	if out.Reason == "" {
		return string(out.Verdict)
	}
	return string(out.Verdict) + ": " + out.Reason
}

func counts(out rollout.Outcome) string {
	var all []string
	for _, c := range out.Checks {
		all = append(all, fmt.Sprintf("%d/%d", c.Samples, c.Failed))
	}
	return strings.Join(all, " ")
}
