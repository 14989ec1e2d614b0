package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/serin-dev/serin/test/world"
)

const (
	// idleWorkers are started at once, each its own process.
	idleWorkers = 3
	// idleTime is how long a worker has polled before its memory is read.
	idleTime = 3 * time.Second
	// cliRuns is how often a command is timed, after one run that is not.
	cliRuns = 25
)

// programs are serin and serin-worker, built as they are shipped.
type programs struct {
	dir  string
	env  []string
	root string    // of the repository
	says io.Writer // what is no number
}

// build builds the programs of the repository into a folder of their own.
func build(ctx context.Context, root string) (*programs, error) {
	dir, err := os.MkdirTemp("", "serin-bench-")
	if err != nil {
		return nil, err
	}
	p := &programs{dir: dir, root: root, env: append(os.Environ(), "SERIN_LISTEN=")}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "./cmd/serin", "./cmd/serin-worker")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("build serin and serin-worker in %s: %w\n%s", root, err, out), p.remove())
	}
	yaml := world.Pipeline(name, "http://127.0.0.1:8085", []int{25, 50, 75}, "")
	if err := os.WriteFile(p.file(), []byte(yaml), 0o600); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

func (p *programs) remove() error { return os.RemoveAll(p.dir) }

// file is a pipeline of four phases and its target.
func (p *programs) file() string { return filepath.Join(p.dir, "pipeline.yaml") }

// idleWorker returns the resident memory of a worker that polls and has nothing to do,
// in MB of 1,000,000 bytes.
func (p *programs) idleWorker(ctx context.Context, env []string) (row, error) {
	type result struct {
		mb  float64
		err error
	}
	results := make(chan result, idleWorkers)
	for range idleWorkers {
		go func() {
			mb, err := p.idle(ctx, env)
			results <- result{mb, err}
		}()
	}
	var (
		samples []float64
		all     error
	)
	for range idleWorkers {
		r := <-results
		samples, all = append(samples, r.mb), errors.Join(all, r.err)
	}
	return row{
		Name: "worker.idle_mb", Value: hundredths(median(samples)), Unit: "MB", N: idleWorkers, target: target{limit: 100},
	}, all
}

func (p *programs) idle(ctx context.Context, env []string) (float64, error) {
	return p.resident(ctx, env, func() error { return nil })
}

// resident starts a worker, does what loads it, and returns its resident memory a moment later,
// in MB of 1,000,000 bytes.
func (p *programs) resident(ctx context.Context, env []string, do func() error) (mb float64, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.dir, "serin-worker"))
	cmd.Env = append(slices.Clone(p.env), env...)
	said := newSentence("worker is polling")
	cmd.Stderr = said
	if err = cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		if stop := cmd.Process.Signal(syscall.SIGTERM); stop == nil {
			err = errors.Join(err, <-ended)
		}
	}()
	select {
	case <-said.heard:
	case end := <-ended:
		ended <- nil
		return 0, fmt.Errorf("serin-worker ended before it polled: %w\n%s", end, said.text())
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if err = do(); err != nil {
		return 0, err
	}
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return residentMB(cmd.Process.Pid)
}

// residentMB reads what Linux says of a process.
func residentMB(pid int) (float64, error) {
	file := fmt.Sprintf("/proc/%d/status", pid)
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("read the memory of a worker (Linux only): %w", err)
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line) // "VmRSS:	   51234 kB", in units of 1024 bytes
		if len(fields) == 3 && fields[0] == "VmRSS:" {
			kb, err := strconv.ParseFloat(fields[1], 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", file)
}

func (p *programs) lint(ctx context.Context) (row, error) {
	return p.timed(ctx, "cli.lint_ms", "lint", "--file", p.file())
}

func (p *programs) help(ctx context.Context) (row, error) {
	return p.timed(ctx, "cli.help_ms", "--help")
}

// timed returns the wall time of serin with args, from its start to its end.
func (p *programs) timed(ctx context.Context, what string, args ...string) (row, error) {
	var samples []float64
	for i := range cliRuns + 1 {
		cmd := exec.CommandContext(ctx, filepath.Join(p.dir, "serin"), args...)
		cmd.Env = p.env
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return row{}, fmt.Errorf("serin %s: %w\n%s", strings.Join(args, " "), err, out.String())
		}
		if i > 0 { // the first one reads the program from disk
			samples = append(samples, float64(time.Since(began))/float64(time.Millisecond))
		}
	}
	return row{Name: what, Value: hundredths(median(samples)), Unit: "ms", N: len(samples), target: target{limit: 60}}, nil
}
