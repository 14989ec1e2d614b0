package workflows

import (
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// holderCheck is how often a lane looks whether its holder still runs, and it does so
	// only while somebody queues.
	holderCheck = time.Minute
	// maxNumber is Cloud Deploy's highest number of a release's rollouts to one target.
	maxNumber = 1000
)

// lane is the queue and the record of one pipeline on one target.
type lane struct {
	status rollout.LaneStatus
}

// Lane numbers, starts and queues the rollouts of one pipeline on one target: one
// at a time has the lane. It never ends; a cancellation is ignored.
func Lane(ctx workflow.Context, status rollout.LaneStatus) error {
	l := &lane{status: status}
	// It is an entity: whoever cancels it would take the record away.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if err := workflow.SetQueryHandler(ctx, rollout.QueryState, func() (rollout.LaneStatus, error) { return l.status, nil }); err != nil {
		return err
	}
	in := l.inbox(ctx)
	for {
		l.serve(ctx, in)
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && !in.HasPending() {
			return workflow.NewContinueAsNewError(ctx, rollout.WorkflowLane, l.status)
		}
	}
}

// inbox hears everybody: releases that enqueue, rollouts that report or ask again.
func (l *lane) inbox(ctx workflow.Context) workflow.Selector {
	s := workflow.NewNamedSelector(ctx, "inbox")
	s.AddReceive(workflow.GetSignalChannel(ctx, rollout.SignalEnqueue), func(ch workflow.ReceiveChannel, _ bool) {
		var m rollout.Enqueue
		ch.Receive(ctx, &m)
		l.enqueue(ctx, m)
	})
	s.AddReceive(workflow.GetSignalChannel(ctx, rollout.SignalReport), func(ch workflow.ReceiveChannel, _ bool) {
		var m rollout.Report
		ch.Receive(ctx, &m)
		l.report(ctx, m)
	})
	s.AddReceive(workflow.GetSignalChannel(ctx, rollout.SignalAcquire), func(ch workflow.ReceiveChannel, _ bool) {
		var m rollout.Acquire
		ch.Receive(ctx, &m)
		l.acquire(m)
	})
	return s
}

// serve hears one message, or looks after the holder, and grants the lane if it is free.
func (l *lane) serve(ctx workflow.Context, in workflow.Selector) {
	if l.awaitMessage(ctx, in) {
		in.Select(ctx)
	} else {
		l.checkHolder(ctx)
	}
	for l.status.Holder == "" && len(l.status.Queue) > 0 {
		l.grant(ctx)
	}
	l.trim()
}

// awaitMessage reports whether there is a message. While somebody queues it gives up
// after a minute.
func (l *lane) awaitMessage(ctx workflow.Context, in workflow.Selector) bool {
	if l.status.Holder == "" || len(l.status.Queue) == 0 || in.HasPending() {
		return true
	}
	tctx, stop := workflow.WithCancel(ctx)
	defer stop()
	look := workflow.NewTimerWithOptions(tctx, holderCheck, workflow.TimerOptions{Summary: "does the holder still run?"})
	// The context is never cancelled.
	_ = workflow.Await(ctx, func() bool { return in.HasPending() || look.IsReady() })
	return in.HasPending()
}

// acquire queues a rollout that has had the lane before at the head. One that has it,
// or queues already, has asked twice.
func (l *lane) acquire(m rollout.Acquire) {
	r := l.status.Record(m.Rollout)
	if r == nil || m.Seq <= r.Heard || r.Closed || l.status.Holder == m.Rollout || slices.Contains(l.status.Queue, m.Rollout) {
		return
	}
	r.Heard, r.State = m.Seq, rollout.StatePending
	l.status.Queue = slices.Insert(l.status.Queue, 0, m.Rollout)
}

// enqueue starts the rollout that a release asks for, PENDING.
func (l *lane) enqueue(ctx workflow.Context, m rollout.Enqueue) {
	if i := slices.IndexFunc(l.status.Records, func(r rollout.Record) bool {
		return r.Release == m.Plan.Release && r.Digest == m.Plan.Digest && r.Enqueued >= m.Seq
	}); i >= 0 { // sent twice, or by a release that was made again and has to be told
		l.tell(ctx, l.status.Records[i])
		return
	}
	name, err := l.start(ctx, m)
	if err != nil {
		workflow.GetLogger(ctx).Error("start rollout", "release", m.Plan.Release, "error", err)
		l.tell(ctx, rollout.Record{Release: m.Plan.Release, State: rollout.StateFailed})
		return
	}
	record := rollout.Record{
		Rollout: name, Release: m.Plan.Release, Digest: m.Plan.Digest, Document: m.Document, State: rollout.StatePending,
		Actor: m.Actor, Created: workflow.Now(ctx).UTC(), Enqueued: m.Seq,
	}
	l.status.Records = slices.Insert(l.status.Records, 0, record)
	l.status.Queue = append(l.status.Queue, name)
	l.tell(ctx, record)
}

