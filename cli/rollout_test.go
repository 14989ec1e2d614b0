package cli

import (
	"errors"
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

const one = "--pipeline shop --rollout v2-to-prod-0001"

func TestRelease(t *testing.T) {
	t.Parallel()
	const create = "release create --pipeline shop --source testdata/shop/source "
	made := rollout.ReleaseStatus{
		Pipeline: "shop", Release: "v2", RenderState: rollout.StateSucceeded, Digest: "sha256:digest", Actor: "ada", Created: start(),
		Stages: []rollout.StageStatus{{Target: "staging"}, {Target: "prod"}},
	}
	numbered := made
	numbered.Stages = []rollout.StageStatus{{Target: "staging", Rollout: "v2-to-staging-0001", State: rollout.StateInProgress}, {Target: "prod"}}
	refused := made
	refused.Stages = []rollout.StageStatus{{Target: "staging", Refused: "policy freeze forbids CREATE until Monday"}, {Target: "prod"}}
	refused.Notes = []string{"no rollout to staging: policy freeze forbids CREATE until Monday; promote it later"}
	forbidden := &rollout.Error{
		Op: "find rollout of", On: "v2 to staging", Kind: rollout.Refused, Err: errors.New("policy freeze forbids CREATE until Monday"),
	}
	broken := rollout.ReleaseStatus{Pipeline: "shop", Release: "v2", RenderState: rollout.StateFailed, Failure: "render: k8s/app.yaml:3: is not an object"}
	rows := []client.Summary{
		{Pipeline: "shop", Release: "v2", State: rollout.StateInProgress, Started: start()},
		{Pipeline: "shop", Release: "v1", State: rollout.StateSucceeded, Started: start().Add(-48 * time.Hour), Ended: start()},
	}
	check(t, []command{
		{
			name: "create", args: create + `--release v2 --images app=reg.example/app:v2,web=reg.example/web --parameters greeting=a\,b --description hello`,
			serin: &fake{release: made, first: "v2-to-staging-0001"}, env: map[string]string{"USER": "ada"},
		},
		{name: "create-named", args: create + "--release shop-$DATE-$TIME", serin: &fake{release: made}},
		{name: "create-json", args: create + "--release v2 --output json", serin: &fake{release: numbered}},
		{name: "create-refused", args: create + "--release v2", serin: &fake{release: refused, forbidden: forbidden}},
		{name: "create-refused-wait", args: create + "--release v2 --wait", serin: &fake{release: refused, forbidden: forbidden}},
		{name: "create-broken", args: create + "--release v2", serin: &fake{release: broken}},
		{name: "create-wait", args: create + "--release v2 --wait", serin: &fake{release: numbered, states: scenes(sceneCanary, sceneSucceeded)}},
		{name: "create-wait-failed", args: create + "--release v2 --wait", serin: &fake{release: numbered, states: scenes(sceneCanary, sceneRestored)}},
		{name: "create-taken", args: create + "--release v2", serin: &fake{err: &rollout.Error{
			Op: "create release", On: "v2", Kind: rollout.Conflict, Err: errors.New("release v2 exists with other content"), Fix: "choose another name",
		}}},
		{name: "release-list", args: "release list --pipeline shop", serin: &fake{list: rows}},
		{name: "release-list-none", args: "release list --output json", serin: &fake{}},
		{name: "release-describe", args: "release describe --release v2", env: map[string]string{"SERIN_PIPELINE": "shop"}, serin: &fake{release: numbered}},
	})
}

func TestRolloutReads(t *testing.T) {
	t.Parallel()
	lane := rollout.LaneStatus{Pipeline: "shop", Target: "prod", Records: []rollout.Record{
		{Rollout: "v3-to-prod-0001", Release: "v3"}, {Rollout: "v2-to-prod-0002", Release: "v2"}, {Rollout: "v2-to-prod-0001", Release: "v2"},
	}}
	rows := []client.Summary{{
		Pipeline: "shop", Release: "v2", Target: "prod", Rollout: "v2-to-prod-0001", State: rollout.StateInProgress, Phase: "canary-25",
		Started: start().Add(-90 * time.Minute),
	}}
	read := func(s scene) *fake { return &fake{states: scenes(s), lane: lane} }
	check(t, []command{
		{name: "rollout-list", args: "rollout list --pipeline shop --state IN_PROGRESS", serin: &fake{list: rows}},
		{name: "describe-canary", args: "rollout describe " + one, serin: read(sceneCanary), now: sceneCanary.now().Add(90 * time.Second)},
		{name: "describe-advance", args: "rollout describe " + one, serin: read(sceneAdvance), now: start().Add(time.Hour)},
		{name: "describe-restored", args: "rollout describe --events 3 " + one, serin: read(sceneRestored), now: start().Add(time.Hour)},
		{name: "describe-json", args: "rollout describe --output json " + one, serin: read(sceneCanary)},
		{name: "describe-newest", args: "rollout describe --events 0 --pipeline shop --release v2 --target prod", serin: read(sceneTimer)},
		{name: "describe-no-rollout", args: "rollout describe --pipeline shop --release v9 --target prod", serin: read(sceneTimer)},
		{name: "watch-lines", args: "rollout watch " + one, serin: &fake{states: scenes(sceneCanary, sceneAdvance, sceneSucceeded)}},
		{name: "watch-json", args: "rollout watch --output json " + one, serin: &fake{states: scenes(sceneCanary, sceneAdvance)}},
		{name: "watch-until-restored", args: "rollout watch " + one, serin: &fake{states: scenes(sceneFailed, sceneRestored)}},
		{name: "wait-done", args: "rollout wait " + one, serin: &fake{states: scenes(sceneCanary, sceneTimer, sceneSucceeded)}},
		{name: "wait-failed", args: "rollout wait " + one, serin: &fake{states: scenes(sceneFailed, sceneRestored)}},
		{name: "wait-advance", args: "rollout wait " + one, serin: &fake{states: scenes(sceneCanary, sceneAdvance, sceneSucceeded)}},
		{name: "wait-person", args: "rollout wait --output json " + one, serin: &fake{states: scenes(sceneDrift)}},
		{name: "wait-timeout", args: "rollout wait --timeout 1ms " + one, serin: &fake{states: scenes(sceneTimer), silent: true}},
		{name: "wait-unreachable", args: "rollout wait " + one, serin: &fake{err: &rollout.Error{
			Op: "watch rollout", On: "v2-to-prod-0001", Kind: rollout.Unreachable, Err: errors.New("connection refused"),
		}}},
	})
}

func TestRolloutCommands(t *testing.T) {
	t.Parallel()
	meets := func(s scene) *fake { return &fake{states: scenes(s)} }
	refuses := func(s scene, text string) *fake {
		return &fake{states: scenes(s), refuse: &rollout.Error{
			Op: "advance", On: "v2-to-prod-0001", Kind: rollout.Refused, Err: errors.New(text),
		}}
	}
	env := map[string]string{"USER": "ada"}
	check(t, []command{
		{name: "advance", args: "rollout advance --phase canary-50 --reason flat " + one, env: env, serin: meets(sceneAdvance)},
		{name: "advance-next", args: "rollout advance " + one, env: env, serin: meets(sceneAdvance)},
		{name: "advance-none", args: "rollout advance " + one, env: env, serin: meets(sceneSucceeded)},
		{name: "advance-not-in-progress", args: "rollout advance " + one, env: env, serin: refuses(sceneAdvance, "the rollout is CANCELLED, not IN_PROGRESS")},
		{name: "advance-first", args: "rollout advance --phase canary-25 " + one, env: env, serin: refuses(sceneAdvance, "canary-25 is the first phase, it begins by itself")},
		{name: "advance-twice", args: "rollout advance --phase canary-50 --output json " + one, env: env, serin: refuses(sceneAdvance, "phase canary-50 is IN_PROGRESS, not PENDING")},
		{name: "cancel", args: "rollout cancel --by eve " + one, env: env, serin: meets(sceneCanary)},
		{name: "cancel-restore", args: "rollout cancel --restore --output json " + one, env: env, serin: meets(sceneCanary)},
		{name: "resume-accept", args: "rollout resume --accept " + one, env: env, serin: meets(sceneDrift)},
		{name: "resume-accept-job", args: "rollout resume --accept --phase canary-25 --job verify " + one, env: env, serin: meets(sceneDrift)},
		{name: "resume-accept-half", args: "rollout resume --accept --phase canary-25 " + one, env: env, serin: meets(sceneDrift)},
		{name: "retry-job", args: "rollout retry-job " + one, env: env, serin: meets(sceneRestored)},
		{name: "retry-job-named", args: "rollout retry-job --phase canary-50 --job deploy " + one, env: env, serin: meets(sceneRestored)},
		{name: "retry-job-none", args: "rollout retry-job " + one, env: env, serin: meets(sceneCanary)},
		{name: "ignore-job", args: "rollout ignore-job " + one, env: env, serin: meets(sceneRestored)},
		{name: "terminate-job-run", args: "rollout terminate-job-run " + one, env: env, serin: meets(sceneCanary)},
	})
}
