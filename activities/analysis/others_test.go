package analysis_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// runner is a platform whose containers end after a while.
type runner struct {
	*fake.Platform

	lasts  func(task string) time.Duration
	result func(task string) (activities.TaskResult, error)

	stopping time.Duration // how long Stop takes

	mu    sync.Mutex
	calls []string
}

func (s *scene) runner(lasts func(string) time.Duration) *runner {
	p := &runner{Platform: fake.New(), lasts: lasts, result: func(string) (activities.TaskResult, error) {
		return activities.TaskResult{Verdict: rollout.VerdictPass}, nil
	}}
	s.options.Platforms = map[rollout.Runtime]activities.Platform{s.work.Target.Runtime: p}
	return p
}

func (p *runner) call(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, text)
}

func (p *runner) path() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.calls, ", ")
}

// Run ends when its container does, or ctx.
func (p *runner) Run(ctx context.Context, t activities.TaskRun) (activities.TaskResult, error) {
	p.call("run " + t.Task.ID)
	select {
	case <-ctx.Done():
		return activities.TaskResult{}, ctx.Err()
	case <-time.After(p.lasts(t.Task.ID)):
		return p.result(t.Task.ID)
	}
}

func (p *runner) Stop(_ context.Context, t activities.TaskRun) error {
	<-time.After(p.stopping)
	p.call("stop " + t.Task.ID)
	return nil
}

// others are Alerts, Errors and an Asker in one.
type others struct {
	begun time.Time
	bad   func(at time.Duration) (string, error)
	mu    sync.Mutex
	asked []string
}

func (o *others) ask(what string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, fmt.Sprint(what, " at ", time.Since(o.begun)))
	return o.bad(time.Since(o.begun))
}

func (o *others) Open(_ context.Context, c rollout.AlertCheck, _ time.Time) (string, error) {
	return o.ask(c.ID)
}

func (o *others) New(_ context.Context, c rollout.ErrorCheck, service, revision string, _ time.Time) (string, error) {
	return o.ask(c.ID + " of " + service + " " + revision)
}

func (o *others) Ask(_ context.Context, h rollout.Webhook, _ activities.Work) (bool, error) {
	bad, err := o.ask(h.ID)
	return bad != "", err
}

// TestOthers are the checks that ask no server of metrics.
func TestOthers(t *testing.T) {
	t.Parallel()
	alerts := rollout.Analysis{Duration: 2 * time.Minute, UnreachableAfter: time.Minute, Alerts: []rollout.AlertCheck{{ID: "slo"}}}
	groups := rollout.Analysis{Duration: time.Minute, UnreachableAfter: time.Minute, Errors: []rollout.ErrorCheck{{ID: "new"}}}
	gate := rollout.Analysis{Duration: time.Minute, UnreachableAfter: time.Minute, Webhooks: []rollout.Webhook{
		{ID: "gate", Type: rollout.WebhookRollback, Interval: 20 * time.Second}, {ID: "promote", Type: rollout.WebhookConfirmPromotion},
	}}
	unreachable := &rollout.Error{Op: "ask", Kind: rollout.Unreachable}
	for _, row := range []struct {
		name  string
		spec  rollout.Analysis
		bad   func(at time.Duration) (string, error)
		want  string
		path  int
		asked string
	}{
		{
			name: "no alert", spec: alerts, bad: after(time.Hour, "x", nil), want: "pass",
			asked: "slo at 0s, slo at 30s, slo at 1m0s, slo at 1m30s, slo at 2m0s",
		},
		{
			name: "an alert", spec: alerts, bad: after(30*time.Second, "SLO burns", nil), want: "fail: slo: SLO burns",
			asked: "slo at 0s, slo at 30s",
		},
		{
			name: "a new group of errors", spec: groups, bad: after(time.Minute, "panic is new", nil), want: "fail: new: panic is new",
			asked: "new of shop-svc shop-canary at 0s, new of shop-svc shop-canary at 30s, new of shop-svc shop-canary at 1m0s",
		},
		{
			name: "denied", spec: alerts, bad: after(0, "", &rollout.Error{Op: "list alerts", Kind: rollout.Denied}),
			want: "fail: slo: list alerts", asked: "slo at 0s",
		},
		{
			name: "alerts do not answer", spec: alerts, bad: after(0, "", unreachable), want: "fail: slo: no answer for 1m: ask", path: 1,
		},
		{
			name: "a webhook that does not answer counts for nothing", spec: gate, bad: after(20*time.Second, "", unreachable), want: "pass",
			asked: "gate at 0s, gate at 20s, gate at 40s, gate at 1m0s",
		},
		{
			name: "a webhook that may not be asked", spec: gate, bad: after(0, "", &rollout.Error{Op: "ask webhook", Kind: rollout.Denied}),
			want: "fail: gate: ask webhook", asked: "gate at 0s",
		},
		{
			name: "a webhook asks to roll back", spec: gate, bad: after(40*time.Second, "yes", nil),
			want: "fail: gate: it asks to roll back", asked: "gate at 0s, gate at 20s, gate at 40s",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, always("1"))
				o := &others{begun: time.Now(), bad: row.bad}
				s.options.Alerts, s.options.Errors, s.options.Asker = o, o, o
				out, path := s.run(row.spec)
				if got := verdict(out); got != row.want {
					t.Errorf("got  %s\nwant %s", got, row.want)
				}
				if got := strings.Join(o.asked, ", "); row.asked != "" && got != row.asked {
					t.Errorf("asked\n     %s\nwant %s", got, row.asked)
				}
				if len(path) != row.path {
					t.Errorf("path %q", path)
				}
			})
		})
	}
}

