package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// checkHolder frees the lane of a rollout that was terminated: it could not say so itself.
func (l *lane) checkHolder(ctx workflow.Context) {
	res, gone := l.look(ctx, l.status.Holder)
	if !gone {
		return // ask again in a minute
	}
	r := l.status.Record(l.status.Holder)
	if r == nil {
		l.status.Holder = ""
		return
	}
	terminated(r, res.Status, workflow.Now(ctx).UTC())
	if l.status.Last != nil && r.StableManifest == "" {
		r.StableManifest = l.status.Last.StableManifest
	}
	for _, child := range res.Children {
		if r.Children == nil {
			r.Children = map[string]rollout.Record{}
		}
		k := rollout.Record{Rollout: child.Rollout, Release: r.Release, Digest: r.Digest, Document: r.Document, Created: child.Created}
		terminated(&k, &child, workflow.Now(ctx).UTC())
		if l.status.Last != nil {
			k.StableManifest = l.status.Last.Children[child.Target].StableManifest
		}
		r.Children[child.Target] = k
	}
	l.status.Keep(r)
	l.tell(ctx, *r)
}

// lookAfter forgets a rollout that queues, or waits for its approval, and was ended by force, and
// reports whether it did. One that has begun, or nil, is left alone.
func (l *lane) lookAfter(ctx workflow.Context, r *rollout.Record) bool {
	if r == nil || (r.State != rollout.StatePending && r.State != rollout.StatePendingApproval) {
		return false
	}
	_, gone := l.look(ctx, r.Rollout)
	if gone {
		l.gone(ctx, r)
	}
	return gone
}

// look asks whether the workflow of a rollout is gone, and what it knew. Where nobody answers, it
// is not; nor while a message waits that may be its last word.
func (l *lane) look(ctx workflow.Context, name string) (res activities.HolderResult, gone bool) {
	actx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: holderCheck / 2, ScheduleToCloseTimeout: holderCheck,
		Summary: "does " + name + " still run?",
	})
	err := workflow.ExecuteActivity(actx, entities.Holder, activities.HolderRequest{
		Pipeline: l.status.Pipeline, Rollout: name,
	}).Get(ctx, &res)
	return res, err == nil && !res.Running && !l.in.HasPending()
}

// terminated ends the record of a rollout whose workflow is gone. Said is what it knew last, nil
// where nobody can tell.
func terminated(r *rollout.Record, said *rollout.Status, now time.Time) {
	r.State, r.Closed, r.Failure = rollout.StateFailed, true, "its workflow was terminated"
	r.Unsettled, r.Ended = true, now
	if said == nil {
		return
	}
	r.Revision, r.Stable, r.PromotionBegun = said.Revision, said.Stable, said.PromotionBegun
	if r.Stable != "" { // it had settled
		r.Mark = rollout.Mark{Split: said.Split}
	}
}
