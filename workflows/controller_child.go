package workflows

import (
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// child is what a controller keeps of one child rollout.
type child struct {
	rollout.Child
	status rollout.ChildStatus
	record *rollout.Record // what it said of itself last; nil before the first word

	seq       int       // of the last message to it
	heard     int       // of its last message
	begun     bool      // its workflow was started
	out       []message // not sent yet
	gone      bool      // its workflow has ended
	wants     bool      // it asks for a grant: a retry, an ignore or a restore
	byItself  bool      // its phases are skipped, and stable begins although nobody advances it
	failing   bool      // it was told to fail, and has not yet
	givenUp   bool      // it was told to fail: what it says of it is the controller's own reason
	stable    bool      // it was told to begin stable
	cancelled *bool     // it was told to cancel; with or without restore
}

// message is what a child is told.
type message struct {
	signal string
	arg    any
}

func (k *child) open() bool { return k.begun && !k.gone }

// running reports whether a job of the child runs, or it was told to begin or to fail one.
func (k *child) running() bool {
	if !k.open() {
		return false
	}
	switch k.status.State {
	case rollout.StateFailed:
		return false
	case rollout.StateInProgress:
		return k.failing || k.status.PhaseState == rollout.PhaseInProgress
	default:
		return false
	}
}

// hearChildren takes what the children say: the same messages that a lane hears.
func (c *controller) hearChildren(ctx workflow.Context) {
	workflow.GoNamed(ctx, "children", func(ctx workflow.Context) {
		s := workflow.NewNamedSelector(ctx, "children")
		s.AddReceive(workflow.GetSignalChannel(ctx, rollout.SignalReport), func(ch workflow.ReceiveChannel, _ bool) {
			var m rollout.Report
			ch.Receive(ctx, &m)
			c.reported(ctx, m)
		})
		s.AddReceive(workflow.GetSignalChannel(ctx, rollout.SignalAcquire), func(ch workflow.ReceiveChannel, _ bool) {
			var m rollout.Acquire
			ch.Receive(ctx, &m)
			if k := c.named(m.Rollout); k != nil && m.Seq > k.heard {
				k.heard, k.wants, c.changed = m.Seq, true, true
			}
		})
		for {
			s.Select(ctx)
		}
	})
}

func (c *controller) named(name string) *child {
	for _, k := range c.children {
		if k.status.Rollout == name {
			return k
		}
	}
	return nil
}

func (c *controller) reported(ctx workflow.Context, m rollout.Report) {
	k := c.named(m.Rollout)
	if k == nil || m.Seq <= k.heard || m.Child == nil {
		return
	}
	k.heard, k.record = m.Seq, &m.Record
	_, now := c.status.Phase(k.status.Phase)
	if _, said := c.status.Phase(m.Child.Phase); said < now && m.Child.State == rollout.StateInProgress {
		return // it was said before the child heard of the phase that it begins now
	}
	k.byItself = m.ByItself
	c.byItself = !slices.ContainsFunc(c.children, func(each *child) bool { return !each.byItself })
	c.follow(ctx, k, *m.Child)
}

// follow takes over the child's state.
func (c *controller) follow(ctx workflow.Context, k *child, s rollout.ChildStatus) {
	s.Target, s.Wave = k.Target, k.Wave
	if s.State == rollout.StateCancelled && c.cancel == nil {
		s.State, s.PhaseState, s.Failure = rollout.StateFailed, rollout.PhaseFailed, "cancelled, and not by its controller"
		k.gone = true
	}
	k.status, c.changed = s, true
	if s.State == rollout.StateFailed || s.State.Final() {
		k.failing = false
	}
	c.run.record(ctx, rollout.Event{Kind: rollout.EventChild, Child: &s})
}

// beginChild starts the child in the first phase, and advances it in any other.
func (c *controller) beginChild(ctx workflow.Context, k *child, phase string) {
	s := k.status
	s.State, s.Phase, s.PhaseState, s.Waiting = rollout.StateInProgress, phase, rollout.PhaseInProgress, nil
	if k.begun {
		c.tell(k, rollout.Direction{Advance: phase})
	} else {
		s.Rollout = rollout.ChildName(c.in.Rollout, c.in.Plan.Release, k.Target)
		c.start(ctx, k, s.Rollout)
	}
	k.stable = k.stable || phase == rollout.StablePhase
	c.follow(ctx, k, s)
}

// start starts the child's workflow, and follows it to its end.
func (c *controller) start(ctx workflow.Context, k *child, name string) {
	k.begun, k.seq = true, 1
	cctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            rollout.RolloutID(c.in.Plan.Pipeline, name),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation:   true,
		StaticSummary:         c.in.Plan.Release + " to " + k.Target,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributePipeline).ValueSet(c.in.Plan.Pipeline),
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributeTarget).ValueSet(k.Target),
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributeRelease).ValueSet(c.in.Plan.Release),
			temporal.NewSearchAttributeKeyKeyword(rollout.AttributeState).ValueSet(string(rollout.StateInProgress)),
		),
	})
	f := workflow.ExecuteChildWorkflow(cctx, rollout.WorkflowRollout, rollout.Start{
		Rollout: name, Document: c.in.Document, Actor: c.in.Actor, Behavior: c.in.Behavior, StartingPhase: c.in.StartingPhase,
		RollbackOf: c.in.RollbackOf, Reason: c.in.Reason, Controller: c.in.Rollout, Parent: c.in.Plan.Target.Name, Target: k.Target, Grant: c.grantOf(k, 1),
	})
	workflow.GoNamed(ctx, "to "+k.Target, func(ctx workflow.Context) { c.deliver(ctx, k, f) })
	workflow.GoNamed(ctx, "child "+k.Target, func(ctx workflow.Context) {
		var record rollout.Record
		err := f.Get(ctx, &record)
		c.ended(ctx, k, record, err)
	})
}

