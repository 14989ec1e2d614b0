package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

func (s *stage) hooks(kinds ...string) {
	s.after()
	for _, kind := range kinds {
		s.plan.Webhooks = append(s.plan.Webhooks, rollout.Webhook{ID: kind, Type: kind, URL: "http://gate/"})
	}
}

// gates: webhooks that hold a phase.
func gates() []pathRow {
	const (
		shut   = "waits for person: webhook confirm-traffic-increase has not confirmed that canary-50 begins"
		shifts = "canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)"
	)
	increase := rollout.JobKind(rollout.WebhookConfirmTrafficIncrease)
	return []pathRow{
		{
			name: "each kind is asked before its phases; open gates are not spoken of",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookConfirmRollout, rollout.WebhookConfirmTrafficIncrease, rollout.WebhookConfirmPromotion)
				s.says(increase, answer{after: 5 * time.Second})
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
				s.advance(time.Hour, "stable")
				s.hears("ask confirm-rollout about canary-25 at 25%", "ask confirm-traffic-increase about canary-50 at 50%", "ask confirm-promotion about stable at 100%")
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: deployed("canary-50 advanced by automation", "canary-50 started", shifts, "canary-50 succeeded", toStable,
				"stable advanced by ann", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED"),
		},
		{
			name: "a gate that is shut holds the phase until it opens",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookConfirmTrafficIncrease)
				s.says(increase, answer{after: 2 * time.Hour})
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
				s.cancels(3 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: deployed("canary-50 advanced by automation", shut, "canary-50 resumed: webhook confirm-traffic-increase has confirmed",
				"canary-50 started", shifts, "canary-50 succeeded", toStable, cancelled, ended),
		},
		{
			name: "a person advances past the gate of exactly that phase",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookConfirmTrafficIncrease)
				s.says(increase, answer{never: true})
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
				s.advance(time.Hour, "stable")
				s.advance(2*time.Hour, "canary-50")
				s.cancels(3 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: deployed("canary-50 advanced by automation", shut, "canary-50 advanced by ann",
				"canary-50 started", shifts, "canary-50 succeeded", toStable, cancelled, ended),
			refused: []string{"advance v2-to-prod-0001: canary-50 comes before stable: no phase is passed over"},
		},
		{
			name: "a person resumes past the first gate of all",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookConfirmRollout)
				s.says(rollout.WebhookConfirmRollout, answer{never: true})
				s.resumes(time.Hour)
				s.cancels(3 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: append([]string{
				"created", "granted", "baseline (shop-v1 100%)", "settled (shop-v1 100%)",
				"waits for person: webhook confirm-rollout has not confirmed that canary-25 begins", "resumed by bob",
			}, through(toCanary50, cancelled, ended)[3:]...),
		},
		{
			name: "a pause is not passed by its own end: the gate is asked again",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookConfirmTrafficIncrease)
				s.says(increase, answer{never: true}, answer{after: time.Hour})
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
				s.pause(time.Hour)
				s.resumes(2 * time.Hour)
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: deployed("canary-50 advanced by automation", shut, "paused by ann (lunch)", "waits for person: paused by ann (lunch)", "resumed by bob", shut,
				"canary-50 resumed: webhook confirm-traffic-increase has confirmed", "canary-50 started", shifts, "canary-50 succeeded", toStable, cancelled, ended),
		},
		{
			name: "a webhook that cannot be asked needs a person",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookConfirmTrafficIncrease)
				s.says(increase, answer{err: denied()})
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
				s.cancels(3 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed("canary-50 advanced by automation",
				"waits for person: webhook confirm-traffic-increase cannot be asked whether canary-50 begins: fake: set weight prod/shop: no permission", cancelled, ended),
		},
		{
			name: "a rollback is held by no gate",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookConfirmRollout, rollout.WebhookConfirmPromotion)
				s.start.StartingPhase, s.start.RollbackOf = "stable", "v1-to-prod-0001"
				s.hears()
			},
			want: rollout.StateSucceeded, splits: "shop-v2 100%",
			path: []string{
				"created: rolls back v1-to-prod-0001", "granted", "canary-25 skipped: starts at stable", "canary-50 skipped: starts at stable",
				"baseline (shop-v1 100%)", "settled (shop-v1 100%)", "stable started", "stable shifted 100% (shop-v2 100%)", "stable succeeded", "ended SUCCEEDED",
			},
		},
	}
}

