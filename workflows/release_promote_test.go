package workflows_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// journey is a Release under test over three stages, and what it asked its lanes.
type journey struct {
	*env
	start    time.Time
	enqueued []string // "10h0m0s prod #2 by shop/auto/rule at stable"
	rules    map[string][]rollout.Rule
	seq      int
}

func newJourney(t *testing.T, rules ...rollout.Rule) *journey {
	t.Helper()
	c := &journey{rules: map[string][]rollout.Rule{"staging": rules}, start: time.Date(2030, 11, 22, 5, 0, 0, 0, time.UTC)}
	c.env = newEnv(t, rollout.ReleaseID("shop", "v2"), func(e *env) {
		workflows.Register(e)
		e.RegisterActivityWithOptions(func(context.Context, rollout.CreateRequest) (activities.PlanResult, error) {
			res := activities.PlanResult{Document: "releases/shop/v2.json"}
			for _, target := range []string{"staging", "prod", "dr"} {
				res.Stages = append(res.Stages, rollout.StagePlan{Target: target, Plan: plan("v2")})
			}
			return res, nil
		}, activity.RegisterOptions{Name: activities.PlanRelease})
		e.RegisterActivityWithOptions(func(_ context.Context, r activities.EnqueueRequest) error {
			c.enqueued = append(c.enqueued, fmt.Sprintf("%s %s #%d%s%s", c.Now().Sub(c.start), r.Target, r.Enqueue.Seq,
				mark(" by ", r.Enqueue.Automation), mark(" at ", r.Enqueue.StartingPhase)))
			return nil
		}, activity.RegisterOptions{Name: "Enqueue"})
	})
	c.SetStartTime(c.start)
	c.env.rules = func(r activities.AutomationsRequest) []rollout.Rule { return c.rules[r.Target] }
	return c
}

// hear lets a lane say something.
func (c *journey) hear(d time.Duration, f rollout.Follow) {
	c.seq++
	f.Seq = c.seq
	c.at(d, func() { c.SignalWorkflow(rollout.SignalFollow, f) })
}

// succeed is the release's first rollout to the target from its start to its success.
func (c *journey) succeed(d time.Duration, target string) {
	for i, state := range []rollout.State{rollout.StatePending, rollout.StateInProgress, rollout.StateSucceeded} {
		c.hear(d+time.Duration(i)*time.Second, rollout.Follow{Target: target, Rollout: rollout.Name("v2", target, 1), State: state})
	}
}

// status asks the release at the given time.
func (c *journey) status(t *testing.T, d time.Duration) *rollout.ReleaseStatus {
	t.Helper()
	s := new(rollout.ReleaseStatus)
	c.at(d, func() {
		value, err := c.QueryWorkflow(rollout.QueryState)
		if err == nil {
			err = value.Get(s)
		}
		if err != nil {
			t.Error(err)
		}
	})
	return s
}

// run ends the release after four days and returns its notes, without their times.
func (c *journey) run(t *testing.T) []string {
	t.Helper()
	c.succeed(96*time.Hour, "dr")
	c.ExecuteWorkflow(rollout.WorkflowRelease, request())
	var s rollout.ReleaseStatus
	if err := c.GetWorkflowResult(&s); err != nil {
		t.Fatal(err)
	}
	if len(s.Waiting) > 0 {
		t.Errorf("it has ended and waits: %+v", s.Waiting)
	}
	notes := make([]string, len(s.Notes))
	for i, n := range s.Notes {
		_, notes[i], _ = strings.Cut(n, " ")
	}
	return notes
}

func rule(id, target string, wait time.Duration) rollout.Rule {
	return rollout.Rule{Automation: "shop/auto", ID: id, Target: target, Wait: wait}
}

const hour = time.Hour

// promoted is what becomes of the rules after the release has succeeded on staging after an hour.
type promoted struct {
	name     string
	rules    []rollout.Rule
	setup    func(c *journey)
	enqueued []string // besides the first
	notes    []string
}

func (row promoted) run(t *testing.T) {
	t.Parallel()
	c := newJourney(t, row.rules...)
	c.succeed(hour, "staging")
	if row.setup != nil {
		row.setup(c)
	}
	notes := c.run(t)
	equal(t, "enqueued", c.enqueued[1:], row.enqueued)
	equal(t, "notes", notes, row.notes)
}

