package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/workflows"
)

// TestReplay replays the histories that each version of Serin has left behind: a
// rollout that began under an earlier version must go on under this one. A history
// that fails here says that the change needs workflow.GetVersion. Histories are never
// edited; those of a new version are written by `cd test && go run ./record`.
func TestReplay(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, file := range histories(t) {
		h := history(t, file)
		seen[h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()] = true
		version, name := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(version+"/"+name, func(t *testing.T) {
			t.Parallel()
			r := replayer(t)
			workflows.Register(r)
			if err := r.ReplayWorkflowHistory(quiet(), h); err != nil {
				t.Error(err)
			}
		})
	}
	for _, name := range []string{
		rollout.WorkflowConfig, rollout.WorkflowRelease, rollout.WorkflowLane, rollout.WorkflowRollout, rollout.WorkflowObserve,
	} {
		if !seen[name] {
			t.Errorf("no history of a %s", name)
		}
	}
}

// TestReplayFindsAnIncompatibleChange shows that the replay can fail: each row is a
// workflow that does something else than what is recorded.
func TestReplayFindsAnIncompatibleChange(t *testing.T) {
	t.Parallel()
	wait := func(ctx workflow.Context) error { return workflow.Await(ctx, func() bool { return false }) }
	for _, row := range []struct {
		name, file string
		workflow   any
	}{
		{
			name: "another activity comes first", file: "release-manual.json",
			workflow: func(ctx workflow.Context, req rollout.CreateRequest) error {
				o := workflow.ActivityOptions{ScheduleToCloseTimeout: time.Minute}
				return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), "SignRelease", req).Get(ctx, nil)
			},
		},
		{
			name: "a timer comes before the first step", file: "rollout-manual.json",
			workflow: func(ctx workflow.Context, in rollout.Start) (rollout.Record, error) {
				if err := workflow.Sleep(ctx, time.Second); err != nil {
					return rollout.Record{}, err
				}
				return workflows.Rollout(ctx, in)
			},
		},
		{
			name: "an update is not known any more", file: "config-applies.json",
			workflow: func(ctx workflow.Context, _ rollout.Index) error { return wait(ctx) },
		},
		{
			name: "nothing is done", file: "lane-queue.json",
			workflow: func(ctx workflow.Context, _ rollout.LaneStatus) error { return wait(ctx) },
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, file := range histories(t) {
				if filepath.Base(file) != row.file {
					continue
				}
				h, r := history(t, file), replayer(t)
				name := h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
				r.RegisterWorkflowWithOptions(row.workflow, workflow.RegisterOptions{Name: name})
				if err := r.ReplayWorkflowHistory(quiet(), h); err == nil {
					t.Errorf("%s replays", file)
				} else {
					t.Log(err)
				}
				return
			}
			t.Errorf("no history %s", row.file)
		})
	}
}

// replayer is set up as the worker is.
func replayer(t *testing.T) worker.WorkflowReplayer {
	t.Helper()
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableRegistrationAliasing: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// quiet leaves out the stack that the replayer logs; its error says the same in a line.
func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }

func histories(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "histories", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("testdata/histories is empty: cd test && go run ./record -out ../workflows/testdata/histories/VERSION")
	}
	return files
}

func history(t *testing.T, file string) *historypb.History {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(h.GetEvents()) == 0 {
		t.Fatalf("%s has no events", file)
	}
	return h
}
