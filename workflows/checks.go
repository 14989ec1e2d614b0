package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// checkAdvance holds gcloud's rules: the rollout is IN_PROGRESS, a phase is PENDING, it is
// not the first, the one before is done, and the command names exactly that phase,
// so that a second press never skips one ahead.
func checkAdvance(r *run, _ workflow.Context, c rollout.Command) error {
	if c.Phase == "" {
		return errors.New("phase is missing: name the phase that may begin")
	}
	if ph, _ := r.status.Phase(c.Phase); ph.State != rollout.PhasePending {
		return fmt.Errorf("%s is %s already", ph.ID, ph.State)
	}
	next, i := r.status.NextPhase() // there is one: the named phase is PENDING
	held := r.gate.phase == next.ID
	if err := r.follows(i, held); err != nil {
		return err
	}
	if c.Phase != next.ID {
		return fmt.Errorf("%s comes before %s: no phase is passed over", next.ID, c.Phase)
	}
	if r.status.Paused {
		return r.isPaused()
	}
	if (r.advance == next.ID && !held) || r.cancel != nil || !r.prepared {
		return fmt.Errorf("%s is not waiting for an advance", next.ID)
	}
	return nil
}

// follows reports why the phase at index i does not follow a phase that is done. The first one does
// not have to, while a webhook holds it.
func (r *run) follows(i int, held bool) error {
	if i == 0 && !held {
		return fmt.Errorf("%s is the first phase, which begins by itself", r.status.Phases[i].ID)
	}
	if i == 0 {
		return nil
	}
	if before := r.status.Phases[i-1]; !before.State.Done() {
		return fmt.Errorf("%s is %s, not SUCCEEDED or SKIPPED", before.ID, before.State)
	}
	return nil
}

func doAdvance(r *run, ctx workflow.Context, c rollout.Command) {
	r.advance = c.Phase
	r.gate.passed = r.gate.passed || r.gate.phase == c.Phase
	r.record(ctx, rollout.Event{Kind: rollout.EventAdvanced, Phase: c.Phase, Actor: c.Actor, Reason: c.Reason})
}

func checkCancel(r *run, _ workflow.Context, c rollout.Command) error {
	switch s := r.status.State; {
	case s.Final() || r.closed != nil:
		return fmt.Errorf("the rollout has ended %s", s)
	case r.cancel != nil && (c.Restore || !r.cancel.Restore):
		return errors.New("the rollout is CANCELLING already")
	case c.Restore && r.in.Plan.Custom != nil:
		return errors.New("nothing of a custom target can be put back: cancel it without restore, and roll back instead")
	case c.Restore && r.status.PromotionBegun:
		return errors.New("promotion has begun: from there on only a new rollout moves traffic back")
	}
	return nil
}

func doCancel(r *run, ctx workflow.Context, c rollout.Command) {
	r.cancel = &c
	note := ""
	if c.Restore {
		note = "restore"
	} else if r.restoring && r.stop != nil {
		r.stop() // a restore that hangs would hold the lane; traffic stays where it is
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventCancelling, Actor: c.Actor, Reason: c.Reason, Note: note})
}

// checkPause: what has not begun, or what goes on by itself, can be held up.
func checkPause(r *run, _ workflow.Context, _ rollout.Command) error {
	if r.status.Paused {
		return fmt.Errorf("the rollout is %s already", r.pausedBy())
	}
	return nil
}

func doPause(r *run, ctx workflow.Context, c rollout.Command) {
	r.pause = &c
	r.record(ctx, rollout.Event{Kind: rollout.EventPaused, Actor: c.Actor, Reason: c.Reason})
	if r.children != nil {
		r.children.tellAll(rollout.Direction{Pause: &c})
	}
}

// isPaused is the refusal of what would begin something.
func (r *run) isPaused() error {
	return fmt.Errorf("the rollout is %s: resume it first", r.pausedBy())
}

// checkResume: it answers what a person is asked, or else ends a pause.
func checkResume(r *run, _ workflow.Context, c rollout.Command) error {
	if !r.asking || r.resume != nil {
		return r.endsPause(c)
	}
	if err := r.about.answeredBy(c); err != nil {
		return err
	}
	if r.spent && !c.Accept {
		return notAgain()
	}
	return nil
}

func (r *run) endsPause(c rollout.Command) error {
	switch {
	case !r.status.Paused:
		return errors.New("the rollout does not wait for a person")
	case c.Phase != "" || c.Job != "":
		return fmt.Errorf("the rollout is paused, and nobody is asked about %s: resume it without phase and job", subject{c.Phase, c.Job})
	case c.Accept:
		return errors.New("the rollout is paused, and nothing is observed that could be accepted: resume it without accept")
	}
	return nil
}

// doResume ends a pause, and answers a person's question if one was asked.
func doResume(r *run, ctx workflow.Context, c rollout.Command) {
	if r.asking {
		r.resume = &c
	}
	note := ""
	if c.Accept {
		note = "accepted what is observed"
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventResumed, Actor: c.Actor, Reason: c.Reason, Note: note})
	if r.children != nil {
		r.children.tellAll(rollout.Direction{Resume: &c})
	}
}

func checkRevive(r *run, _ workflow.Context, c rollout.Command) error {
	if c.Phase == "" || c.Job == "" {
		return errors.New("phase and job are both needed")
	}
	job := r.status.Job(c.Phase, c.Job)
	switch {
	case job == nil:
		return fmt.Errorf("%s has no job %q", c.Phase, c.Job)
	case job.State != rollout.JobFailed:
		return fmt.Errorf("job %s of %s is %s, not FAILED", c.Job, c.Phase, job.State)
	case r.closed != nil:
		return fmt.Errorf("%s has started since: make a new rollout", r.closed.By)
	case r.status.Paused:
		return r.isPaused()
	case r.status.State != rollout.StateFailed && !r.repair.waits:
		return fmt.Errorf("the rollout is still %s: try again when it is FAILED", r.status.State)
	case r.revive != nil || r.cancel != nil:
		return errors.New("another command is being carried out")
	case r.retries >= maxAttempts:
		return fmt.Errorf("it has had %d attempts: make a new rollout", maxAttempts)
	}
	return nil
}

func doRetry(r *run, _ workflow.Context, c rollout.Command) {
	r.revive = &rollout.Event{Kind: rollout.EventRetried, Phase: c.Phase, Job: c.Job, Actor: c.Actor, Reason: c.Reason}
}

func doIgnore(r *run, _ workflow.Context, c rollout.Command) {
	r.revive = &rollout.Event{Kind: rollout.EventIgnored, Phase: c.Phase, Job: c.Job, Actor: c.Actor, Reason: c.Reason}
}

func checkTerminate(r *run, _ workflow.Context, c rollout.Command) error {
	if c.Phase == "" || c.Job == "" {
		return errors.New("phase and job are both needed")
	}
	job := r.status.Job(c.Phase, c.Job)
	if job == nil || job.Run == nil || job.Run.State != rollout.RunInProgress || r.stop == nil || r.restoring {
		return fmt.Errorf("job %s of %s has no job run in progress", c.Job, c.Phase)
	}
	return nil
}

func doTerminate(r *run, ctx workflow.Context, c rollout.Command) {
	r.record(ctx, rollout.Event{
		Kind: rollout.EventTerminating, Phase: c.Phase, Job: c.Job, Actor: c.Actor, Reason: c.Reason,
	})
	r.stop()
}
