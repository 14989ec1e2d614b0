package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutAdvance() *cli.Command {
	return a.act(&cli.Command{
		Name:  "advance",
		Usage: "let the next phase begin",
		Description: "Refused unless the rollout is IN_PROGRESS, the phase is the first that is\n" +
			"PENDING and not the very first of the rollout, and the phase before it SUCCEEDED\n" +
			"or was SKIPPED. Without --phase the first PENDING phase is looked up and sent, so\n" +
			"running the command twice never skips a phase that was named.\n\n" +
			"Examples:\n" +
			"   serin rollout advance --pipeline shop --rollout v2-to-prod-0001 --phase canary-50\n" +
			"   serin rollout advance --pipeline shop --release v2 --target prod --reason \"error rate is flat\"",
		Flags: []cli.Flag{
			text("phase", "the `PHASE` to begin; without it the first that is PENDING"),
			text("digest", "refuse unless this `DIGEST` is the release's"),
		},
	}, rollout.CommandAdvance, func(c *cli.Context, q *asked) error { return q.next(c) })
}
