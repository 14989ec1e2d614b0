package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// allCommands is each command with everything that it must name.
func allCommands() map[string]rollout.Command {
	job := rollout.Command{Phase: "canary-25", Job: rollout.JobDeploy, Actor: "bob"}
	return map[string]rollout.Command{
		rollout.CommandApprove: {Actor: "bob", Digest: digest}, rollout.CommandReject: {Actor: "bob"},
		rollout.CommandAdvance: {Phase: "canary-50", Actor: "bob"}, rollout.CommandCancel: {Actor: "bob"},
		rollout.CommandPause: {Actor: "bob"}, rollout.CommandResume: {Actor: "bob"},
		rollout.CommandRetryJob: job, rollout.CommandIgnoreJob: job, rollout.CommandTerminate: job,
	}
}

// TestEachStateRefusesWhatItDoesNotTake: with the state in the message, and nothing is changed.
func TestEachStateRefusesWhatItDoesNotTake(t *testing.T) {
	t.Parallel()
	end := rollout.Command{Actor: "ann"}
	for _, row := range []struct {
		state rollout.State
		setup func(s *stage, look func())
	}{
		{rollout.StatePendingApproval, func(s *stage, look func()) {
			s.needs(rollout.Approval{MinApprovals: 1})
			s.at(time.Hour, look)
		}},
		{rollout.StatePending, func(s *stage, look func()) {
			s.needs(rollout.Approval{MinApprovals: 1})
			s.approve(time.Hour, "ann")
			s.at(time.Hour+time.Minute, look)
		}},
		{rollout.StateFailed, func(s *stage, look func()) {
			s.after()
			s.platform.Fail("v2", "boom")
			s.at(time.Hour, look)
		}},
		{rollout.StateSucceeded, func(s *stage, look func()) {
			s.after()
			s.start.StartingPhase = "stable"
			s.atReport(rollout.StateSucceeded, look)
		}},
		{rollout.StateCancelled, func(s *stage, look func()) {
			s.after()
			s.command(time.Hour, rollout.CommandCancel, end)
			s.atReport(rollout.StateCancelled, look)
		}},
		{rollout.StateApprovalRejected, func(s *stage, look func()) {
			s.needs(rollout.Approval{MinApprovals: 1})
			s.command(time.Hour, rollout.CommandReject, end)
			s.atReport(rollout.StateApprovalRejected, look)
		}},
		{rollout.StateCancelling, func(s *stage, look func()) {
			s.after()
			s.OnActivity("Deploy", mock.Anything, mock.Anything).After(2*time.Hour).Return(activities.StepResult{}, nil)
			s.OnActivity(activities.Permit, mock.Anything, mock.Anything).Return(activities.PermitResult{}, nil)
			s.command(time.Hour, rollout.CommandCancel, end)
			s.at(time.Hour+time.Minute, look)
		}},
	} {
		t.Run(string(row.state), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			looked := false
			row.setup(s, func() {
				looked = true
				if got := s.state(t).State; got != row.state {
					t.Errorf("state %s", got)
				}
				s.refusesAll(t, row.state)
			})
			s.command(10*time.Hour, rollout.CommandCancel, end)
			if s.run(t); !looked {
				t.Error("nobody looked")
			}
		})
	}
}

// refusesAll sends every command that the state does not take.
func (s *stage) refusesAll(t *testing.T, state rollout.State) {
	t.Helper()
	for name, c := range allCommands() {
		want := rollout.CommandAllowed(name, state, rollout.RoleSingle)
		if want == nil {
			continue
		}
		if c.Digest != "" {
			c.Digest = s.plan.Digest
		}
		s.ask(name, c, func(err error) {
			kind, text := activities.Cause(err)
			if n := len(name + " v2-to-prod-0001: " + want.Error()); kind != rollout.Refused || len(text) < n ||
				text[:n] != name+" v2-to-prod-0001: "+want.Error() {
				t.Errorf("%s is answered with %s %q, want %q", name, kind, text, want)
			}
		})
	}
}

// atReport looks when the lane is told that the rollout has come to a state.
func (s *stage) atReport(state rollout.State, look func()) {
	old := s.onSignal
	s.onSignal = func(id, signal string, arg any) error {
		if m, ok := arg.(rollout.Report); ok && m.Record.State == state {
			look()
		}
		return old(id, signal, arg)
	}
}

// TestEveryEventIsATransitionOfTheTables: what the paths of this package are made of.
func TestEveryEventIsATransitionOfTheTables(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(
		advances(), firsts(), failures(), cancels(), drifts(), predecessors(),
		approvals(), rejections(), pauses(), starts(), automations(), windows(), repairs(), repairEnds(), jobPaths(),
	) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			row.setup(s)
			s.run(t)
			now := rollout.NewStatus(s.start.Rollout, s.plan)
			for _, e := range s.state(t).Events {
				before := now.Clone()
				now.Apply(e)
				if err := rollout.CheckChange(&before, &now, e); err != nil {
					t.Errorf("%s: %v", e, err)
				}
			}
		})
	}
}
