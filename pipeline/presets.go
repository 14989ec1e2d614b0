package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The presets.
const (
	presetSuccess  = "request-success-rate" // percent
	presetDuration = "request-duration"     // milliseconds
)

// provider is who exports the series of the presets. In its texts $name stands for a label,
// whatever it is called; $at for where a Cloud Run service is; $suffix and $_suffix for what
// follows the name of an original in that of its canary, and $taken for != or =, which
// leave the requests to the canary or to the original of an ingress.
type provider struct {
	name string
	// labels are the names of labels that can be overridden, each followed by what it is
	// called by default.
	labels [][2]string
	// requests counts requests, selected by selector; good leaves those that have not failed.
	requests, selector, good string
	// bucket is the histogram of durations. Without one sum and count have their mean.
	bucket, sum, count string
	// timing selects the durations, where that is another selector.
	timing string
	// millis is what turns a duration into milliseconds: 1 or 1000.
	millis int
}

func findProvider(name string) (provider, bool) {
	all := providers()
	i := slices.IndexFunc(all, func(p provider) bool { return p.name == name })
	if i < 0 {
		return provider{}, false
	}
	return all[i], true
}

// success is the share of requests that have not failed, in percent. Where every request has
// failed there are no good ones, which is 0 and not unknown; where there are no requests it
// has no value.
func (p provider) success() string {
	return fmt.Sprintf("100 * (sum(rate(%s{%s,%s}[{{.Interval}}])) or vector(0)) / sum(rate(%[1]s{%[2]s}[{{.Interval}}]))",
		p.requests, p.selector, p.good)
}

// duration is the 99th percentile of the durations, or else their mean, in milliseconds.
func (p provider) duration() string {
	selector := p.selector
	if p.timing != "" {
		selector = p.timing
	}
	query := fmt.Sprintf("histogram_quantile(0.99, sum(rate(%s{%s}[{{.Interval}}])) by (le))", p.bucket, selector)
	if p.bucket == "" {
		query = fmt.Sprintf("sum(rate(%s{%s}[{{.Interval}}])) / sum(rate(%s{%[2]s}[{{.Interval}}]))", p.sum, selector, p.count)
	}
	if p.millis > 1 {
		query = fmt.Sprintf("%d * %s", p.millis, query)
	}
	return query
}

// names are the labels of p that can be overridden.
func (p provider) names() []string {
	var out []string
	for _, l := range p.labels {
		out = append(out, l[0])
	}
	return out
}

// byService reports whether the series of p tell the canary by its Service, and not by itself:
// then they cannot be asked for the stable version in the same words.
func (p provider) byService() bool { return !queryWords().uses(p.selector, "Canary") }

// query is the query of c, asked of the canary at t, or of what is promoted there.
func (c MetricCheck) query(t *Target, promoted bool) string {
	p, known := findProvider(c.Provider)
	if !known {
		return c.Query
	}
	words := []string{"$at", t.location(), "$suffix", "-canary", "$_suffix", "_canary", "$taken", "!="}
	if promoted {
		words = []string{"$at", t.location(), "$suffix", "", "$_suffix", "", "$taken", "="}
	}
	for _, l := range p.labels {
		word := l[1]
		if own, ok := c.Labels[l[0]]; ok {
			word = own
		}
		words = append(words, "$"+l[0], word)
	}
	out := p.success()
	if c.Preset == presetDuration {
		out = p.duration()
	}
	return strings.NewReplacer(words...).Replace(out)
}

// location is where t is on Cloud Run, such as europe-west1, or "".
func (t *Target) location() string {
	if t.Run == nil {
		return ""
	}
	return t.Run.Location[strings.LastIndex(t.Run.Location, "/")+1:]
}

func (c MetricCheck) presetRules(at *judge) {
	if c.Preset == "" {
		for _, o := range []choice{{"provider", c.Provider != ""}, {"labels", c.Labels != nil}} {
			if o.given {
				at.key(o.name).bad("means something only with preset")
			}
		}
		return
	}
	if c.Provider == "" {
		var known []string
		for _, p := range providers() {
			known = append(known, p.name)
		}
		slices.Sort(known)
		at.key("provider").bad("is required with preset: write one of %s", listed(known))
	}
	p, known := findProvider(c.Provider)
	if !known {
		return
	}
	if c.Compare != nil && p.byService() {
		at.key("compare").bad("is not possible with provider %s, whose series tell only the canary by its Service: give min or max, or a query", p.name)
	}
	label := regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	for _, name := range sortedKeys(c.Labels) {
		if !slices.Contains(p.names(), name) {
			at.key("labels").key(name).bad("is no label of provider %s; known are %s", p.name, listed(p.names()))
		}
		if !label.MatchString(c.Labels[name]) {
			at.key("labels").key(name).bad("%q is no label of Prometheus: use letters, digits and _", c.Labels[name])
		}
	}
}
