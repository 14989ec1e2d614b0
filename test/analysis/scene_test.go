package analysis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/load"
	"github.com/serin-dev/serin/test/world"
)

// patience is how long a row may take.
const patience = 2 * time.Minute

// scene is one row: a pipeline and a service of the same name, of which v1 serves.
type scene struct {
	*drive.Driver
	name   string
	config world.Configuration
	last   string // the newest rollout
}

// options are how a row is configured.
type options struct {
	percentages []int  // nil: 50
	canary      string // further keys of canaryDeployment, such as "analysis: {...}"
	extra       string // further keys of canary
	queue       string // of the target; "" is the default
	env         string // of v1, as release has it
}

// open makes v1 serve.
func open(t *testing.T, name string, o options) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &scene{name: name, config: world.Configuration{Pipeline: name, Endpoint: shared.Run.URL(), TaskQueue: o.queue}}
	s.Driver = &drive.Driver{T: t, Ctx: ctx, World: shared.World, Pipeline: name, Target: s.config.Target()}
	s.configure(o)
	s.release("v1", o.env)
	s.until(drive.In(rollout.StateSucceeded))
	return s
}

// configure is for the releases that come.
func (s *scene) configure(o options) {
	s.T.Helper()
	if o.percentages == nil {
		o.percentages = []int{50}
	}
	s.config.Canary = world.Percentages(o.percentages, "advance: {mode: automatic}\n  "+indent(o.canary, "  ")) + "\n" + o.extra
	s.Apply(s.config.YAML())
}

func indent(text, by string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}

// release makes a release whose container has the given variables, "NAME: value, ...".
func (s *scene) release(name, env string) {
	s.T.Helper()
	manifest := world.Manifest(s.name, "img/"+name)
	for each := range strings.SplitSeq(env, ", ") {
		if key, value, ok := strings.Cut(each, ": "); ok {
			if !strings.Contains(manifest, "env:") {
				manifest += "          env:\n"
			}
			manifest += fmt.Sprintf("            - {name: %s, value: %q}\n", key, value)
		}
	}
	s.last = s.Release(name, map[string]string{"service.yaml": manifest})
}

// until waits until the newest rollout satisfies done.
func (s *scene) until(done func(client.Rollout) bool) client.Rollout {
	s.T.Helper()
	return s.Until(s.last, done)
}

// look asks at each scrape until the newest rollout satisfies done, also once it has ended.
func (s *scene) look(done func(client.Rollout) bool) (r client.Rollout) {
	s.T.Helper()
	for {
		if r = s.Read(s.last); done(r) {
			return r
		}
		if err := shared.gauges.Scraped(s.Ctx, 0); err != nil {
			s.T.Fatalf("%v\nit is %s, with %+v\n%s", err, r.State, r.Progress, strings.Join(drive.Path(r), "\n"))
		}
	}
}

// rolledBack waits until another rollout goes back, and until that is done.
func (s *scene) rolledBack() (bad, back client.Rollout) {
	s.T.Helper()
	name := s.last
	s.last = s.look(func(r client.Rollout) bool { return len(r.RolledBackBy) > 0 }).RolledBackBy[0]
	back = s.until(drive.In(rollout.StateSucceeded))
	s.last = name
	bad = s.look(func(r client.Rollout) bool { return !r.Open })
	if back.Release != "v1" || back.RollbackOf != bad.Rollout {
		s.T.Errorf("%s goes to %s, and rolls %q back", s.last, back.Release, back.RollbackOf)
	}
	return bad, back
}

// sampled is a condition of look: a check has n samples, by what it tells while it goes on.
func sampled(n int) func(client.Rollout) bool {
	told := regexp.MustCompile(`(\d+) of \d+ samples`)
	return func(r client.Rollout) bool {
		for _, p := range r.Progress {
			if m := told.FindStringSubmatch(p.Detail); m != nil {
				if has, err := strconv.Atoi(m[1]); err == nil && has >= n {
					return true
				}
			}
		}
		return false
	}
}

