package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/deploy/local/embedded"
	"github.com/serin-dev/serin/deploy/local/metrics"
)

// workerGrace is how long a worker may take to end. It gives its steps 10 s itself.
const workerGrace = 15 * time.Second

// scrapeEvery is short enough for checks with an interval of 2 seconds.
const scrapeEvery = 250 * time.Millisecond

// stack is everything that runs on this machine.
type stack struct {
	temporal  *embedded.Server
	run       *emulator
	metrics   *metrics.Server // scrapes run
	worker    *Child
	artifacts string // directory
	forget    bool   // whether the directory goes with the stack
}

// stackOptions say where a stack listens and what it keeps.
type stackOptions struct {
	temporal  embedded.Options
	runPort   int       // of the Cloud Run emulator; 0 is a free one
	metrics   int       // port of Prometheus; 0 is a free one
	workerOut io.Writer // receives the worker's lines
}

// startStack starts all of it or none. An ephemeral stack has artifacts of its
// own: release names are unique for ever within a store, and its workflows would
// not know those of an earlier one.
func startStack(ctx context.Context, o stackOptions) (*stack, error) {
	s := &stack{forget: o.temporal.Ephemeral}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.stop(ctx))
	}
	return s, nil
}

func (s *stack) start(ctx context.Context, o stackOptions) (err error) {
	if s.forget {
		s.artifacts, err = os.MkdirTemp("", "serin-artifacts-")
	} else {
		s.artifacts, err = artifact.DefaultDir()
	}
	if err != nil {
		return fmt.Errorf("choose a directory for artifacts: %w", err)
	}
	if s.temporal, err = embedded.Start(ctx, o.temporal); err != nil {
		return err
	}
	state, err := emulatorFile(o.temporal)
	if err != nil {
		return err
	}
	if s.run, err = startEmulator(ctx, o.runPort, state); err != nil {
		return err
	}
	s.metrics, err = metrics.Start(ctx, metrics.Options{
		Port: o.metrics, Targets: []string{s.run.root() + "/metrics"}, Every: scrapeEvery,
	})
	if err != nil {
		return err
	}
	return s.startWorker(o.workerOut)
}

// emulatorFile lies beside the database, whose lock it shares.
func emulatorFile(o embedded.Options) (string, error) {
	if o.Ephemeral {
		return "", nil
	}
	file := o.File
	if file == "" {
		var err error
		if file, err = embedded.DefaultFile(); err != nil {
			return "", err
		}
	}
	return file + ".cloudrun", nil
}

// startWorker starts this program again, as a worker of the stack.
func (s *stack) startWorker(out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start a worker: %w", err)
	}
	w := &Child{Name: "worker", Out: out, Restart: true, Command: func() *exec.Cmd {
		cmd := exec.Command(self, "worker") //nolint:noctx // a Child ends it
		cmd.Env = append(isolated(os.Environ()), s.environment()...)
		return cmd
	}}
	if err := w.Start(); err != nil {
		return err
	}
	s.worker = w
	return nil
}

// stop stops it in the reverse order of starting, also after the end of ctx.
func (s *stack) stop(ctx context.Context) error {
	var all error
	if s.worker != nil {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), workerGrace)
		defer cancel()
		all = errors.Join(all, s.worker.Stop(patience))
	}
	if s.metrics != nil {
		all = errors.Join(all, s.metrics.Stop())
	}
	if s.run != nil {
		all = errors.Join(all, s.run.stop())
	}
	if s.temporal != nil {
		all = errors.Join(all, s.temporal.Stop())
	}
	if s.forget && s.artifacts != "" {
		all = errors.Join(all, os.RemoveAll(s.artifacts))
	}
	return all
}

// environment is NAME=value for whoever is to use the stack: the serin command,
// a worker, a test.
func (s *stack) environment() []string {
	return []string{
		"TEMPORAL_ADDRESS=" + s.temporal.Address(),
		"TEMPORAL_NAMESPACE=" + embedded.Namespace,
		"SERIN_ARTIFACTS=" + s.store(),
	}
}

// store is the address of the artifact store.
func (s *stack) store() string {
	return (&url.URL{Scheme: "file", Path: s.artifacts}).String()
}
