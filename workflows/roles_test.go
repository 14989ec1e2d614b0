package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/fake"
	"github.com/serin-dev/serin/rollout"
)

// TestWhoTakesWhichCommand: a controller the rollout as a whole, its children their jobs.
func TestWhoTakesWhichCommand(t *testing.T) {
	t.Parallel()
	f := newFleet(t, three()...)
	job := rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "ann"}
	f.platform.Fault("Deploy", denied(), 1) // of whoever comes first
	failed := ""
	f.at(time.Minute, func() {
		for _, c := range f.state(t).Children {
			if c.State == rollout.StateFailed {
				failed = c.Rollout
			}
		}
	})
	f.command(1*time.Hour, rollout.CommandRetryJob, job)
	f.command(2*time.Hour, rollout.CommandIgnoreJob, job)
	f.command(3*time.Hour, rollout.CommandTerminate, job)
	for i, name := range []string{
		rollout.CommandApprove, rollout.CommandReject, rollout.CommandAdvance, rollout.CommandCancel, rollout.CommandPause, rollout.CommandResume,
	} {
		f.child(time.Duration(4+i)*time.Hour, "eu", name, rollout.Command{Phase: "canary-50", Actor: "ann"})
	}
	f.command(12*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	f.runFleet(t)
	own := " v2-to-all-0001: it is a controller, and its jobs are its children's: "
	line := func(verb string) string {
		return "serin rollout " + verb + " --pipeline shop --rollout " + failed + " --phase canary-25 --job deploy"
	}
	equal(t, "refused", f.refused, []string{
		"retryJob" + own + line("retry-job"), "ignoreJob" + own + line("ignore-job"),
		"terminateJobRun" + own + "v2-to-asia-0001 or v2-to-eu-0001 or v2-to-us-0001",
		"eu: approve v2-to-eu-0001: it is a child: approve its controller v2-to-all-0001",
		"eu: reject v2-to-eu-0001: it is a child: reject its controller v2-to-all-0001",
		"eu: advance v2-to-eu-0001: it is a child: advance its controller v2-to-all-0001",
		"eu: cancel v2-to-eu-0001: it is a child: cancel its controller v2-to-all-0001",
		"eu: pause v2-to-eu-0001: it is a child: pause its controller v2-to-all-0001",
		"eu: resume v2-to-eu-0001: it is a child: resume its controller v2-to-all-0001",
	})
}

// TestAPauseBetweenTwoWaves: what runs ends first, and the next wave begins with the resume.
func TestAPauseBetweenTwoWaves(t *testing.T) {
	t.Parallel()
	f := newFleet(t, rollout.Child{Target: "eu"}, rollout.Child{Target: "us", Wave: 1})
	f.OnActivity("Deploy", mock.Anything, mock.Anything).After(5 * time.Minute).Return(
		func(ctx context.Context, r activities.StepRequest) (activities.StepResult, error) {
			return activities.NewSteps(map[rollout.Runtime]activities.Platform{
				rollout.RuntimeCloudRun: f.platform,
			}, new(fake.Artifacts)).Deploy(ctx, r)
		})
	f.command(1*time.Minute, rollout.CommandPause, rollout.Command{Actor: "ann"})
	f.at(1*time.Hour, func() {
		if s := f.state(t); s.Children[0].PhaseState != rollout.PhaseSucceeded || s.Children[1].Rollout != "" {
			t.Errorf("in the pause: %+v", s.Children)
		}
	})
	f.command(2*time.Hour, rollout.CommandResume, rollout.Command{Actor: "ann"})
	f.at(3*time.Hour, func() {
		if s := f.state(t); s.Phases[0].State != rollout.PhaseSucceeded {
			t.Errorf("after it: %+v", s.Phases[0])
		}
	})
	f.command(4*time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	f.runFleet(t)
}
