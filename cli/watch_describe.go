package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// scheduler is what the commands ask about watches.
type scheduler interface {
	CreateWatch(ctx context.Context, w rollout.Watch) error
	DescribeWatch(ctx context.Context, name string) (client.Watching, error)
	PauseWatch(ctx context.Context, name string, paused bool, note string) error
	DeleteWatch(ctx context.Context, name string) error
}

// watchLister lists watches.
type watchLister interface {
	Watches(ctx context.Context) ([]client.Watching, error)
}

var (
	_ scheduler   = (*client.Client)(nil)
	_ watchLister = (*client.Client)(nil)
)

func (a *app) watchList() *cli.Command {
	return a.verb(&cli.Command{
		Name:        "list",
		Usage:       "list watches",
		Description: "Examples:\n   serin watch list\n   serin watch list --output json",
		Flags:       slices.Concat([]cli.Flag{outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				all, err := s.watchList.Watches(c.Context)
				if err != nil {
					return err
				}
				return a.print(c, all, func(w io.Writer) {
					row(w, "NAME", "PIPELINE", "PROJECT", "REGIONS", "LABEL", "EVERY", "NEXT")
					for _, x := range all {
						row(w, x.Name, or(x.Pipeline, "-"), or(x.Project, "-"), or(strings.Join(x.Regions, ","), "-"), or(x.Label, "-"), every(x.Every), nextLook(x))
					}
				})
			})
		},
	})
}

func every(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return span(d)
}

func nextLook(w client.Watching) string {
	if w.Paused {
		return "paused"
	}
	return stamp(w.Next)
}

// watchedService is a service and its rollout.
type watchedService struct {
	rollout.WatchedService
	Rollout string        `json:"rollout,omitempty"` // the newest of its releases
	State   rollout.State `json:"state,omitempty"`
}

// describedWatch is what serin watch describe prints in JSON.
type describedWatch struct {
	client.Watching
	Services []watchedService `json:"services"`
}

func (a *app) watchDescribe() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "describe",
		Usage: "say where each service of a watch stands",
		Description: "What serves, the newest release, its rollout, and why there is no other; and what went\n" +
			"wrong last. It is what the newest look has found.\n\n" +
			"Examples:\n" +
			"   serin watch describe --name gradual\n" +
			"   serin watch describe --name gradual --output json",
		Flags: slices.Concat([]cli.Flag{watchName(), outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.connect(c, func(s *server) error {
				w, err := s.watches.DescribeWatch(c.Context, c.String("name"))
				if err != nil {
					return err
				}
				d := describedWatch{Watching: w, Services: []watchedService{}}
				if w.Status != nil {
					d.Services = rolledOut(c.Context, s, w.Status.Services)
					status := *w.Status
					status.Services = nil // once is enough
					d.Status = &status
				}
				return a.print(c, d, d.print)
			})
		},
	}, "name")
}

// rolledOut adds to each service what its lane says. Where nobody answers, it is left out: the rest
// is known all the same.
func rolledOut(ctx context.Context, s *server, all []rollout.WatchedService) []watchedService {
	out := make([]watchedService, len(all))
	for i, service := range all {
		out[i].WatchedService = service
		if service.Release == "" {
			continue
		}
		lane, err := s.targets.Lane(ctx, service.Pipeline, service.Pipeline)
		if err == nil && len(lane.Records) > 0 {
			out[i].Rollout, out[i].State = lane.Records[0].Rollout, lane.Records[0].State
		}
	}
	return out
}

func (d describedWatch) print(w io.Writer) {
	row(w, "watch:", d.Name)
	if d.Pipeline != "" { // else it was made by another hand
		row(w, "pipeline:", d.Pipeline)
		row(w, "services:", fmt.Sprintf("with %s in %s of %s", d.Label, strings.Join(d.Regions, ", "), d.Project))
		row(w, "a sample needs:", fmt.Sprintf("%d requests", d.MinRequests))
	}
	row(w, "looks:", fmt.Sprintf("every %s, last %s, next %s", every(d.Every), stamp(d.Last), nextLook(d.Watching)))
	if d.Note != "" {
		row(w, "note:", oneLine(d.Note))
	}
	if d.Failure != "" {
		row(w, "failed:", oneLine(d.Failure))
	}
	if d.Status == nil {
		row(w, "found:", "nothing yet: no look is done")
		return
	}
	for _, f := range d.Status.Failures {
		row(w, "failed:", oneLine(f))
	}
	row(w)
	row(w, "SERVICE", "REGION", "SERVES", "NEWEST ROLLOUT", "STATE", "LAST LOOK")
	for _, s := range d.Services {
		region := s.Location[strings.LastIndex(s.Location, "/")+1:]
		row(w, s.Service, region, s.Serving.String(), or(s.Rollout, "-"), or(string(s.State), "-"), oneLine(s.Says))
	}
	for _, s := range d.Services {
		if s.Error != "" {
			row(w)
			row(w, fmt.Sprintf("%s, last error at %s: %s", s.Service, stamp(s.Failed), oneLine(s.Error)))
		}
	}
}
