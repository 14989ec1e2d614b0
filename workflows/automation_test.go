package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// countPermits permits everything and counts the questions.
func (s *stage) countPermits(asked *int) func(activities.PermitRequest) activities.PermitResult {
	return func(activities.PermitRequest) activities.PermitResult {
		*asked++
		return activities.PermitResult{}
	}
}

// rule lets shop/auto/NAME apply to the trigger: after a phase, or to every failed job.
func (s *stage) rule(trigger, phase string, r rollout.Rule) {
	old := s.rules
	r.Automation = "shop/auto"
	s.rules = func(q activities.AutomationsRequest) []rollout.Rule {
		var rules []rollout.Rule
		if old != nil {
			rules = old(q)
		}
		if q.Pipeline == "shop" && q.Target == "prod" && q.Trigger == trigger && (q.Phase == phase || phase == "") {
			rules = append(rules, r)
		}
		return rules
	}
}

// forbid refuses the command until the given time of the workflow has passed since the start.
func (s *stage) forbid(command string, until time.Duration) {
	start := s.Now()
	s.permitted = func(q activities.PermitRequest) activities.PermitResult {
		if end := start.Add(until); q.Command == command && q.Override == nil && s.Now().Before(end) {
			return activities.PermitResult{Refused: "policy freeze forbids " + q.Command, Until: end, Policies: []string{"freeze"}}
		}
		return activities.PermitResult{}
	}
}

const toCanary50, toStable = "waits for advance: canary-25 is done; canary-50 gives the release 50%",
	"waits for advance: canary-50 is done; stable gives the release 100%"

// begun is the path to the end of canary-25, with more behind.
func begun(more ...string) []string {
	return append(append([]string{"created"}, through()...), more...)
}

// shifted50 is canary-50 once it has begun.
func shifted50(more ...string) []string {
	return append([]string{"canary-50 started", "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)", "canary-50 succeeded"}, more...)
}

