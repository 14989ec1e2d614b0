package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// child is what a controller keeps of one child rollout.
type child struct {
	rollout.Child
	status rollout.ChildStatus
	record *rollout.Record // what it said of itself last; nil before the first word

	seq       int   // of the last message to it
	heard     int   // of its last message
	begun     bool  // its workflow was started
	gone      bool  // its workflow has ended
	wants     bool  // it asks for a grant: a retry, an ignore or a restore
	failing   bool  // it was told to fail
	stable    bool  // it was told to begin stable
	cancelled *bool // it was told to cancel; with or without restore
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
	c.byItself = m.ByItself && c.allByThemselves(k)
	c.follow(ctx, k, *m.Child)
}

// allByThemselves reports whether every other child has nothing to compare the release with.
func (c *controller) allByThemselves(reporting *child) bool {
	for _, k := range c.children {
		if k != reporting && k.status.PhaseState != rollout.PhaseSkipped {
			return false
		}
	}
	return true
}

// follow takes over the child's state.
func (c *controller) follow(ctx workflow.Context, k *child, s rollout.ChildStatus) {
	s.Target, s.Wave = k.Target, k.Wave
	k.status, c.changed = s, true
	if s.State == rollout.StateFailed || s.State.Final() {
		k.failing = false
	}
	c.run.record(ctx, rollout.Event{Kind: rollout.EventChild, Child: &s})
}

// beginChild starts the child in the first phase, and advances it in any other.
func (c *controller) beginChild(ctx workflow.Context, k *child, phase string) {
	s := k.status
	s.State, s.Phase, s.PhaseState = rollout.StateInProgress, phase, rollout.PhaseInProgress
	if k.begun {
		c.tell(ctx, k, rollout.Direction{Advance: phase})
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
		s.Phase, s.Restored = rollout.StablePhase, false
		weight := rollout.Weight(100)
		s.Weight = &weight
	case s.State.Final() || s.State == rollout.StateFailed: // it has said so
		c.changed = true
		return
	default:
		s.State, s.PhaseState, s.Failure = rollout.StateFailed, rollout.PhaseFailed, "its workflow was ended by force"
		if k.record == nil {
			k.record = &rollout.Record{Rollout: s.Rollout, Release: c.in.Plan.Release, Digest: c.in.Plan.Digest, Document: c.in.Document}
		}
		k.record.Unsettled, k.record.PromotionBegun = true, k.stable
	}
	c.follow(ctx, k, s)
}

// revive lets a child that asked for it go on.
func (c *controller) revive(ctx workflow.Context, k *child) {
	k.wants, k.failing, c.gaveUp, c.personal = false, false, false, true
	s := k.status
	s.State, s.PhaseState, s.Failure, s.FailedJob, s.Restored = rollout.StateInProgress, rollout.PhaseInProgress, "", "", false
	c.grantChild(ctx, k)
	c.follow(ctx, k, s)
}

func (c *controller) grantChild(ctx workflow.Context, k *child) {
	k.seq++
	c.send(ctx, k, rollout.SignalGrant, *c.grantOf(k, k.seq))
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

func (c *controller) tell(ctx workflow.Context, k *child, d rollout.Direction) {
	k.seq++
	d.Seq = k.seq
	c.send(ctx, k, rollout.SignalDirect, d)
}

// send does not wait: a child that has ended needs no message any more, and its end is heard.
func (c *controller) send(ctx workflow.Context, k *child, signal string, message any) {
	workflow.SignalExternalWorkflow(ctx, rollout.RolloutID(c.in.Plan.Pipeline, k.status.Rollout), "", signal, message)
}

// summarize makes out what the children have left behind. Of a child that has not begun it says
// what was known before.
func (c *controller) summarize(out *rollout.Record) {
	out.Children, out.Promoted = map[string]rollout.Record{}, true
	for _, k := range c.children {
		if g := c.grantOf(k, 0); g.Predecessor != nil {
			out.Children[k.Target] = *g.Predecessor
		}
		if k.record == nil {
			out.Promoted = false
			continue
		}
		out.Promoted = out.Promoted && k.record.Promoted
		out.Unsettled = out.Unsettled || k.record.Unsettled
	}
}
