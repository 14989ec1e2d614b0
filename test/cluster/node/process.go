package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// spawner starts processes on a thread of its own, because Linux kills a process
// with PR_SET_PDEATHSIG when the thread that started it ends, not the program.
type spawner chan func()

// serve ends when the channel is closed, and what still runs ends with it.
func (s spawner) serve() {
	runtime.LockOSThread()
	for start := range s {
		start()
	}
}

// process is one life of a container.
type process struct {
	cmd  *exec.Cmd
	up   chan struct{} // closed at the first thing that it prints to stdout
	done chan struct{} // closed when it has ended
	code int           // its exit code, once done; 128 and the signal's number for one that a signal ended
}

// start runs command in a process group of its own, so that a Ctrl-C at the
// terminal is the node's matter.
func (s spawner) start(cmd *exec.Cmd, out *lines) (*process, error) {
	p := &process{cmd: cmd, up: make(chan struct{}), done: make(chan struct{})}
	first := sync.OnceFunc(func() { close(p.up) })
	cmd.Stdout = writerFunc(func(b []byte) (int, error) {
		first()
		return out.Write(b)
	})
	cmd.Stderr = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	s <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		defer close(p.done)
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			_, _ = fmt.Fprintln(out, err)
		}
		p.code = cmd.ProcessState.ExitCode()
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			p.code = 128 + int(status.Signal())
		}
	}()
	return p, nil
}

// signal does nothing to a process that has ended.
func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// output is where all containers print.
type output struct {
	mu sync.Mutex
	to io.Writer
}

// maxKept is how many of the last lines of a container can be asked for.
const maxKept = 200

// lines writes whole lines with a prefix, and keeps the last ones.
type lines struct {
	output *output
	prefix string
	rest   []byte   // of the last Write, no whole line yet
	kept   []string // at most maxKept
}

// last are the last n lines.
func (l *lines) last(n int) []string {
	l.output.mu.Lock()
	defer l.output.mu.Unlock()
	return slices.Clone(l.kept[max(0, len(l.kept)-n):])
}

// Write never fails: a container does not stop because nobody reads it.
func (l *lines) Write(b []byte) (int, error) {
	l.output.mu.Lock()
	defer l.output.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		if l.kept = append(l.kept, string(line)); len(l.kept) > maxKept {
			l.kept = l.kept[1:]
		}
		if l.output.to != nil {
			_, _ = fmt.Fprintf(l.output.to, "%s: %s\n", l.prefix, line)
		}
		l.rest = rest
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
