package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// Registry takes workflows; a Temporal worker, replayer and test environment are ones.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers every workflow under its name.
func Register(r Registry) {
	for name, w := range all() {
		r.RegisterWorkflowWithOptions(w, workflow.RegisterOptions{Name: name})
	}
}

func all() map[string]any {
	return map[string]any{
		rollout.WorkflowConfig:  Config,
		rollout.WorkflowRelease: Release,
		rollout.WorkflowLane:    Lane,
		rollout.WorkflowRollout: Rollout,
		rollout.WorkflowObserve: Observe,

		rollout.WorkflowNotifier: Notifier,
		rollout.WorkflowWatch:    Watch,
	}
}