// automations: rules that advance a rollout.
func automations() []pathRow {
	return []pathRow{
		{
			name: "the rule with the shortest wait advances, then the one whose name comes first",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "slow", Wait: 3 * time.Hour})
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "fast", Wait: 2 * time.Hour})
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "other", Wait: 2 * time.Hour})
				s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: begun(append([]string{"waits for timer: shop/auto/fast advances to canary-50", "canary-50 advanced by shop/auto/fast"},
				shifted50(toStable, "cancelling by ann", "ended CANCELLED")...)...),
		},
		{
			name: "a rule without a wait advances at once, also after what is skipped",
			setup: func(s *stage) {
				s.grant.First = true
				s.plan.APIVersion = rollout.APIVersionGoogle
				s.rule(activities.TriggerAdvance, "", rollout.Rule{ID: "now"})
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created", "granted", "baseline", "canary-25 skipped: nothing serves on prod yet", "canary-50 skipped: nothing serves on prod yet",
				"stable advanced by shop/auto/now", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "a person who advances is faster",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "slow", Wait: 3 * time.Hour})
				s.advance(time.Hour, "canary-50")
				s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: begun(append([]string{"waits for timer: shop/auto/slow advances to canary-50", "canary-50 advanced by ann"},
				shifted50(toStable, "cancelling by ann", "ended CANCELLED")...)...),
		},
		{
			name: "a pause ends the automation for this phase",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "slow", Wait: 3 * time.Hour})
				s.pause(1 * time.Hour)
				s.resume(2 * time.Hour)
				s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: begun("waits for timer: shop/auto/slow advances to canary-50", "paused by ann (lunch)",
				"shop/auto/slow does not advance to canary-50: paused by ann (lunch)",
				"waits for person: paused by ann (lunch)", "resumed by bob", toCanary50, "cancelling by ann", "ended CANCELLED"),
		},
		{
			name: "a cancel ends it",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "slow", Wait: 3 * time.Hour})
				s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: begun("waits for timer: shop/auto/slow advances to canary-50", "cancelling by ann", "ended CANCELLED"),
		},
		{
			name: "an automation that was suspended meanwhile leaves it to a person",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "slow", Wait: 3 * time.Hour})
				s.permitted = func(q activities.PermitRequest) activities.PermitResult {
					if q.Automation == "shop/auto" {
						return activities.PermitResult{Refused: "automation shop/auto is suspended"}
					}
					return activities.PermitResult{}
				}
				s.command(9*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: begun("waits for timer: shop/auto/slow advances to canary-50",
				"shop/auto/slow does not advance to canary-50: automation shop/auto is suspended",
				toCanary50, "cancelling by ann", "ended CANCELLED"),
		},
		{
			name: "a rollout that began before automations were known asks for none",
			setup: func(s *stage) {
				s.after()
				s.start.Behavior = 0
				s.plan.Phases[2].Advance = rollout.Advance{Automatic: true, Wait: time.Hour}
				s.rule(activities.TriggerAdvance, "", rollout.Rule{ID: "now"})
				s.forbid(rollout.CommandAdvance, 3*time.Hour)
				s.advance(4*time.Hour, "canary-50")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: begun(append([]string{toCanary50, "canary-50 advanced by ann"}, shifted50("waits for timer: advances to stable by itself",
				"stable advanced by automation", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED")...)...),
		},
	}
}

// windows: an automatic step waits until the window opens; a person is refused, or overrides.
func windows() []pathRow {
	return []pathRow{
		{
			name: "the plan's own advance waits for the window",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true, Wait: time.Hour}
				s.forbid(rollout.CommandAdvance, 24*time.Hour)
				s.at(12*time.Hour, func() {
					s.shows(rollout.WaitWindow, 24*time.Hour)
					equal(s.t, "commands", s.state(s.t).Waiting.Commands[:1], []string{
						"serin rollout advance --pipeline shop --rollout v2-to-prod-0001 --phase canary-50 --override-deploy-policy freeze --reason WHY",
					})
				})
				s.command(30*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: begun(append([]string{
				"waits for timer: advances to canary-50 by itself", "waits for window: policy freeze forbids advance", "canary-50 advanced by automation",
			}, shifted50(toStable, "cancelling by ann", "ended CANCELLED")...)...),
		},
		{
			name: "a freeze that ends early is noticed within the hour, and was shown once",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "now"})
				s.forbid(rollout.CommandAdvance, 24*time.Hour)
				s.at(5*time.Hour+30*time.Minute, func() {
					s.shows(rollout.WaitWindow, 24*time.Hour)
					s.permitted = nil
				})
				s.command(6*time.Hour+30*time.Minute, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: begun(append([]string{
				"waits for window: policy freeze forbids advance", "canary-50 advanced by shop/auto/now",
			}, shifted50(toStable, "cancelling by ann", "ended CANCELLED")...)...),
		},
		{
			name: "a window that was closed again is waited for again",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "now"})
				s.forbid(rollout.CommandAdvance, 24*time.Hour)
				s.at(23*time.Hour, func() { s.forbid(rollout.CommandAdvance, 48*time.Hour-23*time.Hour) })
				s.command(72*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: begun(append([]string{
				"waits for window: policy freeze forbids advance", "waits for window: policy freeze forbids advance", "canary-50 advanced by shop/auto/now",
			}, shifted50(toStable, "cancelling by ann", "ended CANCELLED")...)...),
		},
		{
			name: "a person is refused in the window, and ends the wait of an automation with an override",
			setup: func(s *stage) {
				s.after()
				s.rule(activities.TriggerAdvance, "canary-25", rollout.Rule{ID: "now"})
				s.forbid(rollout.CommandAdvance, 24*time.Hour)
				s.advance(time.Hour, "canary-50")
				s.command(2*time.Hour, rollout.CommandAdvance, rollout.Command{Phase: "canary-50", Actor: "ann", Override: []string{"freeze"}})
				s.command(3*time.Hour, rollout.CommandAdvance, rollout.Command{Phase: "canary-50", Actor: "ann", Override: []string{"freeze"}, Reason: "hotfix"})
				s.command(4*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: begun(append([]string{"waits for window: policy freeze forbids advance", "canary-50 advanced by ann (hotfix)"},
				shifted50(toStable, "cancelling by ann", "ended CANCELLED")...)...),
			refused: []string{
				"advance v2-to-prod-0001: policy freeze forbids advance",
				"advance v2-to-prod-0001: reason is missing: say why deploy policies are overridden",
			},
		},
		{
			name: "a cancel ends the wait for the window",
			setup: func(s *stage) {
				s.after()
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
				s.forbid(rollout.CommandAdvance, 24*time.Hour)
				s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: begun("waits for window: policy freeze forbids advance", "cancelling by ann", "ended CANCELLED"),
		},
	}
}

// overrides: what a permission went past is recorded.
func overrides() []pathRow {
	return []pathRow{{
		name: "an overridden policy and a suspended one",
		setup: func(s *stage) {
			s.after()
			s.permitted = func(q activities.PermitRequest) activities.PermitResult {
				if q.Command != rollout.CommandCancel {
					return activities.PermitResult{}
				}
				if len(q.Override) == 0 {
					return activities.PermitResult{Refused: "policy freeze forbids CANCEL"}
				}
				return activities.PermitResult{Overridden: []string{"freeze/all"}, Logged: []string{"old/all"}}
			}
			s.command(1*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
			s.at(2*time.Hour, func() {
				s.SignalWorkflow(rollout.CommandCancel, rollout.Command{Actor: "eve"})
			})
			s.command(3*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann", Override: []string{"freeze"}, Reason: "on fire"})
		},
		want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
		path: begun(toCanary50, "refused: cancel v2-to-prod-0001: policy freeze forbids CANCEL by eve",
			"overridden: cancel against freeze/all by ann (on fire)", "policy: old/all would have refused cancel, and is suspended",
			"cancelling by ann (on fire)", "ended CANCELLED"),
		refused: []string{"cancel v2-to-prod-0001: policy freeze forbids CANCEL"},
	}}
}

// shows notes what is wrong with what the rollout waits for.
func (s *stage) shows(what rollout.WaitFor, until time.Duration) {
	w := s.state(s.t).Waiting
	switch {
	case w == nil || w.For != what:
		s.t.Errorf("it waits for %+v, want %s", w, what)
	case w.Until.Sub(s.state(s.t).Created).Round(time.Minute) != until:
		s.t.Errorf("it waits for %s until %s, want %s after its beginning", what, w.Until, until)
	case len(w.Commands) == 0 || w.Reason == "" || w.Since.IsZero():
		s.t.Errorf("it does not say why, since when or what ends it: %+v", w)
	}
}

// TestAQuestionThatNobodyAnswersIsAskedAgain: an outage of the configuration stops nothing for
// good, and a person is faster.
func TestAQuestionThatNobodyAnswersIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.outage = time.Hour
	s.plan.Phases[2].Advance = rollout.Advance{Automatic: true}
	s.advance(30*time.Minute, "canary-50") // permit does not answer either
	s.command(12*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	got := path(s.run(t))
	again := 0
	for _, line := range got {
		if strings.HasPrefix(line, "waits for timer: to advance to canary-50 it asks again what is configured: ") {
			again++
		}
	}
	if again < 4 || again > 7 || !has(got, toCanary50) || len(s.refused) != 1 || !strings.Contains(s.refused[0], "try again") {
		t.Errorf("asked %d times again, refused %q: %q", again, s.refused, got)
	}
}

// TestTwoAdvancesInTheSameSecondStartOnePhase: and the second one is told why.
func TestTwoAdvancesInTheSameSecondStartOnePhase(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.at(time.Hour, func() {
		for _, who := range []string{"ann", "bob", "carl"} {
			s.ask(rollout.CommandAdvance, rollout.Command{Phase: "canary-50", Actor: who}, func(err error) {
				if err != nil {
					_, text := activities.Cause(err)
					s.refused = append(s.refused, text)
				}
			})
		}
	})
	s.command(2*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	equal(t, "path", path(s.run(t)), begun(append([]string{toCanary50, "canary-50 advanced by ann"},
		shifted50(toStable, "cancelling by ann", "ended CANCELLED")...)...))
	equal(t, "refused", s.refused, []string{
		"advance v2-to-prod-0001: canary-50 is IN_PROGRESS already",
		"advance v2-to-prod-0001: canary-50 is IN_PROGRESS already",
	})
}
