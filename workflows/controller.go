package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// controller is a rollout of several targets: it deploys nothing itself, it starts one child
// for each and leads them through the phases together. It is the lane of its children.
type controller struct {
	*run
	children []*child
	known    map[string]rollout.Record // what was recorded of each target before this rollout
	first    bool                      // no rollout has SUCCEEDED here yet
	changed  bool                      // a child has spoken since the last look
	gaveUp   bool                      // over the failure budget: every child was told to fail
	personal bool                      // a person has revived a child: the budget binds nobody any more
}

// control makes r the controller of its plan's children.
func control(ctx workflow.Context, r *run) *controller {
	c := &controller{run: r}
	for _, each := range r.in.Plan.Parallel.Children {
		c.children = append(c.children, &child{Child: each, status: rollout.ChildStatus{Target: each.Target, Wave: each.Wave}})
	}
	c.hearChildren(ctx)
	return c
}

// next takes the one step that the state calls for.
func (c *controller) next(ctx workflow.Context) {
	ph, i := c.current()
	switch {
	case c.cancel != nil:
		c.end(ctx)
	case c.closed != nil: // only a rollout without the lane is closed
		c.close(ctx)
	case c.status.State == rollout.StateFailed:
		c.awaitRevival(ctx)
	case c.waitsForLane(ctx):
	case ph == nil:
		c.finish(ctx, rollout.StateSucceeded)
	case c.status.Paused:
		c.awaitResume(ctx)
	case !c.prepared:
		c.prepared = true
		c.skipToStart(ctx)
	case c.begun(ph, i) || c.mayBegin(ctx, ph, i):
		c.phase(ctx, ph.ID)
	}
}

// current returns the first phase that is not done, or nil.
func (c *controller) current() (*rollout.PhaseStatus, int) {
	for i := range c.status.Phases {
		if ph := &c.status.Phases[i]; !ph.State.Done() {
			return ph, i
		}
	}
	return nil, -1
}

// begun reports whether the phase has begun before, or one after it.
func (c *controller) begun(ph *rollout.PhaseStatus, i int) bool {
	_, at := c.status.Phase(c.advance)
	return i <= at || ph.State == rollout.PhaseFailed || ph.State == rollout.PhaseInProgress
}

// phase begins the phase's job of each child that may begin now, and waits for what they say,
// until the phase is done, or the rollout is HALTED, FAILED or cancelled.
func (c *controller) phase(ctx workflow.Context, id string) {
	if before := c.grant.Predecessor; before != nil {
		c.known = before.Children
	}
	c.first = c.grant.First
	for c.cancel == nil && c.grant != nil {
		c.changed = false
		c.giveUpOverBudget()
		c.begin(ctx, id)
		switch c.verdict(id) {
		case rollout.PhaseSucceeded:
			return
		case rollout.PhaseFailed:
			if c.stopped(ctx, id) {
				return
			}
		case rollout.PhaseInProgress, rollout.PhasePending, rollout.PhaseAborted, rollout.PhaseSkipped:
		}
		c.showWait(ctx)
		paused := c.status.Paused
		if paused && c.status.State == rollout.StateInProgress {
			c.wait(ctx, rollout.Waiting{
				For: rollout.WaitPerson, Reason: c.pausedBy(), Commands: c.commands(rollout.CommandResume, rollout.CommandCancel),
			})
		}
		c.await(ctx, func() bool { return c.changed || c.status.Paused != paused })
	}
}

// begin starts or advances the children whose job of the phase is PENDING, wave after wave,
// and at most MaxConcurrent at the same time; those that ask for their grant come first.
func (c *controller) begin(ctx workflow.Context, id string) {
	running := 0
	for _, k := range c.children {
		if k.wants && !c.status.Paused {
			c.revive(ctx, k)
		}
		if k.running() {
			running++
		}
	}
	limit := c.in.Plan.Parallel.MaxConcurrent
	for _, k := range c.children {
		if (limit == 0 || running < limit) && c.ready(k, id) {
			c.beginChild(ctx, k, id)
			running++
		}
	}
}

// ready reports whether the child may begin the phase.
func (c *controller) ready(k *child, id string) bool {
	return !c.gaveUp && !k.gone && !c.status.Paused && c.status.ChildJob(id, k.Target).State == rollout.JobPending && c.open(id, k.Wave)
}

