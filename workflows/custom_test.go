package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// customPlan is v2 as a canary at 50 % to a custom target, as serin.dev/v1.
func customPlan() rollout.Plan {
	p := plan("v2")
	p.CloudRun, p.Custom, p.OnFailure = nil, &rollout.Custom{Type: "terraform"}, rollout.OnFailureHold
	p.Target.Runtime, p.Target.Location = rollout.RuntimeCustom, "projects/p/locations/l"
	p.Phases = []rollout.Phase{{ID: "canary-50", Weight: 50}, {ID: "stable", Weight: 100}}
	for i := range p.Phases {
		p.Phases[i].Custom, p.Phases[i].Manifest = true, "sha256:manifest-v2"
		p.Phases[i].Jobs = []rollout.Job{{ID: rollout.JobDeploy, Spec: "sha256:deploy-" + p.Phases[i].ID, OnInconclusive: rollout.ActionFail}}
	}
	return p
}

// newCustom is a rollout of v2 over v1 to a custom target. No step of a provider is ever asked for.
func newCustom(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.plan = customPlan()
	s.grant.Predecessor = &rollout.Record{Rollout: "v1-to-prod-0001", State: rollout.StateSucceeded, Promoted: true, PromotionBegun: true}
	s.SetOnActivityStartedListener(func(i *activity.Info, _ context.Context, _ converter.EncodedValues) {
		jobs := []string{activities.RunJob, activities.StopJob, activities.Analyze, activities.AskWebhook}
		if !slices.Contains(jobs, i.ActivityType.Name) {
			t.Errorf("%s was asked for", i.ActivityType.Name)
		}
	})
	return s
}

