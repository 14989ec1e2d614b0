package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) releaseAbandon() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "abandon",
		Usage: "make sure that a release goes nowhere any more",
		Description: "No new rollout of it, and no rollback to it. This cannot be undone. Rollouts of it\n" +
			"that run go on. It is asked for on a terminal; elsewhere it needs --yes.\n\n" +
			"Examples:\n" +
			"   serin release abandon --pipeline shop --release v2 --reason \"leaks memory\"\n" +
			"   serin release abandon --pipeline shop --release v2 --yes",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("release", "`NAME` of the release"), yesFlag(), text("by", "`WHO` acts, for the record"),
			text("reason", "`WHY`, for the record"), outputFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			r := rollout.Abandon{
				Pipeline: a.value(c, "pipeline"), Release: c.String("release"), Actor: a.value(c, "by"), Reason: c.String("reason"),
			}
			return a.connect(c, func(s *server) error {
				err := a.confirm(c, question{
					text: "Abandon it for ever?",
					show: func(w io.Writer) { row(w, fmt.Sprintf("release %s of %s", r.Release, r.Pipeline)) },
				})
				if err != nil {
					return err
				}
				if err := s.config.Abandon(c.Context, r); err != nil {
					return err
				}
				return a.print(c, r, func(w io.Writer) { row(w, r.Release+": abandoned") })
			})
		},
	}, "pipeline", "release")
}
