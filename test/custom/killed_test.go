package custom_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// gate makes the containers of a request wait at its beginning until somebody comes.
func (s *scene) gate(request string) {
	s.T.Helper()
	s.must(syscall.Mkfifo(filepath.Join(s.site, request), 0o600))
}

// reached waits until a container is at the gate, and returns its other end: a line lets the container go on.
func (s *scene) reached(request string) *os.File {
	s.T.Helper()
	type end struct {
		*os.File
		err error
	}
	opened := make(chan end, 1)
	go func() {
		f, err := os.OpenFile(filepath.Join(s.site, request), os.O_WRONLY, 0) // returns once the container reads
		opened <- end{f, err}
	}()
	select {
	case f := <-opened:
		s.must(f.err)
		deadline, _ := s.Ctx.Deadline()
		s.must(f.SetDeadline(deadline))
		return f.File
	case <-s.Ctx.Done():
		s.T.Fatal("no container came to the gate: ", s.Ctx.Err())
	}
	return nil
}

// asked waits until somebody has asked for a job since then. Who waits for one asks for its execution.
func (s *scene) asked(since time.Time) {
	s.T.Helper()
	_, err := shared.Run.WaitRequest(s.Ctx, func(r cloudruntest.Request) bool {
		return r.Time.After(since) && strings.Contains(r.Path, "/locations/"+s.name+"/jobs") && !strings.Contains(r.Path, "/executions")
	})
	s.must(err)
}

// TestAKilledWorker: the next one finds the container that its predecessor began, and waits for it.
func TestAKilledWorker(t *testing.T) {
	t.Parallel()
	for _, request := range []string{rollout.RequestRender, rollout.RequestDeploy} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			s := open(t, "killed", options{queue: true, strategy: "{standard: {}}"})
			worker, err := shared.Process(s.Ctx, s.name)
			s.must(err)
			t.Cleanup(func() { s.must(worker.Kill()) })
			s.gate(request)
			_, err = s.Create("v1", page("hello from v1"))
			s.must(err)
			gate := s.reached(request)
			s.must(worker.Kill())
			died := time.Now()
			next, err := shared.Process(s.Ctx, s.name)
			s.must(err)
			t.Cleanup(func() { s.must(next.Kill()) })
			s.asked(died)
			_, err = gate.WriteString("go\n")
			s.must(err)
			s.must(gate.Close())
			v1, err := shared.Client.WaitRollout(s.Ctx, s.name, "v1", s.Target)
			s.must(err)
			s.Went(s.Until(v1, drive.In(rollout.StateSucceeded)), "created by ann", "granted",
				"stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED")
			s.ran("RENDER stable of v1", "DEPLOY stable of v1")
			s.serves("100%\nstable of v1, no canary\nhello from v1\n", "hello from v1\n")
		})
	}
}

// killed waits until the container at the gate is gone.
func (s *scene) killed(gate *os.File) {
	s.T.Helper()
	var err error
	for err == nil { // it reads on until then
		_, err = gate.WriteString("and so on and ")
	}
	if !errors.Is(err, syscall.EPIPE) {
		s.T.Errorf("the container still runs: %v", err)
	}
	s.must(gate.Close())
}

// TestACancelledRelease: the container that renders it ends. The name is free.
func TestACancelledRelease(t *testing.T) {
	t.Parallel()
	s := open(t, "cancelled", options{strategy: "{standard: {}}"})
	s.gate(rollout.RequestRender)
	_, err := s.Create("v1", page("hello from v1"))
	s.must(err)
	gate := s.reached(rollout.RequestRender)
	s.must(shared.Temporal.CancelWorkflow(s.Ctx, rollout.ReleaseID(s.name, "v1"), ""))
	if _, err = shared.Client.WaitRollout(s.Ctx, s.name, "v1", s.Target); rollout.KindOf(err) != rollout.Failed || !strings.Contains(err.Error(), "phase stable: cancelled") {
		t.Errorf("it ended with %v", err)
	}
	s.killed(gate)
	s.must(os.Remove(filepath.Join(s.site, rollout.RequestRender)))
	s.succeed("v1")
	s.ran("RENDER stable of v1", "RENDER stable of v1", "DEPLOY stable of v1")
}

// TestTerminate ends the container of a deploy. What it has not done yet is not done.
func TestTerminate(t *testing.T) {
	t.Parallel()
	s := open(t, "terminated", options{})
	s.succeed("v1")
	s.gate(rollout.RequestDeploy)
	v2 := s.Release("v2", page("hello from v2"))
	gate := s.reached(rollout.RequestDeploy)
	s.Must(shared.Client.TerminateJobRun(s.Ctx, s.name, v2, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"}))
	s.Went(s.Until(v2, drive.In(rollout.StateFailed)), "created by ann", "granted",
		"canary-50 started", "canary-50 terminating by ann", "canary-50 terminated: terminated", "failed")
	s.killed(gate)
	s.serves(stableV1, "hello from v1\n")
}
