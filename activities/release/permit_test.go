package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/release"
	"github.com/serin-dev/serin/rollout"
)

// freeze is a policy for target prod in December.
const freeze = `---
apiVersion: deploy.cloud.google.com/v1
kind: DeployPolicy
metadata: {name: freeze}
selectors: [{target: {id: prod}}]
rules:
  - rolloutRestriction:
      id: december
      timeWindows:
        timeZone: Europe/Berlin
        oneTimeWindows: [{start: "2026-12-01 00:00", end: "2026-12-31 24:00"}]
`

const auto = `---
apiVersion: deploy.cloud.google.com/v1
kind: Automation
metadata: {name: shop/auto}
serviceAccount: robot
selector: {targets: [{id: "*"}]}
rules:
  - advanceRolloutRule: {id: soak, wait: 10m}
  - promoteReleaseRule: {id: next}
  - timedPromoteReleaseRule: {id: monday, schedule: "0 9 * * 1", timeZone: Europe/Berlin}
  - repairRolloutRule: {id: fix, jobs: [deploy], repairPhases: [{retry: {attempts: 2, wait: 1m}}, {rollback: {}}]}
`

func suspendedPipeline() string {
	return strings.Replace(configuration, "serialPipeline:", "suspended: true\nserialPipeline:", 1)
}

// june and christmas are instants outside and inside of freeze.
func june() time.Time      { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }
func christmas() time.Time { return time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC) }

// ask asks Permit about target prod of pipeline shop at an instant.
func (d *desk) ask(t *testing.T, now time.Time, r activities.PermitRequest) activities.PermitResult {
	t.Helper()
	r.Pipeline = "shop"
	if r.Target == "" {
		r.Target = "prod"
	}
	res, err := d.WithClock(func() time.Time { return now }).Permit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestASuspendedPipelineRefusesWhatIsNew(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, suspendedPipeline()+auto)
	for _, row := range []struct {
		by      string
		refused string
		free    string
	}{
		{"", "approve reject advance ignoreJob retryJob promote rollback redeploy create", "cancel terminateJobRun pause resume"},
		{"plan", "", "advance"},
		{"shop/auto", "promote rollback create", "advance retryJob ignoreJob"},
		{"shop/auto/next", "promote rollback create", "advance retryJob ignoreJob"},
	} {
		for _, command := range strings.Fields(row.refused) {
			want := "pipeline shop is suspended: serin pipeline resume --pipeline shop"
			if got := d.ask(t, june(), activities.PermitRequest{Command: command, Automation: row.by}); got.Refused != want || !got.Until.IsZero() {
				t.Errorf("%s by %q: %+v", command, row.by, got)
			}
		}
		for _, command := range strings.Fields(row.free) {
			if got := d.ask(t, june(), activities.PermitRequest{Command: command, Automation: row.by}); got.Refused != "" {
				t.Errorf("%s by %q: %+v", command, row.by, got)
			}
		}
	}
}

func TestAnAutomationThatIsGoneActsNoMore(t *testing.T) {
	t.Parallel()
	suspended := strings.Replace(auto, "selector:", "suspended: true\nselector:", 1)
	for _, row := range []struct{ name, yaml, by, refused string }{
		{"it is there", configuration + auto, "shop/auto", ""},
		{"its rule is there", configuration + auto, "shop/auto/soak", ""},
		{"the plan's own advance needs none", configuration, "plan", ""},
		{"suspended", configuration + suspended, "shop/auto", "automation shop/auto is suspended: serin automation resume --automation shop/auto"},
		{"suspended, of a rule", configuration + suspended, "shop/auto/soak", "automation shop/auto is suspended: serin automation resume --automation shop/auto"},
		{"removed", configuration + auto, "shop/old", "automation shop/old does not exist any more; known are shop/auto"},
		{"the only one, removed", configuration, "shop/old/soak", "automation shop/old does not exist any more; known are none"},
		{"its rule was removed", configuration + auto, "shop/auto/sook", "automation shop/auto has no rule sook any more"},
	} {
		d := newDesk(t, false)
		d.apply(t, row.yaml)
		if got := d.ask(t, june(), activities.PermitRequest{Command: rollout.CommandAdvance, Automation: row.by}); got.Refused != row.refused {
			t.Errorf("%s: %q, want %q", row.name, got.Refused, row.refused)
		}
	}
}

