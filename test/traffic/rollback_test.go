package traffic_test

import (
	"fmt"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// room bounds the pods of a namespace.
func room(namespace string, pods int) string {
	return fmt.Sprintf(`apiVersion: v1
kind: ResourceQuota
metadata: {name: pods, namespace: %s}
spec: {hard: {pods: "%d"}}
`, namespace, pods)
}

// retried: the quota has no room for the canary's first pod. Once it has, a retry goes on at once,
// whatever the condition says that the failure has left.
func retried(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "retried", options{})
	sc.must(s.cluster.Apply(sc.Ctx, room("retried", 4)))
	v2 := sc.Release("v2", sc.files("v2"))
	if got := sc.Until(v2, drive.In(rollout.StateFailed)); !drive.Has(got, "exceeded quota") {
		t.Errorf("want the quota in %v", drive.Path(got))
	}
	sc.must(s.cluster.Apply(sc.Ctx, room("retried", 50)))
	sc.Must(sc.World.Client.RetryJob(sc.Ctx, sc.Pipeline, v2, rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}))
	sc.Until(v2, after("canary-25"))
	sc.gives("retried", "v2", 25)
	sc.end()
}

// rolledBack: the quota has no room for the pods of the promotion, which fails while the canary
// has most of the requests. A rollback goes back to v1 without losing one.
func rolledBack(t *testing.T, s site) {
	t.Helper()
	sc := s.open(t, "rolledback", options{})
	v2 := sc.Release("v2", sc.files("v2"))
	sc.through(v2, "v2", allPhases()...)
	sc.must(s.cluster.Apply(sc.Ctx, room("rolledback", 1)))
	sc.Advance(v2, "stable")
	got := sc.Until(v2, drive.In(rollout.StateFailed))
	if !drive.Has(got, "exceeded quota") || got.Restored {
		t.Errorf("want the quota and no restore in %v", drive.Path(got))
	}
	sc.must(s.cluster.Apply(sc.Ctx, room("rolledback", 50))) // v1 lacks the pod that has gone
	back, err := sc.World.Client.Rollback(sc.Ctx, sc.Pipeline, sc.Target, rollout.Create{Actor: "ann", Reason: "v2 has no room"})
	sc.must(err)
	if back.Release != "v1" || back.RollbackOf != v2 {
		t.Errorf("rolls back %s to %s, want %s to v1", back.RollbackOf, back.Release, v2)
	}
	sc.Until(back.Rollout, drive.In(rollout.StateSucceeded))
	sc.gives("rolled back", "v2", 0)
	sc.end()
	sc.waitGone()
}
