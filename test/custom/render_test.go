package custom_test

import (
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestARenderThatFails fails the release with what its container says. The name stays free.
func TestARenderThatFails(t *testing.T) {
	t.Parallel()
	s := open(t, "unrendered", options{})
	s.succeed("v1")
	_, err := s.Create("v2", page("v2 does not render"))
	s.must(err) // it does not wait for containers
	_, err = shared.Client.WaitRollout(s.Ctx, s.name, "v2", s.Target)
	if rollout.KindOf(err) != rollout.Failed || !strings.Contains(err.Error(), "FAILED: page.txt, line 1") {
		t.Errorf("it is refused with %v", err)
	}
	got, err := shared.Client.Release(s.Ctx, s.name, "v2")
	s.must(err)
	if got.RenderState != rollout.StateFailed || !strings.Contains(got.Failure, "FAILED: page.txt, line 1") || len(got.Stages) != 0 {
		t.Errorf("the release is %+v", got)
	}
	logs, err := shared.Store.Get(s.Ctx, got.FailureLogs)
	s.must(err)
	if !strings.Contains(string(logs), "page.txt has a typo\n") {
		t.Errorf("its logs are %q", logs)
	}
	s.serves(stableV1, "hello from v1\n")
	s.succeed("v2")
	s.serves(stableV2, "hello from v2\n")
}

// byActions is a CustomTargetType of actions in skaffold.yaml.
const byActions = "customActions: {renderAction: make, deployAction: put}"

// withActions are files whose profiles change what renders.
func withActions(text string) map[string]string {
	files := page(text)
	indent := func(script string) string { return strings.ReplaceAll(strings.TrimSpace(script), "\n", "\n      ") }
	files["skaffold.yaml"] = `apiVersion: skaffold/v4beta13
kind: Config
customActions:
- name: make
  containers:
  - name: make
    image: sh
    command: [/bin/sh, -c]
    env: [{name: VARIANT, value: plain}]
    args:
    - |
      ` + indent(rendering) + `
- name: put
  containers:
  - name: put
    image: sh
    command: [/bin/sh, -c]
    args:
    - |
      ` + indent(deploying) + `
profiles:
- name: small
  patches: [{op: replace, path: /customActions/0/containers/0/env/0/value, value: small}]
`
	return files
}

// TestActions: the containers are of the release's own skaffold.yaml, as each phase's profiles make it.
func TestActions(t *testing.T) {
	t.Parallel()
	s := open(t, "actions", options{kind: byActions, strategy: `{canary: {customCanaryDeployment: {phaseConfigs: [
    {phaseId: few, percentage: 5, profiles: [small]}, {phaseId: stable, percentage: 100}]}}}`})
	v1 := s.Release("v1", withActions("hello from v1"))
	s.Until(v1, drive.AsksFor(rollout.StablePhase))
	s.serves("5%\nfew of v1, CANARY, small\nhello from v1\n", "hello from v1\n")
	s.serves("5%\n"+s.manifest(v1, "few"), "hello from v1\n")
	s.Advance(v1, rollout.StablePhase)
	s.Went(s.Until(v1, drive.In(rollout.StateSucceeded)), "created by ann", "granted",
		"few started", "few shifted 5%: configured, not observed", "few succeeded",
		"waits for advance: few is done; stable gives the release 100%", "stable advanced by ann",
		"stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED")
	s.serves("100%\nstable of v1, CANARY, plain\nhello from v1\n", "hello from v1\n")
	s.ran("RENDER few of v1", "RENDER stable of v1", "DEPLOY few of v1", "DEPLOY stable of v1")
}

// TestSerinRenders for a type that has no container for that, and its deploy gets the packed source.
func TestSerinRenders(t *testing.T) {
	t.Parallel()
	s := open(t, "plain", options{kind: "tasks: {deploy: " + task(deploying) + "}", strategy: "{standard: {}}"})
	files := page("hello from v1")
	files["table.yaml"] = "apiVersion: example.com/v1\nkind: Table\nmetadata:\n  name: visitors\n"
	v1 := s.Release("v1", files)
	s.Went(s.Until(v1, drive.In(rollout.StateSucceeded)), "created by ann", "granted",
		"stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED")
	s.ran("DEPLOY stable of v1")
	manifest := s.manifest(v1, rollout.StablePhase)
	s.serves("100%\n"+manifest, "hello from v1\n")
	if !strings.Contains(manifest, "kind: Table") {
		t.Errorf("it has rendered %q", manifest)
	}
}
