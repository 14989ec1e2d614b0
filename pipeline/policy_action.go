package pipeline

import (
	"slices"

	"github.com/serin-dev/serin/rollout"
)

// Action is what deploy policies forbid.
type Action string

// The actions.
const (
	ActionAdvance   Action = "ADVANCE"
	ActionApprove   Action = "APPROVE" // and reject
	ActionCancel    Action = "CANCEL"
	ActionCreate    Action = "CREATE" // a rollout: the first of a release, a promotion, a redeploy
	ActionIgnoreJob Action = "IGNORE_JOB"
	ActionRetryJob  Action = "RETRY_JOB"
	ActionRollback  Action = "ROLLBACK"
	ActionTerminate Action = "TERMINATE_JOBRUN"
)

// Actions lists the actions.
func Actions() []Action {
	return []Action{
		ActionAdvance, ActionApprove, ActionCancel, ActionCreate,
		ActionIgnoreJob, ActionRetryJob, ActionRollback, ActionTerminate,
	}
}

// Invoker is who acts.
type Invoker string

// The invokers.
const (
	InvokerUser       Invoker = "USER"
	InvokerAutomation Invoker = "DEPLOY_AUTOMATION"
)

// Invokers lists the invokers.
func Invokers() []Invoker { return []Invoker{InvokerUser, InvokerAutomation} }

// ActionOf returns the action that a command is, such as ADVANCE for "advance"; "create" is a
// release's first rollout. It is "" for pause and resume, which no policy forbids. The error is
// Invalid for an unknown command.
func ActionOf(command string) (Action, error) {
	commands := []string{
		rollout.CommandAdvance, rollout.CommandApprove, rollout.CommandReject, rollout.CommandCancel,
		"create", rollout.UpdatePromote, rollout.UpdateRedeploy, rollout.UpdateRollback,
		rollout.CommandIgnoreJob, rollout.CommandRetryJob, rollout.CommandTerminate,
		rollout.CommandPause, rollout.CommandResume,
	}
	actions := []Action{
		ActionAdvance, ActionApprove, ActionApprove, ActionCancel,
		ActionCreate, ActionCreate, ActionCreate, ActionRollback,
		ActionIgnoreJob, ActionRetryJob, ActionTerminate,
		"", "",
	}
	i := slices.Index(commands, command)
	if i < 0 {
		return "", unknown("command", command, commands)
	}
	return actions[i], nil
}
