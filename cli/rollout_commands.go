package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// act builds the command that sends one request to a rollout. fill completes what
// the flags say; it is given the status only when it asks for it.
func (a *app) act(c *cli.Command, name string, fill func(*cli.Context, *asked) error) *cli.Command {
	c.Flags = slices.Concat(selectFlags(), c.Flags, actorFlags(), []cli.Flag{outputFlag()}, connectionFlags())
	c.Action = func(ctx *cli.Context) error {
		return a.selected(ctx, func(s *server, n rolloutName) error {
			q := &asked{name: name, rollout: n.name, status: func() (client.Rollout, error) {
				return s.rollouts.Rollout(ctx.Context, n.pipeline, n.name)
			}}
			q.command.Actor, q.command.Reason = a.value(ctx, "by"), ctx.String("reason")
			var err error
			if q.command.Override, err = overrides(ctx); err != nil {
				return err
			}
			if err = fill(ctx, q); err != nil {
				return err
			}
			ack, err := s.command.Command(ctx.Context, n.pipeline, n.name, name, q.command)
			if err != nil {
				return err
			}
			return a.print(ctx, ack, func(w io.Writer) { acknowledged(w, name, ack) })
		})
	}
	if name == rollout.CommandApprove || name == rollout.CommandReject {
		return a.verb(c, "pipeline", "by")
	}
	return a.verb(c, "pipeline")
}

// asked is a command while it is being completed.
type asked struct {
	name    string // rollout.CommandAdvance
	rollout string
	command rollout.Command
	status  func() (client.Rollout, error) // asks the rollout
}

func acknowledged(w io.Writer, name string, ack rollout.Ack) {
	line := fmt.Sprintf("%s: %s accepted", ack.Rollout, name)
	if ack.Phase != "" {
		line += ", phase " + ack.Phase
	}
	row(w, line+", now "+string(ack.State))
}

// refuse says that the state does not allow the command.
func (q *asked) refuse(format string, args ...any) error {
	return &rollout.Error{Op: q.name, On: q.rollout, Kind: rollout.Refused, Err: fmt.Errorf(format, args...)}
}

// job completes a request about one job: the named one, or else the only one in
// the given state.
func (q *asked) job(c *cli.Context, state rollout.JobState) error {
	phase, job := c.String("phase"), c.String("job")
	if (phase == "") != (job == "") {
		return usage("%s: --phase and --job go together", title(c.Command))
	}
	if phase != "" {
		q.command.Phase, q.command.Job = phase, rollout.JobKind(job)
		return nil
	}
	s, err := q.status()
	if err != nil {
		return err
	}
	q.command.Digest = s.Digest
	for _, ph := range s.Phases {
		for _, j := range ph.Jobs {
			if j.State == state {
				q.command.Phase, q.command.Job = ph.ID, j.ID
				return nil
			}
		}
	}
	return q.refuse("no job is %s: the rollout is %s", state, s.State)
}

func jobFlags(which string) []cli.Flag {
	return []cli.Flag{
		text("phase", "the job's `PHASE`; without it, of the job that "+which),
		text("job", "the `JOB`: predeploy, deploy, verify, analysis or postdeploy"),
	}
}

// next completes an advance: the named phase, or else the first one that is
// PENDING. The phase is always sent, so that an advance given twice is refused
// instead of skipping one ahead.
func (q *asked) next(c *cli.Context) error {
	q.command.Phase, q.command.Digest = c.String("phase"), c.String("digest")
	if q.command.Phase != "" {
		return nil
	}
	s, err := q.status()
	if err != nil {
		return err
	}
	ph, _ := s.NextPhase()
	if ph == nil {
		return q.refuse("no phase is PENDING: the rollout is %s", s.State)
	}
	if q.command.Digest == "" {
		q.command.Digest = s.Digest
	}
	q.command.Phase = ph.ID
	return nil
}
