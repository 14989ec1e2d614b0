package cli

import (
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutRetryJob() *cli.Command {
	c := a.act(&cli.Command{
		Name:  "retry-job",
		Usage: "run a failed job again",
		Description: "A new job run; jobs that SUCCEEDED are not run again. After a restore every job of\n" +
			"the phase runs again, because nothing of it is left on the platform. Without\n" +
			"--phase and --job it is the job that failed. A controller has no jobs of its own:\n" +
			"name a child, or give --failed-children to retry every child that failed.\n\n" +
			"Examples:\n" +
			"   serin rollout retry-job --pipeline shop --rollout v2-to-prod-0001 --phase canary-25 --job deploy\n" +
			"   serin rollout retry-job --pipeline shop --release v2 --target prod\n" +
			"   serin rollout retry-job --pipeline shop --rollout v2-to-all-0001 --failed-children",
		Flags: append(jobFlags("failed"), &cli.BoolFlag{
			Name: "failed-children", Usage: "the rollout is a controller: retry the failed job of every child", DisableDefaultText: true,
		}),
	}, rollout.CommandRetryJob, func(c *cli.Context, q *asked) error { return q.job(c, rollout.JobFailed) })
	single := c.Action
	c.Action = func(ctx *cli.Context) error {
		if ctx.Bool("failed-children") {
			return a.retryChildren(ctx)
		}
		return single(ctx)
	}
	return c
}

// retryChildren retries the failed job of every child of a controller. A child that refuses
// does not keep the others from it.
func (a *app) retryChildren(c *cli.Context) error {
	cmd := rollout.Command{Actor: a.value(c, "by"), Reason: c.String("reason")}
	var err error
	if cmd.Override, err = overrides(c); err != nil {
		return err
	}
	if c.String("phase") != "" || c.String("job") != "" {
		return usage("rollout retry-job: --failed-children finds phase and job by itself: leave out --phase and --job")
	}
	return a.selected(c, func(s *server, n rolloutName) error {
		r, err := s.rollouts.Rollout(c.Context, n.pipeline, n.name)
		if err != nil {
			return err
		}
		failed, q := failedChildren(r.Status), &asked{name: rollout.CommandRetryJob, rollout: n.name}
		switch {
		case len(r.Children) == 0:
			return q.refuse("it is no controller: leave out --failed-children")
		case len(failed) == 0:
			return q.refuse("no child has a FAILED job: the rollout is %s", r.State)
		}
		var acks []rollout.Ack
		var refused []error
		for _, child := range failed {
			cmd.Phase, cmd.Job = child.Phase, child.FailedJob
			ack, no := s.command.Command(c.Context, n.pipeline, child.Rollout, rollout.CommandRetryJob, cmd)
			if no != nil {
				refused = append(refused, no)
				continue
			}
			acks = append(acks, ack)
		}
		err = a.print(c, notNil(acks), func(w io.Writer) {
			for _, ack := range acks {
				acknowledged(w, rollout.CommandRetryJob, ack)
			}
		})
		return errors.Join(err, errors.Join(refused...))
	})
}
