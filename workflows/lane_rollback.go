package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/rollout"
)

// rollBack marks what is rolled back, and tells it and its release.
func (l *lane) rollBack(ctx workflow.Context, bad *rollout.Record, by string, c rollout.Create) {
	l.status.RollBack(bad, by, c.Automation == "")
	l.signal(ctx, bad.Rollout, rollout.SignalRolledBack, rollout.RolledBack{Seq: l.seq(), By: by})
	l.follow(ctx, bad.Release, rollout.Follow{Rollout: bad.Rollout, State: bad.State, RolledBackBy: by})
}

// stop cancels the rollout that has the lane; the lane is free once it says that it has ended. A
// policy that forbids to cancel it forbids this too.
func (l *lane) stop(ctx workflow.Context, c rollout.Create) error {
	holder := l.status.Record(l.status.Holder)
	if holder == nil {
		return nil
	}
	res, _, err := l.permit(ctx, rollout.CommandCancel, c, holder.Release)
	if err != nil {
		return err
	}
	order := l.cancelBy(c, "stopped for a rollback")
	order.Override = res.Overridden
	if !l.signal(ctx, holder.Rollout, rollout.SignalStop, order) {
		l.checkHolder(ctx)
	}
	return nil
}

// clear cancels the rollouts that queue and are older than the rollback, and returns them. Whoever
// permits a rollback permits that nothing of what it overtakes begins after it.
func (l *lane) clear(ctx workflow.Context, rollback rollout.Record) (cancelled []string) {
	c := rollout.Create{Actor: rollback.Actor, Reason: rollback.Reason}
	for _, name := range l.status.Older(rollback.Rollout) {
		r, why := l.status.Record(name), "cancelled by rollback "+rollback.Rollout
		if !l.signal(ctx, name, rollout.SignalStop, l.cancelBy(c, why)) {
			l.gone(ctx, r)
			continue
		}
		r.Failure = why
		cancelled = append(cancelled, name)
	}
	return cancelled
}

func (l *lane) cancelBy(c rollout.Create, why string) rollout.Command {
	if c.Reason != "" {
		why += ": " + c.Reason
	}
	return rollout.Command{Actor: c.Actor, Reason: why}
}
