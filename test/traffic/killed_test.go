package traffic_test

import (
	"reflect"
	"testing"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// newWorker starts a worker of the queue in a process of its own.
func (s *scene) newWorker(queue string) {
	s.T.Helper()
	var err error
	s.worker, err = s.World.Process(s.Ctx, queue)
	s.must(err)
	p := s.worker
	s.T.Cleanup(func() { s.must(p.Kill()) })
}

// killed: in each phase the only worker of the target dies while its step is under way.
func killed(t *testing.T, s site) {
	t.Helper()
	const queue = "killed"
	sc := s.open(t, "killed", options{queue: queue})
	v2 := sc.Release("v2", sc.files("v2"))
	cut := 0
	for _, phase := range append(allPhases(), rollout.StablePhase) {
		if phase != "canary-25" {
			sc.Advance(v2, phase)
		}
		got := sc.Until(v2, under(phase))
		if got.Job(phase, rollout.JobDeploy).State == rollout.JobInProgress {
			cut++
		}
		sc.must(sc.worker.Kill())
		sc.newWorker(queue)
		sc.Until(v2, after(phase))
		if weight := map[string]int{"canary-25": 25, "canary-50": 50, "canary-75": 75}[phase]; weight > 0 {
			sc.gives(phase, "v2", weight)
		}
	}
	if cut == 0 {
		t.Error("no step was under way")
	}
	sc.Until(v2, drive.In(rollout.StateSucceeded))
	sc.gives("stable", "v2", 100)
	sc.end()
	sc.waitGone()
}

// under is a condition: the phase's job is under way.
func under(phase string) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		job := r.Job(phase, rollout.JobDeploy)
		return job != nil && (job.State == rollout.JobInProgress || job.State == rollout.JobSucceeded)
	}
}

// stopped is a condition: the rollout failed, or waits for a person.
func stopped(r client.Rollout) bool {
	return r.State == rollout.StateFailed || drive.WaitsFor(rollout.WaitPerson)(r)
}

// equalSpec compares what is live with what was.
func equalSpec(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%v\nwant\n%v", what, got, want)
	}
}
