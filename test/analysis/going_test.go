package analysis_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// TestFailureTogetherWithAdvance: the last sample is bad. The next phase, which would begin in the same
// second, and which somebody demands all the time, never does.
func TestFailureTogetherWithAdvance(t *testing.T) {
	t.Parallel()
	// The gauge is the instant from which on the release is bad.
	s := open(t, "together", options{percentages: []int{25, 50}, canary: watches(shared.prometheus.URL, limited("errors", "5 * (time() >= bool gauge{row=\"together\"})"))})
	shared.gauges.Set(s.gauge(), 1e12)
	s.release("v2", "")
	r := s.until(runs("canary-25", rollout.JobAnalysis))
	begun := r.Events[len(r.Events)-1].Time
	shared.gauges.Set(s.gauge(), float64(begun.Add(2500*time.Millisecond).UnixMilli())/1000)
	for {
		ack, err := shared.Client.Advance(s.Ctx, s.name, s.last, rollout.Command{Phase: "canary-50", Actor: "ann"})
		if err == nil {
			t.Fatalf("an advance was accepted: %+v", ack)
		}
		if now := s.Read(s.last); now.State != rollout.StateInProgress {
			break
		}
	}
	s.ends(rollout.StateFailed,
		"created by ann", "granted", "baseline", "settled",
		"canary-25 started", "canary-25 shifted 25%", "canary-25 succeeded", "canary-25 analysis started",
		"canary-25 analysis failed: errors: 5 is above 1", "restored", "failed")
	s.gave("v1 100%", "v1 75%, v2 25%", "v1 100%")
}

// TestKilledWorker: another worker goes on with the samples of one that has died. What these are a worker
// tells at its first sample, and then every eight seconds.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	const queue = "analysis-killed"
	w, err := shared.Process(t.Context(), queue)
	must(t, err)
	t.Cleanup(func() { must(t, w.Kill()) })
	long := strings.Replace(watches(shared.prometheus.URL, limited("errors", "vector(0)")), "duration: 3s", "duration: 12s", 1)
	s := open(t, "killed", options{queue: queue, canary: long})
	s.release("v2", "")
	s.look(sampled(7))
	must(t, w.Kill())
	died := time.Now()
	again, err := shared.Process(t.Context(), queue)
	must(t, err)
	t.Cleanup(func() { must(t, again.Kill()) })
	r := s.ends(rollout.StateSucceeded, watching(promoted("canary-50 analysis succeeded")...)...)
	before, after := 0, 0
	for _, sample := range s.samples(r, "canary-50")[0].Canary {
		if sample.Time.Before(died) {
			before++
		} else {
			after++
		}
	}
	if before < 7 || after < 1 || before+after < 11 || before+after > 14 {
		t.Errorf("%d samples from before the worker's death and %d from after it, want 7 or more and the rest of 12 s", before, after)
	}
}

// TestRepairRollsBack: a failed analysis leaves the traffic alone where onFailure is hold, and then
// a repair automation rolls the release back.
func TestRepairRollsBack(t *testing.T) {
	t.Parallel()
	s := open(t, "repaired", options{canary: watches(shared.prometheus.URL, limited("errors", "vector(5)")), extra: "onFailure: hold"})
	s.Apply([]byte(`apiVersion: serin.dev/v1
kind: Automation
metadata: {name: repaired/auto}
serviceAccount: automation@serin
selector:
  targets: [{id: "*"}]
rules:
- repairRolloutRule:
    id: back
    jobs: [analysis]
    repairPhases:
      - rollback: {}
`))
	s.release("v2", "")
	bad, back := s.rolledBack()
	s.gave("v1 100%", "v1 50%, v2 50%", "v1 100%")
	s.went(bad, watching("canary-50 analysis failed: errors: 5 is above 1",
		"canary-50 repair repaired/auto/back is IN_PROGRESS: canary-50 analysis", "failed",
		"canary-50 repair repaired/auto/back is IN_PROGRESS: canary-50 analysis, rollback asked for",
		"rolled back by "+back.Rollout,
		"canary-50 repair repaired/auto/back is SUCCEEDED: canary-50 analysis, rollback asked for",
		"ended FAILED: "+back.Rollout+" has started")...)
}

