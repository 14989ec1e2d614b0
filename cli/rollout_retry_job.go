package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutRetryJob() *cli.Command {
	return a.act(&cli.Command{
		Name:  "retry-job",
		Usage: "run a failed job again",
		Description: "A new job run; jobs that SUCCEEDED are not run again. After a restore every job of\n" +
			"the phase runs again, because nothing of it is left on the platform. Without\n" +
			"--phase and --job it is the job that failed.\n\n" +
			"Examples:\n" +
			"   serin rollout retry-job --pipeline shop --rollout v2-to-prod-0001 --phase canary-25 --job deploy\n" +
			"   serin rollout retry-job --pipeline shop --release v2 --target prod",
		Flags: jobFlags("failed"),
	}, rollout.CommandRetryJob, func(c *cli.Context, q *asked) error { return q.job(c, rollout.JobFailed) })
}
