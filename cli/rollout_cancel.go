package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutCancel() *cli.Command {
	return a.act(&cli.Command{
		Name:  "cancel",
		Usage: "end the rollout; traffic stays unless --restore",
		Description: "A cancel never moves traffic. With --restore all of it goes back to what was\n" +
			"live before the rollout; that is refused once promotion has begun, because the\n" +
			"canary may then be the only healthy copy.\n\n" +
			"Examples:\n" +
			"   serin rollout cancel --pipeline shop --rollout v2-to-prod-0001 --restore\n" +
			"   serin rollout cancel --pipeline shop --release v2 --target prod --reason \"wrong image\"",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "restore", Usage: "put all traffic back first", DisableDefaultText: true},
		},
	}, rollout.CommandCancel, func(c *cli.Context, q *asked) error {
		q.command.Restore = c.Bool("restore")
		return nil
	})
}