func TestAutomationsPromote(t *testing.T) {
	t.Parallel()
	soon := time.Date(2030, 11, 23, 5, 0, 0, 0, time.UTC)
	for _, row := range []promoted{
		{
			name: "to the next stage, after the rule's wait", rules: []rollout.Rule{rule("next", "@next", 8*hour)},
			enqueued: []string{"9h0m2s prod #2 by shop/auto/next"},
		},
		{
			name: "at once", rules: []rollout.Rule{rule("next", "@next", 0)},
			enqueued: []string{"1h0m2s prod #2 by shop/auto/next"},
		},
		{
			name: "to a stage of its own, at its phase", rules: []rollout.Rule{{Automation: "shop/auto", ID: "far", Target: "dr", StartingPhase: "stable"}},
			enqueued: []string{"1h0m2s dr #2 by shop/auto/far at stable"},
		},
		{
			name: "at a time", rules: []rollout.Rule{{Automation: "shop/auto", ID: "nightly", Target: "@next", At: soon}},
			enqueued: []string{"24h0m0s prod #2 by shop/auto/nightly"},
		},
		{
			name: "the faster of two rules", rules: []rollout.Rule{rule("slow", "prod", 8*hour), rule("fast", "@next", hour)},
			setup: func(c *journey) {
				c.hear(2*hour+3*time.Second, rollout.Follow{Target: "prod", Rollout: "v2-to-prod-0001", State: rollout.StatePending})
			},
			enqueued: []string{"2h0m2s prod #2 by shop/auto/fast"},
			notes:    []string{"shop/auto/slow does not promote to prod: v2-to-prod-0001 is there already"},
		},
		{
			name: "stage after stage", rules: []rollout.Rule{rule("next", "@next", hour)},
			setup: func(c *journey) {
				c.rules["prod"] = []rollout.Rule{rule("on", "@next", hour)}
				c.succeed(3*hour, "prod")
			},
			enqueued: []string{"2h0m2s prod #2 by shop/auto/next", "4h0m2s dr #3 by shop/auto/on"},
		},
		{
			name: "a redeploy begins anew", rules: []rollout.Rule{rule("next", "@next", 8*hour)},
			setup: func(c *journey) {
				c.hear(2*hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0002", State: rollout.StateInProgress})
				c.hear(3*hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0002", State: rollout.StateSucceeded})
			},
			enqueued: []string{"11h0m0s prod #2 by shop/auto/next"},
			notes:    []string{"shop/auto/next does not promote to prod: v2-to-staging-0002 has followed on staging"},
		},
		{
			name: "when the window opens", rules: []rollout.Rule{rule("next", "@next", 8*hour)},
			setup: func(c *journey) {
				open := time.Date(2030, 11, 24, 5, 0, 0, 0, time.UTC)
				c.permitted = func(r activities.PermitRequest) activities.PermitResult {
					if r.Command == rollout.UpdatePromote && c.Now().Before(open) {
						return activities.PermitResult{Refused: "policy freeze forbids CREATE", Until: open}
					}
					return activities.PermitResult{Logged: []string{"old/all"}}
				}
			},
			enqueued: []string{"48h0m0s prod #2 by shop/auto/next"},
			notes: []string{
				"suspended deploy policy old/all would have refused: create to staging",
				"suspended deploy policy old/all would have refused: promote to prod",
			},
		},
		{
			name: "what is configured does not answer for an hour", rules: []rollout.Rule{rule("next", "@next", 0)},
			setup: func(c *journey) {
				c.silent = activities.Automations
				c.at(2*hour, func() { c.silent = "" })
			},
			enqueued: []string{"2h3m2s prod #2 by shop/auto/next"}, // asked after 1, 2, 4, 8, 16 and 32 minutes
		},
	} {
		t.Run(row.name, row.run)
	}
}

func TestAutomationsDoNotPromote(t *testing.T) {
	t.Parallel()
	for _, row := range []promoted{
		{
			name: "not where a person has promoted", rules: []rollout.Rule{rule("next", "@next", 8*hour)},
			setup: func(c *journey) {
				c.hear(2*hour, rollout.Follow{Target: "prod", Rollout: "v2-to-prod-0001", State: rollout.StatePendingApproval})
			},
			notes: []string{"shop/auto/next does not promote to prod: v2-to-prod-0001 is there already"},
		},
		{
			name: "not what is superseded", rules: []rollout.Rule{rule("next", "@next", 8*hour)},
			setup: func(c *journey) {
				c.hear(2*hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateSucceeded, Superseded: "v3"})
			},
			notes: []string{"shop/auto/next does not promote to prod: v3 has succeeded on staging since"},
		},
		{
			name: "not what is rolled back", rules: []rollout.Rule{rule("next", "@next", 8*hour)},
			setup: func(c *journey) {
				c.hear(2*hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateSucceeded, RolledBackBy: "v1-to-staging-0002"})
			},
			notes: []string{"shop/auto/next does not promote to prod: v1-to-staging-0002 rolls it back on staging"},
		},
		{
			name: "not one that was suspended meanwhile", rules: []rollout.Rule{rule("next", "@next", 8*hour)},
			setup: func(c *journey) {
				c.permitted = func(r activities.PermitRequest) activities.PermitResult {
					if r.Automation == "shop/auto" && r.Command == rollout.UpdatePromote && r.Target == "prod" && r.Release == "v2" {
						return activities.PermitResult{Refused: "automation shop/auto is suspended"}
					}
					return activities.PermitResult{}
				}
			},
			notes: []string{"shop/auto/next does not promote to prod: automation shop/auto is suspended"},
		},
		{
			name: "the lane refuses", rules: []rollout.Rule{rule("next", "@next", 0)},
			setup: func(c *journey) {
				c.hear(2*hour, rollout.Follow{Target: "prod", Refused: "shop/auto/next: v2 was rolled back on prod by v1-to-prod-0002"})
			},
			enqueued: []string{"1h0m2s prod #2 by shop/auto/next"},
			notes:    []string{"not promoted to prod: shop/auto/next: v2 was rolled back on prod by v1-to-prod-0002"},
		},
		{
			name: "nowhere", rules: []rollout.Rule{rule("lost", "nowhere", 0), rule("self", "staging", 0)},
			notes: []string{
				`shop/auto/lost does not promote: "nowhere" is no other stage of the release`,
				`shop/auto/self does not promote: "staging" is no other stage of the release`,
			},
		},
	} {
		t.Run(row.name, row.run)
	}
}

