package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

var (
	_ log.Logger      = (*logger)(nil)
	_ log.WithLogger  = (*logger)(nil)
	_ log.SLogWrapper = (*logger)(nil)
	_ slog.Handler    = gate{}
)

// logger gives the server's errors to a slog.Logger. Its warnings tell of clients that
// came and went, such as a worker that was killed: nobody here can act on one.
type logger struct {
	out    *slog.Logger
	quiet  *atomic.Bool
	gaveUp chan error // holds the first reason; nobody has to read it
}

func newLogger(out *slog.Logger) *logger {
	if out == nil {
		out = slog.New(slog.DiscardHandler)
	}
	quiet := &atomic.Bool{}
	return &logger{out: slog.New(gate{next: out.Handler(), quiet: quiet}), quiet: quiet, gaveUp: make(chan error, 1)}
}

// SLog is the same log for the parts of Temporal that use slog.
func (l *logger) SLog() *slog.Logger { return l.out }

// With returns a logger that adds tags to every line.
func (l *logger) With(tags ...tag.Tag) log.Logger {
	return &logger{out: l.out.With(attrs(tags)...), quiet: l.quiet, gaveUp: l.gaveUp}
}

// Debug is dropped.
func (l *logger) Debug(string, ...tag.Tag) {}

// Info is dropped.
func (l *logger) Info(string, ...tag.Tag) {}

// Warn is dropped.
func (l *logger) Warn(string, ...tag.Tag) {}

// Error logs at slog.LevelError.
func (l *logger) Error(msg string, tags ...tag.Tag) { l.out.Error(msg, attrs(tags)...) }

// DPanic logs at slog.LevelError; only a development build of Temporal panics.
func (l *logger) DPanic(msg string, tags ...tag.Tag) { l.Error(msg, tags...) }

// Panic logs at slog.LevelError and panics.
func (l *logger) Panic(msg string, tags ...tag.Tag) {
	l.Error(msg, tags...)
	panic(text(msg, tags))
}

// Fatal ends the calling goroutine, as no caller expects it to return, and not
// the process: a part of the server that is still starting while the server is
// stopped already says Fatal too.
func (l *logger) Fatal(msg string, tags ...tag.Tag) {
	l.Error(msg, tags...)
	if !l.quiet.Load() {
		select {
		case l.gaveUp <- fmt.Errorf("the server gave up: %s", text(msg, tags)):
		default:
		}
	}
	runtime.Goexit()
}

func text(msg string, tags []tag.Tag) string {
	for _, t := range tags {
		msg += fmt.Sprintf(", %s: %v", t.Key(), t.Value())
	}
	return msg
}

func attrs(tags []tag.Tag) []any {
	out := make([]any, len(tags))
	for i, t := range tags {
		out[i] = slog.Any(t.Key(), t.Value())
	}
	return out
}

// gate lets errors through until it is quiet.
type gate struct {
	next  slog.Handler
	quiet *atomic.Bool
}

func (g gate) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && !g.quiet.Load() && g.next.Enabled(ctx, l)
}

func (g gate) Handle(ctx context.Context, r slog.Record) error { return g.next.Handle(ctx, r) }

func (g gate) WithAttrs(a []slog.Attr) slog.Handler {
	return gate{next: g.next.WithAttrs(a), quiet: g.quiet}
}

func (g gate) WithGroup(name string) slog.Handler {
	return gate{next: g.next.WithGroup(name), quiet: g.quiet}
}
