package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	serin "github.com/serin-dev/serin/cli"
)

// childMode makes this test binary a process to be supervised.
const childMode = "SERIN_TEST_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" { // as up and demo start it
		run(context.Background(), os.Args, serin.Standard())
		return
	}
	switch os.Getenv(childMode) {
	case "":
		m.Run()
	case "worker":
		helperWorker(os.Stdout)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		_, _ = fmt.Fprintln(os.Stdout, "up")
		select {}
	case "parent":
		helperParent(os.Stdout)
	}
}

// helperWorker lives until it is told to end, or its parent is gone.
func helperWorker(out io.Writer) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := withParent(ctx, os.Stdin)
	defer cancel()
	_, _ = fmt.Fprintln(out, "up")
	<-ctx.Done()
	_, _ = fmt.Fprint(out, "bye")
}

// helperParent has a child that holds descriptor 3 open for as long as it lives.
func helperParent(out io.Writer) {
	c := child("deaf", out)
	command := c.Command
	c.Command = func() *exec.Cmd {
		cmd := command()
		cmd.ExtraFiles = []*os.File{os.NewFile(3, "held")}
		return cmd
	}
	if err := c.Start(); err != nil {
		_, _ = fmt.Fprintln(out, err)
		return
	}
	select {}
}

func child(mode string, out io.Writer) *Child {
	return &Child{Name: mode, Out: out, Command: func() *exec.Cmd {
		cmd := exec.Command(os.Args[0]) //nolint:noctx // a Child ends it
		cmd.Env = append(os.Environ(), childMode+"="+mode)
		return cmd
	}}
}

// supervised starts a child and returns a reader of its lines, which fails the
// test when the next one does not come.
func supervised(t *testing.T, c *Child) func() string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Out = w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
		w.Close()
		r.Close()
	})
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(r)
	return func() string {
		t.Helper()
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
}

func expect(t *testing.T, next func() string, want string) {
	t.Helper()
	if got := next(); got != want {
		t.Fatalf("line %q, want %q", got, want)
	}
}

func TestChildStopsGracefully(t *testing.T) {
	t.Parallel()
	c := child("worker", nil)
	next := supervised(t, c)
	expect(t, next, "worker | up")
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, next, "worker | bye")
	if c.PID() != 0 {
		t.Errorf("process %d after Stop", c.PID())
	}
}

func TestChildIsKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	c := child("worker", nil)
	c.Restart = true
	next := supervised(t, c)
	for range 2 {
		expect(t, next, "worker | up")
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		if !closed(c.Done()) {
			t.Error("Kill returned before the end")
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, next, "worker | up")
}

func TestChildThatDiesIsStartedAgain(t *testing.T) {
	t.Parallel()
	c := child("worker", nil)
	c.Restart = true
	next := supervised(t, c)
	expect(t, next, "worker | up")
	first := c.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	expect(t, next, "worker | ended (signal: killed), again in 200ms")
	expect(t, next, "worker | up")
	if second := c.PID(); second == first || second == 0 {
		t.Errorf("process %d after %d died", second, first)
	}
}

func TestChildThatDiesStaysDeadWithoutRestart(t *testing.T) {
	t.Parallel()
	c := child("worker", nil)
	expect(t, supervised(t, c), "worker | up")
	if err := syscall.Kill(c.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if c.PID() != 0 {
		t.Errorf("process %d, want none", c.PID())
	}
}

func TestChildThatDoesNotListenIsKilled(t *testing.T) {
	t.Parallel()
	c := child("deaf", nil)
	expect(t, supervised(t, c), "deaf | up")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestChildThatCannotStart(t *testing.T) {
	t.Parallel()
	c := &Child{Name: "worker", Out: io.Discard, Command: func() *exec.Cmd {
		return exec.Command("/nowhere/serin") //nolint:noctx // a Child ends it
	}}
	if err := c.Start(); err == nil || !strings.Contains(err.Error(), "start /nowhere/serin") {
		t.Errorf("got %v", err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("Stop of a child that never lived: %v", err)
	}
}

// The grandchild holds the write end of a pipe, so the pipe's end is its death.
func TestChildDiesWithItsParent(t *testing.T) {
	t.Parallel()
	held, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	c := child("parent", nil)
	command := c.Command
	c.Command = func() *exec.Cmd {
		cmd := command()
		cmd.ExtraFiles = []*os.File{write}
		return cmd
	}
	expect(t, supervised(t, c), "parent | deaf | up")
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := held.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, held); err != nil {
		t.Errorf("the grandchild outlived its parent: %v", err)
	}
}

func TestWithParent(t *testing.T) {
	for variable, ends := range map[string]bool{"stdin": true, "": false} {
		t.Run(strconv.Quote(variable), func(t *testing.T) {
			t.Setenv(parentVariable, variable)
			in, parent := io.Pipe()
			ctx, cancel := withParent(t.Context(), in)
			defer cancel()
			if ctx.Err() != nil {
				t.Fatal("ended while the parent lives")
			}
			parent.Close()
			if ends {
				<-ctx.Done()
			} else if ctx.Err() != nil {
				t.Error("ended with a standard input that is not a parent's")
			}
		})
	}
}

func TestPrefixer(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := &prefixer{prefix: "w | ", out: &b}
	for _, s := range []string{"on", "e\ntwo\n\nthr", "ee"} {
		if n, err := p.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	p.flush()
	p.flush()
	if want := "w | one\nw | two\nw | \nw | three\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
