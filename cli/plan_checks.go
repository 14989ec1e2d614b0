package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// watches says what an analysis looks at.
func watches(a rollout.Analysis) []string {
	out := []string{"watches for " + wait(a.Duration)}
	if p := a.Prometheus; p != nil {
		out = append(out, fmt.Sprintf("metrics of %s, fails without an answer for %s", p.Address, wait(a.UnreachableAfter)))
		for _, c := range p.Checks {
			out = append(out, fmt.Sprintf("check %s: %s", c.ID, limits(c)), "  "+oneLine(c.Query))
		}
		if p.Judge != nil {
			out = append(out, weighs(*p.Judge))
		}
	}
	for _, c := range a.Alerts {
		out = append(out, fmt.Sprintf("check %s: no alert of %s is open%s", c.ID, strings.Join(c.Policies, ", "), withLabels(c.Labels)))
	}
	for _, c := range a.Errors {
		out = append(out, fmt.Sprintf("check %s: project %s has no new error group of %s", c.ID, c.Project, or(c.Service, "the service")))
	}
	for _, c := range a.Custom {
		t := c.Task
		t.ID = "container"
		out = append(out, fmt.Sprintf("check %s, every %s: %s", c.ID, wait(c.Every), task(t)))
	}
	for _, h := range a.Webhooks {
		out = append(out, fmt.Sprintf("webhook %s, every %s: a yes of %s fails it", h.ID, wait(h.Interval), oneLine(h.URL)))
	}
	return out
}

func withLabels(labels map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, name+"="+labels[name])
	}
	if len(all) == 0 {
		return ""
	}
	return " with " + strings.Join(all, ", ")
}

// limits is "from 1 to 2, every 30s after 1m, fails after 3 bad samples or 2 in a row, ...".
func limits(c rollout.Check) string {
	var out []string
	switch {
	case c.Min != nil && c.Max != nil:
		out = append(out, "from "+number(*c.Min)+" to "+number(*c.Max))
	case c.Min != nil:
		out = append(out, "at least "+number(*c.Min))
	case c.Max != nil:
		out = append(out, "at most "+number(*c.Max))
	}
	every := "every " + wait(c.Interval)
	if c.Warmup > 0 {
		every += " after " + wait(c.Warmup)
	}
	out = append(out, every)
	if c.Min != nil || c.Max != nil {
		fails := fmt.Sprintf("fails at %s outside", count(c.FailureLimit+1, "sample"))
		if c.ConsecutiveFailureLimit > 0 {
			fails += fmt.Sprintf(" or %d in a row", c.ConsecutiveFailureLimit+1)
		}
		out = append(out, fails)
	}
	out = append(out, "needs "+count(c.MinSamples, "sample"))
	if c.Compare != nil {
		out = append(out, compared(*c.Compare))
	}
	return strings.Join(out, ", ")
}

func compared(c rollout.Compare) string {
	of := "stable"
	if c.Fresh {
		of = "fresh pods of stable"
	}
	out := fmt.Sprintf("compared with %s: %s by %s is bad", of, direction(c.Direction), number(c.Effect))
	if c.Group != "" {
		out += ", group " + c.Group
	}
	if c.Critical {
		out += ", critical"
	}
	if c.NoData == rollout.ActionFail {
		return out + ", no data fails it"
	}
	return out + ", no data is inconclusive"
}

func direction(d string) string {
	if d == rollout.DirectionEither {
		return "any change"
	}
	return d
}

func weighs(j rollout.Judge) string {
	out := fmt.Sprintf("comparisons pass from a score of %s and fail below %s, with confidence %s",
		number(j.Pass), number(j.Marginal), number(j.Confidence))
	var groups []string
	for _, name := range slices.Sorted(maps.Keys(j.Groups)) {
		groups = append(groups, name+" "+number(j.Groups[name]))
	}
	if len(groups) > 0 {
		out += "; weights: " + strings.Join(groups, ", ")
	}
	return out
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
