package cli

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/serin-dev/serin/rollout"
)

// jobLogs is what the latest run of a job has written last.
type jobLogs struct {
	Phase   string          `json:"phase"`
	Job     rollout.JobKind `json:"job"`
	Attempt int             `json:"attempt"`
	Text    string          `json:"text"`
}

// runs calls each with the latest run of every job that finds something out.
func (d *description) runs(each func(phase string, j rollout.JobStatus)) {
	for _, ph := range d.Phases {
		for _, j := range ph.Jobs {
			if j.Run != nil && j.Run.Outcome != nil {
				each(ph.ID, j)
			}
		}
	}
}

// readLogs gets the logs of the latest job runs.
func (d *description) readLogs(ctx context.Context, store artifacts) (err error) {
	d.runs(func(phase string, j rollout.JobStatus) {
		digest := j.Run.Outcome.Logs
		if digest == "" || err != nil {
			return
		}
		var content []byte
		if content, err = store.Get(ctx, digest); err == nil {
			d.Logs = append(d.Logs, jobLogs{Phase: phase, Job: j.ID, Attempt: j.Run.Attempt, Text: string(content)})
		}
	})
	return err
}

// checks shows what the jobs have found out.
func (d *description) checks() {
	first := true
	d.runs(func(phase string, j rollout.JobStatus) {
		if first {
			row(d.w)
			first = false
		}
		o := j.Run.Outcome
		line := fmt.Sprintf("%s %s, attempt %d: %s", phase, j.ID, j.Run.Attempt, or(string(o.Verdict), "unknown"))
		if o.Reason != "" {
			line += ", " + oneLine(o.Reason)
		}
		row(d.w, line)
		for _, c := range o.Checks {
			row(d.w, "   "+oneLine(c.String()))
		}
	})
}

func (d *description) logs() {
	for _, l := range d.Logs {
		row(d.w)
		row(d.w, fmt.Sprintf("%s %s, attempt %d, has written:", l.Phase, l.Job, l.Attempt))
		for line := range strings.Lines(l.Text) {
			row(d.w, "   "+printable(line))
		}
	}
}

// printable keeps what a container has written from commanding the terminal.
func printable(line string) string {
	line = strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, line)
}
