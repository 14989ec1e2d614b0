package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutPause() *cli.Command {
	return a.act(&cli.Command{
		Name:  "pause",
		Usage: "let what runs end, and nothing new begin",
		Description: "No phase, no job, no automatic advance and no repair begins until rollout resume.\n" +
			"Traffic stays as it is, and the rollout keeps its target: others queue behind it.\n\n" +
			"Examples:\n" +
			"   serin rollout pause --pipeline shop --rollout v2-to-prod-0001 --reason \"checkout is slow\"\n" +
			"   serin rollout pause --pipeline shop --release v2 --target prod",
	}, rollout.CommandPause, func(*cli.Context, *asked) error { return nil })
}
