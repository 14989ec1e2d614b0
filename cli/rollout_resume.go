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
			"A job whose verdict is held runs again, and with --accept it has passed: --phase and\n" +
			"--job then say which verdict is meant, because another one may be held since you have\n" +
			"looked. A phase that a webhook has not confirmed begins.\n\n" +
			"Examples:\n" +
			"   serin rollout resume --pipeline shop --rollout v2-to-prod-0001\n" +
			"   serin rollout resume --pipeline shop --release v2 --target prod --accept\n" +
			"   serin rollout resume --pipeline shop --release v2 --target prod --accept --phase canary-25 --job verify",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "accept", Usage: "take what is observed as the new baseline, or a held job as passed", DisableDefaultText: true},
			text("phase", "the held job's `PHASE`"),
			text("job", "the held `JOB`: predeploy, verify, analysis or postdeploy"),
		},
	}, rollout.CommandResume, func(c *cli.Context, q *asked) error {
		phase, job := c.String("phase"), c.String("job")
		if (phase == "") != (job == "") {
			return usage("%s: --phase and --job go together", title(c.Command))
		}
		q.command.Accept, q.command.Phase, q.command.Job = c.Bool("accept"), phase, rollout.JobKind(job)
		return nil
	})
}
