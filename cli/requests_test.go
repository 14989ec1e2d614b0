package cli

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
)

// prod is the record of a target where v3 failed over v2 over v1, and v4 queues.
func prod() rollout.LaneStatus {
	at := func(minutes int) time.Time { return start().Add(time.Duration(minutes) * time.Minute) }
	v1 := rollout.Record{
		Rollout: "v1-to-prod-0001", Release: "v1", State: rollout.StateSucceeded, Document: "releases/shop/v1.json", Revision: "shop-1",
		Actor: "ada", Created: at(0), Started: at(1), Ended: at(20), Promoted: true,
	}
	v2 := v1
	v2.Rollout, v2.Release, v2.Document, v2.Revision = "v2-to-prod-0001", "v2", "releases/shop/v2.json", "shop-2"
	v2.Created, v2.Started, v2.Ended, v2.Automation = at(100), at(101), at(130), "shop/auto/promote"
	v3 := rollout.Record{
		Rollout: "v3-to-prod-0001", Release: "v3", State: rollout.StateFailed, Actor: "bob", Reason: "new checkout", Unsettled: true,
		Failure: "cloudRun: deploy shop:\n image not found", Created: at(200), Started: at(201), Ended: at(210),
		Mark: rollout.Mark{Split: rollout.Split{{Revision: "shop-2", Percent: 100}}},
	}
	v4 := rollout.Record{Rollout: "v4-to-prod-0001", Release: "v4", State: rollout.StatePending, Actor: "eve", Created: at(220)}
	v5 := rollout.Record{Rollout: "v5-to-prod-0001", Release: "v5", State: rollout.StatePendingApproval, Actor: "eve", Created: at(230)}
	back := rollout.Record{
		Rollout: "v1-to-prod-0002", Release: "v1", State: rollout.StateSucceeded, Actor: "ada", Created: at(60), Started: at(60), Ended: at(61),
		RollbackOf: "v0-to-prod-0001", StartingPhase: "stable", Reason: "checkout fails",
	}
	v0 := rollout.Record{Rollout: "v0-to-prod-0001", Release: "v0", State: rollout.StateSucceeded, RolledBackBy: "v1-to-prod-0002", Created: at(50), Started: at(50), Ended: at(55)}
	return rollout.LaneStatus{
		Pipeline: "shop", Target: "prod", Queue: []string{"v4-to-prod-0001"}, Succeeded: []rollout.Record{v2, v1}, Last: &v3,
		Records: []rollout.Record{v5, v4, v3, v2, back, v0, v1}, Rejected: []rollout.Record{v0},
		Notes: []string{"2026-03-01T15:40:00Z refused: promote shop/prod: release v0 is abandoned"},
	}
}

// stored is a store with the documents and the stable manifests of v1 and v2.
func stored(t *testing.T) *memory {
	t.Helper()
	m := &memory{has: map[string]string{}}
	for release, color := range map[string]string{"v1": "blue", "v2": "green"} {
		p := plan()
		p.Release = release
		p.Phases[2].Manifest = "sha256:" + release
		m.has["sha256:"+release] = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  color: " + color +
			"\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: key\nstringData:\n  key: of-" + release + "\n"
		content, err := json.Marshal(map[string]any{"stages": []rollout.StagePlan{{Target: "prod", Plan: p}}})
		if err != nil {
			t.Fatal(err)
		}
		m.has["releases/shop/"+release+".json"] = string(content)
	}
	return m
}

func TestRollback(t *testing.T) {
	t.Parallel()
	failed := rollout.Created{
		Rollout: "v2-to-prod-0002", Release: "v2", Document: "releases/shop/v2.json", Target: "prod", State: rollout.StatePending,
		StartingPhase: "stable", From: "v2", RollbackOf: "v3-to-prod-0001", Cancelled: []string{"v4-to-prod-0001"},
	}
	bad := rollout.Created{
		Rollout: "v1-to-prod-0003", Release: "v1", Document: "releases/shop/v1.json", Target: "prod", State: rollout.StatePendingApproval,
		StartingPhase: "stable", From: "v2", RollbackOf: "v2-to-prod-0001", Stopped: "v3-to-prod-0001", Notes: []string{"policy freeze was overridden"},
	}
	meets := func(c rollout.Created) *fake {
		return &fake{made: c, lanes: []rollout.LaneStatus{prod()}, store: stored(t)}
	}
	env := map[string]string{"USER": "ada"}
	const args = "rollout rollback --pipeline shop --target prod "
	check(t, []command{
		{name: "rollback", args: args + "--reason fails --yes", env: env, serin: meets(failed)},
		{name: "rollback-asked", args: args, env: env, serin: meets(failed), asks: true, in: "y\n"},
		{name: "rollback-no", args: args, env: env, serin: meets(failed), asks: true, in: "no\n"},
		{name: "rollback-nobody", args: args, env: env, serin: meets(failed)},
		{name: "rollback-json", args: args + "--yes --output json", env: env, serin: meets(failed)},
		{name: "rollback-stop", args: args + "--stop-running --yes --rollout-to-roll-back v2-to-prod-0001", env: env, serin: meets(bad)},
		{name: "rollback-named", args: args + "--release v1 --starting-phase canary-50 --dry-run", env: env, serin: meets(bad)},
		{name: "rollback-dry-run", args: args + "--dry-run", env: env, serin: meets(bad)},
		{name: "rollback-dry-run-same", args: args + "--dry-run", env: env, serin: meets(failed)},
		{name: "rollback-dry-run-json", args: args + "--dry-run --output json", env: env, serin: meets(bad)},
		{
			name: "rollback-held", args: args + "--yes", env: env,
			serin: &fake{refuse: &rollout.Error{
				Op: "rollback", On: "shop on prod", Kind: rollout.Refused, Err: errors.New("v3-to-prod-0001 has the lane"),
				Fix: "serin rollout cancel --pipeline shop --rollout v3-to-prod-0001, or --stop-running",
			}},
		},
		{name: "redeploy", args: "rollout redeploy --pipeline shop --target prod --yes", env: env, serin: meets(rollout.Created{
			Rollout: "v2-to-prod-0002", Release: "v2", Document: "releases/shop/v2.json", Target: "prod", State: rollout.StatePending, From: "v2",
			Notes: []string{"suspended deploy policy freeze/all would have refused it"},
		})},
	})
}

