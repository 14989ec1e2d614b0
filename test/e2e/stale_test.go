package e2e_test

import (
	"fmt"
	"testing"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestStaleReadsAfterACancelledCanary: v2 was left at half. However many of the reads of
// v3's beginning are from before the last write, v2 never gets its half back.
func TestStaleReadsAfterACancelledCanary(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 6; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, fmt.Sprintf("stale-%d", n), []int{50}, "").live()
			v2 := s.release("v2")
			s.until(v2, drive.AsksFor("stable"))
			s.must(s.w.Client.Cancel(s.ctx, s.pipeline(), v2, rollout.Command{Actor: "ann"}))
			s.until(v2, drive.In(rollout.StateCancelled))
			s.inject(fault{kind: cloudruntest.StaleReads, reads: true, times: n})
			v3 := s.release("v3")
			got := s.until(v3, client.Rollout.Waits)
			t.Log(got.Waiting.For, got.Waiting.Reason)
			s.lawful()
		})
	}
}
