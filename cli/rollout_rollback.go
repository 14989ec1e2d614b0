package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutRollback() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "rollback",
		Usage: "put the release before back on a target",
		Description: "A new rollout of the release that was good there before: the newest that SUCCEEDED\n" +
			"or, if that is the one to be rolled back, the one before it. It begins at stable and\n" +
			"goes to the head of the queue; PENDING rollouts that are older are cancelled. What\n" +
			"would happen is shown and asked for on a terminal; elsewhere it needs --yes. What is\n" +
			"rolled back is not offered there again until a newer release is made.\n\n" +
			"While a rollout has the target it is refused, unless --stop-running cancels that one.\n" +
			"With --dry-run nothing happens: the goal is shown, and what its manifest changes\n" +
			"against the one that is stable. A release that ended long ago can be gone back to.\n\n" +
			"Examples:\n" +
			"   serin rollout rollback --pipeline shop --target prod --dry-run\n" +
			"   serin rollout rollback --pipeline shop --target prod --reason \"checkout fails\" --yes\n" +
			"   serin rollout rollback --pipeline shop --target prod --release v1 --stop-running",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), text("target", "the `TARGET`; of several at once, the multi-target"),
			text("release", "back to this `RELEASE`, and not to the one before"),
			text("rollout-to-roll-back", "refuse unless this `ROLLOUT` is the newest that has started there"),
			startingPhaseFlag("stable"),
			&cli.BoolFlag{Name: "stop-running", Usage: "cancel the rollout that has the target", DisableDefaultText: true},
			dryRunFlag(), yesFlag(),
		}, actorFlags(), []cli.Flag{outputFlag(), artifactsFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			r, err := a.create(c)
			if err != nil {
				return err
			}
			r.Rollout, r.StopRunning = c.String("rollout-to-roll-back"), c.Bool("stop-running")
			return a.connect(c, func(s *server) error { return a.rollback(c, s, r) })
		},
	}, "pipeline", "target")
}

func startingPhaseFlag(otherwise string) cli.Flag {
	return text("starting-phase", "begin at this `PHASE`, and not at "+otherwise+"; earlier ones are skipped")
}

func dryRunFlag() cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Usage: "show what would happen, and change nothing", DisableDefaultText: true}
}

// create is what the flags say of a new rollout.
func (a *app) create(c *cli.Context) (rollout.Create, error) {
	r := rollout.Create{
		Release: c.String("release"), StartingPhase: c.String("starting-phase"),
		Actor: a.value(c, "by"), Reason: c.String("reason"),
	}
	var err error
	r.Override, err = overrides(c)
	return r, err
}

// rollback asks the lane what it would do, shows that, and has exactly that done.
func (a *app) rollback(c *cli.Context, s *server, r rollout.Create) error {
	pipeline, target := a.value(c, "pipeline"), c.String("target")
	try := r
	try.DryRun = true
	would, err := s.lanes.Rollback(c.Context, pipeline, target, try)
	if err != nil {
		return err
	}
	lane, err := s.targets.Lane(c.Context, pipeline, target)
	if err != nil {
		return err
	}
	g := backTo(would, lane, r.Release != "")
	if c.Bool("dry-run") {
		return a.dryRun(c, g, lane)
	}
	if err = a.confirm(c, question{
		text: fmt.Sprintf("Roll %s back to %s?", target, g.Release),
		show: func(w io.Writer) { g.describe(w) },
	}); err != nil {
		return err
	}
	r = g.pin(r)
	made, err := s.lanes.Rollback(c.Context, pipeline, target, r)
	if err != nil {
		return err
	}
	return a.print(c, made, func(w io.Writer) { begun(w, pipeline, made, g.Notes...) })
}

// pin makes r a request for exactly g: it is refused if another rollout started meanwhile.
func (g goal) pin(r rollout.Create) rollout.Create {
	r.Release, r.Document, r.StartingPhase = g.Release, g.Document, g.StartingPhase
	if g.RollbackOf != "" {
		r.Rollout = g.RollbackOf
	}
	return r
}

func (a *app) dryRun(c *cli.Context, g goal, lane rollout.LaneStatus) error {
	err := a.withStore(c, func(store artifacts) error { return g.detail(c.Context, store, lane) })
	if err != nil {
		return err
	}
	return a.print(c, g, func(w io.Writer) { g.describe(w) })
}

// begun says which rollout was made, and what it needs, without the notes that were shown before.
func begun(w io.Writer, pipeline string, made rollout.Created, shown ...string) {
	row(w, fmt.Sprintf("%s: made, now %s", made.Rollout, made.State))
	if made.Stopped != "" {
		row(w, made.Stopped+": cancel sent")
	}
	for _, name := range made.Cancelled {
		row(w, name+": cancel sent")
	}
	for _, n := range made.Notes {
		if !slices.Contains(shown, n) {
			row(w, "note: "+n)
		}
	}
	verb := "watch"
	if made.State == rollout.StatePendingApproval {
		verb = "approve"
	}
	row(w, fmt.Sprintf("serin rollout %s --pipeline %s --rollout %s", verb, pipeline, made.Rollout))
}
