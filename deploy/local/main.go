// Command serin-local runs everything Serin needs on one machine.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	serin "github.com/serin-dev/serin/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args, serin.Standard()))
}