// ended takes over how the child's workflow has ended. One that was ended by force could not
// say so itself.
func (c *controller) ended(ctx workflow.Context, k *child, record rollout.Record, err error) {
	k.gone, k.wants = true, false
	s := k.status
	switch {
	case err == nil:
		k.record = &record
		s.State, s.PhaseState, s.Promoted, s.Failure, s.FailedJob = rollout.StateSucceeded, rollout.PhaseSucceeded, record.Promoted, "", ""
		s.Phase, s.Restored, s.Waiting = rollout.StablePhase, false, nil
		if weight := rollout.Weight(100); record.Promoted {
			s.Weight = &weight
		}
	case s.State.Final() || s.State == rollout.StateFailed: // it has said so
		c.changed = true
		return
	default:
		s.State, s.PhaseState, s.Failure, s.Waiting = rollout.StateFailed, rollout.PhaseFailed, whyEnded(err), nil
		if k.record == nil {
			k.record = &rollout.Record{Rollout: s.Rollout, Release: c.in.Plan.Release, Digest: c.in.Plan.Digest, Document: c.in.Document}
		}
		k.record.Unsettled, k.record.PromotionBegun = true, k.stable
	}
	c.follow(ctx, k, s)
}

// whyEnded says why the workflow of a child has ended that did not say so itself.
func whyEnded(err error) string {
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return "another rollout has its name"
	}
	if kind, text := activities.Cause(err); kind != "" {
		return text
	}
	return "its workflow was ended by force"
}

// revive lets a child that asked for it go on.
func (c *controller) revive(ctx workflow.Context, k *child) {
	halted := c.status.State == rollout.StateHalted
	k.wants, k.failing, k.givenUp, c.gaveUp, c.personal = false, false, false, false, true
	s := k.status
	s.State, s.PhaseState, s.Failure, s.FailedJob, s.Restored = rollout.StateInProgress, rollout.PhaseInProgress, "", "", false
	s.Waiting = nil
	c.grantChild(k)
	c.follow(ctx, k, s)
	if halted {
		c.report(ctx) // IN_PROGRESS again
	}
}

func (c *controller) grantChild(k *child) {
	k.seq++
	k.send(rollout.SignalGrant, *c.grantOf(k, k.seq))
}

// grantOf is a grant with what was recorded of the child's target. The child itself knows what
// it has written since it had its first one.
func (c *controller) grantOf(k *child, seq int) *rollout.Grant {
	g := &rollout.Grant{Seq: seq, First: c.first}
	if before, ok := c.known[k.Target]; ok {
		g.Predecessor = &before
	}
	if k.record != nil && k.record.Moved() {
		g.Predecessor = k.record
	}
	g.First = g.First || g.Predecessor == nil // a target that has been added
	return g
}

// tellAll tells every child that has not ended.
func (c *controller) tellAll(d rollout.Direction) {
	for _, k := range c.children {
		if k.open() {
			c.tell(k, d)
		}
	}
}

func (c *controller) tell(k *child, d rollout.Direction) {
	k.seq++
	d.Seq = k.seq
	k.send(rollout.SignalDirect, d)
}

// send does not wait: see deliver.
func (k *child) send(signal string, arg any) { k.out = append(k.out, message{signal, arg}) }

// deliver sends the child its messages one after the other, the first once it has started: a
// Signal before that is lost, and order is kept only by waiting. A child that has ended needs
// none any more, and its end is heard.
func (c *controller) deliver(ctx workflow.Context, k *child, f workflow.ChildWorkflowFuture) {
	if f.GetChildWorkflowExecution().Get(ctx, nil) != nil {
		return
	}
	id := rollout.RolloutID(c.in.Plan.Pipeline, k.status.Rollout)
	for {
		if workflow.Await(ctx, func() bool { return len(k.out) > 0 }) != nil {
			return
		}
		m := k.out[0]
		k.out = k.out[1:]
		_ = workflow.SignalExternalWorkflow(ctx, id, "", m.signal, m.arg).Get(ctx, nil)
	}
}

// brief is what the next rollout to a child target needs of the one before: a hundred of them are
// one message.
func brief(r rollout.Record) rollout.Record {
	return rollout.Record{
		Rollout: r.Rollout, Release: r.Release, State: r.State, Revision: r.Revision, Stable: r.Stable, StableManifest: r.StableManifest,
		Mark: r.Mark, PromotionBegun: r.PromotionBegun, Promoted: r.Promoted, Unsettled: r.Unsettled, Failure: r.Failure,
	}
}

// summarize makes out what the children have left behind. Of a child that has not begun it says
// what was known before.
func (c *controller) summarize(out *rollout.Record) {
	out.Children, out.Promoted = map[string]rollout.Record{}, true
	for _, k := range c.children {
		if g := c.grantOf(k, 0); g.Predecessor != nil {
			out.Children[k.Target] = brief(*g.Predecessor)
		}
		if k.record == nil {
			out.Promoted = false
			continue
		}
		out.Promoted = out.Promoted && k.record.Promoted
		out.Unsettled = out.Unsettled || k.record.Unsettled
	}
}
