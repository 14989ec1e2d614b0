package analysis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// dies ends the attempt that runs after a while, as the death of its worker does.
func (s *scene) dies(after time.Duration) {
	go func() {
		<-time.After(after)
		s.stop(errors.New("the worker is gone"))
	}()
}

// TestResume kills the worker in the middle: the next attempt has the samples, asks for no
// instant twice, and watches the rest only.
func TestResume(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("99.9"))
		r := s.request(spec())
		s.dies(4*time.Minute + 30*time.Second)
		if _, err := s.attempt(r); !errors.Is(err, context.Canceled) {
			t.Fatalf("an attempt without a worker ended with %v", err)
		}
		<-time.After(40 * time.Minute) // nobody polls; nobody watches either
		res, err := s.attempt(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(res.Outcome) + " " + counts(res.Outcome); got != "pass 11/0" {
			t.Errorf("got %s", got)
		}
		want := "1m0s 2m0s 3m0s 4m0s " + "44m30s 45m30s 46m30s 47m30s 48m30s 49m30s 50m30s"
		if got := s.times(); got != want {
			t.Errorf("asked at\n     %s\nwant %s", got, want)
		}
		if took := time.Since(s.begun); took != 50*time.Minute+30*time.Second {
			t.Errorf("it took %s: what the first attempt watched after its last heartbeat is watched again, and no more", took)
		}
		if samples := s.series(res.Outcome)[0].Canary; len(samples) != 11 || !slices.IsSortedFunc(samples, func(a, b rollout.Sample) int { return a.Time.Compare(b.Time) }) {
			t.Errorf("samples %v", samples)
		}
	})
}

// TestResumeKept goes on, as an activity of its own, with what a run had heartbeated whose worker is lost.
func TestResumeKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("99.9"))
		r := s.request(spec())
		s.dies(4*time.Minute + 30*time.Second)
		if _, err := s.attempt(r); err == nil {
			t.Fatal("the first run did not end")
		}
		r.Kept, s.kept = s.kept.kept, pair{}
		r.Attempt++
		res, err := s.attempt(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(res.Outcome) + " " + counts(res.Outcome); got != "pass 10/0" {
			t.Errorf("got %s", got)
		}
		if got, want := s.times(), "1m0s 2m0s 3m0s 4m0s 5m0s 6m0s 7m0s 8m0s 9m0s 10m0s"; got != want {
			t.Errorf("asked at\n     %s\nwant %s", got, want)
		}
	})
}

// TestResumeVerdict kills the worker after the sample that decides.
func TestResumeVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, sinceThree("99.9", "12"))
		r := s.request(spec())
		if _, err := s.attempt(r); err != nil {
			t.Fatal(err)
		}
		s.answer = always("99.9")
		res, err := s.attempt(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(res.Outcome); got != "fail: success: 12 is below 99" {
			t.Errorf("the next attempt says %q", got)
		}
		if got := s.times(); got != "1m0s 2m0s 3m0s" {
			t.Errorf("asked at %s", got)
		}
	})
}

// TestLong watches for long by a check a second: the heartbeats stay small, and no sample
// is lost when the worker dies.
func TestLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, func(_ string, at time.Duration) reply { return vector(fmt.Sprint(99 + at.Hours()/1000)) })
		r := s.request(spec(func(a *rollout.Analysis) { a.Duration = 50 * time.Minute }, first(func(c *rollout.Check) {
			c.Interval, c.MinSamples = time.Second, 2900
		})))
		most := 0
		s.watchBeat = func(size int) { most = max(most, size) }
		s.dies(40*time.Minute + 500*time.Millisecond)
		if _, err := s.attempt(r); err == nil {
			t.Fatal("the first attempt did not end")
		}
		res, err := s.attempt(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(res.Outcome); got != "pass" {
			t.Error(got)
		}
		if n := len(s.series(res.Outcome)[0].Canary); n < 2999 || n > 3001 {
			t.Errorf("%d samples, want 3000", n)
		}
		if most > 40<<10 {
			t.Errorf("a heartbeat of %d bytes", most)
		}
	})
}

