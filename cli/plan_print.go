package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

func printPlan(w io.Writer, p *planned) {
	row(w, fmt.Sprintf("plan of release %s, pipeline %s, source %s", p.Release, p.Pipeline, short(p.Source)))
	for _, n := range p.Notes {
		row(w, "note: "+n)
	}
	for _, s := range p.Stages {
		printStage(w, s)
	}
}

func printStage(w io.Writer, s plannedStage) {
	row(w)
	head := fmt.Sprintf("target %s: %s %s", s.Target, s.Plan.Target.Runtime, s.Plan.Target.Location)
	if s.Plan.CloudRun != nil {
		head += ", service " + s.Plan.CloudRun.Service
	}
	row(w, head)
	row(w, fmt.Sprintf("task queue %s, on failure: %s", s.Plan.Target.TaskQueue, failure(s.Plan.OnFailure)))
	row(w)
	row(w, "PHASE", "WEIGHT", "JOBS", "BEGINS", "MANIFEST")
	for i, ph := range s.Plan.Phases {
		weight := fmt.Sprintf("%d%%", ph.Weight)
		if ph.Custom {
			weight += " configured"
		}
		row(w, ph.ID, weight, jobs(ph.Jobs), s.Phases[i].Begins, short(ph.Manifest))
	}
	if s.Live != nil {
		row(w)
		s.Live.describe(w)
	}
	for i, ph := range s.Phases {
		row(w)
		if i == 0 {
			row(w, fmt.Sprintf("manifest of %s: %s", ph.ID, strings.Join(ph.Objects, ", ")))
			continue
		}
		before := s.Phases[i-1].ID
		if ph.Diff == "" {
			row(w, fmt.Sprintf("manifest of %s: as for %s", ph.ID, before))
			continue
		}
		row(w, fmt.Sprintf("manifest of %s, changed against %s:", ph.ID, before))
		// A tab in a manifest must not become a column.
		row(w, strings.TrimSuffix(strings.ReplaceAll(ph.Diff, "\t", "  "), "\n"))
	}
}

func failure(f rollout.OnFailure) string {
	switch f {
	case rollout.OnFailureRestore:
		return "restore, all traffic goes back"
	case rollout.OnFailureHold:
		return "hold, traffic stays"
	}
	return string(f)
}

func jobs(all []rollout.Job) string {
	var out []string
	for _, j := range all {
		if !j.Disabled {
			out = append(out, string(j.ID))
		}
	}
	return strings.Join(out, ", ")
}