func after(from time.Duration, bad string, err error) func(time.Duration) (string, error) {
	return func(at time.Duration) (string, error) {
		if at < from {
			return "", nil
		}
		return bad, err
	}
}

// TestCustom runs containers.
func TestCustom(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	custom := func(a *rollout.Analysis) {
		a.Prometheus = nil
		a.Custom = []rollout.TaskCheck{{ID: "smoke", Every: 5 * m, Task: rollout.Task{ID: "smoke", Image: "smoke"}}}
	}
	for _, row := range []struct {
		name   string
		result map[string]activities.TaskResult // of the runs that do not pass
		lasts  time.Duration
		want   string
		path   string
		took   time.Duration
	}{
		{
			name: "good", lasts: m, want: "pass", took: 11 * m,
			path: "run smoke-1, stop smoke-1, run smoke-2, stop smoke-2, run smoke-3, stop smoke-3",
		},
		{
			name: "exit 3", lasts: m, result: map[string]activities.TaskResult{"smoke-2": {Verdict: rollout.VerdictFail, Reason: "it exited with 3", Logs: []byte("boom\n")}},
			want: "fail: smoke: it exited with 3", took: 6 * m, path: "run smoke-1, stop smoke-1, run smoke-2",
		},
		{
			name: "longer than its interval", lasts: 7 * m, want: "pass", took: 14 * m,
			path: "run smoke-1, stop smoke-1, run smoke-2, stop smoke-2",
		},
		{
			name: "the image cannot be pulled", lasts: m, result: map[string]activities.TaskResult{
				"smoke-1": {Verdict: rollout.VerdictInconclusive}, "smoke-2": {Verdict: rollout.VerdictInconclusive}, "smoke-3": {Verdict: rollout.VerdictInconclusive},
			},
			want: "inconclusive: smoke: 0 of 3 answers had a value, want at least 1", took: 11 * m,
			path: "run smoke-1, stop smoke-1, run smoke-2, stop smoke-2, run smoke-3, stop smoke-3",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, always("1"))
				p := s.runner(func(string) time.Duration { return row.lasts })
				pass := p.result
				p.result = func(task string) (activities.TaskResult, error) {
					if r, ok := row.result[task]; ok {
						return r, nil
					}
					return pass(task)
				}
				out, _ := s.run(spec(custom))
				if got := verdict(out); got != row.want {
					t.Errorf("got %s, want %s", got, row.want)
				}
				if got := p.path(); got != row.path {
					t.Errorf("path %s\nwant %s", got, row.path)
				}
				if s.took != row.took {
					t.Errorf("it took %s, want %s", s.took, row.took)
				}
				if out.Logs != "" {
					if logs, err := s.Get(t.Context(), out.Logs); err != nil || string(logs) != "== smoke ==\nboom\n" {
						t.Errorf("logs %q, %v", logs, err)
					}
				} else if row.name == "exit 3" {
					t.Error("no logs")
				}
			})
		})
	}
}

// TestCustomResumes kills the worker while a container runs: the next attempt waits for the same.
func TestCustomResumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("99.9"))
		p := s.runner(func(string) time.Duration { return 2 * time.Minute })
		r := s.request(spec(func(a *rollout.Analysis) {
			a.Custom = []rollout.TaskCheck{{ID: "smoke", Every: 5 * time.Minute, Task: rollout.Task{Image: "smoke"}}}
		}))
		s.dies(6 * time.Minute)
		if _, err := s.attempt(r); err == nil {
			t.Fatal("the first attempt did not end")
		}
		if _, err := s.attempt(r); err != nil {
			t.Fatal(err)
		}
		if got, want := p.path(), "run smoke-1, stop smoke-1, run smoke-2, run smoke-2, stop smoke-2, run smoke-3, stop smoke-3"; got != want {
			t.Errorf("path %s\nwant %s", got, want)
		}
	})
}

