package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"github.com/serin-dev/serin/rollout"
)

// frame is everything that one picture of a rollout is drawn from.
type frame struct {
	Status   rollout.Status
	Progress []string // what runs, one line each
	Now      time.Time
	Width    int // columns, at least minWidth
	Color    bool
}

const (
	minWidth    = 60
	stateWidth  = len(rollout.StateInProgress)
	labelWidth  = len("configured 100%")
	eventsShown = 5
)

// styles is how the screen marks what matters. Without color every style is plain.
type styles struct{ plain, title, good, bad, busy, dim lipgloss.Style }

func newStyles(color bool) styles {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	if color {
		r.SetColorProfile(termenv.ANSI)
	}
	plain := r.NewStyle()
	return styles{
		plain: plain, title: plain.Bold(true), dim: plain.Faint(true),
		good: plain.Foreground(lipgloss.Color("2")),
		bad:  plain.Foreground(lipgloss.Color("1")),
		busy: plain.Foreground(lipgloss.Color("6")),
	}
}

// view draws f. It is a pure function: the same frame is the same text.
func view(f frame) string {
	f.Width = max(f.Width, minWidth)
	d := &drawing{frame: f, styles: newStyles(f.Color)}
	d.head()
	d.relations()
	d.phases()
	d.children()
	d.traffic()
	d.waiting()
	d.events()
	return d.b.String()
}

type drawing struct {
	frame
	styles
	b strings.Builder
}

func (d *drawing) line(s string) { d.b.WriteString(strings.TrimRight(s, " ") + "\n") }

func (d *drawing) head() {
	s := d.Status
	left := fit(s.Pipeline+"  "+s.Rollout, d.Width-len(s.State)-2)
	gap := strings.Repeat(" ", d.Width-columns(left)-len(s.State))
	d.line(d.title.Render(left) + gap + d.byState(string(s.State)).Render(string(s.State)))
	about := fmt.Sprintf("%s to %s  %s", s.Release, s.Target, short(s.Digest))
	if e := elapsed(s.Started, s.Ended, d.Now); e != "" {
		about += "  " + e
	}
	d.line(d.dim.Render(fit(about, d.Width)))
	d.line("")
}

func (d *drawing) byState(state string) lipgloss.Style {
	switch state {
	case string(rollout.StateSucceeded):
		return d.good
	case string(rollout.StateFailed), string(rollout.StateCancelled), string(rollout.PhaseAborted),
		string(rollout.StateHalted), string(rollout.StateApprovalRejected):
		return d.bad
	case string(rollout.StateInProgress), string(rollout.StateCancelling):
		return d.busy
	}
	return d.dim
}

func (d *drawing) phases() {
	name := len(rollout.StablePhase)
	for _, ph := range d.Status.Phases {
		name = min(max(name, columns(ph.ID)), 24)
	}
	const spanWidth = len("59m59s")
	bar := min(max(d.Width-name-stateWidth-labelWidth-spanWidth-8, 10), 40)
	for _, ph := range d.Status.Phases {
		d.line(strings.Join([]string{
			pad(fit(ph.ID, name), name),
			d.byState(string(ph.State)).Render(pad(string(ph.State), stateWidth)),
			d.busy.Render(weightBar(ph, bar)),
			pad(weightLabel(ph), labelWidth),
			elapsed(ph.Started, ph.Ended, d.Now),
		}, "  "))
		if ph.State == rollout.PhaseInProgress || ph.State == rollout.PhaseFailed {
			d.jobs(ph)
		}
		if ph.Skip != "" {
			d.line("  " + d.dim.Render(fit(ph.Skip, d.Width-2)))
		}
	}
	d.line(d.dim.Render(fit("█ observed  ░ requested", d.Width)))
}