// A child that the stable release does not have is compared with nothing.
func TestRollbackOfManyTargets(t *testing.T) {
	t.Parallel()
	lane := prod()
	store := stored(t)
	for release, children := range map[string][]string{"v1": {"eu", "us"}, "v2": {"eu"}} {
		p := plan()
		p.Release, p.Parallel = release, &rollout.Parallel{}
		s := rollout.StagePlan{Target: "prod", Plan: p}
		for _, name := range children {
			child := plan()
			child.Release, child.Target.Name = release, name
			child.Phases[2].Manifest = "sha256:" + release
			s.Children = append(s.Children, child)
		}
		content, err := json.Marshal(map[string]any{"stages": []rollout.StagePlan{s}})
		if err != nil {
			t.Fatal(err)
		}
		store.has["releases/shop/"+release+".json"] = string(content)
	}
	check(t, []command{{
		name: "rollback-children", args: "rollout rollback --pipeline shop --target prod --dry-run",
		serin: &fake{lanes: []rollout.LaneStatus{lane}, store: store, made: rollout.Created{
			Release: "v1", Document: "releases/shop/v1.json", Target: "prod", StartingPhase: "stable", From: "v2", RollbackOf: "v2-to-prod-0001",
		}},
	}})
}

func TestPromote(t *testing.T) {
	t.Parallel()
	made := rollout.Created{Rollout: "v2-to-prod-0001", Release: "v2", Target: "prod", State: rollout.StatePending}
	meets := func(p client.Promotion) *fake { return &fake{promotes: p, made: made} }
	next := client.Promotion{Release: "v2", From: "staging", Target: "prod", Current: "v1"}
	again := client.Promotion{Release: "v2", From: "prod", Target: "prod", Current: "v2", Again: true}
	env := map[string]string{"USER": "ada"}
	const args = "release promote --pipeline shop --release v2 "
	check(t, []command{
		{name: "promote-asked", args: args, env: env, serin: meets(next), asks: true, in: "y\n"},
		{name: "promote-again", args: args + "--yes", env: env, serin: meets(again)},
		{name: "promote-to", args: args + "--to-target prod --starting-phase stable --output json", env: env, serin: meets(next)},
		{name: "promote-nobody", args: args, env: env, serin: meets(next)},
		{name: "promote-nowhere", args: args, env: env, serin: &fake{err: &rollout.Error{
			Op: "promote", On: "v2", Kind: rollout.Refused, Err: errors.New("on staging it was superseded by v3"),
			Fix: "name the stage with --to-target: one of staging, prod",
		}}},
		{name: "abandon", args: "release abandon --pipeline shop --release v2 --reason leaks --yes", env: env, serin: &fake{}},
		{name: "abandon-no", args: "release abandon --pipeline shop --release v2", env: env, serin: &fake{}, asks: true},
	})
}

func TestReleaseWithPeople(t *testing.T) {
	t.Parallel()
	serin := func() *fake {
		return &fake{list: []client.Summary{{Pipeline: "shop", Release: "v2"}}, release: rollout.ReleaseStatus{
			Pipeline: "shop", Release: "v2", RenderState: rollout.StateSucceeded, Digest: "sha256:d", Actor: "ada", Created: start(), Abandoned: true,
			Stages: []rollout.StageStatus{
				{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateSucceeded, Superseded: "v3"}, {Target: "prod"},
			},
			Waiting: []rollout.Waiting{{
				For: rollout.WaitTimer, Reason: "promote to prod by shop/auto/rule", Until: start().Add(time.Hour),
				Commands: []string{"serin release promote --pipeline shop --release v2"},
			}},
			Notes: []string{"the first rollout was forbidden by policy freeze"},
		}}
	}
	check(t, []command{
		{name: "release-describe-all", args: "release describe --pipeline shop --release v2", serin: serin()},
		{name: "release-list-stages", args: "release list --pipeline shop --stages", serin: serin()},
	})
}

