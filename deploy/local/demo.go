package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/serin-dev/serin/deploy/local/embedded"
)

// demoLimit bounds the demo, which takes less than two minutes.
const demoLimit = 5 * time.Minute

// What the demo applies, seen from the top of a checkout.
const (
	exampleFolder = "examples/cloudrun"
	watchedFolder = "examples/analysis"
)

func (a *app) demo() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "watch a service go through a real canary, in less than two minutes",
		Description: "Starts a stack of its own, applies " + exampleFolder + ", makes releases of a\n" +
			"service and measures who answers its requests while the traffic shifts. The worker\n" +
			"of the third one is killed on the way. From then on Prometheus is asked: a fourth\n" +
			"release with errors and a fifth that is slow are found and put back, and a sixth\n" +
			"waits while Prometheus is down. What it prints after $ can be typed.\n\n" +
			"Nothing of it is kept, and an up that runs is not disturbed. The last line is JSON;\n" +
			"the exit code is 0 only if every share was right, no request to a good release\n" +
			"failed, and each bad one was off the traffic within two queries.",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "example", Usage: "the `FOLDER` to apply (default: " + exampleFolder + " of this checkout)"},
		},
		Before: flagsOnly,
		Action: func(c *cli.Context) error {
			example, err := findExample(c.Path("example"))
			if err != nil {
				return err
			}
			return a.perform(c.Context, example)
		},
	}
}

// findExample returns the absolute path of the named folder; of "", of the one in
// the checkout around the working directory.
func findExample(named string) (string, error) {
	if named != "" {
		dir, err := filepath.Abs(named)
		if err != nil {
			return "", fmt.Errorf("find the example %s: %w", named, err)
		}
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", exampleFolder, err)
	}
	for {
		found := filepath.Join(dir, filepath.FromSlash(exampleFolder))
		if _, err := os.Stat(filepath.Join(found, "pipeline.yaml")); err == nil {
			return found, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", fmt.Errorf("find %s: no folder above the working directory has it: name it with --example", exampleFolder)
	}
}

// perform runs the demo on a stack of its own, and prints the result when
// everything has stopped: nothing follows the last line.
func (a *app) perform(ctx context.Context, example string) error {
	limited, cancel := context.WithTimeout(ctx, demoLimit)
	defer cancel()
	workerLog := &tail{}
	st, err := startStack(limited, stackOptions{
		workerOut: workerLog, runPort: freeOr0(limited, runPort), metrics: freeOr0(limited, metricsPort),
		temporal: embedded.Options{
			Ephemeral: true, Port: freeOr0(limited, temporalPort), UIPort: freeOr0(limited, uiPort), Log: a.log,
		},
	})
	if err != nil {
		return err
	}
	giveBack := borrowEnvironment(append(isolated(os.Environ()), st.environment()...))
	defer giveBack()
	s := &show{app: a, ink: ink(a.Terminal && os.Getenv("NO_COLOR") == ""), stack: st, example: example}
	r, err := s.play(limited)
	if err != nil {
		_, _ = fmt.Fprint(a.Err, workerLog) // it may say why
	} else {
		a.linger(ctx, s)
	}
	err = errors.Join(err, st.stop(ctx))
	if r.Release != "" {
		err = errors.Join(err, r.wrong(), r.print(a.Out))
	}
	return err
}

// linger leaves the stack to whoever sits at the terminal, until Enter or ctrl-c.
func (a *app) linger(ctx context.Context, s *show) {
	in, ok := a.In.(*os.File)
	if !ok || !a.Terminal || !term.IsTerminal(int(in.Fd())) {
		return
	}
	s.say("Everything still runs: %s has every step of it.\nEnter or ctrl-c ends it.", s.ink.bold(s.stack.temporal.UIURL()))
	enter := make(chan struct{})
	go func() {
		defer close(enter)
		_, _ = bufio.NewReader(in).ReadString('\n') // the end of the input is an answer too
	}()
	select {
	case <-enter:
	case <-ctx.Done():
	}
}

// freeOr0 is port if nothing listens there, and otherwise 0, which is any free one.
func freeOr0(ctx context.Context, port int) int {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil || l.Close() != nil {
		return 0
	}
	return port
}
