package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// shop is a pipeline with a single and a multi-target; NOTHING is where policies go.
const shop = `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: shop, labels: {team: web}}
serialPipeline: {stages: [{targetId: dev}, {targetId: prod}]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: dev, labels: {tier: low}}
run: {location: projects/p/locations/l}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: prod, labels: {tier: high, audited: "yes"}}
multiTarget: {targetIds: [eu, us]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: eu, labels: {region: eu}}
run: {location: projects/p/locations/l}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: us}
run: {location: projects/p/locations/l}
`

// policy is a policy of one rule; what it does not say is in selectors, restriction and windows.
func policy(name, selectors, restriction, windows string) string {
	return fmt.Sprintf(`---
apiVersion: deploy.cloud.google.com/v1
kind: DeployPolicy
metadata: {name: %s}
selectors: [%s]
rules: [{rolloutRestriction: {id: rule, %s timeWindows: {%s}}}]
`, name, selectors, restriction, windows)
}

const (
	everything = `{target: {id: "*"}}`
	allDay     = `timeZone: Etc/UTC, weeklyWindows: [{}]`
	december   = `timeZone: Europe/Berlin, oneTimeWindows: [{start: "2026-12-01 00:00", end: "2026-12-31 24:00"}]`
)

func load(t *testing.T, yaml ...string) *pipeline.Config {
	t.Helper()
	c, err := pipeline.Load(pipeline.File{Name: "test.yaml", Content: []byte(strings.Join(yaml, ""))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func byUser(target string) pipeline.Question {
	return pipeline.Question{Pipeline: "shop", Target: target, Action: pipeline.ActionAdvance, Invoker: pipeline.InvokerUser}
}

func violations(all []pipeline.Violation) string {
	var out []string
	for _, v := range all {
		out = append(out, v.Name())
	}
	return strings.Join(out, " ")
}

func TestSelectorsSayWhatAPolicyIsFor(t *testing.T) {
	t.Parallel()
	child := byUser("eu")
	child.Parent = "prod"
	other := byUser("dev")
	other.Pipeline = "web"
	gone := byUser("removed")
	for _, row := range []struct {
		name      string
		selectors string
		question  pipeline.Question
		forbidden bool
	}{
		{"any target", `{target: {id: "*"}}`, byUser("dev"), true},
		{"a target by id", `{target: {id: dev}}`, byUser("dev"), true},
		{"another target", `{target: {id: prod}}`, byUser("dev"), false},
		{"a target by label", `{target: {labels: {tier: low}}}`, byUser("dev"), true},
		{"not all of the labels", `{target: {labels: {tier: low, audited: "yes"}}}`, byUser("dev"), false},
		{"id and labels: both", `{target: {id: dev, labels: {tier: high}}}`, byUser("dev"), false},
		{"a pipeline by id", `{deliveryPipeline: {id: shop}}`, byUser("dev"), true},
		{"another pipeline", `{deliveryPipeline: {id: shop}}`, other, false},
		{"a pipeline by label", `{deliveryPipeline: {labels: {team: web}}}`, byUser("dev"), true},
		{"pipeline and target: both", `{deliveryPipeline: {id: shop}, target: {id: prod}}`, byUser("dev"), false},
		{"one of several selectors", `{target: {id: prod}}, {target: {id: dev}}`, byUser("dev"), true},
		{"a child by its own id", `{target: {id: eu}}`, child, true},
		{"a child by its own label", `{target: {labels: {region: eu}}}`, child, true},
		{"a child by its multi-target", `{target: {labels: {audited: "yes"}}}`, child, true},
		{"no child by labels of both together", `{target: {labels: {region: eu, audited: "yes"}}}`, child, false},
		{"a multi-target by its child, whose traffic it moves", `{target: {id: eu}}`, byUser("prod"), true},
		{"a target that was removed, by id", `{target: {id: removed}}`, gone, true},
		{"a target that was removed has no labels", `{target: {labels: {tier: low}}}`, gone, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j, err := load(t, shop, policy("freeze", row.selectors, "", allDay)).Judge(row.question, time.Unix(0, 0))
			if err != nil || (len(j.Violations) == 1) != row.forbidden {
				t.Errorf("got %v, %v; want forbidden: %v", j.Violations, err, row.forbidden)
			}
		})
	}
}

func TestRulesSayWhatIsForbiddenToWhom(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		restriction string
		action      pipeline.Action
		invoker     pipeline.Invoker
		forbidden   bool
	}{
		{"", pipeline.ActionCancel, pipeline.InvokerAutomation, true},
		{"actions: [ADVANCE],", pipeline.ActionAdvance, pipeline.InvokerUser, true},
		{"actions: [ADVANCE],", pipeline.ActionApprove, pipeline.InvokerUser, false},
		{"actions: [CREATE, ROLLBACK],", pipeline.ActionRollback, pipeline.InvokerUser, true},
		{"invokers: [DEPLOY_AUTOMATION],", pipeline.ActionAdvance, pipeline.InvokerUser, false},
		{"invokers: [DEPLOY_AUTOMATION],", pipeline.ActionAdvance, pipeline.InvokerAutomation, true},
		{"actions: [CREATE], invokers: [USER],", pipeline.ActionCreate, pipeline.InvokerAutomation, false},
	} {
		q := byUser("dev")
		q.Action, q.Invoker = row.action, row.invoker
		j, err := load(t, shop, policy("freeze", everything, row.restriction, allDay)).Judge(q, time.Unix(0, 0))
		if err != nil || (len(j.Violations) == 1) != row.forbidden {
			t.Errorf("%s %s by %s: got %v, %v; want forbidden: %v", row.restriction, row.action, row.invoker, j.Violations, err, row.forbidden)
		}
	}
}

func TestAViolationSaysUntilWhen(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ windows, now, until, text string }{
		{
			december, "2026-12-24T18:00:00Z", "2026-12-31T23:00:00Z",
			"policy freeze forbids ADVANCE until 2027-01-01 00:00 Europe/Berlin (rule rule)",
		},
		{allDay, "2026-12-24T18:00:00Z", "", "policy freeze forbids ADVANCE for good (rule rule)"},
	} {
		j, err := load(t, shop, policy("freeze", everything, "", row.windows)).Judge(byUser("dev"), instant(t, row.now))
		if err != nil || len(j.Violations) != 1 {
			t.Fatalf("%s: %+v, %v", row.windows, j, err)
		}
		want := time.Time{}
		if row.until != "" {
			want = instant(t, row.until)
		}
		if v := j.Violations[0]; v.Text != row.text || !v.Until.Equal(want) || !j.Until.Equal(want) {
			t.Errorf("got %q until %s, together %s; want %q until %s", v.Text, v.Until, j.Until, row.text, want)
		}
	}
}

