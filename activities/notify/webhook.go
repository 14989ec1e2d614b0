package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// CloudEvents 1.0, in structured mode: github.com/cloudevents/spec, http-protocol-binding 3.2.
const (
	specVersion = "1.0"
	contentType = "application/cloudevents+json"
	typePrefix  = "dev.serin." // "dev.serin.approvals.required"
)

// Headers of Standard Webhooks: github.com/standard-webhooks/standard-webhooks.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	secretPrefix    = "whsec_" // what follows is base64; without it the secret is the key itself
)

// cloudEvent is a notice as a CloudEvent.
type cloudEvent struct {
	SpecVersion string         `json:"specversion"`
	ID          string         `json:"id"`
	Source      string         `json:"source"`
	Type        string         `json:"type"`
	Subject     string         `json:"subject"`
	Time        time.Time      `json:"time"`
	ContentType string         `json:"datacontenttype"`
	Data        rollout.Notice `json:"data"`
}

func newCloudEvent(n rollout.Notice) cloudEvent {
	return cloudEvent{
		SpecVersion: specVersion, ID: n.ID, Source: n.Source(), Subject: n.Name(), Time: n.Time.UTC(),
		Type: typePrefix + string(n.Topic) + "." + strings.ToLower(string(n.Action)), ContentType: "application/json", Data: n,
	}
}

// webhook sends CloudEvents, signed where it has a key.
type webhook struct {
	post
	headers map[string]string
	key     []byte
	now     func() time.Time
}

func (a *Activities) newWebhook(c rollout.WebhookSink) (sink, error) {
	u, err := a.allowed(c.URL)
	if err != nil {
		return nil, err
	}
	w := webhook{post: post{client: a.client, url: u.String(), on: u.Host}, headers: c.Headers, now: a.now}
	if c.Secret == nil {
		return w, nil
	}
	secret, err := a.secrets.Resolve(*c.Secret)
	if err != nil {
		return nil, err
	}
	if w.key, err = signingKey(secret); err != nil {
		return nil, &rollout.Error{
			Op: "read secret", On: c.Secret.Env + c.Secret.File, Kind: rollout.Invalid, Err: err, Fix: "write base64 after " + secretPrefix,
		}
	}
	return w, nil
}

// signingKey returns the key that a secret of Standard Webhooks stands for. The error does not show it.
func signingKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("what follows %s is no base64", secretPrefix)
	}
	return key, nil
}

func (w webhook) send(ctx context.Context, n rollout.Notice) error {
	body, err := json.Marshal(newCloudEvent(n))
	if err != nil {
		return w.fail(rollout.Invalid, err)
	}
	headers := http.Header{}
	for name, value := range w.headers {
		headers.Set(name, value)
	}
	headers.Set("Content-Type", contentType)
	at := strconv.FormatInt(w.now().Unix(), 10)
	headers.Set(headerID, n.ID)
	headers.Set(headerTimestamp, at)
	if w.key != nil {
		headers.Set(headerSignature, sign(w.key, n.ID, at, body))
	}
	return w.do(ctx, body, headers)
}

// sign returns the signature of Standard Webhooks: "v1," and the base64 of HMAC-SHA256 over
// id.timestamp.body.
func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(fmt.Appendf(nil, "%s.%s.", id, at))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (webhook) close() error { return nil }
