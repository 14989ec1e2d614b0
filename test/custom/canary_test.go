package custom_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
)

// TestACanary: two releases, phase by phase. Each is rendered when it is made, and what was rendered is deployed.
func TestACanary(t *testing.T) {
	t.Parallel()
	s := open(t, "canary", options{strategy: "{canary: {canaryDeployment: {percentages: [50]}}}"})
	stable := ""
	for _, release := range []string{"v1", "v2"} {
		asset := "hello from " + release + "\n"
		name := s.Release(release, page("hello from "+release))
		s.Until(name, drive.AsksFor(rollout.StablePhase))
		s.ran("RENDER canary-50 of "+release, "RENDER stable of "+release, "DEPLOY canary-50 of "+release)
		s.serves("50%\ncanary-50 of "+release+", CANARY\n"+asset, asset)
		s.serves("50%\n"+s.manifest(name, "canary-50"), asset)

		s.Advance(name, rollout.StablePhase)
		got := s.Until(name, drive.In(rollout.StateSucceeded))
		s.Went(got, "created by ann", "granted",
			"canary-50 started", "canary-50 shifted 50%: configured, not observed", "canary-50 succeeded",
			"waits for advance: canary-50 is done; stable gives the release 100%", "stable advanced by ann",
			"stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED")
		s.ran("DEPLOY stable of " + release)
		stable = "100%\nstable of " + release + ", CANARY\n" + asset
		s.serves(stable, asset)
		s.serves("100%\n"+s.manifest(name, rollout.StablePhase), asset)
	}
	s.serves("100%\nstable of v2, CANARY\nhello from v2\n", "hello from v2\n")
}

// deployed is the path of a rollout that goes by itself to the end of canary-50, and on.
func deployed(on ...string) []string {
	return append([]string{
		"created by ann", "granted", "canary-50 started", "canary-50 shifted 50%: configured, not observed", "canary-50 succeeded",
	}, on...)
}

// promoted is how such a rollout goes on to its end.
func promoted(before ...string) []string {
	return append(before, "stable advanced by automation",
		"stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED")
}

const (
	stableV1 = "100%\nstable of v1, CANARY\nhello from v1\n"
	stableV2 = "100%\nstable of v2, CANARY\nhello from v2\n"
)

// TestADeployThatFails: nothing is put back. To go back deploys what was rendered for v2, as it was configured then.
func TestADeployThatFails(t *testing.T) {
	t.Parallel()
	s := open(t, "fails", options{})
	s.succeed("v1", "v2")
	s.must(os.Remove(filepath.Join(s.site, "ran")))
	v3 := s.Release("v3", page("v3 does not deploy"))
	got := s.Until(v3, drive.In(rollout.StateFailed))
	s.Went(got, "created by ann", "granted", "canary-50 started", "canary-50 failed: task deploy exited with 3", "failed")
	if got.Restored || !got.Open {
		t.Errorf("restored %t, open %t, want it held", got.Restored, got.Open)
	}
	s.ran("RENDER canary-50 of v3", "RENDER stable of v3", "DEPLOY canary-50 of v3")
	s.serves(stableV2, "hello from v2\n")
	logs, err := shared.Store.Get(s.Ctx, got.Job("canary-50", rollout.JobDeploy).Run.Outcome.Logs)
	s.must(err)
	if !strings.Contains(string(logs), "the destination says no\n") {
		t.Errorf("its logs are %q", logs)
	}

	s.must(os.WriteFile(filepath.Join(s.site, "serves"), []byte("half of v3"), 0o600))
	s.configure(options{kind: "tasks: {deploy: " + task("exit 9") + "}"})
	back := s.rollback()
	s.Went(back, "created: rolls back "+v3+" by ann", "granted", "canary-50 skipped: starts at stable",
		"stable started", "stable shifted 100%: configured, not observed", "stable succeeded", "ended SUCCEEDED")
	s.ran("DEPLOY stable of v2")
	s.serves(stableV2, "hello from v2\n")
	s.serves("100%\n"+s.manifest(s.Names[1], rollout.StablePhase), "hello from v2\n")
	if got = s.closed(v3); got.State != rollout.StateFailed || !slices.Equal(got.RolledBackBy, []string{back.Rollout}) {
		t.Errorf("%s is %s, rolled back by %v", v3, got.State, got.RolledBackBy)
	}
}