func TestSuspendedAndOverriddenPoliciesAreReported(t *testing.T) {
	t.Parallel()
	suspended := strings.Replace(policy("old", everything, "", allDay), "selectors:", "suspended: true\nselectors:", 1)
	c := load(t, shop, policy("freeze", everything, "", allDay), suspended, policy("night", everything, "", december))
	now := instant(t, "2026-12-24T18:00:00Z")
	for _, row := range []struct {
		override                          []string
		forbidding, overridden, suspended string
	}{
		{nil, "freeze/rule night/rule", "", "old/rule"},
		{[]string{"freeze"}, "night/rule", "freeze/rule", "old/rule"},
		{[]string{"night", "freeze"}, "", "freeze/rule night/rule", "old/rule"},
		{[]string{"old"}, "freeze/rule night/rule", "", "old/rule"},
	} {
		q := byUser("dev")
		q.Override = row.override
		j, err := c.Judge(q, now)
		if err != nil || violations(j.Violations) != row.forbidding || violations(j.Overridden) != row.overridden || violations(j.Suspended) != row.suspended {
			t.Errorf("override %v: %+v, %v", row.override, j, err)
		}
	}
	q := byUser("dev")
	q.Override = []string{"night", "freeze"}
	j, _ := c.Judge(q, now)
	if got, want := j.Overridden[1].Text, "policy night would forbid ADVANCE until 2027-01-01 00:00 Europe/Berlin (rule rule)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !j.Until.IsZero() {
		t.Errorf("permitted, and yet until %s", j.Until)
	}
}

