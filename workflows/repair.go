package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// repairing is how an automation repairs the job that has failed; the status says how far it
// has come.
type repairing struct {
	rule     rollout.Rule
	step     int             // index of the rule's repair phase
	tries    int             // of that repair phase
	count    int             // repairs of this rollout so far
	waits    bool            // for its next attempt: the job can be retried and ignored
	rollback *rollout.Repair // what is left to do once the rollout is FAILED
}

// next returns the repair phase that comes next and counts its attempt; not ok when none is left.
func (p *repairing) next(retries int) (rollout.Repair, bool) {
	for ; p.step < len(p.rule.Repair); p.step, p.tries = p.step+1, 0 {
		phase := p.rule.Repair[p.step]
		if phase.Attempts == 0 || (p.tries < phase.Attempts && retries < maxAttempts) {
			p.tries++
			return phase, true
		}
	}
	return rollout.Repair{}, false
}

// repairs reports whether the failed job was made PENDING again with the lane still in hand: by
// an automation, or by a person who was faster. A job run that a person has terminated
// is not repaired.
func (r *run) repairs(ctx workflow.Context, failed rollout.Event) bool {
	if failed.Kind == rollout.EventJobTerminated {
		r.endRepair(ctx, rollout.RepairAborted, "its job run was terminated")
		return false
	}
	if !r.beginRepair(ctx, failed) {
		if r.revive == nil || r.ending() {
			return false
		}
		r.reviveJob(ctx) // a person was faster than the question whether there is a repair
		return true
	}
	next, ok := r.repair.next(r.retries)
	switch {
	case !ok:
		r.endRepair(ctx, rollout.RepairFailed, "no attempt is left")
	case next.Attempts == 0 && r.isChild():
		r.endRepair(ctx, rollout.RepairFailed, "a child is not rolled back alone")
	case next.Attempts == 0:
		r.repair.rollback = &next
	default:
		return r.retryLater(ctx, next, failed)
	}
	return false
}

// beginRepair goes on with the repair of the job, or finds the automation that begins one.
func (r *run) beginRepair(ctx workflow.Context, failed rollout.Event) bool {
	if s := r.status.Repair; s != nil && s.State == rollout.RepairInProgress && s.Phase == failed.Phase && s.Job == failed.Job {
		return true
	}
	r.endRepair(ctx, rollout.RepairAborted, "another job has failed")
	r.repair.waits = true
	rule, ok := r.rule(ctx, r.repairErrand("", "repair "+failed.Phase), activities.AutomationsRequest{
		Trigger: activities.TriggerRepair, Phase: failed.Phase, Job: failed.Job,
	})
	r.repair.waits = false
	if !ok || rule == nil {
		return false
	}
	r.repair = repairing{rule: *rule, count: r.repair.count + 1}
	s := rollout.RepairStatus{Rule: rule.Name(), Phase: failed.Phase, Job: failed.Job, State: rollout.RepairInProgress}
	for _, each := range rule.Repair {
		s.Attempts += each.Attempts
	}
	r.record(ctx, rollout.Event{Kind: rollout.EventRepair, Phase: s.Phase, Repair: &s})
	return true
}

// endRepair ends a repair that is in progress.
func (r *run) endRepair(ctx workflow.Context, state rollout.RepairState, why string) {
	if s := r.status.Repair; s != nil && s.State == rollout.RepairInProgress {
		ended := *s
		ended.State = state
		r.repair.rollback = nil
		r.record(ctx, rollout.Event{Kind: rollout.EventRepair, Phase: ended.Phase, Repair: &ended, Note: why})
	}
}

// repaired ends the repair of a job that has succeeded.
func (r *run) repaired(ctx workflow.Context, phase string, job rollout.JobKind) {
	if s := r.status.Repair; s != nil && s.Phase == phase && s.Job == job {
		r.endRepair(ctx, rollout.RepairSucceeded, "")
	}
}

