package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) watch() *cli.Command {
	return group(&cli.Command{
		Name: "watch", Usage: "take revisions that others deploy to Cloud Run through a pipeline",
		Subcommands: []*cli.Command{
			a.watchCreate(), a.watchList(), a.watchDescribe(), a.watchPause(true), a.watchPause(false), a.watchDelete(),
		},
	})
}

func watchName() cli.Flag { return text("name", "`NAME` of the watch") }

func (a *app) watchCreate() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "create",
		Usage: "look for new revisions of Cloud Run services, again and again",
		Description: "Services are found by their label. A revision that was deployed with --no-traffic\n" +
			"becomes a release of a pipeline of the service's own, which is derived from PIPELINE: it goes\n" +
			"through the phases, and goes back, by what the checks of the pipeline find. A sample with\n" +
			"fewer than --min-requests to the revision within the interval of its check is no data.\n" +
			"A revision is taken once: what failed, or somebody rolled back, is not tried again.\n\n" +
			"Examples:\n" +
			"   serin watch create --project shop --regions europe-west1,us-east1 --pipeline gradual \\\n" +
			"     --label rollout-strategy=gradual --min-requests 100\n" +
			"   gcloud run deploy cart --image europe-docker.pkg.dev/shop/cart:v2 --no-traffic",
		Flags: slices.Concat([]cli.Flag{
			text("name", "`NAME` of the watch; without it that of the pipeline"),
			text("project", "the Google Cloud `PROJECT`"), list("regions", "the `REGIONS`, separated by commas"),
			text("label", "`KEY=VALUE`, a label of the services"), pipelineFlag(),
			text("min-requests", "the `NUMBER` of requests that one sample needs, above 0"),
			&cli.DurationFlag{Name: "every", Value: time.Minute, Usage: "the `TIME` between two looks"},
			text("endpoint", "`URL` of a private endpoint or an emulator"), text("by", "`WHO` makes it, for the record"),
			outputFlag(), artifactsFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			w, err := a.watchOf(c)
			if err != nil {
				return err
			}
			config, err := a.configured(c)
			if err != nil {
				return err
			}
			warnings, err := watchable(config, &w)
			if err != nil {
				return err
			}
			return a.connect(c, func(s *server) error {
				if err := s.watches.CreateWatch(c.Context, w); err != nil {
					return err
				}
				made := createdWatch{Watch: w, Warnings: warnings}
				return a.print(c, made, made.print)
			})
		},
	}, "project", "regions", "label", "pipeline", "min-requests")
}

// createdWatch is what serin watch create prints in JSON.
type createdWatch struct {
	rollout.Watch
	Warnings []string `json:"warnings,omitempty"`
}

func (w createdWatch) print(out io.Writer) {
	row(out, fmt.Sprintf("%s: looks every %s for services with %s in %s of %s",
		w.Name, span(w.Every), w.Label, strings.Join(w.Regions, ", "), w.Project))
	for _, warning := range w.Warnings {
		row(out, "warning: "+warning)
	}
	row(out, "serin watch describe --name "+w.Name)
}

// watchOf reads the flags.
func (a *app) watchOf(c *cli.Context) (rollout.Watch, error) {
	w := rollout.Watch{
		Name: or(c.String("name"), a.value(c, "pipeline")), Project: c.String("project"), Label: c.String("label"),
		Pipeline: a.value(c, "pipeline"), Endpoint: c.String("endpoint"), Every: c.Duration("every"), Actor: a.value(c, "by"),
	}
	for _, part := range c.StringSlice("regions") {
		for region := range strings.SplitSeq(part, ",") {
			w.Regions = append(w.Regions, strings.TrimSpace(region))
		}
	}
	slices.Sort(w.Regions)
	w.Regions = slices.Compact(w.Regions)
	n, err := strconv.Atoi(c.String("min-requests"))
	if err != nil || n <= 0 {
		return w, usage("watch create: --min-requests %q: want a number above 0: without requests there is nothing to judge by", c.String("min-requests"))
	}
	w.MinRequests = n
	if !pipeline.IsID(w.Name) {
		return w, usage("watch create: --name %q: want lowercase letters, digits and hyphens, a letter first, at most 63", w.Name)
	}
	for _, region := range w.Regions {
		if region == "" || strings.Contains(region, "/") {
			return w, usage("watch create: --regions %q: want regions such as europe-west1, separated by commas", strings.Join(c.StringSlice("regions"), ","))
		}
	}
	return w, nil
}

// watchable judges that the pipeline fits, and takes over where its workers are.
func watchable(config *pipeline.Config, w *rollout.Watch) ([]string, error) {
	warnings, err := config.Watchable(w.Pipeline)
	var e *rollout.Error
	if errors.As(err, &e) && e.Kind == rollout.NotFound {
		return nil, usage("watch create: --pipeline %s: %v", w.Pipeline, e.Err)
	}
	if err != nil {
		return nil, err
	}
	w.TaskQueue = rollout.DefaultTaskQueue
	if t := config.Target(config.Pipeline(w.Pipeline).SerialPipeline.Stages[0].TargetID); t != nil && t.TaskQueue != "" {
		w.TaskQueue = t.TaskQueue
	}
	return warnings, nil
}

func (a *app) watchPause(pause bool) *cli.Command {
	c := &cli.Command{
		Name: "pause", Usage: "look for no new revisions until resume",
		Description: "Releases that were made go on.\n\nExamples:\n   serin watch pause --name gradual --reason \"incident 12\"",
	}
	said := "paused"
	if !pause {
		said = "looks again"
		c = &cli.Command{
			Name: "resume", Usage: "look for new revisions again",
			Description: "What was deployed meanwhile is found then.\n\nExamples:\n   serin watch resume --name gradual",
		}
	}
	c.Flags = slices.Concat([]cli.Flag{
		watchName(), text("by", "`WHO` acts, for the record"), text("reason", "`WHY`, for the record"), outputFlag(),
	}, connectionFlags())
	c.Action = func(ctx *cli.Context) error {
		name, note := ctx.String("name"), strings.TrimSpace(said+" by "+or(a.value(ctx, "by"), "somebody"))
		if why := ctx.String("reason"); why != "" {
			note += ": " + why
		}
		return a.connect(ctx, func(s *server) error {
			if err := s.watches.PauseWatch(ctx.Context, name, pause, note); err != nil {
				return err
			}
			return a.print(ctx, map[string]any{"name": name, "paused": pause}, func(w io.Writer) { row(w, name+": "+said) })
		})
	}
	return a.verb(c, "name")
}

func (a *app) watchDelete() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "delete",
		Usage: "end a watch",
		Description: "Its releases go on; they, and the pipelines that were derived for them, stay. It is asked\n" +
			"for on a terminal; elsewhere it needs --yes.\n\nExamples:\n   serin watch delete --name gradual --yes",
		Flags: slices.Concat([]cli.Flag{watchName(), yesFlag(), outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			name := c.String("name")
			return a.connect(c, func(s *server) error {
				err := a.confirm(c, question{text: "End it?", show: func(w io.Writer) { row(w, "watch "+name) }})
				if err != nil {
					return err
				}
				if err := s.watches.DeleteWatch(c.Context, name); err != nil {
					return err
				}
				return a.print(c, map[string]string{"name": name}, func(w io.Writer) { row(w, name+": deleted") })
			})
		},
	}, "name")
}
