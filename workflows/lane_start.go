package workflows

import (
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// maxNumber is Cloud Deploy's highest number of a release's rollouts to one target.
const maxNumber = 1000

// open starts the rollout of in.Plan, queues it unless it has to be approved first, and tells
// its release. It returns the new record.
func (l *lane) open(ctx workflow.Context, in rollout.Start, record rollout.Record) (*rollout.Record, error) {
	p := in.Plan
	in.Document, in.Actor, in.Behavior = record.Document, record.Actor, rollout.BehaviorNow
	in.StartingPhase, in.RollbackOf, in.Reason = record.StartingPhase, record.RollbackOf, record.Reason
	name, err := l.start(ctx, in)
	if err != nil {
		return nil, err
	}
	record.Rollout, record.State, record.Created = name, rollout.StatePendingApproval, workflow.Now(ctx).UTC()
	l.status.Records = slices.Insert(l.status.Records, 0, record)
	r := &l.status.Records[0]
	if p.Approval == nil {
		l.status.Join(r, r.Head, r.Created)
	}
	l.tell(ctx, *r)
	return r, nil
}

// start starts the rollout under the first free number. Only Temporal knows every
// number ever taken.
func (l *lane) start(ctx workflow.Context, in rollout.Start) (name string, err error) {
	p, state := in.Plan, rollout.StatePending
	if p.Approval != nil {
		state = rollout.StatePendingApproval
	}
	for n := l.status.Number(p.Release); n <= maxNumber; n++ {
		name = rollout.Name(p.Release, l.status.Target, n)
		cctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:            rollout.RolloutID(l.status.Pipeline, name),
			WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:         p.Release + " to " + l.status.Target,
			TypedSearchAttributes: temporal.NewSearchAttributes(
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributePipeline).ValueSet(l.status.Pipeline),
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributeTarget).ValueSet(l.status.Target),
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributeRelease).ValueSet(p.Release),
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributeState).ValueSet(string(state)),
			),
		})
		in.Rollout = name
		f := workflow.ExecuteChildWorkflow(cctx, rollout.WorkflowRollout, in)
		if err = f.GetChildWorkflowExecution().Get(ctx, nil); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return name, err
		}
	}
	return "", &rollout.Error{
		Op: "number a rollout of", On: p.Release + " to " + l.status.Target, Kind: rollout.Refused,
		Err: fmt.Errorf("it has had %d already", maxNumber), Fix: "make a new release",
	}
}

// knowsPhase returns an error unless the plan has the phase; "" is the first one.
func knowsPhase(p rollout.Plan, id string) error {
	if _, i := p.Phase(id); id == "" || i >= 0 {
		return nil
	}
	ids := make([]string, len(p.Phases))
	for i, ph := range p.Phases {
		ids[i] = ph.ID
	}
	return &rollout.Error{
		Op: "find phase", On: fmt.Sprintf("%q of %s", id, p.Release), Kind: rollout.NotFound,
		Err: fmt.Errorf("it does not exist: its phases are %s", strings.Join(ids, ", ")),
	}
}