// TestCustomTarget runs containers where a custom target says: it has no platform of its own.
func TestCustomTarget(t *testing.T) {
	t.Parallel()
	for _, target := range []rollout.Target{
		{Name: "prod", Runtime: rollout.RuntimeCustom, Cluster: &rollout.Cluster{Namespace: "tools"}},
		{Name: "prod", Runtime: rollout.RuntimeCustom, Location: "projects/acme/locations/europe-west1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, always("1"))
			s.work.Kubernetes, s.work.Target = nil, target
			p := s.runner(func(string) time.Duration { return time.Minute })
			s.options.Platforms = map[rollout.Runtime]activities.Platform{target.RunsAt(): p}
			out, _ := s.run(spec(func(a *rollout.Analysis) {
				a.Prometheus = nil
				a.Custom = []rollout.TaskCheck{{ID: "smoke", Every: 10 * time.Minute, Task: rollout.Task{Image: "smoke"}}}
			}))
			if got, path := verdict(out), "run smoke-1, stop smoke-1, run smoke-2, stop smoke-2"; got != "pass" || p.path() != path {
				t.Errorf("got %s by %s, want pass by %s", got, p.path(), path)
			}
		})
	}
}

// TestCompare measures both revisions at the same instants.
func TestCompare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, func(q string, at time.Duration) reply {
			v := 1 + float64(at/time.Second%7)/100
			if strings.Contains(q, "canary") {
				v *= 3
			}
			return vector(fmt.Sprint(v))
		})
		out, _ := s.run(spec(func(a *rollout.Analysis) {
			a.Duration = 20 * time.Minute
			a.Prometheus.Judge = &rollout.Judge{Confidence: 0.98, Pass: 95, Marginal: 75}
		}, first(func(c *rollout.Check) {
			c.Min = nil
			c.Compare = &rollout.Compare{Direction: rollout.DirectionIncrease, Effect: 1.25, NoData: rollout.ActionHold}
		})))
		if out.Verdict != rollout.VerdictFail || out.Checks[0].Score == nil || *out.Checks[0].Score != 0 {
			t.Errorf("three times the errors: %+v", out)
		}
		series := s.series(out)[0]
		if len(series.Canary) != 20 || len(series.Stable) != 20 {
			t.Fatalf("%d and %d samples, want 20 of each", len(series.Canary), len(series.Stable))
		}
		for i, c := range series.Canary {
			if !c.Time.Equal(series.Stable[i].Time) {
				t.Errorf("sample %d: %s and %s", i, c.Time, series.Stable[i].Time)
			}
		}
	})
}

// TestCompareFresh asks for the pods that began with the canary, and never compares with others in
// their place.
func TestCompareFresh(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, always("1"))
			s.work.Kubernetes.Fresh = made
			res, err := s.attempt(s.request(spec(func(a *rollout.Analysis) {
				a.Prometheus.Judge = &rollout.Judge{Confidence: 0.98, Pass: 95, Marginal: 75}
			}, first(func(c *rollout.Check) {
				c.Min, c.Query = nil, `up{d="{{.Canary}}"}`
				c.Compare = &rollout.Compare{Direction: rollout.DirectionIncrease, Effect: 1, NoData: rollout.ActionHold, Fresh: true}
			}))))
			asked := map[string]bool{}
			for _, q := range s.asked {
				asked[q.query] = true
			}
			if made && (err != nil || res.Outcome.Verdict != rollout.VerdictPass || len(asked) != 2 || !asked[`up{d="shop-canary"}`] || !asked[`up{d="shop-baseline"}`]) {
				t.Errorf("asked %v: %+v, %v", asked, res, err)
			}
			if !made && (len(asked) > 0 || err == nil || !strings.Contains(err.Error(), "has no fresh pods of stable to compare with")) {
				t.Errorf("asked %v: %+v, %v", asked, res, err)
			}
		})
	}
}

// TestCloudRun names revisions.
func TestCloudRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("99.9"))
		s.work.Target.Runtime, s.work.Target.Location = rollout.RuntimeCloudRun, "projects/acme/locations/europe-west1"
		s.work.Kubernetes, s.work.CloudRun, s.work.Stable = nil, &rollout.CloudRun{Service: "shop"}, "shop-v1"
		p := fake.New()
		s.options.Platforms = map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: p}
		if err := p.Deploy(t.Context(), s.work.At(rollout.Phase{})); err == nil {
			t.Fatal("a service that does not exist")
		}
		out, _ := s.run(spec(first(func(c *rollout.Check) {
			c.Query = `f("{{.Canary}}","{{ .Stable }}","{{.Service}}","{{.Namespace}}",[{{.Interval}}],"{{regex .Service}}")`
		})))
		if got, want := s.asked[0].query, `f("shop-v2","shop-v1","shop","acme",[60s],"shop")`; got != want || out.Verdict != rollout.VerdictPass {
			t.Errorf("asked %s\nwant  %s: %s", got, want, verdict(out))
		}
	})
}
