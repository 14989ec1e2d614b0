package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Delays before a child that died is started again: the first one doubles at
// each death up to the last one, and is back after a life of steadyLife.
const (
	firstDelay = 200 * time.Millisecond
	lastDelay  = 10 * time.Second
	steadyLife = 10 * time.Second
)

// pipeDelay is how long after a child's death its own children may keep its
// output open.
const pipeDelay = 2 * time.Second

// Child is a process that never outlives this one. It has a process group of its
// own, so a Ctrl-C at the terminal reaches only the parent, which stops it.
//
// Start, Kill and Stop may be called in any order, and from several goroutines.
type Child struct {
	// Name prefixes every line of the child.
	Name string
	// Command makes the process for each start; its Stdin, Stdout and Stderr are the Child's.
	Command func() *exec.Cmd
	// Out receives the lines, each in one Write.
	Out io.Writer
	// Restart starts the process again when it ends and nobody asked it to.
	Restart bool

	mu  sync.Mutex
	now *life // nil before Start
}

// life lasts from Start to Kill or Stop, restarts included.
type life struct {
	stop chan struct{} // closed when the end is wanted
	done chan struct{} // closed when nothing runs any more

	mu      sync.Mutex
	process *os.Process // nil between two processes
}

// Start starts the process, or returns why it cannot be started. It does nothing
// while the child lives.
func (c *Child) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && !closed(c.now.done) {
		return nil
	}
	c.now = &life{stop: make(chan struct{}), done: make(chan struct{})}
	started := make(chan error, 1)
	go c.supervise(c.now, started)
	return <-started
}

// PID is the process's number, 0 while none runs.
func (c *Child) PID() int {
	l := c.life()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.process == nil {
		return 0
	}
	return l.process.Pid
}

// Done is closed when the child has ended and will not be started again, except
// by Start.
func (c *Child) Done() <-chan struct{} { return c.life().done }

// Kill ends the process with SIGKILL, as a crash would, and returns when it is
// gone. It stays gone until Start.
func (c *Child) Kill() error {
	l := c.life()
	err := l.end(syscall.SIGKILL)
	<-l.done
	return c.named(err)
}

// Stop asks the process to end, with SIGTERM, and returns when it is gone. When
// ctx ends first, it is killed.
func (c *Child) Stop(ctx context.Context) error {
	l := c.life()
	err := l.end(syscall.SIGTERM)
	select {
	case <-l.done:
	case <-ctx.Done():
		err = errors.Join(err, l.end(syscall.SIGKILL))
		<-l.done
	}
	return c.named(err)
}

func (c *Child) named(err error) error {
	if err != nil {
		return fmt.Errorf("end %s: %w", c.Name, err)
	}
	return nil
}

// life is the current one; before Start, one that is over.
func (c *Child) life() *life {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		c.now = &life{stop: make(chan struct{}), done: make(chan struct{})}
		close(c.now.done)
	}
	return c.now
}

// supervise keeps its thread to itself, because Linux tells the child that its
// parent died when the thread that started it ends.
func (c *Child) supervise(l *life, started chan<- error) {
	defer close(l.done)
	runtime.LockOSThread()
	for delay := firstDelay; ; delay = min(2*delay, lastDelay) {
		out := &prefixer{prefix: c.Name + " | ", out: c.Out}
		cmd, err := l.begin(c.command(out))
		if started != nil {
			started <- err
			if started = nil; err != nil {
				return
			}
		}
		began := time.Now()
		if err == nil {
			err = cmd.Wait()
		}
		l.set(nil)
		out.flush()
		if closed(l.stop) || !c.Restart {
			return
		}
		if time.Since(began) > steadyLife {
			delay = firstDelay
		}
		out.line(fmt.Sprintf("ended (%s), again in %s", ending(err), delay))
		select {
		case <-time.After(delay):
		case <-l.stop:
			return
		}
	}
}

func (c *Child) command(out *prefixer) *exec.Cmd {
	cmd := c.Command()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = pipeDelay
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, parentVariable+"=stdin")
	cmd.SysProcAttr = attributes()
	return cmd
}

// begin starts cmd unless the end is already wanted. The pipe to its stdin stays
// open, unused, for as long as this process lives.
func (l *life) begin(cmd *exec.Cmd) (*exec.Cmd, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if closed(l.stop) {
		return nil, errors.New("stopped before it was started")
	}
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	l.process = cmd.Process
	return cmd, nil
}

func (l *life) set(p *os.Process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.process = p
}

func (l *life) end(sig os.Signal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !closed(l.stop) {
		close(l.stop)
	}
	if l.process == nil {
		return nil
	}
	if err := l.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", sig, err)
	}
	return nil
}

func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
