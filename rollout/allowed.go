package rollout

import (
	"fmt"
	"slices"
	"strings"
)

// Role says how much of a release's way a rollout is.
type Role string

// The roles of a rollout.
const (
	RoleSingle     Role = "single target"
	RoleController Role = "controller" // of one child rollout for each child target
	RoleChild      Role = "child"      // started and advanced by its controller
)

// Role returns the role of the rollout.
func (s *Status) Role() Role {
	switch {
	case s.Controller != "":
		return RoleChild
	case len(s.Children) > 0:
		return RoleController
	}
	return RoleSingle
}

// CommandRule says when a command is taken. What a state alone does not decide is in Condition.
type CommandRule struct {
	Command string
	Subject string  // whose state States is about: "the rollout"
	States  []State // that allow it, in the order of the constants
	Roles   []Role
	// Condition is what must hold besides, for people.
	Condition string
	Effect    string
}

// Commands returns the rule of every command: those of a rollout, then those of a lane. A
// lane's rule is about one of its rollouts, named by Subject; with none there, only
// Condition decides.
func Commands() []CommandRule {
	return slices.Concat(personCommands(), jobCommands(), runCommands(), laneCommands())
}

// ofRollout is whose state the rules of a rollout's commands are about.
const ofRollout = "the rollout"

func single() []Role { return []Role{RoleSingle, RoleController} }

func personCommands() []CommandRule {
	return []CommandRule{
		{
			CommandApprove, ofRollout,
			[]State{StatePendingApproval},
			single(),
			"the digest is the release's; the actor is an approver and has not approved yet; the approval has not expired",
			"one approval more; with the last one that is needed the rollout queues for its lane",
		},
		{
			CommandReject, ofRollout,
			[]State{StatePendingApproval},
			single(),
			"the actor is an approver; the approval has not expired", "ends APPROVAL_REJECTED",
		},
		{
			CommandAdvance, ofRollout,
			[]State{StateInProgress},
			single(),
			"the phase is the first PENDING one, not the first of all, and the one before is SUCCEEDED or SKIPPED; it is not paused. The first of all only while a webhook holds it",
			"the phase begins, whatever its webhook says",
		},
	}
}

func jobCommands() []CommandRule {
	parts, failed := []Role{RoleSingle, RoleChild}, []State{StateInProgress, StateFailed}
	const condition = "the job is FAILED, no newer rollout has started, it is not paused; IN_PROGRESS only while a repair waits for its next attempt"
	return []CommandRule{
		{
			CommandIgnoreJob, ofRollout, failed, parts,
			condition, "the job is IGNORED, and what follows it goes on",
		},
		{
			CommandRetryJob, ofRollout, failed, parts,
			condition + "; at most 100 attempts", "a new job run; after a restore, of every job of the phase",
		},
		{
			CommandTerminate, ofRollout,
			[]State{StateInProgress, StateCancelling},
			parts,
			"the job's run is IN_PROGRESS", "the job run is TERMINATED and its job FAILED",
		},
	}
}

func runCommands() []CommandRule {
	return []CommandRule{
		{
			CommandCancel, ofRollout,
			[]State{StatePendingApproval, StatePending, StateInProgress, StateHalted, StateCancelling, StateFailed},
			single(),
			"no newer rollout has started; with restore only before promotion, and never of a custom target; CANCELLING only without restore, to overrule one with it",
			"what runs ends first, then CANCELLED; traffic stays, with restore it goes back to the baseline",
		},
		{
			CommandPause, ofRollout,
			[]State{StatePending, StateInProgress, StateHalted},
			single(),
			"it is not paused", "nothing new begins; what runs ends first",
		},
		{
			CommandResume, ofRollout,
			[]State{StatePending, StateInProgress, StateHalted, StateFailed},
			[]Role{RoleSingle, RoleController, RoleChild},
			"it is paused, or waits for a person who looks; of a child only the latter. Phase and job, where they are given, are what the person is asked about; to accept a verdict both are",
			"it goes on, and a job whose verdict a person was asked about runs again; with accept what is observed is the new baseline, or that job passes",
		},
	}
}

func laneCommands() []CommandRule {
	return []CommandRule{
		{
			UpdatePromote, "the release's rollout on the target",
			[]State{StateSucceeded, StateFailed, StateApprovalRejected, StateCancelled},
			single(),
			"the release has no open rollout on the target, and is not abandoned", "a new rollout at the tail of the queue",
		},
		{
			UpdateRollback, "the newest rollout that has started",
			[]State{StateInProgress, StateHalted, StateCancelling, StateSucceeded, StateFailed, StateCancelled},
			single(),
			"an earlier release SUCCEEDED on the target; while a rollout holds the lane only with stopRunning",
			"a new rollout at the head of the queue; every older PENDING one is cancelled",
		},
		{
			UpdateRedeploy, "the newest rollout",
			[]State{StateSucceeded, StateFailed, StateCancelled},
			single(),
			"its release is not abandoned", "a new rollout of the same release",
		},
	}
}

// CommandAllowed returns nil where a rollout of the role and in the state may take the
// command, and otherwise an error that says why not, such as "the rollout is FAILED, not
// IN_PROGRESS". The command's own condition is the caller's to check.
func CommandAllowed(command string, state State, role Role) error {
	rules := Commands()
	i := slices.IndexFunc(rules, func(c CommandRule) bool { return c.Command == command })
	if i < 0 {
		names := make([]string, len(rules))
		for k, c := range rules {
			names[k] = c.Command
		}
		return fmt.Errorf("there is no command %q: the commands are %s", command, strings.Join(names, ", "))
	}
	rule := rules[i]
	switch {
	case !slices.Contains(rule.Roles, role) && role == RoleChild:
		return fmt.Errorf("the rollout is a child: %s its controller", command)
	case !slices.Contains(rule.Roles, role):
		return fmt.Errorf("the rollout is a controller: name the child whose job is meant")
	case !slices.Contains(rule.States, state):
		return fmt.Errorf("%s is %s, not %s", rule.Subject, state, either(rule.States))
	}
	return nil
}

func either(states []State) string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " or " + names[last]
	}
	return strings.Join(names, "")
}
