package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) releasePromote() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "promote",
		Usage: "send a release to its next target",
		Description: "Next is the stage after the farthest one on which the release is current, that is,\n" +
			"the newest that SUCCEEDED there. At the last stage it is that one again. A release\n" +
			"that is current nowhere, because others have superseded it, goes where --to-target\n" +
			"says. Refused while a rollout of the release is IN_PROGRESS. The destination is\n" +
			"shown and asked for on a terminal; elsewhere it needs --yes or --to-target.\n\n" +
			"Examples:\n" +
			"   serin release promote --pipeline shop --release v2\n" +
			"   serin release promote --pipeline shop --release v2 --to-target prod --starting-phase stable",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("release", "`NAME` of the release"), text("to-target", "this `TARGET`, and not the next one"),
			startingPhaseFlag("the first"), yesFlag(),
		}, actorFlags(), []cli.Flag{outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			r, err := a.create(c)
			if err != nil {
				return err
			}
			return a.connect(c, func(s *server) error { return a.promote(c, s, r) })
		},
	}, "pipeline", "release")
}

func (a *app) promote(c *cli.Context, s *server, r rollout.Create) error {
	pipeline, to := a.value(c, "pipeline"), c.String("to-target")
	p, err := s.lanes.Destination(c.Context, pipeline, r.Release, to)
	if err != nil {
		return err
	}
	err = a.confirm(c, question{
		text: fmt.Sprintf("Promote %s to %s?", p.Release, p.Target), named: to != "",
		show: func(w io.Writer) { destination(w, p, r.StartingPhase) },
	})
	if err != nil {
		return err
	}
	made, err := s.lanes.Promote(c.Context, pipeline, p.Target, r)
	if err != nil {
		return err
	}
	return a.print(c, made, func(w io.Writer) { begun(w, pipeline, made) })
}

func destination(w io.Writer, p client.Promotion, startingPhase string) {
	row(w, "release:", p.Release)
	row(w, "current on:", or(p.From, "no stage"))
	row(w, "promote to:", p.Target)
	row(w, "stable there:", or(p.Current, "none"))
	if startingPhase != "" {
		row(w, "begins at:", startingPhase+", without the phases before it")
	}
	if p.Again {
		row(w, "note:", p.Target+" is the last stage, and the release is current there: it is rolled out once more")
	}
}