// start starts the rollout under the first free number. Only Temporal knows every
// number ever taken.
func (l *lane) start(ctx workflow.Context, m rollout.Enqueue) (name string, err error) {
	for n := l.status.Number(m.Plan.Release); n <= maxNumber; n++ {
		name = rollout.Name(m.Plan.Release, l.status.Target, n)
		cctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:            rollout.RolloutID(l.status.Pipeline, name),
			WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:         m.Plan.Release + " to " + l.status.Target,
			TypedSearchAttributes: temporal.NewSearchAttributes(
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributePipeline).ValueSet(l.status.Pipeline),
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributeTarget).ValueSet(l.status.Target),
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributeRelease).ValueSet(m.Plan.Release),
				temporal.NewSearchAttributeKeyKeyword(rollout.AttributeState).ValueSet(string(rollout.StatePending)),
			),
		})
		f := workflow.ExecuteChildWorkflow(cctx, rollout.WorkflowRollout, rollout.Start{
			Rollout: name, Plan: m.Plan, Document: m.Document, Actor: m.Actor,
		})
		if err = f.GetChildWorkflowExecution().Get(ctx, nil); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return name, err
		}
	}
	return "", err
}

// report takes over what a rollout says of itself, and frees the lane when it ends.
func (l *lane) report(ctx workflow.Context, m rollout.Report) {
	r := l.status.Record(m.Rollout)
	if r == nil || m.Seq <= r.Heard {
		return
	}
	enqueued, created, before := r.Enqueued, r.Created, r.State
	*r = m.Record
	r.Heard, r.Enqueued, r.Created = m.Seq, enqueued, created
	l.settleRecord(*r)
	if r.State != before {
		l.tell(ctx, *r)
	}
}

// settleRecord keeps what a rollout that ended leaves to the next one.
func (l *lane) settleRecord(r rollout.Record) {
	if r.Moved() {
		l.status.Last = &r
	}
	if r.State.HoldsLane() {
		return
	}
	if r.State == rollout.StateSucceeded && r.Promoted {
		l.status.Succeeded = append([]rollout.Record{r}, l.status.Succeeded...)
		l.status.Succeeded = l.status.Succeeded[:min(2, len(l.status.Succeeded))]
	}
	if l.status.Holder == r.Rollout {
		l.status.Holder = ""
	}
	l.status.Queue = slices.DeleteFunc(l.status.Queue, func(name string) bool { return name == r.Rollout })
}

// grant gives the lane to the next rollout and closes those that FAILED before.
func (l *lane) grant(ctx workflow.Context) {
	name := l.status.Queue[0]
	l.status.Queue, l.status.Holder = l.status.Queue[1:], name
	for i := range l.status.Records {
		if r := &l.status.Records[i]; r.Rollout != name && r.State == rollout.StateFailed && !r.Closed {
			r.Closed = true
			l.signal(ctx, r.Rollout, rollout.SignalClose, rollout.Close{Seq: l.seq(), By: name})
		}
	}
	g := rollout.Grant{Seq: l.seq(), First: len(l.status.Succeeded) == 0, Predecessor: l.status.Last}
	r := l.status.Record(name)
	if !l.signal(ctx, name, rollout.SignalGrant, g) {
		r.State, r.Failure, l.status.Holder = rollout.StateFailed, "its workflow does not run any more", ""
		r.Closed = true
		l.tell(ctx, *r)
		return
	}
	r.State = rollout.StateInProgress
	l.tell(ctx, *r)
}

// checkHolder frees the lane of a rollout that was terminated: it could not say so itself.
func (l *lane) checkHolder(ctx workflow.Context) {
	actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, ScheduleToCloseTimeout: holderCheck,
		Summary: "does " + l.status.Holder + " still run?",
	})
	var res activities.HolderResult
	if err := workflow.ExecuteActivity(actx, entities.Holder, activities.HolderRequest{
		Pipeline: l.status.Pipeline, Rollout: l.status.Holder,
	}).Get(ctx, &res); err != nil || res.Running {
		return // ask again in a minute
	}
	r := l.status.Record(l.status.Holder)
	if r == nil {
		l.status.Holder = ""
		return
	}
	r.State, r.Closed, r.Failure = rollout.StateFailed, true, "its workflow was terminated"
	r.Unsettled, r.Ended = true, workflow.Now(ctx).UTC()
	if l.status.Last != nil && r.StableManifest == "" {
		r.StableManifest = l.status.Last.StableManifest
	}
	if res.Status != nil {
		r.Revision, r.Stable, r.PromotionBegun = res.Status.Revision, res.Status.Stable, res.Status.PromotionBegun
		if r.Stable != "" { // it had settled
			r.Mark = rollout.Mark{Split: res.Status.Split}
		}
	}
	l.settleRecord(*r)
	l.tell(ctx, *r)
}

// tell tells the release where its rollout stands. A release that has ended does
// not need to know.
func (l *lane) tell(ctx workflow.Context, r rollout.Record) {
	_ = workflow.SignalExternalWorkflow(ctx, rollout.ReleaseID(l.status.Pipeline, r.Release), "", rollout.SignalFollow, rollout.Follow{
		Seq: l.seq(), Target: l.status.Target, Rollout: r.Rollout, State: r.State,
	}).Get(ctx, nil)
}

// signal reports whether the rollout took the message.
func (l *lane) signal(ctx workflow.Context, name, signal string, message any) bool {
	return workflow.SignalExternalWorkflow(ctx, rollout.RolloutID(l.status.Pipeline, name), "", signal, message).Get(ctx, nil) == nil
}

func (l *lane) seq() int {
	l.status.Sent++
	return l.status.Sent
}

// trim forgets the oldest rollouts, but none that may still speak.
func (l *lane) trim() {
	kept := 0
	l.status.Records = slices.DeleteFunc(l.status.Records, func(r rollout.Record) bool {
		kept++
		open := !r.State.Final() && !r.Closed
		return kept > rollout.KeptRecords && !open
	})
}
