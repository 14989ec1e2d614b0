package cli

import (
	"testing"
	"time"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

// rendering is a release that containers render: how far they are.
func rendering(done int, idle ...rollout.Waiting) rollout.ReleaseStatus {
	return rollout.ReleaseStatus{
		Pipeline: "shop", Release: "v2", RenderState: rollout.StateInProgress, Created: start(),
		Renders: &rollout.RenderCount{Done: done, All: 3}, Waiting: idle,
	}
}

func TestReleasesThatContainersRender(t *testing.T) {
	t.Parallel()
	const create = "release create --pipeline shop --source testdata/shop/source --release v2"
	const describe = "release describe --pipeline shop --release v2"
	idle := rollout.Waiting{
		For: rollout.WaitWorker, Reason: "no worker polls task queue eu", Since: start(),
		Commands: []string{"temporal workflow cancel --workflow-id release/shop/v2"},
	}
	failed := rendering(1)
	failed.RenderState, failed.Failure, failed.FailureLogs = rollout.StateFailed, "render of prod, phase stable: no chart", "sha256:logs"
	done := rendering(3)
	done.RenderState, done.Stages = rollout.StateSucceeded, []rollout.StageStatus{{Target: "prod", Rollout: "v2-to-prod-0001", State: rollout.StatePending}}
	serin := func(all ...rollout.ReleaseStatus) *fake {
		return &fake{
			release: all[0], renders: all[1:],
			store: &memory{has: map[string]string{"sha256:logs": "== render ==\nhelm: \x1b[31mno chart\x1b[0m\n"}},
		}
	}
	check(t, []command{
		{name: "create-rendered", args: create, serin: serin(rendering(0), rendering(0, idle), rendering(0, idle), rendering(2), done, done)},
		{name: "create-not-rendered", args: create, serin: serin(rendering(0), failed)},
		{name: "release-describe-rendering", args: describe, serin: serin(rendering(1, idle))},
		{name: "release-describe-not-rendered", args: describe, serin: serin(failed)},
		{name: "release-describe-logs", args: describe + " --logs", serin: serin(failed)},
		{name: "release-describe-logs-json", args: describe + " --logs --output json", serin: serin(failed)},
		{name: "release-describe-logs-none", args: describe + " --logs", serin: serin(done)},
	})
}

// TestARolloutToACustomTarget shows its weights as configured: nobody has seen them.
func TestARolloutToACustomTarget(t *testing.T) {
	t.Parallel()
	p, weight := plan(), rollout.Weight(25)
	p.CloudRun, p.Custom = nil, &rollout.Custom{Type: "terraform"}
	for i := range p.Phases {
		p.Phases[i].Custom = true
	}
	deploy := func(kind rollout.EventKind) rollout.Event {
		return rollout.Event{Kind: kind, Phase: p.Phases[0].ID, Job: rollout.JobDeploy}
	}
	custom := client.Rollout{Open: true, Status: folded("v2-to-prod-0001", p, []rollout.Event{
		{Kind: rollout.EventCreated, Actor: "ada"},
		{Kind: rollout.EventGranted},
		deploy(rollout.EventJobStarted),
		{Kind: rollout.EventShifted, Phase: p.Phases[0].ID, Weight: &weight, Note: "configured, not observed"},
		deploy(rollout.EventJobSucceeded),
	})}
	check(t, []command{{
		name: "describe-custom", args: "rollout describe --pipeline shop --rollout v2-to-prod-0001", serin: &fake{states: []client.Rollout{custom}},
		now: start().Add(time.Hour),
	}})
}