// TestARepair goes back by itself.
func TestARepair(t *testing.T) {
	t.Parallel()
	s := open(t, "repaired", options{})
	s.succeed("v1")
	s.Apply(fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: Automation
metadata: {name: %s/auto}
serviceAccount: automation@serin
selector: {targets: [{id: "*"}]}
rules: [{repairRolloutRule: {id: back, jobs: [deploy, verify], repairPhases: [{rollback: {}}]}}]
`, s.name))
	v2 := s.Release("v2", page("v2 does not deploy"))
	bad := s.closed(v2)
	if len(bad.RolledBackBy) != 1 {
		t.Fatalf("it is %s, rolled back by %v", bad.State, bad.RolledBackBy)
	}
	back, rule := bad.RolledBackBy[0], s.name+"/auto/back"
	s.Went(bad, "created by ann", "granted", "canary-50 started", "canary-50 failed: task deploy exited with 3",
		"canary-50 repair "+rule+" is IN_PROGRESS: canary-50 deploy", "failed",
		"canary-50 repair "+rule+" is IN_PROGRESS: canary-50 deploy, rollback asked for",
		"rolled back by "+back,
		"canary-50 repair "+rule+" is SUCCEEDED: canary-50 deploy, rollback asked for",
		"ended FAILED: "+back+" has started")
	s.Until(back, drive.In(rollout.StateSucceeded))
	s.ran("RENDER canary-50 of v1", "RENDER stable of v1", "DEPLOY canary-50 of v1", "DEPLOY stable of v1",
		"RENDER canary-50 of v2", "RENDER stable of v2", "DEPLOY canary-50 of v2", "DEPLOY stable of v1")
	s.serves(stableV1, "hello from v1\n")
}

// TestARetry deploys again, with the same rendering.
func TestARetry(t *testing.T) {
	t.Parallel()
	s := open(t, "retried", options{})
	s.close()
	v1 := s.Release("v1", page("hello from v1"))
	s.Until(v1, drive.In(rollout.StateFailed))
	s.serves("", "")
	s.opens()
	s.Must(shared.Client.RetryJob(s.Ctx, s.name, v1, rollout.Command{Phase: "canary-50", Job: rollout.JobDeploy, Actor: "ann"}))
	s.Went(s.Until(v1, drive.In(rollout.StateSucceeded)), append([]string{
		"created by ann", "granted", "canary-50 started", "canary-50 failed: task deploy exited with 3", "failed",
		"canary-50 retried by ann", "waits for lane: asks for its lane again", "granted",
		"canary-50 started (attempt 2)", "canary-50 shifted 50%: configured, not observed",
	}, promoted("canary-50 succeeded")...)...)
	s.ran("RENDER canary-50 of v1", "RENDER stable of v1", "DEPLOY canary-50 of v1", "DEPLOY canary-50 of v1", "DEPLOY stable of v1")
	s.serves(stableV1, "hello from v1\n")
}

// TestVerify has containers that look at the destination once a phase is deployed.
func TestVerify(t *testing.T) {
	t.Parallel()
	const stays = "50%\ncanary-50 of v2, CANARY\nhello from v2\n"
	for _, row := range []struct {
		name, bad string // what v2 must not serve
		state     rollout.State
		path      []string
		serves    string
	}{
		{
			name: "passes", bad: "nothing", state: rollout.StateSucceeded, serves: stableV2,
			path: deployed("canary-50 verify started", "canary-50 verify succeeded", "stable advanced by automation",
				"stable started", "stable shifted 100%: configured, not observed", "stable succeeded",
				"stable verify started", "stable verify succeeded", "ended SUCCEEDED"),
		},
		{
			name: "fails", bad: "from v2", state: rollout.StateFailed, serves: stays,
			path: deployed("canary-50 verify started", "canary-50 verify failed: task task-1 exited with 1", "failed"),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, "verify-"+row.name, options{})
			s.succeed("v1")
			look := fmt.Sprintf("/bin/cat %[1]s/serves && /bin/grep -q $CLOUD_DEPLOY_RELEASE %[1]s/serves && ! /bin/grep -q %[2]q %[1]s/serves", s.site, row.bad)
			s.configure(options{strategy: strings.Replace(canary, "}}}}", "}, verifyConfig: {tasks: ["+task(look)+"]}}}}", 1)})
			got := s.Until(s.Release("v2", page("hello from v2")), drive.In(row.state))
			s.Went(got, row.path...)
			s.serves(row.serves, "hello from v2\n")
			logs, err := shared.Store.Get(s.Ctx, got.Job("canary-50", rollout.JobVerify).Run.Outcome.Logs)
			s.must(err)
			if !strings.Contains(string(logs), stays) {
				t.Errorf("its logs are %q, want %q in them", logs, stays)
			}
		})
	}
}