func (d *drawing) jobs(ph rollout.PhaseStatus) {
	if ofChildren(ph) {
		d.line("  " + d.dim.Render(fit(childJobs(ph.Jobs), d.Width-2)))
		return
	}
	for _, j := range ph.Jobs {
		if j.State == rollout.JobDisabled {
			continue
		}
		text := pad(string(j.ID), len(rollout.JobPostdeploy)) + "  " + string(j.State)
		if j.Run != nil && j.Run.Attempt > 1 {
			text += fmt.Sprintf(", attempt %d", j.Run.Attempt)
		}
		if e := elapsed(j.Started, j.Ended, d.Now); e != "" {
			text += "  " + e
		}
		d.line("  " + d.byState(string(j.State)).Render(fit(text, d.Width-2)))
		if j.Run != nil && j.Run.Failure != d.Status.Failure {
			for _, l := range wrap(j.Run.Failure, d.Width-4) {
				d.line("    " + d.bad.Render(l))
			}
		}
		d.found(j.Run)
	}
}

// found shows what a job run has found out.
func (d *drawing) found(run *rollout.JobRun) {
	if run == nil || run.Outcome == nil {
		return
	}
	for _, c := range run.Outcome.Checks {
		style := d.dim
		if c.Verdict == rollout.VerdictFail {
			style = d.bad
		}
		d.line("    " + style.Render(fit(oneLine(c.String()), d.Width-4)))
	}
}

func (d *drawing) traffic() {
	s := d.Status
	d.line("")
	if len(s.Split) > 0 {
		d.block("split", s.Split.String(), d.plain)
	}
	for _, p := range d.Progress {
		d.block("now", p, d.busy)
	}
	if s.Failure != "" {
		d.block("failure", s.Failure, d.bad)
	}
	if s.Restored {
		d.block("restored", "all traffic is back on the baseline", d.plain)
	}
}

// block is a label and its text, wrapped.
func (d *drawing) block(label, text string, style lipgloss.Style) {
	const indent = len("rolled back") + 2
	for i, l := range wrap(text, d.Width-indent) {
		if i > 0 {
			label = ""
		}
		d.line(d.dim.Render(pad(label, indent)) + style.Render(l))
	}
}

func (d *drawing) waiting() {
	w := waitOf(d.Status)
	if w == nil {
		return
	}
	text := string(w.For)
	if !w.Since.IsZero() {
		text += ", for " + span(d.Now.Sub(w.Since))
	}
	if !w.Until.IsZero() {
		text += ", until " + stamp(w.Until)
	}
	d.block("waiting", "for "+text+": "+w.Reason, d.title)
	for _, c := range w.Commands {
		for _, l := range wrapCommand(c, d.Width-2) {
			d.line("  " + l)
		}
	}
}

func (d *drawing) events() {
	events := d.Status.Events
	events = events[max(0, len(events)-eventsShown):]
	if len(events) > 0 {
		d.line("")
	}
	for _, e := range events {
		d.line(d.dim.Render(fit(e.Time.UTC().Format(time.TimeOnly)+"  "+e.String(), d.Width)))
	}
}

// elapsed is the time from start to end, or to now while it lasts.
func elapsed(start, end, now time.Time) string {
	if start.IsZero() {
		return ""
	}
	if end.IsZero() {
		end = now
	}
	return span(end.Sub(start))
}

// weightBar is full as far as the platform has accepted the phase's weight, and
// shaded up to what was requested.
func weightBar(ph rollout.PhaseStatus, width int) string {
	cells := func(w rollout.Weight) int { return (int(w)*width + 50) / 100 }
	observed := 0
	if ph.Observed != nil {
		observed = cells(*ph.Observed)
	}
	requested := max(cells(ph.Weight), observed)
	return strings.Repeat("█", observed) + strings.Repeat("░", requested-observed) + strings.Repeat("·", width-requested)
}

// weightLabel never shows a weight as a fact that nobody has read back.
func weightLabel(ph rollout.PhaseStatus) string {
	switch {
	case ph.Custom:
		return fmt.Sprintf("configured %d%%", ph.Weight)
	case ofChildren(ph):
		return fmt.Sprintf("%d%%", ph.Weight)
	case ph.Assumed, ph.Observed == nil && ph.State == rollout.PhaseSucceeded:
		return fmt.Sprintf("assumed %d%%", ph.Weight)
	case ph.Observed == nil:
		return fmt.Sprintf("- of %d%%", ph.Weight)
	}
	return fmt.Sprintf("%d%% of %d%%", *ph.Observed, ph.Weight)
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-columns(s)))
}
