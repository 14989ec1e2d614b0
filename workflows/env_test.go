package workflows_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// env is Temporal's test environment, which skips time, and what the workflow under
// test sent to others.
type env struct {
	*testsuite.TestWorkflowEnvironment
	mu        sync.Mutex // the environment signals others from goroutines of its own
	sent      []string
	heard     []string // what the rollouts of a lane were told
	unsettled bool     // a terminated holder had not settled
	looks     int      // how often a lane looked after its holder

	// onSignal answers a message to another workflow; nil takes it.
	onSignal func(id, signal string, arg any) error
	// permitted answers whether a command may be carried out; nil permits all.
	permitted func(activities.PermitRequest) activities.PermitResult
	// rules answers which automations apply; nil is none.
	rules func(activities.AutomationsRequest) []rollout.Rule
	// outage is how long, from the beginning, neither of them is answered.
	outage time.Duration
	silent string // the one that is never answered
}

// answers returns an error while nobody answers what is configured.
func (e *env) answers(question string, start time.Time) error {
	if question == e.silent || e.Now().Before(start.Add(e.outage)) {
		return temporal.NewNonRetryableApplicationError("the artifact store does not answer", string(rollout.Unreachable), nil)
	}
	return nil
}

// newEnv runs the workflow with the given id. Whatever else has to be known is
// registered first, because the environment takes no registration after a mock.
func newEnv(t *testing.T, id string, register func(*env)) *env {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	e := &env{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}
	e.SetStartWorkflowOptions(startOptions(id))
	e.SetTestTimeout(30 * time.Second)
	start := e.Now()
	e.RegisterActivityWithOptions(func(_ context.Context, r activities.PermitRequest) (activities.PermitResult, error) {
		if e.permitted != nil {
			return e.permitted(r), e.answers(activities.Permit, start)
		}
		return activities.PermitResult{}, e.answers(activities.Permit, start)
	}, activity.RegisterOptions{Name: activities.Permit})
	e.RegisterActivityWithOptions(func(_ context.Context, r activities.AutomationsRequest) (activities.AutomationsResult, error) {
		if e.rules != nil {
			return activities.AutomationsResult{Rules: e.rules(r)}, e.answers(activities.Automations, start)
		}
		return activities.AutomationsResult{}, e.answers(activities.Automations, start)
	}, activity.RegisterOptions{Name: activities.Automations})
	register(e)
	e.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
		func(_, id, _, signal string, arg any) error {
			e.note(describe(id, signal, arg))
			if e.onSignal != nil {
				return e.onSignal(id, signal, arg)
			}
			return nil
		})
	e.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil)
	return e
}

func (e *env) note(line string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent = append(e.sent, line)
}

// describe is one line about a message between workflows.
func describe(id, signal string, arg any) string {
	line := signal + " -> " + id[strings.LastIndex(id, "/")+1:]
	switch m := arg.(type) {
	case rollout.Report:
		return line + " " + string(m.Record.State)
	case rollout.Follow:
		return fmt.Sprintf("%s %s %s", line, m.Rollout, m.State)
	case rollout.Close:
		return line + " because of " + m.By
	case rollout.Grant:
		if m.Predecessor != nil {
			return line + " after " + m.Predecessor.Rollout
		}
	}
	return line
}

// at calls do when the workflow has run for d of its own time.
func (e *env) at(d time.Duration, do func()) { e.RegisterDelayedCallback(do, d) }

// ask sends an Update and calls back with its answer.
func (e *env) ask(name string, c rollout.Command, answer func(error)) {
	e.UpdateWorkflow(name, "", &callback{answer: answer}, c)
}

type callback struct{ answer func(error) }

func (c *callback) Accept()                   {}
func (c *callback) Reject(err error)          { c.answer(err) }
func (c *callback) Complete(_ any, err error) { c.answer(err) }

func jobs() []rollout.Job {
	return []rollout.Job{{ID: rollout.JobDeploy}, {ID: rollout.JobVerify, Disabled: true}}
}

// plan is a canary at 25 and 50 %, advanced by people, as serin.dev/v1.
func plan(release string) rollout.Plan {
	p := rollout.Plan{
		APIVersion: rollout.APIVersionSerin, Pipeline: "shop", Release: release, Digest: "sha256:" + release,
		Target:    rollout.Target{Name: "prod", Runtime: rollout.RuntimeCloudRun, TaskQueue: rollout.DefaultTaskQueue},
		OnFailure: rollout.OnFailureRestore, CloudRun: &rollout.CloudRun{Service: "shop"},
	}
	for _, ph := range []rollout.Phase{{ID: "canary-25", Weight: 25}, {ID: "canary-50", Weight: 50}, {ID: "stable", Weight: 100}} {
		ph.Jobs, ph.Manifest = jobs(), "sha256:manifest-"+release
		p.Phases = append(p.Phases, ph)
	}
	return p
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n got\n  %s\n want\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
