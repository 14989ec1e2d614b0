package release

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// abandonment is what is stored of an abandoned release, the first time that it is abandoned.
type abandonment struct {
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time"`
}

// Abandon abandons a release for ever. Abandoning it again changes nothing. NotFound is the kind
// of the error if no release of that name was ever planned.
func (a *Activities) Abandon(ctx context.Context, r rollout.Abandon) error {
	return activities.Application(a.abandon(ctx, r))
}

func (a *Activities) abandon(ctx context.Context, r rollout.Abandon) error {
	_, err := a.store.GetNamed(ctx, rollout.DocumentName(r.Pipeline, r.Release))
	if rollout.KindOf(err) == rollout.NotFound {
		return &rollout.Error{
			Op: "abandon release", On: r.Pipeline + "/" + r.Release, Kind: rollout.NotFound,
			Err: errors.New("no release of that name was planned"),
		}
	}
	if err != nil {
		return err
	}
	content, err := json.Marshal(abandonment{Actor: r.Actor, Reason: r.Reason, Time: a.now().UTC()})
	if err != nil {
		return err
	}
	err = a.store.PutNamed(ctx, rollout.AbandonedName(r.Pipeline, r.Release), content)
	if rollout.KindOf(err) == rollout.Conflict { // it was abandoned before
		return nil
	}
	return err
}

// abandoned says that r is for a new rollout of an abandoned release, or "".
func (a *Activities) abandoned(ctx context.Context, r activities.PermitRequest) (string, error) {
	switch r.Command {
	case rollout.UpdatePromote, rollout.UpdateRollback, rollout.UpdateRedeploy, activities.PermitCreate:
	default:
		return "", nil
	}
	if r.Release == "" {
		return "", nil
	}
	name := rollout.AbandonedName(r.Pipeline, r.Release)
	content, err := a.store.GetNamed(ctx, name)
	if rollout.KindOf(err) == rollout.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var by abandonment
	if err := json.Unmarshal(content, &by); err != nil {
		return "", &rollout.Error{Op: "read why a release was abandoned", On: name, Kind: rollout.Corrupt, Err: err}
	}
	text := "release " + r.Release + " was abandoned by " + cmp.Or(by.Actor, "somebody")
	if by.Reason != "" {
		text += " (" + by.Reason + ")"
	}
	return text + ": make a new release", nil
}
