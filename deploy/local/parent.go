package main

import (
	"context"
	"io"
	"os"
)

// parentVariable is set to "stdin" in a Child: the end of its standard input is
// the end of its parent.
const parentVariable = "SERIN_PARENT"

// withParent returns a context that also ends when the process that started this
// one as a Child is gone. For a process that is no Child it is just ctx.
func withParent(ctx context.Context, stdin io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if os.Getenv(parentVariable) != "stdin" {
		return ctx, cancel
	}
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, stdin) // an error is an end too
	}()
	return ctx, cancel
}