// retryLater waits before an attempt and then makes the failed job PENDING again. It holds the
// lane meanwhile: nobody else may begin on what is half done.
func (r *run) retryLater(ctx workflow.Context, p rollout.Repair, failed rollout.Event) bool {
	s := *r.status.Repair
	s.Attempt++
	r.record(ctx, rollout.Event{Kind: rollout.EventRepair, Phase: s.Phase, Repair: &s})
	e := r.repairErrand(rollout.CommandRetryJob, "retry "+string(s.Job)+" of "+s.Phase)
	r.repair.waits = true
	refused := r.awaitAttempt(ctx, e, workflow.Now(ctx).Add(p.Before(r.repair.tries)))
	r.repair.waits = false
	switch {
	case r.revive != nil && r.cancel == nil: // a person was faster
		r.endRepair(ctx, rollout.RepairAborted, r.revive.String())
		r.reviveJob(ctx)
		return true
	case r.giveUp != "":
		r.endRepair(ctx, rollout.RepairAborted, r.giveUp)
		r.giveUp = ""
		return false
	case r.ending(): // the cancel says how it goes on
		return false
	case refused != "":
		r.endRepair(ctx, rollout.RepairFailed, refused)
		return false
	}
	r.revive = &rollout.Event{Kind: rollout.EventRetried, Phase: failed.Phase, Job: failed.Job, Actor: e.actor}
	r.reviveJob(ctx)
	return true
}

// awaitAttempt returns once the step is due and permitted, or a person was faster; or with the
// reason why it must not be taken. A pause holds it up.
func (r *run) awaitAttempt(ctx workflow.Context, e errand, due time.Time) (refused string) {
	for !r.ending() && r.revive == nil {
		switch {
		case r.status.Paused:
			r.awaitResume(ctx)
		case due.After(workflow.Now(ctx)):
			r.hold(ctx, e, rollout.Waiting{For: rollout.WaitTimer, Reason: r.attemptReason(e), Until: due}, e.actor+": "+e.what)
		default:
			ok, why := r.mayAct(ctx, e)
			if ok || why != "" {
				return why
			}
		}
	}
	return ""
}

func (r *run) attemptReason(e errand) string {
	s := r.status.Repair
	return fmt.Sprintf("%s retries %s of %s: attempt %d of %d", e.actor, s.Job, s.Phase, s.Attempt, s.Attempts)
}

// repairErrand is a step of a repair; without a command the question whether there is one, which
// a pause does not hold up.
func (r *run) repairErrand(command, what string) errand {
	return errand{
		command: command, automation: r.repair.rule.Automation, actor: r.repair.rule.Name(), what: what,
		commands: r.commands(rollout.CommandRetryJob, rollout.CommandIgnoreJob, rollout.CommandCancel),
		over:     func() bool { return r.revive != nil || (command != "" && r.status.Paused) },
	}
}

// rollBackAtOnce asks the lane for the rollback that a repair ends with before the lane knows
// that it is free, so that no rollout which queues begins in between. What holds the
// rollback up does not hold the lane.
func (r *run) rollBackAtOnce(ctx workflow.Context) {
	if r.repair.rollback == nil || r.status.Paused {
		return
	}
	e := r.rollbackErrand()
	res, err := r.mayNow(ctx, activities.PermitRequest{Command: e.command, Automation: e.automation}, "may "+e.actor+" "+e.what+" now?")
	if err == nil && res.Refused == "" && !r.ending() && !e.over() {
		r.permitted(ctx, e.command, rollout.Command{Actor: e.actor}, res)
		r.askBack(ctx, e)
	}
}

// rollBack asks for the rollback once it is permitted. The rollout is FAILED and has given its
// lane back.
func (r *run) rollBack(ctx workflow.Context) {
	if r.repair.rollback == nil {
		return
	}
	e := r.rollbackErrand()
	refused := r.awaitAttempt(ctx, e, time.Time{})
	switch {
	case r.ending() || r.revive != nil: // what was faster ends the repair
	case refused != "":
		r.endRepair(ctx, rollout.RepairFailed, refused)
	default:
		r.askBack(ctx, e)
	}
}

func (r *run) rollbackErrand() errand {
	return r.repairErrand(rollout.UpdateRollback, "roll "+r.in.Plan.Target.Name+" back")
}

// askBack asks the lane, once for each repair. The lane says when it has begun.
func (r *run) askBack(ctx workflow.Context, e errand) {
	p := *r.repair.rollback
	r.repair.rollback = nil
	s := *r.status.Repair
	s.Rollback = true
	r.record(ctx, rollout.Event{Kind: rollout.EventRepair, Phase: s.Phase, Repair: &s})
	r.signalLane(ctx, rollout.UpdateRollback, rollout.Create{
		Request: fmt.Sprintf("%s/repair/%d", r.in.Rollout, r.repair.count), Rollout: r.in.Rollout, StartingPhase: p.StartingPhase,
		UnlessPending: p.UnlessPending, Automation: e.actor, Actor: e.actor, Reason: r.status.Failure,
	})
}
