package main

import (
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/worker"

	"github.com/serin-dev/serin/workflows"
)

// TestRecordedPathsReplay takes every path and replays what it left behind with the code
// that took it: what a workflow decides must follow from its history alone. Earlier
// versions' histories are replayed beside the workflows.
func TestRecordedPathsReplay(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := run(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) < len(paths()) {
		t.Fatalf("%d paths left %d histories behind: %v", len(paths()), len(files), err)
	}
	for _, file := range files {
		r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableRegistrationAliasing: true})
		if err != nil {
			t.Fatal(err)
		}
		workflows.Register(r)
		if err := r.ReplayWorkflowHistoryFromJSONFile(nil, file); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}
