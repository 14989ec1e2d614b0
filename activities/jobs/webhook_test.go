package jobs_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		{status: 500, kind: rollout.Transient},
		{status: 503, kind: rollout.Transient},
		{err: errors.New("connection refused"), kind: rollout.Transient},
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

// A gate that is closed, and one that does not answer, are asked again at the interval.
func TestAskedUntilItSaysYes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answers := []int{403, 500, 0, 403, 200}
		server := &served{}
		server.answer = func(*http.Request) (int, string, error) {
			status := answers[len(server.asked)-1]
			if status == 0 {
				return 0, "", errors.New("connection refused")
			}
			return status, "", nil
		}
		s := newSite(t)
		s.client, s.hosts = &http.Client{Transport: server}, activities.Hosts{"gate.store.svc"}
		began := time.Now()
		if _, err := s.do(activities.AskWebhook, ask(50)); err != nil {
			t.Fatal(err)
		}
		if len(server.asked) != 5 || server.at[4].Sub(began) != 2*time.Minute {
			t.Errorf("asked %d times, at %v", len(server.asked), server.at)
		}
	})
}

func TestAWebhookThatMayNotBeAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.do(activities.AskWebhook, ask(50)); kindOf(err) != rollout.Denied || !strings.Contains(err.Error(), "SERIN_HTTP_HOSTS") {
		t.Errorf("got %v", err)
	}
}
