package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestTwoPeopleAdvanceInTheSameSecond: concurrent Updates start one phase.
func TestTwoPeopleAdvanceInTheSameSecond(t *testing.T) {
	t.Parallel()
	s := newScene(t, "two-people", []int{25, 50}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("canary-50"))
	const people = 8
	answers := make(chan error, people)
	for i := range people {
		go func() {
			_, err := s.w.Client.Advance(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-50", Actor: fmt.Sprintf("person-%d", i)})
			answers <- err
		}()
	}
	accepted := 0
	for range people {
		if err := <-answers; err != nil {
			s.refuses(err, rollout.Refused, "advance "+v2)
			continue
		}
		accepted++
	}
	if accepted != 1 {
		t.Errorf("%d were accepted, want 1", accepted)
	}
	got := s.until(v2, drive.AsksFor("stable"))
	started := 0
	for _, line := range drive.Path(got) {
		if strings.HasPrefix(line, "canary-50 advanced") || line == "canary-50 started" {
			started++
		}
	}
	if started != 2 {
		t.Errorf("canary-50 was advanced and started %d times together, want 2\n%s", started, strings.Join(drive.Path(got), "\n"))
	}
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%")
}

// TestCommandsAsSignals: whoever can signal a workflow can command a rollout, and a
// refusal is an event that changes nothing.
func TestCommandsAsSignals(t *testing.T) {
	t.Parallel()
	s := newScene(t, "signals", []int{25, 50}, "").live()
	v2 := s.release("v2")
	signal := func(command string, payload map[string]any) {
		t.Helper()
		if err := s.w.Temporal.SignalWorkflow(s.ctx, rollout.RolloutID(s.pipeline(), v2), "", command, payload); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(command string, payload map[string]any, text string) {
		t.Helper()
		before := s.until(v2, func(client.Rollout) bool { return true })
		signal(command, payload)
		got := s.until(v2, func(r client.Rollout) bool {
			return r.Events[len(r.Events)-1].Seq > before.Events[len(before.Events)-1].Seq
		})
		last := got.Events[len(got.Events)-1]
		if last.Kind != rollout.EventRefused || !strings.Contains(last.Note, text) || last.Actor != "web" || got.State != before.State {
			t.Errorf("%s ends in %q, state %s, want a refusal that says %q", command, last, got.State, text)
		}
	}
	job := map[string]any{"phase": "canary-50", "job": "deploy", "actor": "web"}

	s.until(v2, drive.AsksFor("canary-50"))
	refused("advance", map[string]any{"phase": "stable", "actor": "web"}, "canary-50 comes before stable")
	refused("advance", map[string]any{"phase": "canary-99", "actor": "web"}, "its phases are canary-25, canary-50, stable")
	refused("resume", map[string]any{"actor": "web"}, "does not wait for a person")
	refused("retryJob", job, "job deploy of canary-50 is PENDING, not FAILED")
	refused("ignoreJob", job, "job deploy of canary-50 is PENDING, not FAILED")
	refused("terminateJobRun", job, "has no job run in progress")

	remove := s.inject(fault{kind: "stuck", times: 1})
	signal("advance", map[string]any{"phase": "canary-50", "actor": "web"})
	s.until(v2, func(r client.Rollout) bool {
		return len(r.Progress) > 0 && strings.HasPrefix(r.Progress[0].Detail, "waiting for the platform")
	})
	signal("terminateJobRun", job)
	s.until(v2, drive.In(rollout.StateFailed))
	remove()
	signal("retryJob", job)
	s.until(v2, drive.AsksFor("stable"))
	s.moves(map[string]int64{"v1": 100})
	signal("advance", map[string]any{"phase": "stable", "actor": "web"})
	s.until(v2, drive.WaitsFor(rollout.WaitPerson))
	signal("resume", map[string]any{"accept": true, "actor": "web"})
	got := s.until(v2, drive.In(rollout.StateSucceeded))
	for _, line := range []string{
		"canary-50 advanced by web", "canary-50 terminating by web", "canary-50 retried by web", "resumed: accepted what is observed by web",
	} {
		if !slices.Contains(drive.Path(got), line) {
			t.Errorf("no %q in\n%s", line, strings.Join(drive.Path(got), "\n"))
		}
	}
	s.lawful()
}

// TestIgnoreAndCancelAsSignals: the other two commands.
func TestIgnoreAndCancelAsSignals(t *testing.T) {
	t.Parallel()
	s := newScene(t, "signals-more", []int{25, 50}, "").live()
	s.breaks("signals-more-bad")
	bad := s.release("signals-more-bad")
	s.until(bad, drive.In(rollout.StateFailed))
	id := rollout.RolloutID(s.pipeline(), bad)
	for _, signal := range []struct {
		name    string
		payload map[string]any
		until   func(client.Rollout) bool
	}{
		{"ignoreJob", map[string]any{"phase": "canary-25", "job": "deploy", "actor": "web"}, drive.AsksFor("canary-50")},
		{"cancel", map[string]any{"restore": true, "actor": "web", "reason": "enough"}, drive.In(rollout.StateCancelled)},
	} {
		if err := s.w.Temporal.SignalWorkflow(s.ctx, id, "", signal.name, signal.payload); err != nil {
			t.Fatal(err)
		}
		s.until(bad, signal.until)
	}
	s.serves("v1 100%")
}

// TestATemporalCancelIsACancel: traffic stays, and the next rollout settles it.
func TestATemporalCancelIsACancel(t *testing.T) {
	t.Parallel()
	s := newScene(t, "temporal-cancel", []int{25}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	if err := s.w.Temporal.CancelWorkflow(s.ctx, rollout.RolloutID(s.pipeline(), v2), ""); err != nil {
		t.Fatal(err)
	}
	got := s.until(v2, drive.In(rollout.StateCancelled))
	if !drive.Has(got, "cancelling by temporal") || !got.Unsettled {
		t.Errorf("unsettled %t\n%s", got.Unsettled, strings.Join(drive.Path(got), "\n"))
	}
	s.serves("v1 100%", "v1 75%, v2 25%")
	_, err := s.w.Client.Advance(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "stable"})
	s.refuses(err, rollout.Refused, "ended CANCELLED")
	v3 := s.release("v3")
	s.advance(v3, "stable")
	s.until(v3, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 100%", "v1 75%, v3 25%", "v3 100%")
}

// TestCancelRestores: with restore a cancel puts traffic back.
func TestCancelRestores(t *testing.T) {
	t.Parallel()
	s := newScene(t, "cancel-restore", []int{25}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	s.must(s.w.Client.Cancel(s.ctx, s.pipeline(), v2, rollout.Command{Restore: true, Actor: "ann", Reason: "looks bad"}))
	s.until(v2, drive.In(rollout.StateCancelled))
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 100%")
}

// TestASuspendedPipelineRefuses: suspension is read live, and so is its end.
func TestASuspendedPipelineRefuses(t *testing.T) {
	t.Parallel()
	s := newScene(t, "suspended", []int{25}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("stable"))
	s.config.Suspended = true
	s.apply()
	_, err := s.w.Client.Advance(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "stable", Actor: "ann"})
	s.refuses(err, rollout.Refused, "advance "+v2, "pipeline suspended is suspended: serin pipeline resume --pipeline suspended")
	_, err = s.create("v3", map[string]string{"service.yaml": "unread"})
	s.refuses(err, rollout.Refused, "suspended")
	s.serves("v1 100%", "v1 75%, v2 25%")
	s.config.Suspended = false
	s.apply()
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 75%, v2 25%", "v2 100%")
	s.until(s.release("v3"), drive.AsksFor("stable")) // the refusal has not used its name up
}
