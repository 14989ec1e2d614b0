package jobs_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/jobs"
	"github.com/serin-dev/serin/rollout"
)

const gateURL = "http://gate.store.svc/gate/check"

func ask(weight rollout.Weight) activities.WebhookRequest {
	return activities.WebhookRequest{
		Work: work(), Phase: "canary-50", Weight: weight, Checksum: "sha256:abc",
		Webhook: rollout.Webhook{
			ID: "gate", Type: rollout.WebhookConfirmTrafficIncrease, URL: gateURL,
			Interval: 30 * time.Second, Timeout: 5 * time.Second, Metadata: map[string]string{"team": "shop"},
		},
	}
}

// A gate that is made for Flagger needs the first five; the values are those that it knows.
func TestThePayloadIsFlaggers(t *testing.T) {
	t.Parallel()
	s, server := newSite(t), &served{answer: always(200, "")}
	s.client, s.hosts = &http.Client{Transport: server}, activities.Hosts{"gate.store.svc"}
	if _, err := s.do(activities.AskWebhook, ask(50)); err != nil {
		t.Fatal(err)
	}
	body, ok := strings.CutPrefix(server.asked[0], "POST "+gateURL+" ")
	if !ok {
		t.Fatalf("asked %s", server.asked[0])
	}
	const want = `{"name":"web","namespace":"store","phase":"Progressing","checksum":"abc","metadata":{"team":"shop"},` +
		`"type":"confirm-traffic-increase","pipeline":"shop","release":"v2","rollout":"v2-to-prod-0002","target":"prod",` +
		`"rolloutPhase":"canary-50","weight":50}`
	if body != want {
		t.Errorf("got\n%s, want\n%s", body, want)
	}
}

func TestThePayloadOfCloudRun(t *testing.T) {
	t.Parallel()
	s, server := newSite(t), &served{answer: always(202, "")}
	s.client, s.hosts = &http.Client{Transport: server}, activities.Hosts{"gate.store.svc"}
	w := work()
	w.Kubernetes, w.CloudRun, w.Target.Location = nil, &rollout.CloudRun{Service: "api"}, "projects/acme/locations/europe-west1"
	yes, err := s.jobs().Ask(t.Context(), ask(0).Webhook, w)
	if err != nil || !yes {
		t.Fatalf("got %v, %v", yes, err)
	}
	var got jobs.Payload
	_, body, _ := strings.Cut(server.asked[0], gateURL+" ")
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "api" || got.Namespace != "acme" || got.Checksum != "abc" || got.Step != "canary-25" || got.Weight != 25 {
		t.Errorf("got %+v", got)
	}
}

func TestAskedOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		status int
		err    error
		hosts  activities.Hosts
		yes    bool
		kind   rollout.Kind
	}{
		{status: 200, yes: true},
		{status: 202, yes: true},
		{status: 204},
		{status: 301},
		{status: 403},
		{status: 404},
		{status: 500, kind: rollout.Unreachable},
		{status: 503, kind: rollout.Unreachable},
		{err: errors.New("connection refused"), kind: rollout.Unreachable},
		{status: 200, hosts: activities.Hosts{"other.svc"}, kind: rollout.Denied},
	} {
		s := newSite(t)
		s.hosts = activities.Hosts{"gate.store.svc"}
		if row.hosts != nil {
			s.hosts = row.hosts
		}
		s.client = &http.Client{Transport: &served{answer: func(*http.Request) (int, string, error) { return row.status, "", row.err }}}
		yes, err := s.jobs().Ask(t.Context(), ask(0).Webhook, work())
		if yes != row.yes || rollout.KindOf(err) != row.kind {
			t.Errorf("%d, %v: got %v, %v", row.status, row.err, yes, err)
		}
	}
}

// A gate that is closed, and one that does not answer, are asked once in an attempt: the next one comes
// after the interval, and takes no slot of the worker until then.
func TestAGateIsAskedOnceInAnAttempt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		answer answer
		kind   rollout.Kind
		text   string
		took   time.Duration
	}{
		{"yes", always(200, ""), "", "", 0},
		{"no", always(403, ""), rollout.Transient, "ask webhook gate: it says no: Forbidden", 0},
		{"an error of its own", always(503, ""), rollout.Unreachable, "ask webhook gate: it answers Service Unavailable", 0},
		{
			"nobody listens", func(*http.Request) (int, string, error) { return 0, "", errors.New("connection refused") },
			rollout.Unreachable, "ask webhook gate: it does not answer: connection refused", 0,
		},
		{
			"no answer in time", func(r *http.Request) (int, string, error) { <-r.Context().Done(); return 0, "", r.Context().Err() },
			rollout.Unreachable, "ask webhook gate: it does not answer: context deadline exceeded", 5 * time.Second,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server, began := &served{answer: row.answer}, time.Now()
				s := newSite(t)
				s.client, s.hosts = &http.Client{Transport: server}, activities.Hosts{"gate.store.svc"}
				_, err := s.do(activities.AskWebhook, ask(50))
				if kind, text := activities.Cause(err); kind != row.kind || text != row.text {
					t.Errorf("got %s: %s, want %s: %s", kind, text, row.kind, row.text)
				}
				var told *temporal.ApplicationError
				if errors.As(err, &told) && (told.NonRetryable() || told.NextRetryDelay() != 30*time.Second) {
					t.Errorf("non-retryable %v, next in %s", told.NonRetryable(), told.NextRetryDelay())
				}
				if len(server.asked) != 1 || time.Since(began) != row.took {
					t.Errorf("asked %d times in %s", len(server.asked), time.Since(began))
				}
			})
		})
	}
}

func TestAWebhookThatMayNotBeAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.do(activities.AskWebhook, ask(50)); kindOf(err) != rollout.Denied || !strings.Contains(err.Error(), "SERIN_HTTP_HOSTS") {
		t.Errorf("got %v", err)
	}
}
