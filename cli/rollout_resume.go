package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutResume() *cli.Command {
	return a.act(&cli.Command{
		Name:  "resume",
		Usage: "go on after a person has looked",
		Description: "For a rollout that waits for a person: a pause, drift, an inconclusive verdict, or\n" +
			"a predecessor that stopped after its promotion had begun. The target is observed\n" +
			"again; if it still differs, the rollout waits again. With --accept what is\n" +
			"observed is the new baseline.\n\n" +
			"A job whose verdict is held runs again, and with --accept it has passed. A phase that\n" +
			"a webhook has not confirmed begins.\n\n" +
			"Examples:\n" +
			"   serin rollout resume --pipeline shop --rollout v2-to-prod-0001\n" +
			"   serin rollout resume --pipeline shop --release v2 --target prod --accept",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "accept", Usage: "take what is observed as the new baseline, or a held job as passed", DisableDefaultText: true},
		},
	}, rollout.CommandResume, func(c *cli.Context, q *asked) error {
		q.command.Accept = c.Bool("accept")
		return nil
	})
}
