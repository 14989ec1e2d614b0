package cli

import (
	"io"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) releaseList() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "list",
		Usage: "list releases, newest first",
		Description: "The list may be seconds behind. Without --pipeline it is of all pipelines.\n\n" +
			"Examples:\n" +
			"   serin release list --pipeline shop\n" +
			"   serin release list --output json",
		Flags: slices.Concat([]cli.Flag{pipelineFlag(), stateFlag(), limitFlag(), outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				found, err := s.releases.Releases(c.Context, a.filter(c))
				if err != nil {
					return err
				}
				return a.print(c, notNil(found), func(w io.Writer) {
					row(w, "PIPELINE", "RELEASE", "STATE", "CREATED")
					for _, r := range found {
						row(w, r.Pipeline, r.Release, or(string(r.State), "-"), stamp(r.Started))
					}
				})
			})
		},
	})
}

func stateFlag() cli.Flag { return text("state", "only in this `STATE`, such as IN_PROGRESS") }

func limitFlag() cli.Flag {
	return &cli.IntFlag{Name: "limit", Value: client.DefaultLimit, Usage: "at most `N`"}
}

// filter is what the list flags select.
func (a *app) filter(c *cli.Context) client.Filter {
	return client.Filter{
		Pipeline: a.value(c, "pipeline"), Release: c.String("release"), Target: c.String("target"),
		State: rollout.State(c.String("state")), Limit: c.Int("limit"),
	}
}

// notNil makes an empty list [] in JSON, not null.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func percent(w rollout.Weight) string { return strconv.Itoa(int(w)) + "%" }