func (s *stage) commandDeploy(d time.Duration, name string) {
	s.command(d, name, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"})
}

// halved is the path to the end of canary-50.
func halved(more ...string) []string {
	return append([]string{
		"created", "granted", "canary-50 started", "canary-50 shifted 50%: configured, not observed", "canary-50 succeeded",
	}, more...)
}

// promotedCustom is the path from canary-50's end to the end.
func promotedCustom() []string {
	return []string{
		toStable, "stable advanced by ann", "stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED",
	}
}

// customs: rollouts to a custom target.
func customs() []pathRow {
	return []pathRow{
		{
			name: "standard",
			setup: func(s *stage) {
				s.plan.Phases = s.plan.Phases[1:]
				s.hears("RunJob deploy of stable 1")
			},
			want: rollout.StateSucceeded,
			path: []string{"created", "granted", "stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED"},
		},
		{
			name: "a canary, whose containers deploy each phase",
			setup: func(s *stage) {
				s.advance(time.Hour, "stable")
				s.hears("RunJob deploy of canary-50 1", "RunJob deploy of stable 1")
			},
			want: rollout.StateSucceeded,
			path: halved(promotedCustom()...),
		},
		{
			name: "what has failed stays, and a retry is a new attempt",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, fails(time.Minute, "task deploy exited with 1"))
				s.commandDeploy(time.Hour, rollout.CommandRetryJob)
				s.advance(2*time.Hour, "stable")
				s.hears("RunJob deploy of canary-50 1", "RunJob deploy of canary-50 2", "RunJob deploy of stable 1")
			},
			want: rollout.StateSucceeded,
			path: slices.Concat([]string{
				"created", "granted", "canary-50 started", "canary-50 failed: task deploy exited with 1", "failed",
				"canary-50 retried by ann", asksAgain, "granted", "canary-50 started (attempt 2)", "canary-50 shifted 50%: configured, not observed", "canary-50 succeeded",
			}, promotedCustom()),
		},
		{
			name: "what cannot be found out is a failure, and may be ignored",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, unsure(time.Minute, "its image cannot be pulled"))
				s.commandDeploy(time.Hour, rollout.CommandIgnoreJob)
				s.advance(2*time.Hour, "stable")
			},
			want: rollout.StateSucceeded,
			path: slices.Concat([]string{
				"created", "granted", "canary-50 started", "canary-50 failed: its image cannot be pulled", "failed",
				"canary-50 ignored by ann", asksAgain, "granted",
			}, promotedCustom()),
		},
		{
			name: "a repair retries it",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, fails(time.Minute, "exited with 1"))
				s.rule(activities.TriggerRepair, "canary-50", rollout.Rule{ID: "mend", Repair: []rollout.Repair{{Attempts: 1}}})
				s.advance(time.Hour, "stable")
			},
			want: rollout.StateSucceeded,
			path: slices.Concat([]string{
				"created", "granted", "canary-50 started", "canary-50 failed: exited with 1",
				"canary-50 repair shop/auto/mend is IN_PROGRESS: canary-50 deploy",
				"canary-50 repair shop/auto/mend is IN_PROGRESS: canary-50 deploy, attempt 1 of 1",
				"canary-50 retried by shop/auto/mend", "canary-50 started (attempt 2)", "canary-50 shifted 50%: configured, not observed", "canary-50 succeeded",
				"canary-50 repair shop/auto/mend is SUCCEEDED: canary-50 deploy, attempt 1 of 1",
			}, promotedCustom()),
		},
		{
			name: "a verify that fails after the deploy restores nothing",
			setup: func(s *stage) {
				s.plan.Phases[0].Jobs = append(s.plan.Phases[0].Jobs, rollout.Job{ID: rollout.JobVerify, Spec: "sha256:verify"})
				s.says(rollout.JobVerify, fails(time.Minute, "exited with 3"))
				s.cancels(time.Hour)
				s.hears("RunJob deploy of canary-50 1", "RunJob verify of canary-50 1")
			},
			want: rollout.StateCancelled,
			path: halved("canary-50 verify started", "canary-50 verify failed: exited with 3", "failed", cancelled, ended),
		},
		{
			name: "a webhook that asks to roll back fails the phase that was done last, and nothing is restored",
			setup: func(s *stage) {
				s.plan.Webhooks = []rollout.Webhook{{ID: "pager", Type: rollout.WebhookRollback}}
				s.says("pager", answer{after: time.Hour})
				s.cancels(2 * time.Hour)
			},
			want: rollout.StateCancelled,
			path: halved(toStable, "canary-50 failed: webhook pager asks to roll back", "failed", cancelled, ended),
		},
	}
}

// customEnds: what ends a rollout to a custom target early.
func customEnds() []pathRow {
	return []pathRow{
		{
			name: "its containers are terminated",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, answer{never: true})
				s.commandDeploy(time.Minute, rollout.CommandTerminate)
				s.cancels(time.Hour)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 1")
			},
			want: rollout.StateCancelled,
			path: []string{
				"created", "granted", "canary-50 started", "canary-50 terminating by ann", "canary-50 terminated: terminated", "failed", cancelled, ended,
			},
		},
		{
			name: "a cancel lets a deploy end: half of it is worse",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, passes(time.Hour))
				s.cancels(time.Minute)
				s.hears("RunJob deploy of canary-50 1")
			},
			want: rollout.StateCancelled,
			path: []string{
				"created", "granted", "canary-50 started", cancelled, "canary-50 shifted 50%: configured, not observed", "canary-50 succeeded", ended,
			},
		},
		{
			name: "whoever does not want to wait for that terminates it",
			setup: func(s *stage) {
				s.says(rollout.JobDeploy, answer{never: true})
				s.cancels(time.Minute)
				s.commandDeploy(2*time.Minute, rollout.CommandTerminate)
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 1")
			},
			want: rollout.StateCancelled,
			path: []string{
				"created", "granted", "canary-50 started", cancelled, "canary-50 terminating by ann", "canary-50 terminated: terminated", ended,
			},
		},
		{
			name: "a cancel cannot restore",
			setup: func(s *stage) {
				s.command(time.Minute, rollout.CommandCancel, rollout.Command{Actor: "ann", Restore: true})
				s.cancels(time.Hour)
			},
			want:    rollout.StateCancelled,
			path:    halved(toStable, cancelled, ended),
			refused: []string{"cancel v2-to-prod-0001: nothing of a custom target can be put back: cancel it without restore, and roll back instead"},
		},
		{
			name: "without a worker it says so, and goes on with the same attempt",
			setup: func(s *stage) {
				away := answer{late: enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START}
				s.says(rollout.JobDeploy, away)
				s.says(activities.StopJob, away, away)
				s.advance(time.Hour, "stable")
				s.hears("RunJob deploy of canary-50 1", "StopJob deploy of canary-50 0", "StopJob deploy of canary-50 0", "StopJob deploy of canary-50 0",
					"RunJob deploy of canary-50 1", "RunJob deploy of stable 1")
			},
			want: rollout.StateSucceeded,
			path: slices.Concat([]string{
				"created", "granted", "canary-50 started", "waits for worker: no worker polls task queue serin", "resumed: a worker polls serin",
				"canary-50 shifted 50%: configured, not observed", "canary-50 succeeded",
			}, promotedCustom()),
		},
	}
}

