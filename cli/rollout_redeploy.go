package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutRedeploy() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "redeploy",
		Usage: "roll the latest release of a target out once more",
		Description: "A new rollout of the release that was sent to the target last, from its first phase\n" +
			"on. The latest rollout there must be SUCCEEDED, FAILED or CANCELLED. What would\n" +
			"happen is shown and asked for on a terminal; elsewhere it needs --yes.\n\n" +
			"Examples:\n" +
			"   serin rollout redeploy --pipeline shop --target prod\n" +
			"   serin rollout redeploy --pipeline shop --target prod --starting-phase stable --yes",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("target", "the `TARGET`; of several at once, the multi-target"),
			startingPhaseFlag("the first"), dryRunFlag(), yesFlag(),
		}, actorFlags(), []cli.Flag{outputFlag(), artifactsFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			r, err := a.create(c)
			if err != nil {
				return err
			}
			return a.connect(c, func(s *server) error { return a.redeploy(c, s, r) })
		},
	}, "pipeline", "target")
}

func (a *app) redeploy(c *cli.Context, s *server, r rollout.Create) error {
	pipeline, target := a.value(c, "pipeline"), c.String("target")
	try := r
	try.DryRun = true
	would, err := s.lanes.Redeploy(c.Context, pipeline, target, try)
	if err != nil {
		return err
	}
	lane, err := s.targets.Lane(c.Context, pipeline, target)
	if err != nil {
		return err
	}
	g := goal{Created: would, Why: "it was sent here last"}
	newest := lane.NewestQueued()
	if newest != nil {
		g.Why = fmt.Sprintf("the latest rollout here is %s, %s", newest.Rollout, newest.State)
	}
	if c.Bool("dry-run") {
		return a.dryRun(c, g, lane)
	}
	if err = a.confirm(c, question{
		text: fmt.Sprintf("Redeploy %s on %s?", g.Release, target),
		show: func(w io.Writer) { g.describe(w) },
	}); err != nil {
		return err
	}
	r = g.pin(r)
	if newest != nil {
		r.Rollout = newest.Rollout
	}
	made, err := s.lanes.Redeploy(c.Context, pipeline, target, r)
	if err != nil {
		return err
	}
	return a.print(c, made, func(w io.Writer) { begun(w, pipeline, made, g.Notes...) })
}