func TestAPolicyRefusesUntilItsWindowEnds(t *testing.T) {
	t.Parallel()
	const text = "policy freeze forbids ADVANCE until 2027-01-01 00:00 Europe/Berlin (rule december)"
	end := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	suspended := strings.Replace(freeze, "selectors:", "suspended: true\nselectors:", 1)
	users := strings.Replace(freeze, "timeWindows:", "invokers: [USER]\n      timeWindows:", 1)
	advance := activities.PermitRequest{Command: rollout.CommandAdvance}
	with := func(change func(*activities.PermitRequest)) activities.PermitRequest {
		r := advance
		change(&r)
		return r
	}
	for _, row := range []struct {
		name    string
		yaml    string
		now     time.Time
		request activities.PermitRequest
		want    activities.PermitResult
	}{
		{"outside", freeze, june(), advance, activities.PermitResult{}},
		{"inside, to a person", freeze, christmas(), advance, activities.PermitResult{
			Refused: text + ": wait, or --override-deploy-policy freeze --reason WHY", Until: end,
		}},
		{
			"inside, to an automation", freeze + auto, christmas(),
			with(func(r *activities.PermitRequest) { r.Automation = "shop/auto" }),
			activities.PermitResult{Refused: text, Until: end},
		},
		{
			"inside, to the plan", freeze, christmas(),
			with(func(r *activities.PermitRequest) { r.Automation = "plan" }),
			activities.PermitResult{Refused: text, Until: end},
		},
		{
			"for persons only, to the plan", users, christmas(),
			with(func(r *activities.PermitRequest) { r.Automation = "plan" }),
			activities.PermitResult{},
		},
		{
			"a pause is always permitted", freeze, christmas(),
			with(func(r *activities.PermitRequest) { r.Command = rollout.CommandPause }),
			activities.PermitResult{},
		},
		{
			"another target", freeze, christmas(),
			with(func(r *activities.PermitRequest) { r.Target = "dev" }),
			activities.PermitResult{},
		},
		{
			"a child of the target", freeze, christmas(),
			with(func(r *activities.PermitRequest) { r.Target, r.Parent, r.Automation = "eu", "prod", "plan" }),
			activities.PermitResult{Refused: text, Until: end},
		},
		{
			"overridden", freeze, christmas(), with(func(r *activities.PermitRequest) { r.Override = []string{"freeze"} }),
			activities.PermitResult{Overridden: []string{"freeze/december"}},
		},
		{
			"overridden where there is nothing to override", freeze, june(),
			with(func(r *activities.PermitRequest) { r.Override = []string{"freeze"} }),
			activities.PermitResult{},
		},
		{
			"what is overridden does not exist", freeze, christmas(),
			with(func(r *activities.PermitRequest) { r.Override = []string{"freese"} }),
			activities.PermitResult{Refused: `override deploy policy "freese": it does not exist; known are freeze`},
		},
		{"suspended", suspended, christmas(), advance, activities.PermitResult{Logged: []string{"freeze/december"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, false)
			d.apply(t, configuration+row.yaml)
			got := d.ask(t, row.now, row.request)
			if got.Refused != row.want.Refused || !got.Until.Equal(row.want.Until) ||
				!slices.Equal(got.Overridden, row.want.Overridden) || !slices.Equal(got.Logged, row.want.Logged) {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestAPolicySelectsByLabelsThatAreLive(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration+strings.Replace(freeze, "{id: prod}", "{labels: {tier: high}}", 1))
	ask := func() string {
		return d.ask(t, christmas(), activities.PermitRequest{Command: rollout.CommandAdvance}).Refused
	}
	if got := ask(); got != "" {
		t.Errorf("without the label: %s", got)
	}
	d.apply(t, strings.Replace(configuration, "name: prod", "name: prod, labels: {tier: high}", 1))
	if got := ask(); !strings.HasPrefix(got, "policy freeze forbids ADVANCE") {
		t.Errorf("with the label: %q", got)
	}
}

func TestPermitRefusesAnUnknownCommand(t *testing.T) {
	t.Parallel()
	_, err := newDesk(t, false).Permit(t.Context(), activities.PermitRequest{Pipeline: "shop", Command: "undo"})
	if kind, text := activities.Cause(err); kind != rollout.Invalid || !strings.Contains(text, "known are advance") {
		t.Errorf("%s %q", kind, text)
	}
}

// counted counts what is read of a store.
type counted struct {
	release.Store
	reads atomic.Int32
}

func (c *counted) Get(ctx context.Context, digest string) ([]byte, error) {
	c.reads.Add(1)
	return c.Store.Get(ctx, digest)
}

func TestPermitReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		yaml    string
		request activities.PermitRequest
		reads   int32
	}{
		{"a pause: nothing", configuration + auto + freeze, activities.PermitRequest{Command: rollout.CommandPause}, 0},
		{"no policies: the pipeline", configuration + auto, activities.PermitRequest{Command: rollout.CommandAdvance}, 1},
		{"an automation: it too", configuration + auto, activities.PermitRequest{Command: rollout.CommandAdvance, Automation: "shop/auto"}, 2},
		{"a policy: it and the target too", configuration + auto + freeze, activities.PermitRequest{Command: rollout.CommandAdvance}, 3},
	} {
		d := newDesk(t, false)
		d.apply(t, row.yaml)
		store := &counted{Store: d.store}
		row.request.Pipeline, row.request.Target = "shop", "prod"
		if _, err := release.New(store, d, false).Permit(t.Context(), row.request); err != nil || store.reads.Load() != row.reads {
			t.Errorf("%s: %d reads, want %d; %v", row.name, store.reads.Load(), row.reads, err)
		}
	}
}

func TestWhatIsConfiguredCannotBeRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	d.apply(t, configuration)
	for i := range d.index.Entries {
		d.index.Entries[i].Digest = "sha256:" + strings.Repeat("0", 64)
	}
	_, err := d.Permit(t.Context(), activities.PermitRequest{Pipeline: "shop", Target: "prod", Command: rollout.CommandAdvance})
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a pipeline that cannot be read permits: %v", err)
	}
}
