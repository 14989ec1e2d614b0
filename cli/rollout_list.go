package cli

import (
	"io"
	"slices"

	"github.com/urfave/cli/v2"
)

func (a *app) rolloutList() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "list",
		Usage: "list rollouts, newest first",
		Description: "The list may be seconds behind. Without --pipeline it is of all pipelines.\n\n" +
			"Examples:\n" +
			"   serin rollout list --pipeline shop --target prod\n" +
			"   serin rollout list --state IN_PROGRESS --output json",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("release", "only of this `RELEASE`"), text("target", "only to this `TARGET`"),
			stateFlag(), limitFlag(), outputFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				found, err := s.rollouts.Rollouts(c.Context, a.filter(c))
				if err != nil {
					return err
				}
				return a.print(c, notNil(found), func(w io.Writer) {
					row(w, "PIPELINE", "ROLLOUT", "TARGET", "STATE", "PHASE", "STARTED", "TOOK")
					for _, r := range found {
						row(w, r.Pipeline, r.Rollout, r.Target, or(string(r.State), "-"), or(r.Phase, "-"),
							stamp(r.Started), elapsed(r.Started, r.Ended, a.now()))
					}
				})
			})
		},
	})
}
