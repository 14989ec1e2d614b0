package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/pipeline"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/drive"
	"github.com/serin-dev/serin/test/world"
)

// freeze forbids actions on the scene's pipeline from an hour ago until in an hour, and
// returns the policy's name.
func (s *scene) freeze(more string) string {
	s.t.Helper()
	const layout = "2006-01-02 15:04"
	name, now := s.pipeline()+"-freeze", time.Now().UTC()
	s.drive.Apply(fmt.Appendf(nil, `apiVersion: serin.dev/v1
kind: DeployPolicy
metadata:
  name: %s
selectors:
  - deliveryPipeline: {id: %s}
rules:
  - rolloutRestriction:
      id: now
      %s
      timeWindows:
        timeZone: Etc/UTC
        oneTimeWindows:
          - {start: "%s", end: "%s"}
`, name, s.pipeline(), more, now.Add(-time.Hour).Format(layout), now.Add(time.Hour).Format(layout)))
	return name
}

// TestAFreezeHoldsAtOnce, for commands and for what would go on by itself, and it takes a reason to
// override it.
func TestAFreezeHoldsAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, "frozen", []int{25, 50}, "").live()
	v2 := s.release("v2")
	s.until(v2, drive.AsksFor("canary-50"))
	policy := s.freeze("actions: [ADVANCE]")
	advance := func(phase string, c rollout.Command) error {
		c.Phase, c.Actor = phase, "ann"
		_, err := s.w.Client.Advance(s.ctx, s.pipeline(), v2, c)
		return err
	}
	s.refuses(advance("canary-50", rollout.Command{}), rollout.Refused, "advance "+v2, "policy "+policy, "rule now")
	s.refuses(advance("canary-50", rollout.Command{Override: []string{policy}}), rollout.Invalid, "no reason given")
	s.refuses(advance("canary-50", rollout.Command{Override: []string{"thaw"}, Reason: "x"}), rollout.Refused, "thaw")
	s.serves("v1 100%", "v1 75%, v2 25%")
	if err := advance("canary-50", rollout.Command{Override: []string{policy}, Reason: "outage 17"}); err != nil {
		t.Fatal(err)
	}
	got := s.until(v2, drive.AsksFor(rollout.StablePhase))
	if !drive.Has(got, "overridden: advance against "+policy+"/now by ann (outage 17)") {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}

	s.suspend(pipeline.KindDeployPolicy, policy, true)
	if err := advance(rollout.StablePhase, rollout.Command{}); err != nil {
		t.Fatal(err)
	}
	got = s.until(v2, drive.In(rollout.StateSucceeded))
	if !drive.Has(got, policy+"/now would have refused advance, and is suspended") {
		t.Errorf("it went\n%s", strings.Join(drive.Path(got), "\n"))
	}
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 50%, v2 50%", "v2 100%")
}

// TestAnAutomaticStepWaitsForTheWindow: it says until when, and a person with a reason is faster.
func TestAnAutomaticStepWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	s := newScene(t, "frozen-auto", []int{25}, "advance: {mode: automatic}").live()
	policy := s.freeze("actions: [ADVANCE]")
	v2 := s.release("v2")
	got := s.until(v2, drive.WaitsFor(rollout.WaitWindow))
	if left := time.Until(got.Waiting.Until); left < 55*time.Minute || left > time.Hour {
		t.Errorf("it waits until %s", got.Waiting.Until)
	}
	contains(t, got.Waiting.Reason, "policy "+policy, "rule now")
	contains(t, s.details(v2), "Waits for **window**", got.Waiting.Until.UTC().Format("2006-01-02 15:04:05"))
	s.timerNames(v2, "advance to stable", "window")
	s.must(s.w.Client.Advance(s.ctx, s.pipeline(), v2, rollout.Command{
		Phase: rollout.StablePhase, Actor: "ann", Override: []string{policy}, Reason: "outage 17",
	}))
	s.until(v2, drive.In(rollout.StateSucceeded))
	s.serves("v1 100%", "v1 75%, v2 25%", "v2 100%")
}

// TestAFrozenReleaseHasNoRollout: it is made all the same, and promoted later. To stop is always
// possible where the policy does not name it.
func TestAFrozenReleaseHasNoRollout(t *testing.T) {
	t.Parallel()
	s := newScene(t, "frozen-create", []int{25}, "").live()
	policy := s.freeze("actions: [CREATE]\n      invokers: [USER]")
	got, err := s.create("v2", map[string]string{"service.yaml": world.Manifest(s.pipeline(), "img/v2")})
	if err != nil {
		t.Fatal(err)
	}
	got = s.releaseIs("v2", func(r rollout.ReleaseStatus) bool { return len(r.Notes) > 0 })
	if got.Stages[0].Rollout != "" || got.RenderState != rollout.StateSucceeded {
		t.Errorf("it is %+v", got)
	}
	contains(t, got.Notes[0], "policy "+policy, "serin release promote")
	promote := func(c rollout.Create) (rollout.Created, error) {
		c.Release, c.Actor = "v2", "ann"
		return s.w.Client.Promote(s.ctx, s.pipeline(), s.config.Target(), c)
	}
	_, err = promote(rollout.Create{})
	s.refuses(err, rollout.Refused, "policy "+policy)
	created, err := promote(rollout.Create{Override: []string{policy}, Reason: "outage 17"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(created.Notes, "\n"), "deploy policy "+policy+"/now is overridden") {
		t.Errorf("it notes %q", created.Notes)
	}
	s.until(created.Rollout, drive.AsksFor(rollout.StablePhase))
	s.must(s.w.Client.Cancel(s.ctx, s.pipeline(), created.Rollout, rollout.Command{Actor: "ann", Restore: true}))
	s.until(created.Rollout, drive.In(rollout.StateCancelled))
	s.drive.Names = append(s.drive.Names, created.Rollout)
	s.serves("v1 100%", "v1 75%, v2 25%", "v1 100%")
}
