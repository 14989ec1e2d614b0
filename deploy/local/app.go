package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	serin "github.com/serin-dev/serin/cli"
)

// app is what the commands share.
type app struct {
	serin.Streams
	log *slog.Logger
}

// run runs one command and returns the exit code.
func run(ctx context.Context, args []string, s serin.Streams) int {
	a := &app{Streams: s, log: slog.New(slog.NewTextHandler(s.Err, nil))}
	if err := a.cli().RunContext(ctx, args); err != nil {
		_, _ = fmt.Fprintln(s.Err, "serin-local:", err) // nobody is left to tell
		return 1
	}
	return 0
}

func (a *app) cli() *cli.App {
	return &cli.App{
		Name:      "serin-local",
		Usage:     "Serin on one machine: Temporal, its Web UI, a Cloud Run that serves, a worker",
		Writer:    a.Out,
		ErrWriter: a.Err,
		// Without it urfave/cli exits by itself.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return err },
		Action:         unknownCommand,
		Commands:       []*cli.Command{a.up(), a.demo(), a.worker()},
	}
}

func unknownCommand(c *cli.Context) error {
	if c.NArg() > 0 {
		return fmt.Errorf("no command %q: --help lists them", c.Args().First())
	}
	return cli.ShowAppHelp(c)
}

// flagsOnly refuses arguments, because a flag after one would go unread.
func flagsOnly(c *cli.Context) error {
	if c.NArg() > 0 {
		return fmt.Errorf("%s takes flags only, got %q", c.Command.Name, c.Args().Slice())
	}
	return nil
}
