package e2e_test

import (
	"strings"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// TestATargetWithItsOwnWorkers: a rollout waits for a worker of the target's queue and
// names it, nothing is written meanwhile, and it goes on by itself when one polls.
func TestATargetWithItsOwnWorkers(t *testing.T) {
	t.Parallel()
	s := stage(t, shared, world.Configuration{Pipeline: "own-queue", Canary: world.Percentages([]int{50}, ""), TaskQueue: "eu-cluster"})
	v1 := s.release("v1")
	s.until(v1, func(r client.Rollout) bool {
		return len(r.Progress) > 0 && strings.Contains(r.Progress[0].Detail, "waits for a worker on task queue eu-cluster")
	})
	if _, err := s.w.Run.Service(s.service()); err == nil {
		t.Error("a worker of another queue has written")
	}
	stop, err := s.w.Worker("eu-cluster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	s.until(v1, drive.In(rollout.StateSucceeded))
	v2 := s.release("v2")
	s.advance(v2, "stable")
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 50%, v2 50%", "v2 100%")
}