// Nobody is told to come back at an instant at which another policy forbids it.
func TestUntilIsWhenNoPolicyForbidsItAnyMore(t *testing.T) {
	t.Parallel()
	once := func(from, to string) string {
		return fmt.Sprintf(`timeZone: Europe/Berlin, oneTimeWindows: [{start: "2026-12-%s", end: "2026-12-%s"}]`, from, to)
	}
	c := load(t, shop,
		policy("one", everything, "", once("01 00:00", "02 00:00")),
		policy("overlapping", everything, "", once("01 12:00", "03 00:00")),
		policy("adjoining", everything, "", `timeZone: America/New_York, oneTimeWindows: [{start: "2026-12-02 18:00", end: "2026-12-02 24:00"}]`),
		policy("later", everything, "", once("03 12:00", "04 00:00")),
		policy("elsewhere", `{target: {id: prod}}`, "", allDay),
		policy("another-action", everything, "actions: [CANCEL],", allDay))
	j, err := c.Judge(byUser("dev"), instant(t, "2026-12-01T05:00:00Z"))
	if err != nil || violations(j.Violations) != "one/rule" {
		t.Fatalf("%+v, %v", j, err)
	}
	if want := instant(t, "2026-12-03T05:00:00Z"); !j.Until.Equal(want) {
		t.Errorf("until %s, want %s", j.Until, want)
	}
	if want := instant(t, "2026-12-01T23:00:00Z"); !j.Violations[0].Until.Equal(want) {
		t.Errorf("one alone until %s, want %s", j.Violations[0].Until, want)
	}
}

func TestWhatCannotBeJudgedIsRefused(t *testing.T) {
	t.Parallel()
	c := load(t, shop, policy("freeze", everything, "", allDay), policy("audit", everything, "", allDay))
	for _, row := range []struct {
		change func(*pipeline.Question)
		kind   rollout.Kind
		text   string
	}{
		{
			func(q *pipeline.Question) { q.Override = []string{"freese"} }, rollout.NotFound,
			`override deploy policy "freese": it does not exist; known are audit, freeze`,
		},
		{
			func(q *pipeline.Question) { q.Action = "ADVANCED" }, rollout.Invalid,
			`find action "ADVANCED": it does not exist; known are ADVANCE, APPROVE, CANCEL, CREATE, IGNORE_JOB, RETRY_JOB, ROLLBACK, TERMINATE_JOBRUN`,
		},
		{
			func(q *pipeline.Question) { q.Invoker = "" }, rollout.Invalid,
			`find invoker "": it does not exist; known are USER, DEPLOY_AUTOMATION`,
		},
	} {
		q := byUser("dev")
		row.change(&q)
		_, err := c.Judge(q, time.Unix(0, 0))
		if rollout.KindOf(err) != row.kind || err.Error() != row.text {
			t.Errorf("got %v, want %s %q", err, row.kind, row.text)
		}
	}
}

func TestEveryCommandIsAnActionOrFree(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]pipeline.Action{
		"approve": "APPROVE", "reject": "APPROVE", "advance": "ADVANCE", "cancel": "CANCEL",
		"create": "CREATE", "promote": "CREATE", "redeploy": "CREATE", "rollback": "ROLLBACK",
		"retryJob": "RETRY_JOB", "ignoreJob": "IGNORE_JOB", "terminateJobRun": "TERMINATE_JOBRUN",
		"pause": "", "resume": "",
	} {
		got, err := pipeline.ActionOf(command)
		if err != nil || got != want || (want != "" && !slices.Contains(pipeline.Actions(), want)) {
			t.Errorf("%s is %q, %v; want %q", command, got, err, want)
		}
	}
	if _, err := pipeline.ActionOf("undo"); rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), "known are advance, approve") {
		t.Errorf("undo: %v", err)
	}
}

func TestWhatIsConfiguredLoadsByItsIndex(t *testing.T) {
	t.Parallel()
	documents, err := load(t, shop, policy("freeze", everything, "", allDay)).Documents()
	if err != nil {
		t.Fatal(err)
	}
	store := map[string][]byte{}
	var entries []rollout.Entry
	for _, d := range documents {
		digest := rollout.Digest(d.Content)
		store[digest] = d.Content
		entries = append(entries, rollout.Entry{Kind: d.Kind, Name: d.Name, Digest: digest})
	}
	get := func(digest string) ([]byte, error) {
		content, ok := store[digest]
		if !ok {
			return nil, &rollout.Error{Op: "get", On: digest, Kind: rollout.NotFound}
		}
		return content, nil
	}
	c, err := pipeline.LoadEntries(entries, get)
	if err != nil || len(c.Targets) != 4 || len(c.Policies) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	entries[1].Digest = "sha256:lost"
	if _, err = pipeline.LoadEntries(entries, get); rollout.KindOf(err) != rollout.NotFound || !strings.HasPrefix(err.Error(), "Target dev: ") {
		t.Errorf("a document that is lost: %v", err)
	}
	store["sha256:lost"] = []byte("no document")
	if _, err = pipeline.LoadEntries(entries, get); rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("a document that is none: %v", err)
	}
}
