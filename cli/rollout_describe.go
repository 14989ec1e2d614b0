package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutDescribe() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "describe",
		Usage: "say where a rollout stands, and what it waits for",
		Description: "The exit code is 0 whatever the state is; rollout wait has one for each.\n\n" +
			"Of the jobs that check the release it shows what they have found; with --logs also the\n" +
			"last lines that their latest runs have written, from the artifact store.\n\n" +
			"Examples:\n" +
			"   serin rollout describe --pipeline shop --rollout v2-to-prod-0001\n" +
			"   serin rollout describe --pipeline shop --rollout v2-to-prod-0001 --logs\n" +
			"   serin rollout describe --pipeline shop --release v2 --target prod --output json",
		Flags: slices.Concat(selectFlags(), []cli.Flag{
			&cli.IntFlag{Name: "events", Value: 10, Usage: "show the last `N` events; JSON has all"},
			&cli.BoolFlag{Name: "logs", Usage: "show what the latest job runs have written", DisableDefaultText: true}, outputFlag(), artifactsFlag(),
		}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.selected(c, func(s *server, n rolloutName) error {
				r, err := s.rollouts.Rollout(c.Context, n.pipeline, n.name)
				if err != nil {
					return err
				}
				d := &description{Rollout: r, now: a.now()}
				if c.Bool("logs") {
					if err := a.withStore(c, func(store artifacts) error { return d.readLogs(c.Context, store) }); err != nil {
						return err
					}
				}
				return a.print(c, d, func(w io.Writer) {
					d.w = w
					d.all(c.Int("events"))
				})
			})
		},
	}, "pipeline")
}

// description writes a rollout as text.
type description struct {
	client.Rollout
	Logs []jobLogs `json:"logs,omitempty"`

	w   io.Writer
	now time.Time
}

func (d *description) all(events int) {
	d.head()
	d.relations()
	d.phases()
	d.children()
	d.waiting()
	d.traffic()
	d.failures()
	d.checks()
	d.events(events)
	d.logs()
}

func (d *description) head() {
	row(d.w, "rollout:", d.Status.Rollout)
	row(d.w, "pipeline:", d.Pipeline)
	row(d.w, "release:", d.Release+" to "+d.Target)
	row(d.w, "digest:", d.Digest)
	state := string(d.State)
	if d.Paused {
		state += ", paused"
	}
	row(d.w, "state:", state)
	row(d.w, "created:", stamp(d.Created))
	if !d.Started.IsZero() {
		row(d.w, "took:", elapsed(d.Started, d.Ended, d.now))
	}
	for _, p := range d.Progress {
		row(d.w, "now:", underWay(p, d.now))
	}
}

func (d *description) phases() {
	row(d.w)
	row(d.w, "PHASE", "STATE", "REQUESTED", "OBSERVED", "JOBS", "TOOK")
	for _, ph := range d.Phases {
		row(d.w, ph.ID, string(ph.State), percent(ph.Weight), observed(ph), jobStates(ph.Jobs), elapsed(ph.Started, ph.Ended, d.now))
	}
	for _, ph := range d.Phases {
		if ph.Skip != "" {
			row(d.w, fmt.Sprintf("%s was skipped: %s", ph.ID, ph.Skip))
		}
	}
}

// observed never shows as a fact what nobody has read back.
func observed(ph rollout.PhaseStatus) string {
	switch {
	case ph.Custom:
		return "configured"
	case ofChildren(ph):
		return "-"
	case ph.Observed != nil:
		return percent(*ph.Observed)
	case ph.Assumed, ph.State == rollout.PhaseSucceeded:
		return "assumed"
	}
	return "-"
}

func jobStates(jobs []rollout.JobStatus) string {
	if len(jobs) > 0 && jobs[0].Child != "" {
		return childJobs(jobs)
	}
	var out []string
	for _, j := range jobs {
		if j.State == rollout.JobDisabled {
			continue
		}
		text := string(j.ID) + " " + string(j.State)
		if j.Run != nil && j.Run.Attempt > 1 {
			text += fmt.Sprintf(" (attempt %d)", j.Run.Attempt)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func (d *description) waiting() {
	w := waitOf(d.Status)
	if w == nil {
		return
	}
	row(d.w)
	row(d.w, "waits for:", string(w.For))
	row(d.w, "reason:", oneLine(w.Reason))
	if !w.Since.IsZero() {
		row(d.w, "since:", fmt.Sprintf("%s (%s)", stamp(w.Since), span(d.now.Sub(w.Since))))
	}
	if !w.Until.IsZero() {
		row(d.w, "until:", stamp(w.Until))
	}
	for _, c := range w.Commands {
		row(d.w, "command:", c)
	}
}

func (d *description) traffic() {
	if len(d.Children) > 0 {
		return // each child has its own
	}
	row(d.w)
	if d.Weight != nil && len(d.Split) == 0 && d.Baseline == "" { // of a custom target
		row(d.w, "weight:", percent(*d.Weight)+", configured, not observed")
	} else {
		row(d.w, "split:", d.Split.String())
		row(d.w, "stable:", or(d.Stable, "-"))
		row(d.w, "revision:", or(d.Revision, "-"))
		row(d.w, "baseline:", or(d.Baseline, "-"))
	}
	if d.URL != "" {
		row(d.w, "url:", d.URL)
	}
	if d.Restored {
		row(d.w, "restored:", "all traffic is back on the baseline")
	}
	if d.Unsettled {
		row(d.w, "unsettled:", "a weight or a canary of this release is on the target")
	}
}

func (d *description) failures() {
	if w := waitOf(d.Status); d.Failure != "" && (w == nil || w.Reason != d.Failure) { // else it has been said
		row(d.w)
		row(d.w, "failure:", oneLine(d.Failure))
	}
	for _, ph := range d.Phases {
		for _, j := range ph.Jobs {
			if j.Run != nil && j.Run.Failure != "" && j.Run.Failure != d.Failure {
				row(d.w, "failure:", fmt.Sprintf("%s %s, attempt %d: %s", ph.ID, j.ID, j.Run.Attempt, oneLine(j.Run.Failure)))
			}
		}
	}
}

func (d *description) events(n int) {
	events := d.Events[max(0, len(d.Events)-max(n, 0)):]
	if len(events) == 0 {
		return
	}
	row(d.w)
	for _, e := range events {
		row(d.w, stamp(e.Time)+"  "+oneLine(e.String()))
	}
}

// underWay is one line about what runs now.
func underWay(p client.Progress, now time.Time) string {
	out := p.Activity
	if p.Attempt > 1 {
		out += fmt.Sprintf(" (attempt %d)", p.Attempt)
	}
	if p.Detail != "" {
		out += ": " + p.Detail
	}
	if !p.Since.IsZero() {
		out += ", for " + span(now.Sub(p.Since))
	}
	if p.LastFailure != "" {
		out += "; last failure: " + p.LastFailure
	}
	if !p.NextAttempt.IsZero() {
		out += "; tries again in " + span(p.NextAttempt.Sub(now))
	}
	return oneLine(out)
}

// oneLine keeps columns and lines as they are meant.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