// goBacks: a webhook that asks to go back while the rollout waits.
func goBacks() []pathRow {
	const asks = "canary-25 failed: webhook rollback asks to roll back"
	return []pathRow{
		{
			name: "while it waits for an advance: the phase that was done fails",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookRollback)
				s.says(rollout.WebhookRollback, answer{after: time.Hour})
				s.command25(2*time.Hour, rollout.CommandRetryJob, rollout.JobDeploy)
				s.says(rollout.WebhookRollback, answer{never: true}, answer{never: true})
				s.advance(3*time.Hour, "canary-50")
				s.cancels(4 * time.Hour)
				s.hears("ask rollback about canary-25 at 25%", "ask rollback about canary-25 at 25%", "ask rollback about canary-50 at 50%")
			},
			want: rollout.StateCancelled, splits: "shop-v1 50%, shop-v2 50%",
			path: deployed(append([]string{
				toCanary50, asks, restored, "failed", "canary-25 retried by ann", asksAgain, "granted", "canary-25 started (attempt 2)",
				redeployed, "canary-25 succeeded", toCanary50, "canary-50 advanced by ann",
			}, shifted50(toStable, cancelled, ended)...)...),
		},
		{
			name: "also in a pause, and before a timer's end",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookRollback)
				s.says(rollout.WebhookRollback, answer{after: 2 * time.Hour})
				s.plan.Phases[1].Advance = rollout.Advance{Automatic: true, Wait: 2 * time.Hour}
				s.pause(time.Hour)
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 100%",
			path: deployed("waits for timer: advances to canary-50 by itself", "paused by ann (lunch)", "waits for person: paused by ann (lunch)",
				asks, restored, "failed", cancelled, ended),
		},
		{
			name: "one that cannot be asked is said, and changes nothing",
			setup: func(s *stage) {
				s.hooks(rollout.WebhookRollback)
				s.says(rollout.WebhookRollback, answer{after: time.Hour, err: denied()})
				s.cancels(5 * time.Hour)
			},
			want: rollout.StateCancelled, splits: "shop-v1 75%, shop-v2 25%",
			path: deployed(toCanary50, "webhook rollback cannot be asked whether to roll back: fake: set weight prod/shop: no permission", toCanary50, cancelled, ended),
		},
	}
}

// TestAGateIsAskedAgainWhereRequestsAreGivenAnew: an automation's retry after a restore is a shift as any.
func TestAGateIsAskedAgainWhereRequestsAreGivenAnew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.hooks(rollout.WebhookConfirmTrafficIncrease)
	s.plan.Phases[1].Advance = rollout.Advance{Automatic: true}
	s.rule(activities.TriggerRepair, "", rollout.Rule{ID: "mend", Repair: []rollout.Repair{{Attempts: 1, Wait: time.Hour}}})
	s.with("canary-50", rollout.Job{ID: rollout.JobVerify})
	s.says(rollout.JobVerify, fails(0, "exited with 3"))
	s.says(rollout.JobKind(rollout.WebhookConfirmTrafficIncrease), answer{}, answer{never: true}) // open, then shut
	s.cancels(12 * time.Hour)
	const ask = "ask confirm-traffic-increase about canary-50 at 50%"
	s.hears(ask, "RunJob verify of canary-50 1", ask)
	if got := path(s.run(t)); slices.Contains(got, "canary-50 started (attempt 2)") || serves(s) != "shop-v1 100%" {
		t.Errorf("it serves %s: %q", serves(s), got)
	}
}
