package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/worker"
)

// worker is the command that up and demo run as a child.
func (a *app) worker() *cli.Command {
	return &cli.Command{
		Name:  "worker",
		Usage: "run one more worker",
		Description: "Reads the same variables as the serin command, which up prints. up and demo run\n" +
			"their worker with it; such a worker ends with them.",
		Before: flagsOnly,
		Action: func(c *cli.Context) error {
			ctx, cancel := withParent(c.Context, a.In)
			defer cancel()
			o, err := worker.FromEnvironment(os.Getenv)
			if err != nil {
				return err
			}
			return worker.Run(ctx, o, a.log)
		},
	}
}