func TestTargets(t *testing.T) {
	t.Parallel()
	other := rollout.LaneStatus{Pipeline: "blog", Target: "prod", Holder: "a-to-prod-0001", Records: []rollout.Record{
		{Rollout: "a-to-prod-0001", Release: "a", State: rollout.StateInProgress, PromotionBegun: true, Created: start(), Started: start()},
	}}
	lanes := func() *fake { return &fake{lanes: []rollout.LaneStatus{prod(), other}} }
	now := start().Add(5 * time.Hour)
	check(t, []command{
		{name: "target-describe", args: "target describe --pipeline shop --target prod", serin: lanes(), now: now},
		{name: "target-describe-all", args: "target describe --target prod", serin: lanes(), now: now},
		{name: "target-describe-none", args: "target describe --pipeline shop --target stage", serin: lanes(), now: now},
		{name: "target-describe-json", args: "target describe --pipeline blog --target prod --output json", serin: lanes(), now: now},
		{name: "target-list", args: "target list", serin: lanes(), now: now},
	})
}

func TestSuspend(t *testing.T) {
	t.Parallel()
	changed := func() *fake {
		return &fake{applied: rollout.ApplyResult{Updated: []rollout.Entry{{Kind: "DeliveryPipeline", Name: "shop"}}}}
	}
	env := map[string]string{"USER": "ada"}
	check(t, []command{
		{name: "pipeline-suspend", args: "pipeline suspend --pipeline shop --reason incident", env: env, serin: changed()},
		{name: "pipeline-resume", args: "pipeline resume --pipeline shop", env: env, serin: &fake{}},
		{name: "automation-suspend", args: "automation suspend --automation shop/auto --output json", env: env, serin: changed()},
		{name: "policy-resume", args: "policy resume --policy freeze", env: env, serin: changed()},
		{name: "policy-suspend-unnamed", args: "policy suspend", env: env},
	})
}

func TestPolicyCheck(t *testing.T) {
	t.Parallel()
	const args = "policy check --pipeline shop --target prod --action "
	const files = " --file testdata/shop --file testdata/freeze.yaml"
	down := errors.New("an offline command must not dial")
	content := "apiVersion: deploy.cloud.google.com/v1\nkind: DeliveryPipeline\nmetadata:\n  name: shop\nsuspended: true\n" +
		"serialPipeline:\n  stages:\n  - targetId: prod\n"
	configured := func() *fake {
		return &fake{
			index: rollout.Index{Entries: []rollout.Entry{{Kind: pipeline.KindDeliveryPipeline, Name: "shop", Digest: "sha256:shop"}}},
			store: &memory{has: map[string]string{"sha256:shop": content}},
		}
	}
	check(t, []command{
		{name: "policy-forbidden", args: args + "ADVANCE --at 2026-12-24T17:00:00Z" + files, down: down},
		{name: "policy-allowed", args: args + "ADVANCE --at 2026-12-23T17:00:00Z" + files, down: down},
		{name: "policy-cancel", args: args + "CANCEL --at 2026-12-24T17:00:00Z --output json" + files, down: down},
		{name: "policy-json", args: args + "CREATE --invoker DEPLOY_AUTOMATION --at 2026-12-24T17:00:00Z --output json" + files, down: down},
		{name: "policy-overridden", args: args + "ADVANCE --at 2026-12-24T17:00:00Z --override-deploy-policy freeze" + files, down: down},
		{name: "policy-no-target", args: "policy check --pipeline shop --target pord --action ADVANCE" + files, down: down},
		{name: "policy-no-pipeline", args: "policy check --pipeline stop --target prod --action ADVANCE" + files, down: down},
		{name: "policy-at", args: args + "ADVANCE --at tomorrow" + files, down: down},
		{name: "policy-action", args: args + "advance" + files, down: down},
		{name: "policy-configured", args: args + "ADVANCE", serin: configured()},
	})
}

func TestInstant(t *testing.T) {
	t.Parallel()
	a := at(t, &fake{}, start())
	for s, want := range map[string]string{
		"":                               "2026-03-01T12:00:00Z",
		"2026-12-24T18:00:00+01:00":      "2026-12-24T17:00:00Z",
		"2026-12-24 18:00 Europe/Berlin": "2026-12-24T17:00:00Z",
		"2026-07-24 18:00 Europe/Berlin": "2026-07-24T16:00:00Z",
		"2026-12-24 18:00 UTC":           "2026-12-24T18:00:00Z",
		"2026-12-24 18:00":               "",
		"2026-12-24 Europe/Berlin":       "",
		"2026-12-24 18:00 Local":         "",
		"now":                            "",
	} {
		got, err := a.instant(s)
		if (err != nil) != (want == "") || (err == nil && got.Format(time.RFC3339) != want) {
			t.Errorf("%q: got %s, %v, want %q", s, got, err, want)
		}
	}
}
