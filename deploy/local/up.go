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
		Usage: "run Temporal, its Web UI, Cloud Run, Prometheus and a worker until interrupted",
		Description: "Prints the variables that point the serin command here. Workflows and services\n" +
			"survive a stop and a crash, unless --ephemeral. Everything listens on 127.0.0.1\n" +
			"only and asks nobody who they are.\n\n" +
			"Every image serves, except one with the tag broken, whose container never starts.\n" +
			"A container's variables ERROR_PERCENT and DELAY make it a bad one, which\n" +
			"examples/analysis finds.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "ephemeral", Usage: "keep workflows and services in memory, artifacts in a temporary directory"},
			&cli.PathFlag{Name: "file", Usage: "Temporal's database (default: serin/temporal.db in the user's state directory)"},
			&cli.IntFlag{Name: "address-port", Usage: "port of Temporal, 0 for a free one", Value: temporalPort},
			&cli.IntFlag{Name: "ui-port", Usage: "port of the Web UI, 0 for a free one", Value: uiPort},
			&cli.IntFlag{Name: "emulator-port", Usage: "port of the Cloud Run emulator, 0 for a free one", Value: runPort},
			&cli.IntFlag{Name: "metrics-port", Usage: "port of Prometheus, 0 for a free one", Value: metricsPort},
			&cli.BoolFlag{Name: "headless", Usage: "leave the Web UI out"},
		},
		Before: flagsOnly,
		Action: func(c *cli.Context) error {
			s, err := startStack(c.Context, stackOptions{runPort: c.Int("emulator-port"), metrics: c.Int("metrics-port"), workerOut: a.Err, temporal: embedded.Options{
				File: c.Path("file"), Ephemeral: c.Bool("ephemeral"), Headless: c.Bool("headless"),
				Port: c.Int("address-port"), UIPort: c.Int("ui-port"), Log: a.log,
			}})
			if err != nil {
				return err
			}
			if err = describe(a.Out, s); err != nil {
				return errors.Join(err, s.stop(c.Context))
			}
			select {
			case <-c.Context.Done():
			case err = <-s.temporal.Failed():
			}
			return errors.Join(err, s.stop(c.Context))
		},
	}
}

// Where people look for Temporal and its Web UI.
const (
	temporalPort = 7233
	uiPort       = 8233
)

// metricsPort is where the examples look for Prometheus.
const metricsPort = 8086

// describe tells what runs where, and the lines to paste into another shell.
func describe(w io.Writer, s *stack) error {
	var b strings.Builder
	if err := addresses(&b, s); err != nil {
		return err
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

func addresses(w io.Writer, s *stack) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, address string) { _, _ = fmt.Fprintf(t, "%s\t%s\n", name, address) } // Flush reports it
	row("Temporal", s.temporal.Address())
	if u := s.temporal.UIURL(); u != "" {
		row("Web UI", u)
	}
	row("Cloud Run", s.run.root()+" (run.endpoint of a target)")
	row("Prometheus", s.metrics.URL()+" (scrapes Cloud Run's services)")
	row("Artifacts", s.artifacts)
	row("Worker", fmt.Sprintf("process %d", s.worker.PID()))
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print addresses: %w", err)
	}
	return nil
}
