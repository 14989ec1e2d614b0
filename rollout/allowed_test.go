package rollout_test

import (
	"slices"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func TestCommandAllowed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		command string
		state   rollout.State
		role    rollout.Role
		want    string // "" is allowed
	}{
		{rollout.CommandApprove, rollout.StatePendingApproval, rollout.RoleSingle, ""},
		{rollout.CommandApprove, rollout.StatePendingApproval, rollout.RoleController, ""},
		{rollout.CommandApprove, rollout.StatePending, rollout.RoleSingle, "the rollout is PENDING, not PENDING_APPROVAL"},
		{rollout.CommandReject, rollout.StateApprovalRejected, rollout.RoleSingle, "the rollout is APPROVAL_REJECTED, not PENDING_APPROVAL"},
		{rollout.CommandAdvance, rollout.StateInProgress, rollout.RoleController, ""},
		{rollout.CommandAdvance, rollout.StateFailed, rollout.RoleSingle, "the rollout is FAILED, not IN_PROGRESS"},
		{rollout.CommandAdvance, rollout.StateHalted, rollout.RoleController, "the rollout is HALTED, not IN_PROGRESS"},
		{rollout.CommandAdvance, rollout.StateInProgress, rollout.RoleChild, "the rollout is a child: advance its controller"},
		{rollout.CommandCancel, rollout.StateInProgress, rollout.RoleChild, "the rollout is a child: cancel its controller"},
		{rollout.CommandCancel, rollout.StateHalted, rollout.RoleController, ""},
		{
			rollout.CommandCancel, rollout.StateSucceeded, rollout.RoleSingle,
			"the rollout is SUCCEEDED, not PENDING_APPROVAL, PENDING, IN_PROGRESS, HALTED, CANCELLING or FAILED",
		},
		{rollout.CommandRetryJob, rollout.StateFailed, rollout.RoleChild, ""},
		{rollout.CommandRetryJob, rollout.StateHalted, rollout.RoleController, "the rollout is a controller: name the child whose job is meant"},
		{rollout.CommandIgnoreJob, rollout.StateCancelled, rollout.RoleSingle, "the rollout is CANCELLED, not IN_PROGRESS or FAILED"},
		{rollout.CommandTerminate, rollout.StateCancelling, rollout.RoleSingle, ""},
		{rollout.UpdateRedeploy, rollout.StateInProgress, rollout.RoleSingle, "the newest rollout is IN_PROGRESS, not SUCCEEDED, FAILED or CANCELLED"},
		{"adanvce", rollout.StateInProgress, rollout.RoleSingle, `there is no command "adanvce": the commands are approve, reject, advance, ` +
			"ignoreJob, retryJob, terminateJobRun, cancel, pause, resume, promote, rollback, redeploy"},
	} {
		got := ""
		if err := rollout.CommandAllowed(row.command, row.state, row.role); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s of a %s in %s:\ngot  %q\nwant %q", row.command, row.role, row.state, got, row.want)
		}
	}
}

// Every rule is one of somebody, in states that exist and, but for what makes a new rollout, not in
// a final one.
func TestCommandsAreComplete(t *testing.T) {
	t.Parallel()
	for _, c := range rollout.Commands() {
		if len(c.States) == 0 || len(c.Roles) == 0 || c.Condition == "" || c.Effect == "" {
			t.Errorf("%s: something is missing in %+v", c.Command, c)
		}
		if c.Subject == "the rollout" && slices.ContainsFunc(c.States, rollout.State.Final) {
			t.Errorf("%s is taken in a final state", c.Command)
		}
	}
}

func TestRole(t *testing.T) {
	t.Parallel()
	for want, s := range map[rollout.Role]rollout.Status{
		rollout.RoleSingle:     {},
		rollout.RoleChild:      {Controller: "v2-to-all-0001"},
		rollout.RoleController: {Children: []rollout.ChildStatus{{Target: "eu"}}},
	} {
		if got := s.Role(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
