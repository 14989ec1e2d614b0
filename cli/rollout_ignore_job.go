package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutIgnoreJob() *cli.Command {
	return a.act(&cli.Command{
		Name:  "ignore-job",
		Usage: "go on as if a failed job had succeeded",
		Description: "The job is IGNORED and the next job or phase follows. The rollout can still\n" +
			"succeed. Without\n" +
			"--phase and --job it is the job that failed.\n\n" +
			"Examples:\n" +
			"   serin rollout ignore-job --pipeline shop --rollout v2-to-prod-0001 --phase canary-25 --job deploy\n" +
			"   serin rollout ignore-job --pipeline shop --release v2 --target prod",
		Flags: jobFlags("failed"),
	}, rollout.CommandIgnoreJob, func(c *cli.Context, q *asked) error { return q.job(c, rollout.JobFailed) })
}