// runs is a condition: a job is under way.
func runs(phase string, job rollout.JobKind) func(client.Rollout) bool {
	return func(r client.Rollout) bool {
		j := r.Job(phase, job)
		return j != nil && j.State == rollout.JobInProgress
	}
}

// serve sends requests until the test ends.
func (s *scene) serve() {
	s.T.Helper()
	svc, err := shared.Run.Service(shared.Service(s.name))
	if err != nil {
		s.T.Fatal(err)
	}
	u, err := url.Parse(svc.Uri)
	if err != nil {
		s.T.Fatal(err)
	}
	l := load.Start(s.Ctx, load.Options{URL: shared.Run.URL(), Host: u.Host, Rate: 50, Clients: 8}) // also where localhost has no names below it
	s.T.Cleanup(func() { l.Stop() })
}

// gauge is the scene's own series, as its query.
func (s *scene) gauge() string { return `gauge{row="` + s.name + `"}` }

// set gives the scene's gauge a value, and waits until Prometheus knows it.
func (s *scene) set(v float64) {
	s.T.Helper()
	shared.gauges.Set(s.gauge(), v)
	if err := shared.gauges.Scraped(s.Ctx, 1); err != nil {
		s.T.Fatal(err)
	}
}

// ends waits for the rollout's state, and wants its path.
func (s *scene) ends(state rollout.State, want ...string) client.Rollout {
	s.T.Helper()
	r := s.until(drive.In(state))
	s.went(r, want...)
	return r
}

func (s *scene) went(r client.Rollout, want ...string) {
	s.T.Helper()
	got := drive.Path(r)
	if !slices.EqualFunc(got, want, like) {
		s.T.Errorf("it went\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// like compares a line with one in which N is any number, and ... any text.
func like(got, want string) bool {
	pattern := regexp.MustCompile(`\bN\b`).ReplaceAllString(regexp.QuoteMeta(want), `[0-9.]+`)
	pattern = strings.ReplaceAll(pattern, `\.\.\.`, `.*`)
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}

// watching is the path of a rollout up to its analysis in the only canary phase, and on.
func watching(on ...string) []string {
	return append([]string{
		"created by ann", "granted", "baseline", "settled",
		"canary-50 started", "canary-50 shifted 50%", "canary-50 succeeded", "canary-50 analysis started",
	}, on...)
}

// promoted is how such a rollout goes on to its end.
func promoted(before ...string) []string {
	return append(before, "stable advanced by automation", "stable started", "stable shifted 100%", "stable succeeded", "ended SUCCEEDED")
}

// gave wants the service's whole history of splits.
func (s *scene) gave(want ...string) {
	s.T.Helper()
	got, err := shared.Splits(s.Ctx, s.name)
	if err != nil {
		s.T.Fatal(err)
	}
	if !slices.Equal(got, want) {
		s.T.Errorf("it served\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// zero is when the revision that had requests last lost them.
func (s *scene) zero(revision string) time.Time {
	s.T.Helper()
	had := false
	for _, split := range shared.Run.Splits(shared.Service(s.name)) {
		has := split.Shares[revision] > 0
		if had && !has {
			return split.Time
		}
		had = has
	}
	s.T.Fatalf("%s has never lost its requests", revision)
	return time.Time{}
}

// tagged is the revision that has a tag, "" if none has it.
func (s *scene) tagged(tag string) string {
	s.T.Helper()
	svc, err := shared.Run.Service(shared.Service(s.name))
	if err != nil {
		s.T.Fatal(err)
	}
	for _, t := range svc.TrafficStatuses {
		if t.Tag == tag {
			return t.Revision
		}
	}
	return ""
}

// samples are what a phase's analysis has measured, by check.
func (s *scene) samples(r client.Rollout, phase string) []rollout.Series {
	s.T.Helper()
	content, err := shared.Store.Get(s.Ctx, r.Job(phase, rollout.JobAnalysis).Run.Outcome.Samples)
	if err != nil {
		s.T.Fatal(err)
	}
	var series []rollout.Series
	if err := json.Unmarshal(content, &series); err != nil {
		s.T.Fatal(err)
	}
	return series
}
