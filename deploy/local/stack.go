package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"

	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/deploy/local/embedded"
)

// stack is everything that runs, but for workers.
type stack struct {
	temporal  *embedded.Server
	parts     []part
	artifacts string // directory
	forget    bool   // whether the directory goes with the stack
}

// startStack starts all of it or none. An ephemeral stack has artifacts of its
// own: release names are unique for ever within a store, and its workflows would
// not know those of an earlier one.
func startStack(ctx context.Context, o embedded.Options, more []starter) (*stack, error) {
	s := &stack{forget: o.Ephemeral}
	err := s.start(ctx, o, more)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *stack) start(ctx context.Context, o embedded.Options, more []starter) (err error) {
	if s.forget {
		s.artifacts, err = os.MkdirTemp("", "serin-artifacts-")
	} else {
		s.artifacts, err = artifact.DefaultDir()
	}
	if err != nil {
		return fmt.Errorf("choose a directory for artifacts: %w", err)
	}
	if s.temporal, err = embedded.Start(ctx, o); err != nil {
		return err
	}
	for _, start := range more {
		p, err := start(ctx)
		if err != nil {
			return err
		}
		s.parts = append(s.parts, p)
	}
	return nil
}

// stop stops it in the reverse order of starting.
func (s *stack) stop() error {
	var all error
	for _, p := range slices.Backward(s.parts) {
		all = errors.Join(all, p.stop())
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
	out := []string{
		"TEMPORAL_ADDRESS=" + s.temporal.Address(),
		"TEMPORAL_NAMESPACE=" + embedded.Namespace,
		"SERIN_ARTIFACTS=" + (&url.URL{Scheme: "file", Path: s.artifacts}).String(),
	}
	for _, p := range s.parts {
		out = append(out, p.environment...)
	}
	return out
}
