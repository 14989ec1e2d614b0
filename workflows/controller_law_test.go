package workflows_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// TestWaves: in each phase no child begins before every child of the wave before is done.
func TestWaves(t *testing.T) {
	t.Parallel()
	var children []rollout.Child
	for i := range 9 {
		children = append(children, rollout.Child{Target: fmt.Sprintf("t%d", i), Wave: i / 3})
	}
	f := newFleet(t, children...)
	f.advance(1*time.Hour, "canary-50")
	f.advance(2*time.Hour, "stable")
	s := f.runFleet(t)
	done, begun := map[string]int{}, 0
	for _, e := range s.Events {
		if e.Child == nil {
			continue
		}
		where := func(wave int) string { return fmt.Sprint(e.Child.Phase, wave) }
		switch e.Child.PhaseState {
		case rollout.PhaseSucceeded:
			done[where(e.Child.Wave)]++
		case rollout.PhaseInProgress:
			if begun++; e.Child.Wave > 0 && done[where(e.Child.Wave-1)] != 3 {
				t.Errorf("%s begins %s when %d children of the wave before are done", e.Child.Target, e.Child.Phase, done[where(e.Child.Wave-1)])
			}
		default:
			t.Errorf("%s: %s", e.Child.Target, e)
		}
	}
	if s.State != rollout.StateSucceeded || begun != 27 {
		t.Errorf("%s, and %d phases of children have begun, want 27", s.State, begun)
	}
}

// TestMaxConcurrent: never do more children work than are allowed to.
func TestMaxConcurrent(t *testing.T) {
	t.Parallel()
	var children []rollout.Child
	for i := range 7 {
		children = append(children, rollout.Child{Target: fmt.Sprintf("t%d", i)})
	}
	f := newFleet(t, children...)
	f.plan.Parallel.MaxConcurrent = 2
	f.advance(1*time.Hour, "canary-50")
	f.advance(2*time.Hour, "stable")
	s := f.runFleet(t)
	working, most := map[string]bool{}, 0
	for _, e := range s.Events {
		if e.Child == nil {
			continue
		}
		working[e.Child.Target] = e.Child.PhaseState == rollout.PhaseInProgress
		n := 0
		for _, w := range working {
			if w {
				n++
			}
		}
		most = max(most, n)
	}
	if s.State != rollout.StateSucceeded || most != 2 {
		t.Errorf("%s, and at most %d children worked at the same time, want 2", s.State, most)
	}
}

// TestWhatALaneHearsOfAController: the record of each child, and for one that has not begun the
// record that was there before.
func TestWhatALaneHearsOfAController(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waved()...)
	f.platform.FailAt("asia", "v2", "it exits with 1")
	f.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	f.runFleet(t)
	var states []string
	for _, r := range f.reports {
		states = append(states, string(r.State))
	}
	equal(t, "reports", states, []string{"FAILED", "CANCELLED"})
	last := f.reports[len(f.reports)-1]
	if asia := last.Children["asia"]; asia.Rollout != "v2-to-asia-0001" || asia.Stable != "shop-v1" || asia.State != rollout.StateCancelled {
		t.Errorf("asia: %+v", asia)
	}
	if eu := last.Children["eu"]; eu.Rollout != "v1-to-eu-0001" || !eu.Promoted {
		t.Errorf("eu: %+v", eu)
	}
	if last.Promoted || !last.Moved() {
		t.Errorf("promoted %t, moved %t", last.Promoted, last.Moved())
	}
}

// TestAChildWhosePlanCannotBeRead: an outage of the artifact store is waited for, and what is not there
// fails the child with the reason.
func TestAChildWhosePlanCannotBeRead(t *testing.T) {
	t.Parallel()
	unread := func(kind rollout.Kind) error {
		return &rollout.Error{Op: "artifact: get", On: "releases/shop/v2.json", Kind: kind, Err: errors.New("no answer")}
	}
	t.Run("for a while", func(t *testing.T) {
		t.Parallel()
		f := newFleet(t, three()[:2]...)
		var asked atomic.Int32
		f.unread = func(target string) error {
			if target == "eu" && asked.Add(1) < 30 {
				return unread(rollout.Transient)
			}
			return nil
		}
		f.advance(20*time.Hour, "canary-50")
		f.advance(21*time.Hour, "stable")
		if s := f.runFleet(t); s.State != rollout.StateSucceeded || f.serves() != "asia shop-v2 100%; eu shop-v2 100%" {
			t.Errorf("%s, and it serves %s: %v", s.State, f.serves(), fleetPath(s))
		}
	})
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		f := newFleet(t, three()[:2]...)
		f.unread = func(target string) error {
			if target == "eu" {
				return unread(rollout.NotFound)
			}
			return nil
		}
		f.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
		equal(t, "path", fleetPath(f.runFleet(t)), []string{
			"created", "granted",
			"asia canary-25 IN_PROGRESS, asia canary-25 SUCCEEDED, eu canary-25 FAILED, eu canary-25 IN_PROGRESS",
			"halted: 1 of 2 children failed: eu (canary-25: artifact: get releases/shop/v2.json: no answer)",
			"waits for person: 1 of 2 children failed: eu (canary-25: artifact: get releases/shop/v2.json: no answer)",
			"cancelling by ann", "asia canary-25 SUCCEEDED CANCELLED", "ended CANCELLED",
		})
	})
}
