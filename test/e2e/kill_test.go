package e2e_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// withTags is a canary that goes by itself and has tags.
const withTags = `
runtimeConfig:
  cloudRun:
    automaticTrafficControl: true
    canaryRevisionTags: [next]
    priorRevisionTags: [prior]
    stableRevisionTags: [live]
canaryDeployment:
  percentages: [25, 50]
  advance: {mode: automatic}
`

// TestAWorkerKilledAtAnyWrite kills the process that writes with SIGKILL at each write of
// a rollout: before the platform has the write, and after it has carried it out. Another
// process takes over, the rollout succeeds, and the split goes as if nothing had been.
func TestAWorkerKilledAtAnyWrite(t *testing.T) {
	t.Parallel()
	writes := killed(t, "kill-none", 0, false)
	if writes < 5 { // settle, deploy, and one for each phase
		t.Fatalf("a rollout takes %d writes only", writes)
	}
	for n := 1; n <= writes; n++ {
		for _, applied := range []bool{false, true} {
			name := map[bool]string{false: "before", true: "after"}[applied]
			t.Run(fmt.Sprintf("%s/%d-of-%d", name, n, writes), func(t *testing.T) {
				t.Parallel()
				killed(t, fmt.Sprintf("kill-%s-%d", name, n), n, applied)
			})
		}
	}
}

// killed rolls v2 out by a worker process that is killed at its nth write, 0 for never,
// and returns how many writes there were.
func killed(t *testing.T, name string, n int, applied bool) int {
	t.Helper()
	s, gate := gated(t, world.Configuration{Pipeline: name, Canary: withTags})
	worker := s.process()
	s.live()
	stop := s.load()
	dead := s.killAt(gate, worker, n, applied)
	v2 := s.release("v2")
	if n > 0 {
		s.replace(dead)
	}
	s.until(v2, drive.In(rollout.StateSucceeded))
	stop("v1", "v2")
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%")
	s.tagged("live=v2")
	return gate.Writes()
}

// TestAWorkerKilledAtTheFirstWriteOfAll: the service itself is being made.
func TestAWorkerKilledAtTheFirstWriteOfAll(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, gate := gated(t, world.Configuration{Pipeline: "kill-first-" + name, Canary: withTags})
			dead := s.killAt(gate, s.process(), 1, applied)
			v1 := s.release("v1")
			s.replace(dead)
			s.until(v1, drive.In(rollout.StateSucceeded))
			s.serves("v1 100%")
		})
	}
}

// TestAWorkerKilledWhileItRestores: traffic goes back all the same.
func TestAWorkerKilledWhileItRestores(t *testing.T) {
	t.Parallel()
	for name, applied := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, gate := gated(t, world.Configuration{Pipeline: "kill-restore-" + name, Canary: world.Percentages([]int{25, 50}, "")})
			worker := s.process()
			s.live()
			stop := s.load()
			v2 := s.release("v2")
			s.until(v2, drive.AsksFor("canary-50"))
			s.inject(fault{kind: denied, times: 1})
			dead := s.killAt(gate, worker, 2, applied) // the first one is denied
			s.advance(v2, "canary-50")
			s.replace(dead)
			got := s.until(v2, drive.In(rollout.StateFailed))
			if !got.Restored {
				t.Errorf("not restored: %s", got.Failure)
			}
			stop("v1", "v2")
			s.serves("v1 100%", "v1 75%, v2 25%", "v1 100%")
		})
	}
}

// gated is a pipeline with a task queue of its own, whose worker reaches the platform
// through a gate.
func gated(t *testing.T, c world.Configuration) (*scene, *world.Gate) {
	t.Helper()
	gate, err := shared.Gate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gate.Close)
	c.TaskQueue, c.Endpoint = c.Pipeline, gate.URL
	return stage(t, shared, c), gate
}

// killAt kills the worker at the nth write from now on. The channel is closed then.
func (s *scene) killAt(gate *world.Gate, worker *world.Process, n int, applied bool) <-chan struct{} {
	dead := make(chan struct{})
	gate.StopAt(n, applied, func() {
		if err := worker.Kill(); err != nil {
			s.t.Error(err)
		}
		close(dead)
	})
	return dead
}

// replace waits until a worker is dead and starts another.
func (s *scene) replace(dead <-chan struct{}) {
	s.t.Helper()
	select {
	case <-dead:
		s.process()
	case <-s.ctx.Done():
		s.t.Fatal("the write never came")
	}
}

// process starts a worker of the scene's queue in a process of its own.
func (s *scene) process() *world.Process {
	s.t.Helper()
	p, err := s.w.Process(s.ctx, s.config.TaskQueue)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			s.t.Log(err)
		}
	})
	return p
}

// TestTheOnlyWorkerIsKilledAgainAndAgain: one process does everything for several
// pipelines, workflows too, and is killed in the middle of each.
func TestTheOnlyWorkerIsKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := start(t)
	only := &only{t: t, w: w}
	only.next()
	t.Cleanup(only.end)
	for n, applied := range []bool{true, false, true} {
		t.Run(fmt.Sprintf("pipeline-%d", n), func(t *testing.T) {
			t.Parallel()
			gate, err := w.Gate()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(gate.Close)
			s := stage(t, w, world.Configuration{Pipeline: fmt.Sprintf("only-%d", n), Canary: withTags, Endpoint: gate.URL}).live()
			gate.StopAt(n+2, applied, only.next)
			v2 := s.release("v2")
			s.until(v2, drive.In(rollout.StateSucceeded))
			s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%")
		})
	}
}

// only is the one worker process of a world.
type only struct {
	t *testing.T
	w *world.World

	mu  sync.Mutex
	now *world.Process
}

// next kills the process and starts another.
func (o *only) next() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kill()
	p, err := o.w.Process(o.t.Context(), rollout.DefaultTaskQueue)
	if err != nil {
		o.t.Error(err)
		return
	}
	o.now = p
}

func (o *only) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kill()
}

func (o *only) kill() {
	if o.now == nil {
		return
	}
	if err := o.now.Kill(); err != nil {
		o.t.Error(err)
	}
}