// TestAFreezeThatEndsEarlyIsNoticed: within the hour; until then people see one wait.
func TestAFreezeThatEndsEarlyIsNoticed(t *testing.T) {
	t.Parallel()
	c := newJourney(t, rule("next", "@next", 8*hour))
	forbids := true
	c.permitted = func(r activities.PermitRequest) activities.PermitResult {
		if r.Command == rollout.UpdatePromote && forbids {
			return activities.PermitResult{Refused: "policy freeze forbids CREATE", Until: c.start.Add(48 * hour), Policies: []string{"freeze"}}
		}
		return activities.PermitResult{}
	}
	c.succeed(hour, "staging")
	s := c.status(t, 12*hour+hour/2)
	c.at(12*hour+hour/2, func() { forbids = false })
	c.run(t)
	if w := s.Waiting[0]; w.For != rollout.WaitWindow || !w.Until.Equal(c.start.Add(48*hour)) || w.Until.Sub(w.Since).Round(hour) != 39*hour {
		t.Errorf("%+v", w)
	}
	equal(t, "commands", s.Waiting[0].Commands, []string{
		"serin release promote --pipeline shop --release v2 --to-target prod --override-deploy-policy freeze --reason WHY",
		"serin automation suspend --automation shop/auto",
	})
	equal(t, "enqueued", c.enqueued[1:], []string{"13h0m2s prod #2 by shop/auto/next"})
}

func TestAReleaseShowsWhatItsAutomationsWaitFor(t *testing.T) {
	t.Parallel()
	c := newJourney(t, rule("slow", "prod", 48*time.Hour), rule("fast", "@next", 24*time.Hour))
	c.succeed(time.Hour, "staging")
	s := c.status(t, 2*time.Hour)
	c.run(t)
	if len(s.Waiting) != 2 {
		t.Fatalf("%+v", s.Waiting)
	}
	w := s.Waiting[0]
	if w.For != rollout.WaitTimer || w.Reason != "promote to prod by shop/auto/fast" || w.Until.Sub(w.Since) != 24*time.Hour {
		t.Errorf("%+v", w)
	}
	equal(t, "commands", w.Commands, []string{
		"serin release promote --pipeline shop --release v2 --to-target prod", "serin automation suspend --automation shop/auto",
	})
}

