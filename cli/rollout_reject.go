package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutReject() *cli.Command {
	return a.act(&cli.Command{
		Name:  "reject",
		Usage: "refuse a rollout that waits for approval",
		Description: "One rejection is enough. The rollout ends APPROVAL_REJECTED, which is final: nothing\n" +
			"of it was deployed, and the release has to be promoted again. On a terminal it is\n" +
			"shown first, and asked for.\n\n" +
			"Examples:\n" +
			"   serin rollout reject --pipeline shop --rollout v2-to-prod-0001 --reason \"not before Monday\"\n" +
			"   serin rollout reject --pipeline shop --release v2 --target prod --by ada --yes",
		Flags: []cli.Flag{text("digest", "refuse unless this `DIGEST` is the release's"), yesFlag()},
	}, rollout.CommandReject, func(c *cli.Context, q *asked) error { return a.vote(c, q, "Reject it?") })
}
