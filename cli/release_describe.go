package cli

import (
	"slices"

	"github.com/urfave/cli/v2"
)

func (a *app) releaseDescribe() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "describe",
		Usage: "say where a release stands",
		Description: "With --logs it shows also the last lines of the container that could not render it,\n" +
			"from the artifact store.\n\n" +
			"Examples:\n" +
			"   serin release describe --pipeline shop --release v2\n" +
			"   serin release describe --pipeline shop --release v2 --logs\n" +
			"   serin release describe --pipeline shop --release v2 --output json",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(),
			text("release", "`NAME` of the release"),
			&cli.BoolFlag{Name: "logs", Usage: "show what the container that could not render it has written", DisableDefaultText: true}, outputFlag(), artifactsFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				status, err := s.releases.Release(c.Context, a.value(c, "pipeline"), c.String("release"))
				if err != nil {
					return err
				}
				r := &releaseLogs{ReleaseStatus: status}
				if c.Bool("logs") {
					if err := a.withStore(c, func(store artifacts) error { return r.read(c.Context, store) }); err != nil {
						return err
					}
				}
				return a.print(c, r, r.print)
			})
		},
	}, "pipeline", "release")
}
