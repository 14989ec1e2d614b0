// Package cli is the command line of Serin: one file per command, flags only,
// text for people and JSON for programs.
//
// Commands that only read files (lint, plan) work offline; Temporal is dialed on
// first use. The package prints to the writers it is given and never exits: Run
// returns the exit code.
package cli

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/serin-dev/serin/client"
)

// Streams is everything that a run takes from its process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(name string) string // os.Getenv
	Terminal bool                     // Out is a terminal: colors, and one screen for rollout watch
	Asks     bool                     // In and Err are a terminal: somebody can answer a question
}

// Standard returns the streams of this process.
func Standard() Streams {
	return Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv,
		Terminal: term.IsTerminal(int(os.Stdout.Fd())),
		Asks:     term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())),
	}
}

// Run executes one command line, args[0] being the program's name, and returns
// the exit code: 0 done, 1 the command failed, 2 bad input, 3 the rollout failed or
// was rolled back, 4 it waits for advance, approval or a person, 5 timed out,
// 6 cannot reach Temporal.
//
// Ending ctx interrupts the command, never the rollout.
func Run(ctx context.Context, args []string, s Streams) int {
	a := &app{Streams: s, now: time.Now, dial: dial, store: openStore, tick: time.After}
	a.size = func() (int, int) { return terminalSize(s.Out) }
	return a.run(ctx, args)
}

// app is one run of the program.
type app struct {
	Streams
	now   func() time.Time
	tick  func(time.Duration) <-chan time.Time // time.After
	size  func() (width, height int)           // of the terminal
	dial  func(context.Context, client.Options, client.Store) (*server, error)
	store func(ctx context.Context, url string) (artifacts, error)
}

func (a *app) run(ctx context.Context, args []string) int {
	if len(args) > 1 && args[1] == completeWord {
		a.complete(args[2:])
		return exitDone
	}
	err := a.program().RunContext(ctx, args)
	if err != nil {
		a.report(err, wantsJSON(args))
	}
	return exitCode(err)
}

// program returns the tree of commands.
func (a *app) program() *cli.App {
	root := &cli.App{
		Name:  "serin",
		Usage: "take one version of a service to its targets, phase by phase",
		Description: "A release is rendered from a source folder and rolled out to the targets of its\n" +
			"pipeline: a canary first, more traffic with each phase, stable at the end.\n\n" +
			"Exit codes: 0 done, 1 the command failed, 2 bad input, 3 the rollout failed or was\n" +
			"rolled back, 4 it waits for advance, approval or a person, 5 timed out, 6 cannot\n" +
			"reach Temporal.",
		Reader: a.In, Writer: a.Out, ErrWriter: a.Err,
		HideHelp: true, Flags: []cli.Flag{helpFlag()}, HideVersion: true, DisableSliceFlagSeparator: true,
		Commands: []*cli.Command{
			a.apply(), a.lint(), a.plan(), a.release(), a.rollout(), a.target(),
			a.pipeline(), a.automation(), a.policy(), a.watch(), a.completion(), a.version(),
		},
		// Without it the library would exit by itself.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
	}
	root.Action = func(c *cli.Context) error {
		if c.NArg() > 0 {
			return unknownCommand("command line", c.Args().First(), root.Commands)
		}
		return cli.ShowAppHelp(c)
	}
	return root
}

func (a *app) release() *cli.Command {
	return group(&cli.Command{
		Name: "release", Usage: "make, read, promote and abandon releases",
		Subcommands: []*cli.Command{
			a.releaseCreate(), a.releaseList(), a.releaseDescribe(), a.releasePromote(), a.releaseAbandon(),
		},
	})
}

func (a *app) rollout() *cli.Command {
	return group(&cli.Command{
		Name: "rollout", Usage: "read and command rollouts",
		Subcommands: []*cli.Command{
			a.rolloutList(), a.rolloutDescribe(), a.rolloutWatch(), a.rolloutWait(),
			a.rolloutApprove(), a.rolloutReject(), a.rolloutAdvance(), a.rolloutPause(), a.rolloutResume(), a.rolloutCancel(),
			a.rolloutRetryJob(), a.rolloutIgnoreJob(), a.rolloutTerminate(), a.rolloutRollback(), a.rolloutRedeploy(),
		},
	})
}

// terminalSize is the size of w in columns and lines, 80 and 24 if it has none.
func terminalSize(w io.Writer) (width, height int) {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}