// TestProgress is what people see while it runs.
func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, down(3*time.Minute, 7*time.Second))
		s.run(spec(func(a *rollout.Analysis) { a.Duration = 5 * time.Minute }))
		for _, want := range []string{ // not every one is sent: the SDK holds back what comes too soon
			"success 99.9 >= 99, 1 of 5 samples; 1m of 5m",
			"success: no answer for 1s: " + refused + "; success 99.9 >= 99, 2 of 5 samples; 3m of 5m",
			"success 99.9 >= 99, 4 of 5 samples; 4m of 5m",
		} {
			if !slices.Contains(s.beats, want) {
				t.Errorf("nobody said %q, but\n%s", want, strings.Join(s.beats, "\n"))
			}
		}
	})
}

// TestTerminated asks for the end of an analysis whose container runs.
func TestTerminated(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		cause error
		want  string
	}{
		{"a person's word stops containers", temporal.NewCanceledError(), "run smoke-1, stop smoke-1"},
		{"a worker's death leaves them to the next attempt", errors.New("shutdown"), "run smoke-1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, always("99.9"))
				p := s.runner(func(string) time.Duration { return time.Hour })
				r := s.request(spec(func(a *rollout.Analysis) {
					a.Custom = []rollout.TaskCheck{{ID: "smoke", Every: 5 * time.Minute, Task: rollout.Task{Image: "smoke"}}}
				}))
				go func() {
					<-time.After(time.Minute)
					s.stop(row.cause)
				}()
				if _, err := s.attempt(r); !errors.Is(err, context.Canceled) {
					t.Errorf("it ended with %v", err)
				}
				if got := p.path(); got != row.want {
					t.Errorf("containers: %s, want %s", got, row.want)
				}
			})
		})
	}
}

// TestRefused are specs that cannot begin.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		spec rollout.Analysis
		work func(*activities.Work)
		want string
	}{
		{
			name: "an unknown word", spec: spec(first(func(c *rollout.Check) { c.Query = "up{{.Pod}}" })),
			want: "Invalid: analyze v2-to-prod-0001: check success: {{.Pod}}: there is no word Pod: there are Canary, Stable, Service, Namespace, Interval",
		},
		{
			name: "a service that would end the string",
			spec: spec(first(func(c *rollout.Check) { c.Query = `up{s="{{.Service}}"}` })),
			work: func(w *activities.Work) { w.Kubernetes.Service = `x"} or vector(100) #` },
			want: `Invalid: analyze v2-to-prod-0001: check success: {{.Service}} is "x\"} or vector(100) #", which a query cannot hold: letters, digits and ._:/- are safe`,
		},
		{
			name: "a word without a value", spec: spec(first(func(c *rollout.Check) { c.Query = "up{{.Namespace}}" })),
			work: func(w *activities.Work) { w.Kubernetes.Namespace = "" },
			want: "Invalid: analyze v2-to-prod-0001: check success: {{.Namespace}} has no value for this release",
		},
		{
			name: "alerts without a client", spec: rollout.Analysis{Alerts: []rollout.AlertCheck{{ID: "slo"}}},
			want: "Unsupported: analyze v2-to-prod-0001: check slo: this worker asks for no alerts (remove the check, or run a worker that can)",
		},
		{
			name: "containers without a runner", spec: rollout.Analysis{Custom: []rollout.TaskCheck{{ID: "smoke", Every: time.Minute}}},
			want: `Unsupported: find runner of containers "kubernetes" of target prod: this worker has none (remove the job's tasks, or run a worker that can)`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, always("1"))
			if row.work != nil {
				row.work(&s.work)
			}
			_, err := s.attempt(s.request(row.spec))
			kind, text := activities.Cause(err)
			if got := string(kind) + ": " + text; got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestOutcomeSize gives an analysis more checks with longer words than a history can hold.
func TestOutcomeSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, always("NaN"))
		out, _ := s.run(spec(func(a *rollout.Analysis) {
			a.Prometheus.Checks = nil
			for i := range 200 {
				id := fmt.Sprintf("%s-%03d", strings.Repeat("check", 10), i)
				a.Prometheus.Checks = append(a.Prometheus.Checks, rollout.Check{ID: id, Query: id, Interval: time.Minute, MinSamples: 1, Min: limit(1)})
			}
		}))
		content, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) > 8<<10 || out.Verdict != rollout.VerdictInconclusive || len(out.Checks) < 50 {
			t.Errorf("%d bytes, %d checks: %s", len(content), len(out.Checks), verdict(out))
		}
	})
}
