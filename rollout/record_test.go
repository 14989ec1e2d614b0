package rollout_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/serin-dev/serin/rollout"
)

// TestARecordKeepsLittleOfWhyChildrenFailed: a lane keeps a hundred of them several times.
func TestARecordKeepsLittleOfWhyChildrenFailed(t *testing.T) {
	t.Parallel()
	long := "a" + strings.Repeat("ä", 5000) // its characters begin at odd bytes
	said := rollout.Record{State: rollout.StateFailed, Failure: long, Children: map[string]rollout.Record{
		"eu": {Failure: long}, "us": {Failure: "quota"}, "asia": {},
	}}
	var r rollout.Record
	r.Take(said, 1)
	eu := r.Children["eu"].Failure
	if len(eu) > 200 || len(eu) < 190 || !utf8.ValidString(eu) || !strings.HasSuffix(eu, "ä...") {
		t.Errorf("%d bytes: %q", len(eu), eu)
	}
	if r.Children["us"].Failure != "quota" || len(r.Children) != 3 || r.Failure != long || said.Children["eu"].Failure != long {
		t.Errorf("%+v", r)
	}
}

// TestARecordKeepsWhyTheLaneHasCancelledIt until the rollout begins after all.
func TestARecordKeepsWhyTheLaneHasCancelledIt(t *testing.T) {
	t.Parallel()
	const why = "cancelled by rollback v1-to-prod-0002"
	for _, row := range []struct {
		before rollout.State
		said   rollout.Record
		want   string
	}{
		{rollout.StatePending, rollout.Record{State: rollout.StateCancelled}, why},
		{rollout.StatePending, rollout.Record{State: rollout.StateCancelled, Failure: "quota"}, why},
		{rollout.StatePending, rollout.Record{State: rollout.StateFailed, Failure: "quota"}, "quota"},
		{rollout.StateFailed, rollout.Record{State: rollout.StateCancelled}, ""},
	} {
		r := rollout.Record{State: row.before, Failure: why}
		r.Take(row.said, 1)
		if r.Failure != row.want {
			t.Errorf("%s, then %s: %q, want %q", row.before, row.said.State, r.Failure, row.want)
		}
	}
	s, failed := rollout.LaneStatus{}, rollout.Record{State: rollout.StateFailed, Failure: "quota"}
	if s.Join(&failed, true, time.Time{}); failed.Failure != "" {
		t.Errorf("one that queues again has failed with %q", failed.Failure)
	}
}
