package worker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"
)

// Main runs a worker until SIGINT or SIGTERM and returns the process's exit code: 0
// after a stop that was asked for, 1 otherwise. Its log goes to w, a line each.
func Main(ctx context.Context, getenv func(string) string, w io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
	o, err := FromEnvironment(getenv)
	if err == nil {
		err = Run(ctx, o, logger)
	}
	if err != nil {
		_, _ = fmt.Fprintf(w, "serin-worker: %v\n", err) // nobody is left to tell
		return 1
	}
	return 0
}