// open reports whether the wave may begin the phase: every job of the waves before it is done,
// or has failed within the budget.
func (c *controller) open(id string, wave int) bool {
	failed := 0
	for _, k := range c.children {
		if k.Wave >= wave {
			continue
		}
		switch s := c.status.ChildJob(id, k.Target).State; {
		case s == rollout.JobFailed || s == rollout.JobAborted:
			failed++
		case !s.Done():
			return false
		}
	}
	budget := c.in.Plan.Parallel.FailureBudget
	return failed == 0 || (budget != nil && failed <= *budget)
}

// verdict says where the phase stands: FAILED means that nothing goes on by itself.
func (c *controller) verdict(id string) rollout.PhaseState {
	done, running := 0, false
	for _, k := range c.children {
		job := c.status.ChildJob(id, k.Target)
		running = running || k.running()
		if job.State.Done() {
			done++
		}
	}
	switch {
	case running:
		return rollout.PhaseInProgress
	case done == len(c.children):
		return rollout.PhaseSucceeded
	case c.gaveUp, c.failed() > 0:
		return rollout.PhaseFailed
	}
	return rollout.PhaseInProgress // the rest is held back by a pause
}

// failed counts the children that have failed and were not revived.
func (c *controller) failed() int {
	n := 0
	for _, k := range c.children {
		if k.status.State == rollout.StateFailed {
			n++
		}
	}
	return n
}

// stopped makes the rollout HALTED when some children have come through the phase and more
// phases remain, and FAILED otherwise, which it reports.
func (c *controller) stopped(ctx workflow.Context, id string) (failed bool) {
	through := 0
	for _, k := range c.children {
		if c.status.ChildJob(id, k.Target).State.Done() {
			through++
		}
	}
	why := c.failures()
	if through == 0 || id == rollout.StablePhase || c.gaveUp {
		c.record(ctx, rollout.Event{Kind: rollout.EventFailed, Note: why})
		c.grant = nil
		c.report(ctx)
		return true
	}
	if c.status.State != rollout.StateHalted {
		c.record(ctx, rollout.Event{Kind: rollout.EventHalted, Note: why})
		c.wait(ctx, rollout.Waiting{For: rollout.WaitPerson, Reason: why, Commands: append(c.mends(), c.commandLine(rollout.CommandCancel))})
		c.report(ctx)
	}
	return false
}

// failures reads "2 of 3 children failed: eu (canary-25: quota), us (canary-25: quota)", and over
// the budget also which were stopped because of that, and which stay promoted.
func (c *controller) failures() string {
	var each, stopped, promoted []string
	for _, k := range c.children {
		switch failed := k.status.State == rollout.StateFailed; {
		case failed && k.givenUp:
			stopped = append(stopped, k.Target)
		case failed:
			each = append(each, fmt.Sprintf("%s (%s: %s)", k.Target, k.status.Phase, k.status.Failure))
		case k.status.Promoted:
			promoted = append(promoted, k.Target)
		}
	}
	var parts []string
	if len(each) > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d children failed: %s", len(each), len(c.children), some(each)))
	}
	if c.gaveUp {
		parts = append(parts, fmt.Sprintf("the failure budget is %d", *c.in.Plan.Parallel.FailureBudget))
	}
	if len(stopped) > 0 {
		parts = append(parts, "stopped over the failure budget: "+some(stopped))
	}
	if len(promoted) > 0 {
		parts = append(parts, "promoted, and stay: "+some(promoted))
	}
	return strings.Join(parts, "; ")
}

// some lists the first of many.
func some(all []string) string {
	const shown = 5
	text := strings.Join(all[:min(shown, len(all))], ", ")
	if n := len(all) - shown; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// giveUpOverBudget tells every child that is not promoted to fail once more have failed than
// the budget allows.
func (c *controller) giveUpOverBudget() {
	budget := c.in.Plan.Parallel.FailureBudget
	if budget == nil || c.gaveUp || c.personal || c.failed() <= *budget {
		return
	}
	c.gaveUp = true
	why := fmt.Sprintf("the failure budget of %s is %d, and %d of %d children failed", c.in.Rollout, *budget, c.failed(), len(c.children))
	for _, k := range c.children {
		if k.open() && k.status.State != rollout.StateFailed {
			k.failing, k.givenUp = true, true
			c.tell(k, rollout.Direction{Fail: why})
		}
	}
}

// awaitRevival keeps a FAILED controller until one of its children is retried or ignored, a
// newer rollout closes it, or it is cancelled.
func (c *controller) awaitRevival(ctx workflow.Context) {
	wanted := func() bool {
		for _, k := range c.children {
			if k.wants {
				return true
			}
		}
		return false
	}
	c.await(ctx, wanted)
	if c.cancel == nil && c.closed == nil && wanted() {
		c.acquire(ctx, false)
	}
}
