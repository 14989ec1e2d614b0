package rollout_test

import (
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// TestALaneOfACustomTarget has no splits and no revisions, and knows all the same what a rollback
// and a redeploy go to.
func TestALaneOfACustomTarget(t *testing.T) {
	t.Parallel()
	at := func(h int) time.Time { return time.Date(2026, 3, 1, h, 0, 0, 0, time.UTC) }
	v1 := rollout.Record{
		Rollout: "v1-to-prod-0001", Release: "v1", State: rollout.StateSucceeded, PromotionBegun: true, Promoted: true, Started: at(1), Ended: at(2),
	}
	v2 := rollout.Record{Rollout: "v2-to-prod-0001", Release: "v2", State: rollout.StateFailed, Unsettled: true, Started: at(3), Ended: at(4)}
	lane := &rollout.LaneStatus{Pipeline: "shop", Target: "prod", Records: []rollout.Record{v2, v1}}
	lane.Keep(&lane.Records[1])
	lane.Keep(&lane.Records[0])
	if lane.Stable() == nil || lane.Stable().Release != "v1" {
		t.Errorf("stable is %+v", lane.Stable())
	}
	for command, want := range map[string]string{rollout.UpdateRollback: "v1", rollout.UpdateRedeploy: "v2"} {
		goals, err := lane.Goals(command, rollout.Create{})
		if err != nil || len(goals) != 1 || goals[0].Release != want {
			t.Errorf("%s: %+v, %v; want %s", command, goals, err, want)
		}
	}
}

// TestWhereACustomTargetRunsItsContainers: where it says, and any other where it is.
func TestWhereACustomTargetRunsItsContainers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		target rollout.Target
		want   rollout.Runtime
	}{
		{rollout.Target{Runtime: rollout.RuntimeCustom, Cluster: &rollout.Cluster{}}, rollout.RuntimeKubernetes},
		{rollout.Target{Runtime: rollout.RuntimeCustom, Location: "projects/p/locations/l"}, rollout.RuntimeCloudRun},
		{rollout.Target{Runtime: rollout.RuntimeKubernetes}, rollout.RuntimeKubernetes},
		{rollout.Target{Runtime: rollout.RuntimeCloudRun}, rollout.RuntimeCloudRun},
	} {
		if got := row.target.RunsAt(); got != row.want {
			t.Errorf("%+v runs containers at %s, want %s", row.target, got, row.want)
		}
	}
}

func TestHowLongTasksMayTakeTogether(t *testing.T) {
	t.Parallel()
	short, long, unsaid := rollout.Task{Timeout: time.Minute}, rollout.Task{Timeout: 2 * time.Hour}, rollout.Task{}
	for _, row := range []struct {
		tasks           []rollout.Task
		inOrder, atOnce time.Duration
	}{
		{nil, 0, 0},
		{[]rollout.Task{unsaid}, 0, 0},
		{[]rollout.Task{short}, time.Minute, time.Minute},
		{[]rollout.Task{long}, 2 * time.Hour, 2 * time.Hour},
		{[]rollout.Task{unsaid, unsaid}, 2 * time.Hour, 0},
		{[]rollout.Task{short, unsaid, long}, 3*time.Hour + time.Minute, 2 * time.Hour},
	} {
		for parallel, want := range map[bool]time.Duration{false: row.inOrder, true: row.atOnce} {
			if got := (rollout.JobSpec{Tasks: row.tasks, Parallel: parallel}).Longest(); got != want {
				t.Errorf("%+v, parallel %v: %s, want %s", row.tasks, parallel, got, want)
			}
		}
	}
}
