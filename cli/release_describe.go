package cli

import (
	"io"
	"slices"

	"github.com/urfave/cli/v2"
)

func (a *app) releaseDescribe() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "describe",
		Usage: "say where a release stands",
		Description: "Examples:\n" +
			"   serin release describe --pipeline shop --release v2\n" +
			"   serin release describe --pipeline shop --release v2 --output json",
		Flags: slices.Concat([]cli.Flag{pipelineFlag(), text("release", "`NAME` of the release"), outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				status, err := s.releases.Release(c.Context, a.value(c, "pipeline"), c.String("release"))
				if err != nil {
					return err
				}
				return a.print(c, status, func(w io.Writer) { describeRelease(w, status) })
			})
		},
	}, "pipeline", "release")
}