func TestAPolicyThatForbidsTheFirstRolloutLeavesTheReleaseWithoutOne(t *testing.T) {
	t.Parallel()
	c := newJourney(t)
	var asked activities.PermitRequest
	c.permitted = func(r activities.PermitRequest) activities.PermitResult {
		asked = r
		return activities.PermitResult{Refused: "policy freeze forbids CREATE", Until: c.start.Add(time.Hour)}
	}
	notes := c.run(t) // a person has promoted it to its last stage
	equal(t, "notes", notes, []string{
		"no rollout to staging: policy freeze forbids CREATE; promote it later: serin release promote --pipeline shop --release v2 --to-target staging",
	})
	if len(c.enqueued) != 0 || asked.Command != activities.PermitCreate || asked.Target != "staging" || asked.Actor != "ann" || asked.Automation != "" {
		t.Errorf("enqueued %q, asked %+v", c.enqueued, asked)
	}
}

func TestAnAbandonedReleaseEndsOnceNothingOfItRuns(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		setup func(c *journey)
		ends  time.Duration
	}{
		{"while its rollout runs", func(c *journey) {
			c.hear(time.Hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateInProgress})
			c.hear(9*time.Hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateSucceeded})
		}, 9 * time.Hour},
		{"while an automation waits", func(c *journey) { c.succeed(time.Hour, "staging") }, 2 * time.Hour},
		{"before the lane has answered", func(c *journey) {
			c.hear(3*time.Hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StatePendingApproval})
			c.hear(4*time.Hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateApprovalRejected})
		}, 4 * time.Hour},
		{"after it has failed", func(c *journey) {
			c.hear(time.Hour, rollout.Follow{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateFailed})
		}, 2 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newJourney(t, rule("next", "@next", 8*time.Hour))
			row.setup(c)
			for range 2 { // the second time says nothing new
				c.at(2*time.Hour, func() {
					c.SignalWorkflow(rollout.SignalAbandoned, rollout.Abandon{Pipeline: "shop", Release: "v2", Actor: "bob", Reason: "leaks"})
				})
			}
			c.ExecuteWorkflow(rollout.WorkflowRelease, request())
			var s rollout.ReleaseStatus
			if err := c.GetWorkflowResult(&s); err != nil {
				t.Fatal(err)
			}
			if !s.Abandoned || s.Ended.Sub(s.Created) != row.ends || len(c.enqueued) != 1 {
				t.Errorf("ended after %s, enqueued %q, %+v", s.Ended.Sub(s.Created), c.enqueued, s)
			}
			if !strings.HasSuffix(s.Notes[0], " abandoned by bob (leaks)") || (len(s.Notes) > 1 && strings.Contains(s.Notes[1], "abandoned by")) {
				t.Errorf("notes %q", s.Notes)
			}
		})
	}
}

// TestAReleaseIsTheNewestOfItsRollouts: what an older one comes to later changes nothing.
func TestAReleaseIsTheNewestOfItsRollouts(t *testing.T) {
	t.Parallel()
	c := newJourney(t)
	for i, f := range []rollout.Follow{
		{Rollout: "v2-to-staging-0001", State: rollout.StateFailed},
		{Rollout: "v2-to-staging-0002", State: rollout.StateInProgress},
		{Rollout: "v2-to-staging-0001", State: rollout.StateCancelled},
		{State: rollout.StateFailed}, // a third could not be started
	} {
		f.Target = "staging"
		c.hear(time.Duration(i+1)*time.Hour, f)
	}
	s := c.status(t, 9*time.Hour)
	notes := c.run(t)
	if got := s.Stages[0]; got.Rollout != "v2-to-staging-0002" || got.State != rollout.StateInProgress {
		t.Errorf("%+v", got)
	}
	equal(t, "notes", notes, []string{"no new rollout to staging could be started"})
}