// customStarts: where a rollout to a custom target begins.
func customStarts() []pathRow {
	return []pathRow{
		{
			name: "a first rollout skips nothing",
			setup: func(s *stage) {
				s.grant.First, s.grant.Predecessor = true, nil
				s.advance(time.Hour, "stable")
			},
			want: rollout.StateSucceeded,
			path: halved(promotedCustom()...),
		},
		{
			name: "a first rollout under Google's rule waits before stable",
			setup: func(s *stage) {
				s.plan.APIVersion = rollout.APIVersionGoogle
				s.grant.First, s.grant.Predecessor = true, nil
				s.advance(time.Hour, "stable")
			},
			want: rollout.StateSucceeded,
			path: []string{
				"created", "granted", "canary-50 skipped: first rollout: no earlier release of this pipeline is on prod",
				"waits for advance: canary-50 is skipped: first rollout: no earlier release of this pipeline is on prod; stable gives the release 100%",
				"stable advanced by ann", "stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "a rollback begins with stable, whatever the failed promotion has left",
			setup: func(s *stage) {
				s.start.StartingPhase, s.start.RollbackOf = "stable", "v3-to-prod-0001"
				s.grant.Predecessor = &rollout.Record{
					Rollout: "v3-to-prod-0001", Release: "v3", State: rollout.StateFailed, PromotionBegun: true, Unsettled: true,
				}
			},
			want: rollout.StateSucceeded,
			path: []string{
				"created: rolls back v3-to-prod-0001", "granted", "canary-50 skipped: starts at stable",
				"stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED",
			},
		},
		{
			name: "it starts at no phase that there is not",
			setup: func(s *stage) {
				s.start.StartingPhase = "canary-75"
				s.cancels(time.Hour)
			},
			want: rollout.StateCancelled,
			path: []string{
				"created", "granted", "canary-50 failed: find phase \"canary-75\" of v2-to-prod-0001: it does not exist: its phases are canary-50, stable", "failed", cancelled, ended,
			},
		},
	}
}

// TestCustomTargets reads as the specification of a rollout to a custom target.
func TestCustomTargets(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(customs(), customEnds(), customStops(), customStarts()) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newCustom(t)
			row.setup(s)
			status := s.run(t)
			equal(t, "path", path(status), row.path)
			equal(t, "refused", s.refused, row.refused)
			if status.State != row.want {
				t.Errorf("state %s, want %s", status.State, row.want)
			}
			for _, ph := range status.Phases {
				if ph.Observed != nil || ph.Assumed || !ph.Custom {
					t.Errorf("%+v: its weight is configured", ph)
				}
			}
		})
	}
}
