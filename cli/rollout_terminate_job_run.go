package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutTerminate() *cli.Command {
	return a.act(&cli.Command{
		Name:  "terminate-job-run",
		Usage: "stop the running job; it counts as failed",
		Description: "The job run is TERMINATED and its job FAILED. What it has changed on the platform\n" +
			"stays, unless the pipeline restores after a failure. Without\n" +
			"--phase and --job it is the job that runs.\n\n" +
			"Examples:\n" +
			"   serin rollout terminate-job-run --pipeline shop --rollout v2-to-prod-0001 --phase canary-25 --job deploy\n" +
			"   serin rollout terminate-job-run --pipeline shop --release v2 --target prod",
		Flags: jobFlags("runs"),
	}, rollout.CommandTerminate, func(c *cli.Context, q *asked) error { return q.job(c, rollout.JobInProgress) })
}
