// Command serin is the command line of Serin.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/serin-dev/serin/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(cli.Run(ctx, os.Args, cli.Standard()))
}
