package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/serin-dev/serin/rollout"
)

// flagger sends what Flagger sends to a webhook of type event: docs.flagger.app/usage/webhooks.
type flagger struct{ post }

// flaggerEvent is Flagger's payload. Name and Namespace are those of the Deployment; on Cloud Run the
// service and its project; of a controller the pipeline. Without a namespace it is "default".
type flaggerEvent struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata"`
}

// Flagger's phases of a canary.
const (
	flaggerWaiting          = "Waiting"
	flaggerProgressing      = "Progressing"
	flaggerWaitingPromotion = "WaitingPromotion"
	flaggerPromoting        = "Promoting"
	flaggerSucceeded        = "Succeeded"
	flaggerFailed           = "Failed"
)

func (a *Activities) newFlagger(c rollout.FlaggerSink) (sink, error) {
	u, err := a.allowed(c.URL)
	if err != nil {
		return nil, err
	}
	return flagger{post{client: a.client, url: u.String(), on: u.Host}}, nil
}

func (f flagger) send(ctx context.Context, n rollout.Notice) error {
	kind := "Normal"
	switch n.Action {
	case rollout.NoticeFailure, rollout.NoticeRestoreFailed, rollout.NoticeTerminated, rollout.NoticeRejected, rollout.NoticeWaiting:
		kind = "Warning"
	default:
	}
	body, err := json.Marshal(flaggerEvent{
		Name: cmp.Or(n.Service, n.Pipeline), Namespace: cmp.Or(n.Space, segment(n.Place, "projects"), "default"), Phase: flaggerPhase(n), Checksum: n.Release,
		Metadata: map[string]string{
			"eventMessage": n.Text, "eventType": kind, "timestamp": strconv.FormatInt(n.Time.UnixMilli(), 10),
		},
	})
	if err != nil {
		return f.fail(rollout.Invalid, err)
	}
	return f.do(ctx, body, http.Header{"Content-Type": {"application/json"}})
}

// flaggerPhase says where the rollout is in Flagger's words.
func flaggerPhase(n rollout.Notice) string {
	switch n.State {
	case rollout.StatePendingRelease, rollout.StatePendingApproval, rollout.StatePending:
		return flaggerWaiting
	case rollout.StateSucceeded:
		return flaggerSucceeded
	case rollout.StateFailed, rollout.StateCancelled, rollout.StateApprovalRejected:
		return flaggerFailed
	case rollout.StateInProgress, rollout.StateHalted, rollout.StateCancelling:
	}
	switch {
	case n.Phase != rollout.StablePhase:
		return flaggerProgressing
	case n.Topic == rollout.TopicAdvances && n.Action == rollout.NoticeRequired:
		return flaggerWaitingPromotion
	}
	return flaggerPromoting
}

func (flagger) close() error { return nil }
