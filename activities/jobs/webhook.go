package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	webhookTimeout  = 10 * time.Second // where the webhook says none
	webhookInterval = time.Second      // at least
)

// Payload is what a webhook is sent: Flagger's five fields first, so that gates and load testers made
// for it work (docs.flagger.app/usage/webhooks), and what it has no word for.
type Payload struct {
	Name      string            `json:"name"`      // of the Deployment or the Cloud Run service
	Namespace string            `json:"namespace"` // of the Deployment; of a Cloud Run service its project
	Phase     string            `json:"phase"`     // Flagger's: "Progressing"
	Checksum  string            `json:"checksum"`  // the same for the same release
	Metadata  map[string]string `json:"metadata,omitempty"`

	Type     string         `json:"type"` // "confirm-rollout"
	Pipeline string         `json:"pipeline"`
	Release  string         `json:"release"`
	Rollout  string         `json:"rollout"`
	Target   string         `json:"target"`
	Step     string         `json:"rolloutPhase"` // "canary-25"
	Weight   rollout.Weight `json:"weight"`       // the release's, in percent
}

// AskWebhook asks once, and is done when the answer is yes. A no is Transient, a server that does not
// answer Unreachable: then the webhook's interval is how long to wait before it is asked again.
// Other errors: Denied for a host that this worker may not ask; Invalid.
func (j *Jobs) AskWebhook(ctx context.Context, r activities.WebhookRequest) error {
	pulse := activities.StartPulse(ctx)
	defer pulse.End()
	text, yes, err := j.question(ctx, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && !yes {
		err = &rollout.Error{Op: "ask webhook", On: r.Webhook.ID, Kind: rollout.Transient, Err: errors.New(text)}
	}
	var told *rollout.Error
	if errors.As(err, &told) {
		told.After = max(r.Webhook.Interval, webhookInterval)
	}
	return activities.Application(err)
}

// Ask asks a webhook once for the phase that w is in. Errors: Denied, Invalid; Unreachable for a server
// that does not answer, or with 500 and above.
func (j *Jobs) Ask(ctx context.Context, hook rollout.Webhook, w activities.Work) (bool, error) {
	_, yes, err := j.question(ctx, activities.WebhookRequest{
		Work: w, Webhook: hook, Phase: w.Phase, Weight: w.Weight, Checksum: w.Digest,
	})
	return yes, err
}

// question asks once. The text says what a no was.
func (j *Jobs) question(ctx context.Context, r activities.WebhookRequest) (text string, yes bool, err error) {
	hook := r.Webhook
	fail := func(kind rollout.Kind, err error) (string, bool, error) {
		return "", false, &rollout.Error{Op: "ask webhook", On: hook.ID, Kind: kind, Err: err}
	}
	u, err := url.Parse(hook.URL)
	if err != nil || u.Host == "" {
		return fail(rollout.Invalid, fmt.Errorf("url %q is not one of http or https", hook.URL))
	}
	if err = j.hosts.Allow(u, services(r.Work)...); err != nil {
		return "", false, err
	}
	body, err := json.Marshal(payload(r))
	if err != nil {
		return fail(rollout.Invalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(hook.Timeout, webhookTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return fail(rollout.Invalid, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := j.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL: it may hold a token
		}
		return fail(rollout.Unreachable, fmt.Errorf("it does not answer: %w", err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxBody)) // only its status counts; read, its connection is used again
	switch {
	case res.StatusCode >= http.StatusOK && res.StatusCode <= http.StatusAccepted:
		return "", true, nil
	case res.StatusCode >= http.StatusInternalServerError:
		return fail(rollout.Unreachable, fmt.Errorf("it answers %s", res.Status))
	}
	return "it says no: " + res.Status, false, nil
}

func payload(r activities.WebhookRequest) Payload {
	w := r.Work
	p := Payload{
		Name: w.Pipeline, Namespace: "default", Phase: "Progressing", Checksum: strings.TrimPrefix(r.Checksum, "sha256:"), Metadata: r.Webhook.Metadata,
		Type: r.Webhook.Type, Pipeline: w.Pipeline, Release: w.Release, Rollout: w.Rollout, Target: w.Target.Name,
		Step: r.Phase, Weight: r.Weight,
	}
	switch {
	case w.Kubernetes != nil:
		p.Name = cmp.Or(w.Kubernetes.Deployment, w.Pipeline)
		p.Namespace = namespace(w)
	case w.CloudRun != nil:
		p.Name, p.Namespace = w.CloudRun.Service, part(w.Target.Location, "projects")
	}
	return p
}
