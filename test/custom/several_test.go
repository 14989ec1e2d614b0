package custom_test

import (
	"fmt"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestSeveral: one release to two custom targets at once, each rendered and deployed by workers of its own. One
// of them does not take it, and is told again.
func TestSeveral(t *testing.T) {
	t.Parallel()
	east := open(t, "east", options{})
	west := open(t, "west", options{queue: true, typed: east.name})
	stop, err := shared.Worker(west.name)
	west.must(err)
	t.Cleanup(stop)
	s := &scene{Driver: east.Driver, name: "both-" + east.name}
	s.Pipeline, s.Target = s.name, s.name
	s.Apply(fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: DeliveryPipeline
metadata: {name: %[1]s}
serialPipeline: {stages: [{targetId: %[1]s, strategy: {canary: {canaryDeployment: {percentages: [50]}}}}]}
---
apiVersion: serin.dev/v1
kind: Target
metadata: {name: %[1]s}
multiTarget: {targetIds: [%[2]s-prod, %[3]s-prod]}
`, s.name, east.name, west.name))
	west.close()
	v1 := s.Release("v1", page("hello from v1"))
	s.Until(v1, drive.In(rollout.StateHalted))
	const canaryV1 = "50%\ncanary-50 of v1, CANARY\nhello from v1\n"
	east.serves(canaryV1, "hello from v1\n")
	west.serves("", "")
	west.opens()
	child := rollout.ChildName(v1, "v1", west.name+"-prod")
	s.Must(shared.Client.RetryJob(s.Ctx, s.name, child, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"}))
	s.Until(v1, drive.AsksFor(rollout.StablePhase))
	west.serves(canaryV1, "hello from v1\n")
	s.Advance(v1, rollout.StablePhase)
	s.Until(v1, drive.In(rollout.StateSucceeded))
	for _, each := range []*scene{east, west} {
		each.serves(stableV1, "hello from v1\n")
	}
	east.ran("RENDER canary-50 of v1", "RENDER stable of v1", "DEPLOY canary-50 of v1", "DEPLOY stable of v1")
	west.ran("RENDER canary-50 of v1", "RENDER stable of v1", "DEPLOY canary-50 of v1", "DEPLOY canary-50 of v1", "DEPLOY stable of v1")
}
