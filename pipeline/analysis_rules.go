package pipeline

import (
	"regexp"
	"strings"
	"time"
)

func (a *Analysis) rules(at *judge) {
	a.Checks.rules(at, time.Duration(a.Duration))
}

// rules judges checks that are watched for duration; 0 if that is not known.
func (c *Checks) rules(at *judge, duration time.Duration) {
	names := newIDs()
	none := c.GoogleCloud == nil && c.Prometheus == nil && len(c.CustomChecks) == 0
	if none && at.src.extended {
		at.bad("has no check: give one of prometheus, googleCloud, customChecks")
	}
	if c.Prometheus != nil {
		c.Prometheus.rules(at.key("prometheus"), names, duration)
	}
	if c.GoogleCloud != nil {
		c.GoogleCloud.rules(at.key("googleCloud"), names)
	}
	for i, t := range c.CustomChecks {
		names.add(at.key("customChecks").item(i).key("id"), t.ID)
	}
	if c.ExpireAfter != 0 && c.FailAction != "hold" && (c.InconclusiveAction == "fail" || c.InconclusiveAction == "pass") {
		at.key("expireAfter").bad("means something only where onFail or onInconclusive is hold")
	}
}

func (g *GoogleCloudAnalysis) rules(at *judge, names ids) {
	switch {
	case g.AlertPolicyChecks != nil || g.ErrorReportingChecks != nil:
	case at.src.extended:
		at.bad("needs one of alertPolicyChecks, errorReportingChecks")
	default:
		at.key("alertPolicyChecks").bad("is required")
	}
	for i, c := range g.AlertPolicyChecks {
		names.add(at.key("alertPolicyChecks").item(i).key("id"), c.ID)
	}
	project := regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]*$`)
	for i, c := range g.ErrorReportingChecks {
		item := at.key("errorReportingChecks").item(i)
		names.add(item.key("id"), c.ID)
		if c.Project != "" && !project.MatchString(c.Project) {
			item.key("project").bad("%q is no id of a project: use lowercase letters, digits and hyphens", c.Project)
		}
	}
}

func (p *Prometheus) rules(at *judge, names ids, duration time.Duration) {
	urlRule(at.key("address"), p.Address)
	headerRules(at.key("headers"), p.Headers)
	for _, name := range sortedKeys(p.Headers) {
		if strings.EqualFold(name, "Authorization") {
			at.key("headers").key(name).bad("is a credential, which is never written here: use auth")
		}
	}
	if p.Auth != nil {
		p.Auth.rules(at.key("auth"))
	}
	for i, c := range p.Checks {
		item := at.key("checks").item(i)
		names.add(item.key("id"), c.ID)
		c.rules(item)
		c.fits(item, duration)
	}
	p.judgeRules(at.key("judge"))
}

func (a *MetricsAuth) rules(at *judge) {
	exactlyOne(at, []choice{{"basic", a.Basic != nil}, {"bearer", a.Bearer != nil}, {"google", a.Google}})
	if a.Basic != nil {
		a.Basic.Password.rules(at.key("basic").key("password"))
	}
	if a.Bearer != nil {
		a.Bearer.rules(at.key("bearer"))
	}
}

func (s SecretReference) rules(at *judge) {
	exactlyOne(at, []choice{{"env", s.Env != ""}, {"file", s.File != ""}})
	if s.Env != "" && !regexp.MustCompile(`^SERIN_SECRET_[A-Za-z0-9_]+$`).MatchString(s.Env) {
		at.key("env").bad("%q is no variable that a configuration may name: its name must begin with SERIN_SECRET_", s.Env)
	}
	if s.File != "" && !below(s.File) {
		at.key("file").bad("%q is not below SERIN_SECRETS: write a relative path without ..", s.File)
	}
}

// below reports whether path is relative and never leaves where it begins, on every system.
func below(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\:\x00") {
			return false
		}
	}
	return true
}

func (c MetricCheck) rules(at *judge) {
	exactlyOne(at, []choice{{"query", c.Query != ""}, {"preset", c.Preset != ""}})
	if c.Query != "" {
		c.queryRules(at)
	}
	c.presetRules(at)
	if c.Min == nil && c.Max == nil && c.Compare == nil {
		at.bad("lets every value be good: give min, max or compare")
	}
	if c.Min != nil && c.Max != nil && *c.Min > *c.Max {
		at.key("min").bad("%v is above max (%v)", *c.Min, *c.Max)
	}
	if c.ConsecutiveFailureLimit > 0 && c.ConsecutiveFailureLimit >= c.FailureLimit {
		at.key("consecutiveFailureLimit").bad("has no effect: it is not below failureLimit (%d), which fails the check before", c.FailureLimit)
	}
	if c.Compare != nil {
		c.Compare.rules(at.key("compare"))
	}
}

func (c MetricCheck) queryRules(at *judge) {
	known := queryWords()
	sound := known.rule(at.key("query"), c.Query)
	if sound && c.Compare != nil && !known.uses(c.Query, "Canary") {
		at.key("query").bad("lacks {{.Canary}}: with compare it would ask the same of both versions")
	}
}

// fits judges that c gets its samples within duration.
func (c MetricCheck) fits(at *judge, duration time.Duration) {
	if duration == 0 {
		return
	}
	every, left := c.every(), duration-time.Duration(c.Warmup)
	switch count := c.samples(duration); {
	case left <= 0:
		at.key("warmup").bad("is %s, as long as the analysis (%s): nothing would be asked", c.Warmup, Wait(duration))
	case count < 1:
		at.key("interval").bad("is %s, more than the %s that are left of the analysis after the warmup", Wait(every), Wait(left))
	case c.MinSamples > count:
		at.key("minSamples").bad("is %d, but in %s there are %d samples, one each %s", c.MinSamples, Wait(left), count, Wait(every))
	case c.FailureLimit > count:
		at.key("failureLimit").bad("is %d, but in %s there are %d samples, one each %s: the check could not fail", c.FailureLimit, Wait(left), count, Wait(every))
	}
}

// samples is how many of c there can be within duration.
func (c MetricCheck) samples(duration time.Duration) int {
	return int((duration - time.Duration(c.Warmup)) / c.every())
}

// needed is how many of them must have a value: half, rounded up, where c does not say.
func (c MetricCheck) needed(duration time.Duration) int {
	if c.MinSamples > 0 {
		return c.MinSamples
	}
	return max(1, (c.samples(duration)+1)/2)
}

// every is the time between two samples of c.
func (c MetricCheck) every() time.Duration { return c.Interval.or(30 * time.Second) }
