package pipeline_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// automation is an automation of pipeline shop.
func automation(name, targets, rules string) string {
	return fmt.Sprintf(`---
apiVersion: deploy.cloud.google.com/v1
kind: Automation
metadata: {name: shop/%s}
serviceAccount: robot
selector: {targets: [%s]}
rules: [%s]
`, name, targets, rules)
}

const anyTarget = `{id: "*"}`

func applying(t *testing.T, c *pipeline.Config, o pipeline.Occasion) []rollout.Rule {
	t.Helper()
	o.Pipeline = "shop"
	rules, err := c.Applying(o, time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func ruleNames(rules []rollout.Rule) string {
	var out []string
	for _, r := range rules {
		out = append(out, r.Name())
	}
	return strings.Join(out, " ")
}

func TestARuleSaysAllOfWhatItDoes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		rule     string
		occasion pipeline.Occasion
		want     rollout.Rule
	}{
		{
			"advance at once", "{advanceRolloutRule: {id: r}}",
			pipeline.Occasion{Target: "dev", Trigger: pipeline.TriggerAdvance, Phase: "canary-25"},
			rollout.Rule{},
		},
		{
			"advance after a wait", "{advanceRolloutRule: {id: r, wait: 90m}}",
			pipeline.Occasion{Target: "dev", Trigger: pipeline.TriggerAdvance, Phase: "canary-25"},
			rollout.Rule{Wait: 90 * time.Minute},
		},
		{
			"promote to the next target", "{promoteReleaseRule: {id: r}}",
			pipeline.Occasion{Target: "dev", Trigger: pipeline.TriggerPromote},
			rollout.Rule{Target: "@next"},
		},
		{
			"promote to a target and phase", "{promoteReleaseRule: {id: r, wait: 1m, destinationTargetId: prod, destinationPhase: stable}}",
			pipeline.Occasion{Target: "dev", Trigger: pipeline.TriggerPromote},
			rollout.Rule{Wait: time.Minute, Target: "prod", StartingPhase: "stable"},
		},
		{
			"promote at a time", `{timedPromoteReleaseRule: {id: r, schedule: "30 9 * * MON-FRI", timeZone: Europe/Berlin}}`,
			pipeline.Occasion{Target: "dev", Trigger: pipeline.TriggerPromote},
			rollout.Rule{At: time.Date(2026, 6, 2, 7, 30, 0, 0, time.UTC), Target: "@next"},
		},
		{
			"repair: retries, then a rollback", `{repairRolloutRule: {id: r, repairPhases: [{retry: {attempts: 2}},
				{retry: {attempts: 3, wait: 5m, backoffMode: EXPONENTIAL}}, {rollback: {}}]}}`,
			pipeline.Occasion{Target: "dev", Trigger: pipeline.TriggerRepair, Phase: "stable", Job: rollout.JobDeploy},
			rollout.Rule{Repair: []rollout.Repair{
				{Attempts: 2}, {Attempts: 3, Wait: 5 * time.Minute, Exponential: true}, {StartingPhase: "stable"},
			}},
		},
		{
			"repair: a rollback with everything", `{repairRolloutRule: {id: r, repairPhases: [{retry: {attempts: 1, wait: 5m, backoffMode: LINEAR}},
				{rollback: {destinationPhase: canary-25, disableRollbackIfRolloutPending: true}}]}}`,
			pipeline.Occasion{Target: "dev", Trigger: pipeline.TriggerRepair, Phase: "stable", Job: rollout.JobDeploy},
			rollout.Rule{Repair: []rollout.Repair{{Attempts: 1, Wait: 5 * time.Minute}, {StartingPhase: "canary-25", UnlessPending: true}}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.want.Automation, row.want.ID = "shop/auto", "r"
			got := applying(t, load(t, shop, automation("auto", anyTarget, row.rule)), row.occasion)
			if want := []rollout.Rule{row.want}; !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestWhichRulesApply(t *testing.T) {
	t.Parallel()
	c := load(t, shop,
		automation("web", `{labels: {tier: low}}`, `{promoteReleaseRule: {id: to-prod}}, {advanceRolloutRule: {id: soak, sourcePhases: [canary-25]}}`),
		automation("eu", `{id: eu}`, `{repairRolloutRule: {id: fix, repairPhases: [{rollback: {}}]}}, {advanceRolloutRule: {id: on}}`),
		automation("all", `{id: nothing}, {id: "*"}`, `{advanceRolloutRule: {id: b}}, {advanceRolloutRule: {id: a}},
			{repairRolloutRule: {id: stable, phases: [stable], repairPhases: [{rollback: {}}]}},
			{repairRolloutRule: {id: verify, jobs: [verify], repairPhases: [{rollback: {}}]}}`),
		automation("audited", `{id: prod, labels: {audited: "yes"}}`, `{repairRolloutRule: {id: fix, repairPhases: [{rollback: {}}]}},
			{advanceRolloutRule: {id: on}}`),
		strings.Replace(automation("asleep", anyTarget, `{advanceRolloutRule: {id: on}}`), "selector:", "suspended: true\nselector:", 1),
		strings.Replace(automation("another", anyTarget, `{advanceRolloutRule: {id: on}}`), "shop/", "web/", 1))
	const advance, promote, repair = pipeline.TriggerAdvance, pipeline.TriggerPromote, pipeline.TriggerRepair
	for _, row := range []struct {
		name     string
		occasion pipeline.Occasion
		want     string
	}{
		{"by label, and sorted", pipeline.Occasion{Target: "dev", Trigger: advance, Phase: "canary-25"}, "shop/all/a shop/all/b shop/web/soak"},
		{"after another phase", pipeline.Occasion{Target: "dev", Trigger: advance, Phase: "canary-50"}, "shop/all/a shop/all/b"},
		{"by id and label", pipeline.Occasion{Target: "prod", Trigger: advance, Phase: "canary-25"}, "shop/all/a shop/all/b shop/audited/on"},
		{"a child is advanced by no rule of its multi-target", pipeline.Occasion{Target: "eu", Parent: "prod", Trigger: advance}, "shop/all/a shop/all/b shop/eu/on"},
		{"but repaired by both", pipeline.Occasion{Target: "eu", Parent: "prod", Trigger: repair, Phase: "canary-25", Job: rollout.JobDeploy}, "shop/audited/fix shop/eu/fix"},
		{"one phase", pipeline.Occasion{Target: "dev", Trigger: repair, Phase: "stable", Job: rollout.JobDeploy}, "shop/all/stable"},
		{"one job", pipeline.Occasion{Target: "dev", Trigger: repair, Phase: "canary-25", Job: rollout.JobVerify}, "shop/all/verify"},
		{"none", pipeline.Occasion{Target: "dev", Trigger: repair, Phase: "canary-25", Job: rollout.JobDeploy}, ""},
		{"promotion", pipeline.Occasion{Target: "dev", Trigger: promote}, "shop/web/to-prod"},
		{"promotion from elsewhere", pipeline.Occasion{Target: "prod", Trigger: promote}, ""},
	} {
		if got := ruleNames(applying(t, c, row.occasion)); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	_, err := c.Applying(pipeline.Occasion{Pipeline: "shop", Target: "dev", Trigger: "rollback"}, time.Unix(0, 0))
	if want := `find trigger "rollback": it does not exist; known are advance, promote, repair`; rollout.KindOf(err) != rollout.Invalid || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestATimedRuleActsNext(t *testing.T) {
	t.Parallel()
	const berlin, lordHowe = "Europe/Berlin", "Australia/Lord_Howe"
	for _, row := range []struct{ name, schedule, zone, now, want string }{
		{"later today", "0 9 * * *", berlin, "2026-06-01T08:59:59+02:00", "2026-06-01T09:00:00+02:00"},
		{"not now, but next", "0 9 * * *", berlin, "2026-06-01T09:00:00+02:00", "2026-06-02T09:00:00+02:00"},
		{"every quarter of an hour", "*/15 * * * *", berlin, "2026-06-01T09:07:00+02:00", "2026-06-01T09:15:00+02:00"},
		{"lists and ranges", "5,50 8-10/2 * * *", berlin, "2026-06-01T08:51:00+02:00", "2026-06-01T10:05:00+02:00"},
		{"a weekday", "0 9 * * MON", berlin, "2026-06-01T09:00:00+02:00", "2026-06-08T09:00:00+02:00"},
		{"Sunday is 0", "0 9 * * 0", berlin, "2026-06-01T09:00:00+02:00", "2026-06-07T09:00:00+02:00"},
		{"and 7", "0 9 * * 7", berlin, "2026-06-01T09:00:00+02:00", "2026-06-07T09:00:00+02:00"},
		{"and in a range", "0 9 * * 6-7", berlin, "2026-06-06T09:00:00+02:00", "2026-06-07T09:00:00+02:00"},
		{"every weekday", "0 9 * * */1", berlin, "2026-06-06T09:00:00+02:00", "2026-06-07T09:00:00+02:00"},
		{"a month", "0 9 1 JAN *", berlin, "2026-06-01T09:00:00+02:00", "2027-01-01T09:00:00+01:00"},
		{"a date or a weekday", "0 9 13 * FRI", berlin, "2026-06-06T00:00:00+02:00", "2026-06-12T09:00:00+02:00"},
		{"the date of either", "0 9 13 * FRI", berlin, "2026-06-12T10:00:00+02:00", "2026-06-13T09:00:00+02:00"},
		{"every date and a weekday", "0 9 */2 * FRI", berlin, "2026-06-06T00:00:00+02:00", "2026-06-19T09:00:00+02:00"},
		{"February 29, over a century without", "0 0 29 2 *", "Etc/UTC", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"a day that does not exist", "0 0 30 2 *", "Etc/UTC", "2026-06-01T00:00:00Z", ""},

		{"forward: a time that is skipped is the change", "30 2 * * *", berlin, "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"forward: and the next day as ever", "30 2 * * *", berlin, "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"forward: hourly skips what is skipped", "30 * * * *", berlin, "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"},
		{"back: once", "30 2 * * *", berlin, "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"back: the first time", "30 2 * * *", berlin, "2026-10-25T00:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"back: hourly both times", "30 * * * *", berlin, "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"},
		{"back: hours that come after the second time", "0 2,3 * * *", berlin, "2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00"},
		{"Lord Howe, forward by half an hour", "15 2 * * *", lordHowe, "2026-10-04T01:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"Lord Howe, back by half an hour", "45 1 * * *", lordHowe, "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"},
		{"back over midnight: hourly on the day before again", "30 * * * *", "America/St_Johns", "2010-11-07T00:00:30-02:30", "2010-11-06T23:30:00-03:30"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, shop, automation("auto", anyTarget,
				fmt.Sprintf(`{timedPromoteReleaseRule: {id: r, schedule: %q, timeZone: %s}}`, row.schedule, row.zone)))
			rules, err := c.Applying(pipeline.Occasion{Pipeline: "shop", Target: "dev", Trigger: pipeline.TriggerPromote}, instant(t, row.now))
			if err != nil {
				t.Fatal(err)
			}
			if row.want == "" {
				if len(rules) != 0 {
					t.Errorf("got %+v, want none", rules)
				}
				return
			}
			if len(rules) != 1 || !rules[0].At.Equal(instant(t, row.want)) {
				t.Errorf("got %+v, want %s", rules, instant(t, row.want).UTC())
			}
		})
	}
}

// Where no clocks are changed, the next time is the first minute that all five fields match.
func TestATimedRuleActsAtTheFirstMinuteThatMatches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		field := func(name string, min, max int) ([]int, string) {
			values := rapid.SliceOfNDistinct(rapid.IntRange(min, max), 1, 4, rapid.ID[int]).Draw(r, name)
			var words []string
			for _, v := range values {
				words = append(words, fmt.Sprint(v))
			}
			if rapid.Bool().Draw(r, "any "+name) {
				return nil, "*"
			}
			return values, strings.Join(words, ",")
		}
		minutes, m := field("minutes", 0, 59)
		hours, h := field("hours", 0, 23)
		days, d := field("days", 1, 28)
		weekdays, w := field("weekdays", 0, 6)
		in := func(values []int, v int) bool { return values == nil || slices.Contains(values, v) }
		day := func(t time.Time) bool {
			date, weekday := in(days, t.Day()), in(weekdays, int(t.Weekday()))
			return (date && weekday) || (days != nil && weekdays != nil && (date || weekday))
		}
		rule := pipeline.TimedPromoteReleaseRule{ID: "r", Schedule: strings.Join([]string{m, h, d, "*", w}, " "), TimeZone: "Asia/Kolkata"}
		a := &pipeline.Automation{
			Selector: pipeline.AutomationSelector{Targets: []pipeline.Attributes{{ID: "*"}}},
			Rules:    []pipeline.AutomationRule{{TimedPromoteRelease: &rule}},
		}
		a.Metadata.Name = "shop/auto"
		now := time.Date(2026, 1, 1, 0, rapid.IntRange(0, 400*24*60).Draw(r, "now"), 0, 0, time.UTC)
		rules, err := (&pipeline.Config{Automations: []*pipeline.Automation{a}}).Applying(
			pipeline.Occasion{Pipeline: "shop", Target: "dev", Trigger: pipeline.TriggerPromote}, now)
		if err != nil || len(rules) != 1 {
			r.Fatalf("%+v, %v", rules, err)
		}
		want := now.In(time.FixedZone("", 19800)).Add(time.Minute)
		for !in(minutes, want.Minute()) || !in(hours, want.Hour()) || !day(want) {
			want = want.Add(time.Minute)
		}
		if !rules[0].At.Equal(want) {
			r.Errorf("%q after %s: got %s, want %s", rule.Schedule, now, rules[0].At, want)
		}
	})
}
