package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/deploy/local/embedded"
)

func (a *app) up() *cli.Command {
	return &cli.Command{
		Name:  "up",
		Usage: "run Temporal and its Web UI until interrupted",
		Description: "Prints the variables that point the serin command here. Workflows survive a\n" +
			"stop and a crash, unless --ephemeral. Everything listens on 127.0.0.1 only and\n" +
			"asks nobody who they are.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "ephemeral", Usage: "keep workflows in memory and artifacts in a temporary directory"},
			&cli.PathFlag{Name: "file", Usage: "Temporal's database (default: serin/temporal.db in the user's state directory)"},
			&cli.IntFlag{Name: "address-port", Usage: "port of Temporal, 0 for a free one", Value: 7233},
			&cli.IntFlag{Name: "ui-port", Usage: "port of the Web UI, 0 for a free one", Value: 8233},
			&cli.BoolFlag{Name: "headless", Usage: "leave the Web UI out"},
		},
		Before: flagsOnly,
		Action: func(c *cli.Context) error {
			s, err := startStack(c.Context, embedded.Options{
				File: c.Path("file"), Ephemeral: c.Bool("ephemeral"), Headless: c.Bool("headless"),
				Port: c.Int("address-port"), UIPort: c.Int("ui-port"), Log: a.log,
			}, starters())
			if err != nil {
				return err
			}
			if err = describe(a.out, s); err != nil {
				return errors.Join(err, s.stop())
			}
			select {
			case <-c.Context.Done():
			case err = <-s.temporal.Failed():
			}
			return errors.Join(err, s.stop())
		},
	}
}

// describe tells what runs where, and the lines to paste into another shell.
func describe(w io.Writer, s *stack) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, address string) { _, _ = fmt.Fprintf(t, "%s\t%s\n", name, address) } // a Builder takes everything
	row("Temporal", s.temporal.Address())
	if u := s.temporal.UIURL(); u != "" {
		row("Web UI", u)
	}
	for _, p := range s.parts {
		row(p.name, p.address)
	}
	row("Artifacts", s.artifacts)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print addresses: %w", err)
	}
	b.WriteString("\nFor the serin command, in another shell:\n\n")
	for _, v := range s.environment() {
		b.WriteString("  export " + v + "\n")
	}
	b.WriteString("\nCtrl-C stops it.\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print addresses: %w", err)
	}
	return nil
}
