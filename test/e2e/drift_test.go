package e2e_test

import (
	"strings"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestDrift: somebody moves traffic past Serin in the middle of a rollout. It waits for
// a person and says who did what, and that person decides.
func TestDrift(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		back   bool // eve undoes it before the person resumes
		splits []string
	}{
		{"drift-accepted", false, []string{
			"v0 100%", "v1 100%", "v1 75%, v2 25%", "v0 60%, v2 40%", "v0 50%, v2 50%", "v2 100%",
		}},
		{"drift-undone", true, []string{
			"v0 100%", "v1 100%", "v1 75%, v2 25%", "v0 60%, v2 40%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, row.name, []int{25, 50}, "")
			s.until(s.release("v0"), drive.In(rollout.StateSucceeded))
			v1 := s.release("v1")
			s.advance(v1, "canary-50", "stable")
			s.until(v1, drive.In(rollout.StateSucceeded))
			v2 := s.release("v2")
			s.until(v2, drive.AsksFor("canary-50"))
			s.moves(map[string]int64{"v0": 60, "v2": 40})
			s.must(s.w.Client.Advance(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-50", Actor: "ann"}))
			got := s.until(v2, drive.WaitsFor(rollout.WaitPerson))
			contains(t, got.Waiting.Reason, eve+" changed the split to", "60%", "it was", "75%", s.config.Target())
			contains(t, strings.Join(got.Waiting.Commands, "\n"), "serin rollout resume --pipeline "+row.name+" --rollout "+v2)
			if row.back { // the split is as it was, but who knows what else eve did
				s.moves(map[string]int64{"v1": 75, "v2": 25})
				s.must(s.w.Client.Resume(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann"}))
				s.until(v2, func(r client.Rollout) bool {
					return drive.WaitsFor(rollout.WaitPerson)(r) && strings.Contains(r.Waiting.Reason, eve+" changed the service (generation")
				})
			}
			s.must(s.w.Client.Resume(s.ctx, s.pipeline(), v2, rollout.Command{Accept: true, Actor: "ann"}))
			s.advance(v2, "stable")
			s.until(v2, drive.In(rollout.StateSucceeded))
			whole := append([]string{"v0 100%", "v0 75%, v1 25%", "v0 50%, v1 50%"}, row.splits[1:]...)
			s.serves(whole...)
		})
	}
}

// TestDriftIsNotOverwrittenByPatience: a person who resumes without looking is asked
// again, and a cancel leaves what is there.
func TestDriftIsNotOverwrittenByPatience(t *testing.T) {
	t.Parallel()
	s := newScene(t, "drift-stays", []int{25, 50}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("canary-50"))
	s.moves(map[string]int64{"v1": 99, "v2": 1})
	s.must(s.w.Client.Advance(s.ctx, s.pipeline(), v2, rollout.Command{Phase: "canary-50", Actor: "ann"}))
	first := s.until(v2, drive.WaitsFor(rollout.WaitPerson))
	s.must(s.w.Client.Resume(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann"}))
	s.until(v2, func(r client.Rollout) bool {
		return drive.WaitsFor(rollout.WaitPerson)(r) && r.Waiting.Since.After(first.Waiting.Since)
	})
	s.must(s.w.Client.Cancel(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann"}))
	s.until(v2, drive.In(rollout.StateCancelled))
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 99%, v2 1%")
}
