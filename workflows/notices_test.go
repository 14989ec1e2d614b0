package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// crier is a stage whose rollout has somebody to tell.
type crier struct {
	*stage
	notices  []rollout.Notice
	messages int // that were taken
	asked    int // and those that were not
	lost     int
	deaf     func(asked int) bool // whether the notifier does not answer
}

func newCrier(t *testing.T) *crier {
	t.Helper()
	c := &crier{stage: &stage{t: t, platform: fake.New(), plan: plan("v2"), start: rollout.Start{Behavior: rollout.BehaviorNow}}}
	c.plan.Notify = true
	c.env = newEnv(t, rollout.RolloutID("shop", "v2-to-prod-0001"), func(e *env) {
		workflows.Register(e)
		e.RegisterActivity(activities.NewSteps(map[rollout.Runtime]activities.Platform{rollout.RuntimeCloudRun: c.platform}, new(fake.Artifacts)))
		e.RegisterActivityWithOptions(func(_ context.Context, m rollout.Notices) error {
			if c.asked++; c.deaf != nil && c.deaf(c.asked) {
				return temporal.NewApplicationError("the shard is away", string(rollout.Transient))
			}
			c.messages++
			c.notices, c.lost = append(c.notices, m.Notices...), c.lost+m.Lost
			return nil
		}, activity.RegisterOptions{Name: activities.TellNotifier})
	})
	c.onSignal = func(_, signal string, _ any) error {
		if signal == rollout.SignalAcquire {
			c.at(time.Second, c.give)
		}
		return nil
	}
	return c
}

// told is a line for each notice, and checks that they are numbered without gaps.
func (c *crier) told(t *testing.T) []string {
	t.Helper()
	var out []string
	for i, n := range c.notices {
		if n.ID != fmt.Sprintf("rollout/shop/v2-to-prod-0001/%d", i+1) || n.Seq != i+1 || n.Time.IsZero() {
			t.Errorf("notice %d has the id %q, number %d and time %s", i+1, n.ID, n.Seq, n.Time)
		}
		out = append(out, fmt.Sprintf("%s %s %s: %s", n.Topic, n.Action, n.State, n.Text))
	}
	return out
}

func TestNoticesOfARolloutThatPeopleLead(t *testing.T) {
	t.Parallel()
	c := newCrier(t)
	c.after()
	c.plan.Approval = &rollout.Approval{MinApprovals: 1}
	c.command(time.Minute, rollout.CommandApprove, rollout.Command{Actor: "ann", Digest: c.plan.Digest})
	c.advance(time.Hour, "canary-50")
	c.advance(2*time.Hour, "stable")
	c.run(t)
	equal(t, "notices", c.told(t), []string{
		"resources Create PENDING_APPROVAL: created: prod requires approval",
		"approvals Required PENDING_APPROVAL: created: prod requires approval",
		"approvals Approved PENDING: approved: 1 of 1 by ann",
		"operations Start IN_PROGRESS: granted",
		"operations Start IN_PROGRESS: canary-25 started",
		"resources Update IN_PROGRESS: canary-25 shifted 25% (shop-v1 75%, shop-v2 25%)",
		"operations Succeed IN_PROGRESS: canary-25 succeeded",
		"advances Required IN_PROGRESS: waits for advance: canary-25 is done; canary-50 gives the release 50%",
		"advances Advanced IN_PROGRESS: canary-50 advanced by ann",
		"operations Start IN_PROGRESS: canary-50 started",
		"resources Update IN_PROGRESS: canary-50 shifted 50% (shop-v1 50%, shop-v2 50%)",
		"operations Succeed IN_PROGRESS: canary-50 succeeded",
		"advances Required IN_PROGRESS: waits for advance: canary-50 is done; stable gives the release 100%",
		"advances Advanced IN_PROGRESS: stable advanced by ann",
		"operations Start IN_PROGRESS: stable started",
		"resources Update IN_PROGRESS: stable shifted 100% (shop-v2 100%)",
		"operations Succeed IN_PROGRESS: stable succeeded",
		"operations Succeed SUCCEEDED: ended SUCCEEDED",
	})
	// Each message is one event of the history. A phase has twelve for everything else.
	if limit := 3 + 3*len(c.plan.Phases); c.messages > limit || c.asked != c.messages {
		t.Errorf("%d events in the history, want at most %d", c.messages, limit)
	}
	waits := c.notices[7]
	if waits.Phase != "canary-50" || waits.For != rollout.WaitAdvance || !strings.Contains(waits.Command, "serin rollout advance") || *waits.Weight != 25 {
		t.Errorf("what waits: %+v", waits)
	}
	if run := c.notices[4]; run.Resource != rollout.ResourceJobRun || run.JobRun() != "canary-25-deploy-1" || run.Service != "shop" {
		t.Errorf("a job run: %+v", run)
	}
}

func TestNoticesOfARolloutThatFails(t *testing.T) {
	t.Parallel()
	c := newCrier(t)
	c.after()
	c.platform.Fail("v2", "container exited with 1")
	c.at(time.Hour, func() { c.SignalWorkflow(rollout.SignalClose, rollout.Close{Seq: 9, By: "v3-to-prod-0001"}) })
	c.run(t)
	all := c.told(t)
	i := slices.IndexFunc(all, func(line string) bool { return strings.HasPrefix(line, "operations Failure") })
	equal(t, "the end", all[max(0, i):], []string{
		"operations Failure IN_PROGRESS: canary-25 failed: deploy shop-v2 to prod: container exited with 1 (mend what it names and retry the job, or make a new release)",
		"operations Restored IN_PROGRESS: restored (shop-v1 100%)",
		"operations Failure FAILED: failed: deploy shop-v2 to prod: container exited with 1 (mend what it names and retry the job, or make a new release)",
	})
}

// TestNoticesHoldNoRollout: with a notifier that never answers the rollout does what it does without
// one, and ends within a minute.
func TestNoticesHoldNoRollout(t *testing.T) {
	t.Parallel()
	c := newCrier(t)
	c.after()
	c.deaf = func(int) bool { return true }
	for _, ph := range []string{"canary-50", "stable"} {
		c.advance(time.Hour, ph)
	}
	c.plan.Phases = c.plan.Phases[1:]
	begun := c.Now()
	status := c.run(t)
	if status.State != rollout.StateSucceeded || len(c.notices) > 0 {
		t.Errorf("%s with %d notices", status.State, len(c.notices))
	}
	if late := c.Now().Sub(status.Ended); late > time.Minute {
		t.Errorf("it was held for %s after its end", late)
	}
	if took := status.Ended.Sub(begun); took > time.Hour+time.Minute {
		t.Errorf("it took %s", took)
	}
}

// TestNoticesThatNobodyTookAreSentWithTheNext, in order and each once.
func TestNoticesThatNobodyTookAreSentWithTheNext(t *testing.T) {
	t.Parallel()
	c := newCrier(t)
	c.after()
	c.deaf = func(asked int) bool { return asked < 12 }
	c.advance(time.Hour, "canary-50")
	c.advance(2*time.Hour, "stable")
	c.run(t)
	if all := c.told(t); len(all) != 16 || c.lost != 0 {
		t.Errorf("%d notices, %d lost: %q", len(all), c.lost, all)
	}
}

func TestNoticesAreNotMadeWhereNobodyIsTold(t *testing.T) {
	t.Parallel()
	c := newCrier(t)
	c.after()
	c.plan.Notify = false
	c.plan.Phases = c.plan.Phases[2:]
	if c.run(t); c.asked > 0 {
		t.Errorf("%d messages", c.asked)
	}
}
