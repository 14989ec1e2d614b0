package workflows_test

import (
	"testing"
	"time"

	sdkpb "go.temporal.io/api/sdk/v1"

	"github.com/serin-dev/serin/rollout"
)

func (e *env) metadata(t *testing.T) *sdkpb.WorkflowMetadata {
	t.Helper()
	m := new(sdkpb.WorkflowMetadata)
	value, err := e.QueryWorkflow("__temporal_workflow_metadata")
	if err == nil {
		err = value.Get(m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (e *env) details(t *testing.T) string {
	t.Helper()
	return e.metadata(t).GetCurrentDetails()
}

// TestCurrentDetails: the Web UI shows the phases, what is waited for, and the exact command.
func TestCurrentDetails(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.after()
	s.at(30*time.Minute, func() {
		m := s.metadata(t)
		since := s.state(t).Waiting.Since.Format("2006-01-02 15:04:05 MST")
		want := `**IN_PROGRESS** v2 on shop/prod

| phase | weight | observed | state |
|---|---|---|---|
| canary-25 | 25% | 25% | SUCCEEDED |
| canary-50 | 50% | - | PENDING |
| stable | 100% | - | PENDING |

Waits for **advance** since ` + since + `: canary-25 is done; canary-50 gives the release 50%

` + "`serin rollout advance --pipeline shop --rollout v2-to-prod-0001 --phase canary-50`" + `

` + "`serin rollout cancel --pipeline shop --rollout v2-to-prod-0001`" + `
`
		if m.GetCurrentDetails() != want {
			t.Errorf("got\n%s\nwant\n%s", m.GetCurrentDetails(), want)
		}
		described := map[string]bool{}
		for _, u := range m.GetDefinition().GetUpdateDefinitions() {
			described[u.GetName()] = u.GetDescription() != ""
		}
		for _, name := range []string{
			"approve", "reject", "advance", "cancel", "pause", "resume", "retryJob", "ignoreJob", "terminateJobRun",
		} {
			if !described[name] {
				t.Errorf("command %s has no description", name)
			}
		}
	})
	s.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	s.run(t)
}

// TestDetailsOfAController: the children, and only commands that somebody takes.
func TestDetailsOfAController(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waved()[:2]...)
	f.platform.FailAt("asia", "v2", "it exits with 1")
	f.at(30*time.Minute, func() {
		want := `**FAILED** v2 on shop/all

| phase | weight | observed | state |
|---|---|---|---|
| canary-25 | 25% | - | FAILED |
| canary-50 | 50% | - | ABORTED |
| stable | 100% | - | ABORTED |

| child | rollout | state | phase |
|---|---|---|---|
| asia | v2-to-asia-0001 | FAILED | canary-25 FAILED |
| eu | - | PENDING |   |

Failed: 1 of 2 children failed: asia (canary-25: deploy shop-v2 to asia: it exits with 1 (mend what it names and retry the job, or make a new release))

` + "`serin rollout retry-job --pipeline shop --rollout v2-to-asia-0001 --phase canary-25 --job deploy`" + `

` + "`serin rollout ignore-job --pipeline shop --rollout v2-to-asia-0001 --phase canary-25 --job deploy`" + `
`
		if got := f.details(t); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
	f.command(time.Hour, rollout.CommandCancel, rollout.Command{Actor: "ann"})
	f.runFleet(t)
}
