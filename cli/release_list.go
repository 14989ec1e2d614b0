package cli

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) releaseList() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "list",
		Usage: "list releases, newest first",
		Description: "The list may be seconds behind. Without --pipeline it is of all pipelines. With\n" +
			"--stages each release is asked where it stands: on which targets, what has superseded\n" +
			"it, whether it is abandoned, and what waits to promote it.\n\n" +
			"Examples:\n" +
			"   serin release list --pipeline shop\n" +
			"   serin release list --pipeline shop --limit 10 --stages\n" +
			"   serin release list --output json",
		Flags: slices.Concat([]cli.Flag{
			pipelineFlag(), stateFlag(), limitFlag(),
			&cli.BoolFlag{Name: "stages", Usage: "ask each release where it stands", DisableDefaultText: true}, outputFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				found, err := s.releases.Releases(c.Context, a.filter(c))
				if err != nil {
					return err
				}
				if c.Bool("stages") {
					return a.listStages(c, s, found)
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

// listStages prints the status of each release of a list.
func (a *app) listStages(c *cli.Context, s *server, found []client.Summary) error {
	var all []rollout.ReleaseStatus
	for _, f := range found {
		status, err := s.releases.Release(c.Context, f.Pipeline, f.Release)
		if rollout.KindOf(err) == rollout.NotFound { // it has gone since it was listed
			continue
		}
		if err != nil {
			return err
		}
		all = append(all, status)
	}
	return a.print(c, notNil(all), func(w io.Writer) {
		row(w, "PIPELINE", "RELEASE", "CREATED", "STAGES", "REMARKS")
		for _, r := range all {
			var stages []string
			for _, st := range r.Stages {
				stages = append(stages, st.Target+" "+stageText(st))
			}
			row(w, r.Pipeline, r.Release, stamp(r.Created), or(strings.Join(stages, "; "), "-"), or(strings.Join(remarks(r), "; "), "-"))
		}
	})
}

// remarks are what to know of a release besides its stages.
func remarks(r rollout.ReleaseStatus) []string {
	var out []string
	if r.Abandoned {
		out = append(out, "abandoned")
	}
	if r.Failure != "" {
		out = append(out, oneLine(r.Failure))
	}
	for _, w := range r.Waiting {
		out = append(out, waitText(w))
	}
	return out
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
