package release_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

func TestAutomationsAnswersWhatAppliesNow(t *testing.T) {
	t.Parallel()
	rule := func(id string, r rollout.Rule) []rollout.Rule {
		r.Automation, r.ID = "shop/auto", id
		return []rollout.Rule{r}
	}
	monday := rule("monday", rollout.Rule{At: time.Date(2026, 6, 8, 7, 0, 0, 0, time.UTC), Target: "@next"})
	for _, row := range []struct {
		name    string
		request activities.AutomationsRequest
		want    []rollout.Rule
	}{
		{"advance", activities.AutomationsRequest{Trigger: activities.TriggerAdvance, Phase: "canary-25"}, rule("soak", rollout.Rule{Wait: 10 * time.Minute})},
		{"promote", activities.AutomationsRequest{Trigger: activities.TriggerPromote}, append(monday, rule("next", rollout.Rule{Target: "@next"})...)},
		{
			"repair",
			activities.AutomationsRequest{Trigger: activities.TriggerRepair, Phase: "canary-25", Job: rollout.JobDeploy},
			rule("fix", rollout.Rule{Repair: []rollout.Repair{{Attempts: 2, Wait: time.Minute}, {StartingPhase: "stable"}}}),
		},
		{"repair of another job", activities.AutomationsRequest{Trigger: activities.TriggerRepair, Phase: "canary-25", Job: rollout.JobVerify}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, false)
			d.apply(t, configuration+auto)
			row.request.Pipeline, row.request.Target = "shop", "prod"
			at := time.Date(2026, 6, 1, 7, 0, 0, 0, time.UTC) // a Monday, 9:00 in Berlin
			res, err := d.WithClock(func() time.Time { return at }).Automations(t.Context(), row.request)
			if err != nil || !reflect.DeepEqual(res.Rules, row.want) {
				t.Errorf("got %+v, %v; want %+v", res.Rules, err, row.want)
			}
		})
	}
}

func TestAutomationsReadsLive(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false)
	ask := func() int {
		res, err := d.Automations(t.Context(), activities.AutomationsRequest{
			Pipeline: "shop", Target: "eu", Parent: "prod", Trigger: activities.TriggerRepair, Phase: "stable", Job: rollout.JobDeploy,
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(res.Rules)
	}
	byLabel := strings.Replace(auto, `{id: "*"}`, `{labels: {tier: high}}`, 1)
	for _, row := range []struct {
		name string
		yaml string
		want int
	}{
		{"before the first apply", "", 0},
		{"its multi-target has not the label", configuration + byLabel, 0},
		{"it has the label now", strings.Replace(configuration, "name: prod", "name: prod, labels: {tier: high}", 1), 1},
		{"the automation is suspended", strings.TrimPrefix(strings.Replace(byLabel, "selector:", "suspended: true\nselector:", 1), "---\n"), 0},
	} {
		if row.yaml != "" {
			d.apply(t, row.yaml)
		}
		if got := ask(); got != row.want {
			t.Errorf("%s: %d rules, want %d", row.name, got, row.want)
		}
	}
}

func TestAnUnknownTriggerIsInvalid(t *testing.T) {
	t.Parallel()
	_, err := newDesk(t, false).Automations(t.Context(), activities.AutomationsRequest{Pipeline: "shop", Target: "prod", Trigger: "rollback"})
	if kind, text := activities.Cause(err); kind != rollout.Invalid || !strings.Contains(text, "known are advance, promote, repair") {
		t.Errorf("%s %q", kind, text)
	}
}

func TestWordsOfRequestsAreThoseOfThePipeline(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]pipeline.Trigger{
		activities.TriggerAdvance: pipeline.TriggerAdvance,
		activities.TriggerPromote: pipeline.TriggerPromote,
		activities.TriggerRepair:  pipeline.TriggerRepair,
	} {
		if got != string(want) {
			t.Errorf("%q is %q", got, want)
		}
	}
	if action, err := pipeline.ActionOf(activities.PermitCreate); action != pipeline.ActionCreate || err != nil {
		t.Errorf("%s is %q, %v", activities.PermitCreate, action, err)
	}
}
