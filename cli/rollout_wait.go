package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutWait() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "wait",
		Usage: "wait until a rollout ends or needs somebody",
		Description: "Exits 0 when the rollout SUCCEEDED, 3 when it failed, was rolled back or was\n" +
			"cancelled, 4 as soon as it waits for an advance, an approval or a person, and 5\n" +
			"after --timeout. The rollout goes on in every case.\n\n" +
			"Examples:\n" +
			"   serin rollout wait --pipeline shop --rollout v2-to-prod-0001 --timeout 30m\n" +
			"   serin rollout wait --pipeline shop --release v2 --target prod",
		Flags: slices.Concat(selectFlags(), []cli.Flag{timeoutFlag(), outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.selected(c, func(s *server, n rolloutName) error {
				ctx, stop := a.limited(c)
				defer stop()
				return a.wait(ctx, c, s, n)
			})
		},
	}, "pipeline")
}

func timeoutFlag() cli.Flag {
	return &cli.DurationFlag{Name: "timeout", Usage: "give up waiting after this `DURATION`, such as 30m; 0 is never"}
}

// limited is the context of c within --timeout.
func (a *app) limited(c *cli.Context) (context.Context, context.CancelFunc) {
	if limit := c.Duration("timeout"); limit > 0 {
		return context.WithTimeout(c.Context, limit)
	}
	return context.WithCancel(c.Context)
}

// rolloutName says which rollout.
type rolloutName struct{ pipeline, name string }

// wait waits for the end of a rollout, or until it needs somebody.
func (a *app) wait(ctx context.Context, c *cli.Context, s *server, n rolloutName) error {
	needed := errors.New("somebody is needed")
	last, err := follow(ctx, s, n, func(r client.Rollout) error {
		if somebody(r.Status) {
			return needed
		}
		return nil
	})
	switch {
	case err == nil, errors.Is(err, needed):
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &rollout.Error{
			Op: "wait for rollout", On: n.name, Kind: rollout.Expired,
			Err: fmt.Errorf("%s after %s", or(string(last.State), "not read"), c.Duration("timeout")),
			Fix: "it goes on without you; wait again",
		}
	default:
		return left(ctx, n, last, err)
	}
	err = a.print(c, last, func(w io.Writer) {
		row(w, fmt.Sprintf("%s: %s", last.Status.Rollout, last.State))
	})
	if err != nil {
		return err
	}
	return ended(last.Status)
}

// follow calls fn with a rollout after each change until it ends, or fn returns an
// error. It returns what was seen last.
func follow(ctx context.Context, s *server, n rolloutName, fn func(client.Rollout) error) (last client.Rollout, err error) {
	err = s.rollouts.Watch(ctx, n.pipeline, n.name, func(r client.Rollout) error {
		last = r
		return fn(r)
	})
	return last, err
}

// left words an interrupted wait: the rollout is not what ended.
func left(ctx context.Context, n rolloutName, last client.Rollout, err error) error {
	if !errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	return &interrupted{text: fmt.Sprintf("interrupted: %s goes on, it was %s", n.name, or(string(last.State), "not read yet"))}
}
