package world

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"sync"

	"github.com/serin-dev/serin/worker"
)

// workerVariable is set to 1 where a program that has tests in it is to be a worker.
const workerVariable = "SERIN_E2E_WORKER"

// WasWorker reports whether this program was started by Process, and then returns only once its worker has ended.
// TestMain asks it first, where a test starts a Process.
func WasWorker() bool {
	if os.Getenv(workerVariable) != "1" {
		return false
	}
	code := worker.Main(context.Background(), os.Getenv, os.Stderr) //nolint:forbidigo // this is the main of a process
	if code != 0 {
		log.Fatalf("worker ended with %d", code)
	}
	return true
}

// Process is a worker in a process of its own, which is this program again.
type Process struct {
	command *exec.Cmd
	kill    func() error
}

// Process starts a worker of the given task queue. It is killed with ctx, at the latest.
func (w *World) Process(ctx context.Context, taskQueue string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, self)
	c.Env = append(os.Environ(), workerVariable+"=1", "SERIN_TASK_QUEUE="+taskQueue)
	c.Env = append(c.Env, w.Environment()...)
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start worker process: %w", err)
	}
	p := &Process{command: c}
	p.kill = sync.OnceValue(func() error {
		killed := c.Process.Kill() // it cannot be caught: nothing is cleaned up
		var exit *exec.ExitError
		if err := c.Wait(); err != nil && !errors.As(err, &exit) {
			return err
		}
		return killed
	})
	return p, nil
}

// Kill ends the process at once, as a machine that fails would, and waits until it is gone.
func (p *Process) Kill() error { return p.kill() }
