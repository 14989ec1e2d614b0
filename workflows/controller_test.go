package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

type fleetRow struct {
	name     string
	children []rollout.Child
	setup    func(*fleet)
	want     rollout.State
	path     []string
	refused  []string
	serves   string
}

// TestControllers reads as the specification of a controller and its children.
func TestControllers(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(parallels(), halts(), waves(), budgets(), fleetCancels(), fleetFirsts()) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, row.children...)
			row.setup(f)
			s := f.runFleet(t)
			equal(t, "path", fleetPath(s), row.path)
			equal(t, "refused", f.refused, row.refused)
			if s.State != row.want {
				t.Errorf("state %s, want %s", s.State, row.want)
			}
			if got := f.serves(); got != row.serves {
				t.Errorf("serves %s, want %s", got, row.serves)
			}
		})
	}
}

func parallels() []fleetRow {
	return []fleetRow{
		{
			name: "a person advances all children together", children: three(),
			setup: func(f *fleet) {
				f.advance(1*time.Hour, "canary-50")
				f.advance(2*time.Hour, "stable")
			},
			want: rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%; us shop-v2 100%",
			path: slices.Concat([]string{
				"created", "granted",
				went("canary-25", "asia", "eu", "us"),
			}, onward("asia", "eu", "us")),
		},
		{
			name: "what a child does not take, and what a controller does not", children: three()[:1],
			setup: func(f *fleet) {
				f.child(1*time.Hour, "asia", rollout.CommandAdvance, rollout.Command{Phase: "canary-50", Actor: "ann"})
				f.child(1*time.Hour, "asia", rollout.CommandCancel, rollout.Command{Actor: "ann"})
				f.child(1*time.Hour, "asia", rollout.CommandApprove, rollout.Command{Actor: "ann", Digest: "sha256:v2"})
				f.child(1*time.Hour, "asia", rollout.CommandPause, rollout.Command{Actor: "ann"})
				f.command(1*time.Hour, rollout.CommandRetryJob, rollout.Command{Phase: "canary-25", Job: rollout.JobCreateChild})
				f.command(1*time.Hour, rollout.CommandTerminate, rollout.Command{Phase: "canary-25", Job: rollout.JobCreateChild})
				f.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, serves: "asia shop-v1 75%, shop-v2 25%",
			path: []string{
				"created", "granted",
				went("canary-25", "asia"),
				"waits for advance: canary-25 is done; canary-50 gives the release 50%",
				"cancelling by ann",
				"asia canary-25 SUCCEEDED CANCELLED",
				"ended CANCELLED",
			},
			refused: []string{
				"asia: advance v2-to-asia-0001: it is a child: advance its controller v2-to-all-0001",
				"asia: cancel v2-to-asia-0001: it is a child: cancel its controller v2-to-all-0001",
				"asia: approve v2-to-asia-0001: it is a child: approve its controller v2-to-all-0001",
				"asia: pause v2-to-asia-0001: it is a child: pause its controller v2-to-all-0001",
				"retryJob v2-to-all-0001: it is a controller, and its jobs are its children's: v2-to-asia-0001",
				"terminateJobRun v2-to-all-0001: it is a controller, and its jobs are its children's: v2-to-asia-0001",
			},
		},
		{
			name: "a rollback starts at stable in every child", children: three()[:2],
			setup: func(f *fleet) { f.startingPhase = "stable" },
			want:  rollout.StateSucceeded, serves: "asia shop-v2 100%; eu shop-v2 100%",
			path: []string{
				"created", "granted",
				"canary-25 skipped: starts at stable", "canary-50 skipped: starts at stable",
				went("stable", "asia", "eu"),
				"ended SUCCEEDED",
			},
		},
	}
}
