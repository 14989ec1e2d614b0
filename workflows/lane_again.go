package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// heardRequest carries out a request that nobody waits for.
func (l *lane) heardRequest(ctx workflow.Context, name string, c rollout.Create) {
	if !l.status.Awaits(c) { // sent twice
		l.try(ctx, rollout.Unanswered{Command: name, Create: c})
	}
}

// tryNext tries the request that is due. What had to be asked may have an answer now.
func (l *lane) tryNext(ctx workflow.Context) {
	next, i := l.status.NextTry()
	u := *next
	l.status.Unanswered = slices.Delete(l.status.Unanswered, i, i+1)
	l.try(ctx, u)
}

// try carries out a request. Refused, it changes nothing; what nobody could answer is kept.
func (l *lane) try(ctx workflow.Context, u rollout.Unanswered) {
	_, err := l.create(ctx, u.Command, u.Create)
	if err == nil {
		return
	}
	kind, text := activities.Cause(err)
	u.Failure = text
	if passes(kind) && !u.Create.DryRun && l.status.TryAgain(u, workflow.Now(ctx).UTC()) {
		return
	}
	l.note(ctx, text)
	if c := u.Create; u.Command == rollout.UpdateRollback && c.Automation != "" && c.Rollout != "" {
		l.signal(ctx, c.Rollout, rollout.SignalRolledBack, rollout.RolledBack{Seq: l.seq(), Refused: text})
	}
}

// passes reports whether the same request may have another answer later.
func passes(kind rollout.Kind) bool {
	return kind == rollout.Transient || kind == rollout.Unreachable || kind == rollout.Expired
}
