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
	if s.Plan.Parallel != nil {
		printController(w, s)
		return
	}
	printTarget(w, s, "target "+s.Target)
}

// printTarget shows a single target: of a stage, or a child.
func printTarget(w io.Writer, s plannedStage, title string) {
	row(w, title+": "+where(s.Plan))
	after := failure(s.Plan.OnFailure)
	if s.Plan.DebugFor > 0 {
		after += fmt.Sprintf(", the canary stays %s without any", wait(s.Plan.DebugFor))
	}
	row(w, fmt.Sprintf("task queue %s, on failure: %s", s.Plan.Target.TaskQueue, after))
	printBefore(w, s)
	for _, h := range s.Plan.Webhooks {
		row(w, fmt.Sprintf("webhook %s: %s is asked %s, every %s", h.ID, oneLine(h.URL), whenAsked(h.Type), wait(h.Interval)))
	}
	printSplit(w, s.Plan.Kubernetes)
	row(w)
	printPhases(w, s)
	printMatches(w, s.Plan)
	printJobs(w, s)
	for _, warning := range s.Plan.Warnings {
		row(w, "note: "+warning)
	}
	if s.Live != nil {
		row(w)
		s.Live.describe(w)
	}
	printManifests(w, s)
}

func printManifests(w io.Writer, s plannedStage) {
	for i, ph := range s.Phases {
		row(w)
		if ph.Render != nil {
			row(w, fmt.Sprintf("manifest of %s: rendered by its container when the release is made", ph.ID))
			continue
		}
		if ph.other {
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

func printPhases(w io.Writer, s plannedStage) {
	sized := s.Plan.Kubernetes.Canary()
	line := func(phase, weight, pods string, rest ...string) {
		cells := []string{phase, weight}
		if sized {
			cells = append(cells, pods)
		}
		row(w, append(cells, rest...)...)
	}
	line("PHASE", "WEIGHT", "PODS", "JOBS", "BEGINS", "MANIFEST")
	for i, ph := range s.Plan.Phases {
		pods := ""
		if sized {
			pods = s.Phases[i].Pods.String()
		}
		line(ph.ID, share(ph), pods, jobs(ph.Jobs), s.Phases[i].Begins, short(ph.Manifest))
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

// whenAsked says when a webhook is asked, and what its yes does where that is not to go on.
func whenAsked(kind string) string {
	switch kind {
	case rollout.WebhookConfirmRollout:
		return "before the first phase"
	case rollout.WebhookConfirmTrafficIncrease:
		return "before each phase with more traffic"
	case rollout.WebhookConfirmPromotion:
		return "before stable"
	case rollout.WebhookRollback:
		return "while it runs, where a yes fails the phase"
	}
	return kind
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
