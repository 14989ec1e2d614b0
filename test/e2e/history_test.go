package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// The history budget of one phase, and of everything else in a rollout together.
const (
	perPhase, perJob, perTimer = 12, 6, 5
	mostOfFour                 = 120 // events of Release and Rollout together, four phases advanced by hand
	mostOfRequest              = 2 << 10
)

// TestHistoryBudget counts the events of rollouts that only differ in how their phases
// begin.
func TestHistoryBudget(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, advance string
		manual        bool
		timers        int
	}{
		{"history-manual", "", true, 0},
		{"history-automatic", "advance: {mode: automatic}", false, 0},
		{"history-waits", "advance: {mode: automatic, wait: 1s}", false, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, row.name, []int{25, 50, 75}, row.advance).live()
			v2 := s.release("v2")
			if row.manual {
				s.advance(v2, "canary-50", "canary-75", "stable")
			}
			s.until(v2, drive.In(rollout.StateSucceeded))
			before, within, after, err := s.w.PhaseEvents(s.ctx, rollout.RolloutID(s.pipeline(), v2))
			if err != nil {
				t.Fatal(err)
			}
			const phases = 4
			budget := phases*(perPhase+perJob) + row.timers*perTimer
			whole := s.count(rollout.RolloutID(s.pipeline(), v2))
			release := s.count(rollout.ReleaseID(s.pipeline(), "v2"))
			t.Logf("%d events in Release, %d in Rollout: %d before the first phase, %d in %d phases (budget %d), %d after",
				release, whole, before, within, phases, budget, after)
			if within > budget {
				t.Errorf("%d events in %d phases, the budget is %d", within, phases, budget)
			}
			if row.manual && release+whole > mostOfFour {
				t.Errorf("%d events in Release and Rollout, want at most %d", release+whole, mostOfFour)
			}
			s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 75%, v1 25%", "v2 100%")
		})
	}
}

func (s *scene) count(id string) int {
	s.t.Helper()
	events, err := s.w.History(s.ctx, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(events)
}

// TestNothingSecretIsInAHistory: the manifest's values reach the platform and no
// history, also when a step fails.
func TestNothingSecretIsInAHistory(t *testing.T) {
	t.Parallel()
	s := newScene(t, "secrets", []int{25}, "")
	const secret = "hunter2-the-secret-value"
	manifest := func(image string) map[string]string {
		return map[string]string{"service.yaml": world.Manifest(s.pipeline(), image) +
			"          env:\n            - {name: PASSWORD, value: " + secret + "}\n"}
	}
	s.until(s.releaseOf("v1", manifest("img/v1")), drive.In(rollout.StateSucceeded))
	if err := s.w.Run.FailImage("img/secret-bad", "HEALTH_CHECK_CONTAINER_ERROR", ""); err != nil {
		t.Fatal(err)
	}
	s.until(s.releaseOf("bad", manifest("img/secret-bad")), drive.In(rollout.StateFailed))
	v2 := s.releaseOf("v2", manifest("img/v2"))
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))

	svc, err := s.w.Run.Service(s.service())
	if err != nil || svc.Template.Containers[0].Env[0].Value != secret {
		t.Fatalf("the platform has %+v, %v", svc, err)
	}
	all, err := s.w.Everything(s.ctx, s.pipeline())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 8 { // config, lane, three releases and three rollouts
		t.Errorf("only %d histories were read", len(all))
	}
	for id, text := range all {
		for _, never := range []string{secret, "containers:", `"containers"`, "PASSWORD"} {
			if strings.Contains(text, never) {
				t.Errorf("the history of %s contains %q", id, never)
			}
		}
	}
	s.requests(v2)
}

// requests wants every activity's input to be small.
func (s *scene) requests(name string) {
	s.t.Helper()
	events, err := s.w.History(s.ctx, rollout.RolloutID(s.pipeline(), name))
	if err != nil {
		s.t.Fatal(err)
	}
	var sizes []string
	for _, e := range events {
		a := e.GetActivityTaskScheduledEventAttributes()
		if a == nil {
			continue
		}
		size := len(a.GetInput().GetPayloads()[0].GetData())
		sizes = append(sizes, fmt.Sprintf("%s %d", a.GetActivityType().GetName(), size))
		if size > mostOfRequest {
			s.t.Errorf("the request of %s has %d bytes, want at most %d", a.GetActivityType().GetName(), size, mostOfRequest)
		}
	}
	s.t.Logf("bytes of requests: %s", strings.Join(sizes, ", "))
}
