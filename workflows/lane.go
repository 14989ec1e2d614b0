package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// holderCheck is how often a lane looks whether its holder still runs, and it does so
// only while somebody queues.
const holderCheck = time.Minute

// lane is the queue and the record of one pipeline on one target. Only its loop changes the
// status, one message or request after another.
type lane struct {
	status rollout.LaneStatus
	asks   workflow.Channel // of ask: requests that wait for their answer
	in     workflow.Selector
}

// Lane numbers, starts and queues the rollouts of one pipeline on one target: one
// at a time has the lane. It never ends; a cancellation is ignored.
func Lane(ctx workflow.Context, status rollout.LaneStatus) error {
	// It is an entity: whoever cancels it would take the record away.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	l := &lane{status: status, asks: workflow.NewNamedChannel(ctx, "requests")}
	if err := workflow.SetQueryHandler(ctx, rollout.QueryState, func() (rollout.LaneStatus, error) { return l.status, nil }); err != nil {
		return err
	}
	if err := l.listen(ctx); err != nil {
		return err
	}
	in := l.inbox(ctx)
	l.in = in
	for {
		l.serve(ctx, in)
		if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			continue
		}
		// Whoever was answered may still have to hear it. The context is never cancelled.
		_ = workflow.Await(ctx, func() bool { return in.HasPending() || workflow.AllHandlersFinished(ctx) })
		if !in.HasPending() {
			return workflow.NewContinueAsNewError(ctx, rollout.WorkflowLane, l.status)
		}
	}
}

// inbox hears everybody: releases that enqueue, rollouts that report or ask again, people who
// command.
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
		l.acquire(ctx, m)
	})
	for _, r := range laneRequests() {
		s.AddReceive(workflow.GetSignalChannel(ctx, r.name), func(ch workflow.ReceiveChannel, _ bool) {
			var c rollout.Create
			ch.Receive(ctx, &c)
			l.heardRequest(ctx, r.name, c)
		})
	}
	s.AddReceive(l.asks, func(ch workflow.ReceiveChannel, _ bool) {
		var a ask
		ch.Receive(ctx, &a)
		a.answer.Set(l.create(ctx, a.name, a.create))
	})
	return s
}

// serve hears one message, or looks after the holder, or tries a request again, and grants the
// lane if it is free.
func (l *lane) serve(ctx workflow.Context, in workflow.Selector) {
	switch l.awaitMessage(ctx, in) {
	case dueMessage:
		in.Select(ctx)
	case dueHolder:
		l.checkHolder(ctx)
	case dueTry:
		l.tryNext(ctx)
	}
	for l.status.Holder == "" && len(l.status.Queue) > 0 {
		l.rollBackFirst(ctx)
		l.grant(ctx)
	}
	l.status.Trim()
	workflow.SetCurrentDetails(ctx, l.details())
}

// acquire queues a rollout: one that was approved at the tail, one that is urgent or has had the
// lane before at the head. One that has it, or queues already, has asked twice.
func (l *lane) acquire(ctx workflow.Context, m rollout.Acquire) {
	r := l.status.Record(m.Rollout)
	if r != nil && m.Seq > r.Heard {
		r.Tidy = m.Tidy // a retry may want the lane that it has already
	}
	if r == nil || m.Seq <= r.Heard || r.Closed || l.status.Holder == m.Rollout || slices.Contains(l.status.Queue, m.Rollout) {
		return
	}
	r.Heard = m.Seq
	l.status.Revived(m.Rollout)
	l.status.Join(r, !m.Tail || r.Head, workflow.Now(ctx).UTC())
	if !m.Tail {
		return
	}
	l.tell(ctx, *r)
	if r.Head {
		l.clear(ctx, *r)
	}
}

// enqueue starts the rollout that a release asks for, PENDING or waiting for approval.
func (l *lane) enqueue(ctx workflow.Context, m rollout.Enqueue) {
	if i := slices.IndexFunc(l.status.Records, func(r rollout.Record) bool {
		return r.Release == m.Plan.Release && r.Digest == m.Plan.Digest && r.Enqueued >= m.Seq
	}); i >= 0 { // sent twice, or by a release that was made again and has to be told
		l.tell(ctx, l.status.Records[i])
		return
	}
	if m.Automation != "" {
		l.lookAfter(ctx, l.status.OpenOf(m.Plan.Release))
		why := l.status.Unwanted(m.Plan.Release)
		if err := knowsPhase(m.Plan, m.StartingPhase); why == "" && err != nil {
			_, why = activities.Cause(err)
		}
		if why != "" {
			l.refuse(ctx, m, why)
			return
		}
	}
	record := rollout.Record{
		Release: m.Plan.Release, Digest: m.Plan.Digest, Document: m.Document, Actor: m.Actor, Enqueued: m.Seq,
		Automation: m.Automation, StartingPhase: m.StartingPhase, Behavior: m.Behavior,
	}
	l.status.Arrive(record.Release)
	if _, err := l.open(ctx, rollout.Start{Plan: m.Plan}, record); err != nil {
		workflow.GetLogger(ctx).Error("start rollout", "release", m.Plan.Release, "error", err)
		l.tell(ctx, rollout.Record{Release: m.Plan.Release, State: rollout.StateFailed})
	}
}

// refuse tells a release why nothing comes of its automation.
func (l *lane) refuse(ctx workflow.Context, m rollout.Enqueue, why string) {
	l.note(ctx, "promotion of "+m.Plan.Release+" by "+m.Automation+": "+why)
	l.follow(ctx, m.Plan.Release, rollout.Follow{Refused: m.Automation + ": " + why})
}

// report takes over what a rollout says of itself, and frees the lane when it ends.
func (l *lane) report(ctx workflow.Context, m rollout.Report) {
	r := l.status.Record(m.Rollout)
	if r == nil || m.Seq <= r.Heard {
		return
	}
	before := r.State
	r.Take(m.Record, m.Seq)
	if r.State.Final() {
		l.status.Revived(r.Rollout)
	}
	superseded := l.status.Keep(r)
	if r.State != before {
		l.tell(ctx, *r)
	}
	if superseded != nil && r.Behavior >= rollout.BehaviorNow {
		l.follow(ctx, superseded.Release, rollout.Follow{
			Rollout: superseded.Rollout, State: superseded.State, Superseded: r.Release,
		})
	}
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
		l.status.Holder = ""
		l.gone(ctx, r)
		return
	}
	r.State = rollout.StateInProgress
	if r.Started.IsZero() {
		r.Started = workflow.Now(ctx).UTC()
	}
	l.tell(ctx, *r)
}

// gone ends a rollout that was terminated before it had the lane.
func (l *lane) gone(ctx workflow.Context, r *rollout.Record) {
	l.status.Forget(r)
	l.tell(ctx, *r)
}