// TestBake: what becomes bad once it is stable goes back to what was stable before, by itself.
func TestBake(t *testing.T) {
	t.Parallel()
	shared.gauges.Set(`gauge{row="bake"}`, 0)
	check := limited("errors", `gauge{row="bake"}`)
	s := open(t, "bake", options{extra: fmt.Sprintf(`bake:
  duration: 4s
  analysis:
    unreachableAfter: 12s
    prometheus:
      address: %s
      checks:
      - %s
`, shared.prometheus.URL, check)})
	old := slices.Collect(maps.Keys(shared.Run.Shares(shared.Service(s.name))))[0]
	s.release("v2", "")
	s.until(runs(rollout.StablePhase, rollout.JobAnalysis))
	s.gave("v1 100%", "v1 50%, v2 50%", "v2 100%")
	if got := s.tagged("previous"); got != old {
		t.Errorf("the tag previous is on %q, want %s", got, old)
	}
	s.set(5)
	r, back := s.rolledBack()
	s.gave("v1 100%", "v1 50%, v2 50%", "v2 100%", "v1 100%")
	s.went(r, append(watching()[:7], "stable advanced by automation", "stable started", "stable shifted 100%", "stable succeeded",
		"stable analysis started", "stable analysis failed: errors: 5 is above 1", "failed",
		"bake asks to roll bake-prod back", "rolled back by "+back.Rollout, "ended FAILED: "+back.Rollout+" has started")...)
	s.went(back, "created: rolls back "+r.Rollout+" by bake (errors: 5 is above 1)", "granted", "canary-50 skipped: starts at stable",
		"baseline", "settled", "stable started", "stable shifted 100%", "stable succeeded",
		"stable analysis skipped: what is rolled back to has proved itself before", "ended SUCCEEDED")
}

// TestVerify has containers that verify, as jobs of Cloud Run.
func TestVerify(t *testing.T) {
	t.Parallel()
	verified := func(image string) options {
		return options{canary: "verifyConfig: {tasks: [{container: {image: " + image + "}}]}"}
	}
	deployed := watching()[:7]
	const never = "task task-1 never ran: CONTAINER_MISSING: Image 'nobody/knows' not found."
	for _, row := range []struct {
		name, image, logs string
		done              func(client.Rollout) bool
		path, gave        []string
	}{
		{
			name: "passes", image: "task/good", done: drive.In(rollout.StateSucceeded), logs: "this is task/good",
			path: append(deployed, "canary-50 verify started", "canary-50 verify succeeded", "stable advanced by automation",
				"stable started", "stable shifted 100%", "stable succeeded", "stable verify started", "stable verify succeeded", "ended SUCCEEDED"),
			gave: []string{"v1 100%", "v1 50%, v2 50%", "v2 100%"},
		},
		{
			name: "fails", image: "task/bad", done: drive.In(rollout.StateFailed), logs: "this is task/bad",
			path: append(deployed, "canary-50 verify started", "canary-50 verify failed: task task-1 exited with 3", "restored", "failed"),
			gave: []string{"v1 100%", "v1 50%, v2 50%", "v1 100%"},
		},
		{
			name: "never-ran", image: "nobody/knows", done: drive.WaitsFor(rollout.WaitPerson),
			path: append(deployed, "canary-50 verify started", "canary-50 verify judged inconclusive: "+never,
				"waits for person: verify of canary-50 is inconclusive: "+never),
			gave: []string{"v1 100%", "v1 50%, v2 50%"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, "verify-"+row.name, verified("task/good"))
			s.configure(verified(row.image))
			s.release("v2", "")
			r := s.until(row.done)
			s.went(r, row.path...)
			s.gave(row.gave...)
			out := r.Job("canary-50", rollout.JobVerify).Run.Outcome
			if row.logs == "" {
				return
			}
			logs, err := shared.Store.Get(s.Ctx, out.Logs)
			must(t, err)
			if !strings.Contains(string(logs), row.logs) {
				t.Errorf("its logs are %q, want %q in them", logs, row.logs)
			}
		})
	}
}

// TestInjection: a name that would end a string of a query is refused before anything is asked.
func TestInjection(t *testing.T) {
	t.Parallel()
	w := way(t)
	s := open(t, "injection", options{canary: watches(w.URL, limited("errors", `gauge{row="{{.Service}}"}`))})
	_, err := s.Create("v2", map[string]string{"service.yaml": world.Manifest(`'injection"} or vector(0) #'`, "img/v2")})
	if rollout.KindOf(err) != rollout.Invalid || !strings.Contains(fmt.Sprint(err), "is no name for a Cloud Run service") {
		t.Errorf("it is refused with %v", err)
	}
	if n := w.Connections(); n > 0 {
		t.Errorf("Prometheus was asked over %d connections", n)
	}
}
