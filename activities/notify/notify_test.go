package notify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/notify"
	"github.com/serin-dev/serin/rollout"
)

// office is the activities with what is configured and what the worker holds.
type office struct {
	*notify.Activities
	configured map[string]rollout.Notification
	wanted     map[rollout.Topic][]string
	broken     error // why what is configured cannot be read
	told       []string
	deaf       string // the notifier that does not answer
}

const (
	secretValue = "whsec_c2VyaW4ta2V5LXRoYXQtbm9ib2R5LWtub3dz" // "serin-key-that-nobody-knows"
	secretPath  = "T000-secret-path"
)

// newOffice has one notification, "ops", and the environment env. Requests may go to 127.0.0.1.
func newOffice(ops rollout.Notification, env map[string]string) *office {
	ops.Name = "ops"
	o := &office{configured: map[string]rollout.Notification{"ops": ops}}
	secrets := activities.Secrets{Getenv: func(name string) string { return env[name] }}
	o.Activities = notify.New(o, o, secrets, activities.Hosts{"127.0.0.1"})
	return o
}

func (o *office) Notification(_ context.Context, name string) (rollout.Notification, error) {
	n, ok := o.configured[name]
	if !ok {
		return n, &rollout.Error{Op: "find notification", On: name, Kind: rollout.NotFound, Err: errors.New("it does not exist any more; known are none")}
	}
	return n, o.broken
}

func (o *office) Wanting(_ context.Context, notices []rollout.Notice) ([][]string, error) {
	out := make([][]string, len(notices))
	for i, n := range notices {
		out[i] = o.wanted[n.Topic]
	}
	return out, o.broken
}

//nolint:revive // the signature is that of Temporal's client
func (o *office) SignalWithStartWorkflow(_ context.Context, id, signal string, arg any, options client.StartWorkflowOptions,
	_ any, args ...any,
) (client.WorkflowRun, error) {
	m, ok := arg.(rollout.Notices)
	status, started := args[0].(rollout.NotifierStatus)
	if !ok || !started || signal != rollout.SignalNotices || options.TaskQueue != rollout.DefaultTaskQueue || rollout.NotifierOf(status.Notification) != id {
		return nil, fmt.Errorf("signal %s of %T to %s", signal, arg, id)
	}
	if id == o.deaf {
		return nil, errors.New("deadline exceeded")
	}
	for _, n := range m.Notices {
		o.told = append(o.told, fmt.Sprintf("%s: %d", id, n.Seq))
	}
	return nil, nil
}

func weight(w rollout.Weight) *rollout.Weight { return &w }

// notices are those of one rollout: an approval, the beginning of a verify job, its failure, and a
// phase that waits.
func notices() []rollout.Notice {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	all := []rollout.Notice{
		{Topic: rollout.TopicApprovals, Action: rollout.NoticeRequired, State: rollout.StatePendingApproval, Text: "created: prod requires approval by ann", Command: "serin rollout approve --pipeline shop --rollout v2-to-prod-0001"},
		{Topic: rollout.TopicOperations, Action: rollout.NoticeStart, Phase: "canary-25", Job: rollout.JobVerify, Attempt: 2, Text: "canary-25 verify started"},
		{Topic: rollout.TopicOperations, Action: rollout.NoticeFailure, Phase: "canary-25", Job: rollout.JobVerify, Attempt: 2, Text: "canary-25 verify failed: <b> & co", Weight: weight(25)},
		{Topic: rollout.TopicAdvances, Action: rollout.NoticeRequired, For: rollout.WaitAdvance, Phase: "stable", Text: "waits for advance: canary-25 is done", Weight: weight(25)},
	}
	for i := range all {
		n := &all[i]
		n.Time, n.Resource, n.Type = at.Add(time.Duration(i)*time.Minute), rollout.ResourceRollout, rollout.RolloutSingle
		n.Pipeline, n.Target, n.Release, n.Rollout = "shop", "prod", "v2", "v2-to-prod-0001"
		n.Service, n.Space, n.Place = "web", "store", "projects/p/locations/europe-west1/clusters/c"
		if n.Job != "" {
			n.Resource = rollout.ResourceJobRun
		}
		if n.State == "" {
			n.State = rollout.StateInProgress
		}
		all[i] = n.Numbered(i + 1)
	}
	return all
}

// receiver is a server that keeps what it is sent.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
	answer   http.HandlerFunc // nil: 204
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.requests, r.bodies = append(r.requests, req), append(r.bodies, string(body))
		answer := r.answer
		r.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (o *office) deliver(t *testing.T, all []rollout.Notice) (activities.NoticesResult, error) {
	t.Helper()
	return o.DeliverNotices(t.Context(), activities.NoticesRequest{Notification: "ops", Notices: all})
}

// TestDeliverEndsWhereTheReceiverDoes: whatever was taken is never sent again by a later call.
func TestDeliverEndsWhereTheReceiverDoes(t *testing.T) {
	t.Parallel()
	status := func(codes ...int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			code := codes[0]
			codes = append(codes[1:], code)
			w.Header().Set("Retry-After", "7")
			http.Error(w, "no\n thanks", code)
		}
	}
	for _, row := range []struct {
		name    string
		answer  http.HandlerFunc
		done    int
		refused []string
		failure string
	}{
		{name: "all are taken", answer: status(200, 201, 202, 204), done: 4},
		{name: "the first is not", answer: status(503), failure: "503 Service Unavailable: no thanks"},
		{name: "a later one is not", answer: status(200, 200, 500, 500), done: 2},
		{
			name: "some never will be", answer: status(200, 400, 422, 200), done: 4,
			refused: []string{"rollout/shop/v2-to-prod-0001/2: send notice to HOST: 400 Bad Request: no thanks", "rollout/shop/v2-to-prod-0001/3: send notice to HOST: 422 Unprocessable Entity: no thanks"},
		},
		{name: "a redirect is not followed", answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://metadata.internal/", http.StatusTemporaryRedirect)
		}, failure: "307 Temporary Redirect"},
		{name: "a wrong key may be mended", answer: status(401), failure: "401 Unauthorized: no thanks"},
		{name: "what does not exist may be made", answer: status(404), failure: "404 Not Found: no thanks"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t)
			r.answer = row.answer
			o := newOffice(rollout.Notification{Webhook: &rollout.WebhookSink{URL: r.URL + "/hook"}}, nil)
			res, err := o.deliver(t, notices())
			for i, text := range res.Refused {
				res.Refused[i] = strings.ReplaceAll(text, strings.TrimPrefix(r.URL, "http://"), "HOST")
			}
			if res.Done != row.done || !slices.Equal(res.Refused, row.refused) || (err != nil) != (row.failure != "") {
				t.Fatalf("got %+v, %v", res, err)
			}
			if err == nil {
				return
			}
			var app *temporal.ApplicationError
			if !errors.As(err, &app) || app.NonRetryable() || !strings.HasSuffix(app.Message(), row.failure) {
				t.Errorf("got %v", err)
			}
			if want := map[bool]time.Duration{true: 7 * time.Second}[strings.Contains(row.failure, "no thanks")]; app.NextRetryDelay() != want {
				t.Errorf("tries again after %s, want %s", app.NextRetryDelay(), want)
			}
		})
	}
}

// TestWhatCanBeMendedIsTriedAgain: what is configured, and the worker's secrets, are read at each try. Only a
// Notification that is gone ends it.
func TestWhatCanBeMendedIsTriedAgain(t *testing.T) {
	t.Parallel()
	gone := newReceiver(t)
	gone.Close()
	env := func(name string) *rollout.Secret { return &rollout.Secret{Env: "SERIN_SECRET_" + name} }
	for _, row := range []struct {
		name     string
		ops      rollout.Notification
		broken   error
		other    string // the name that is asked for
		final    bool
		contains string
	}{
		{name: "nobody listens", ops: rollout.Notification{Webhook: &rollout.WebhookSink{URL: gone.URL + "/hook?token=" + secretPath}}, contains: "connection refused"},
		{name: "Slack is away", ops: rollout.Notification{Slack: &rollout.SlackSink{URL: *env("SLACK")}}, contains: "to Slack: dial tcp"},
		{name: "a host that is not allowed", ops: rollout.Notification{Webhook: &rollout.WebhookSink{URL: "http://metadata.internal/"}}, contains: "SERIN_HTTP_HOSTS"},
		{name: "nor of Flagger", ops: rollout.Notification{Flagger: &rollout.FlaggerSink{URL: "http://metadata.internal/"}}, contains: "SERIN_HTTP_HOSTS"},
		{name: "nor of an emulator", ops: rollout.Notification{PubSub: &rollout.PubSubSink{Project: "p", Endpoint: "metadata.internal:80"}}, contains: "SERIN_HTTP_HOSTS"},
		{name: "no such secret", ops: rollout.Notification{Webhook: &rollout.WebhookSink{URL: gone.URL, Secret: env("NONE")}}, contains: "SERIN_SECRET_NONE: this worker has no such secret"},
		{name: "a key that is no base64", ops: rollout.Notification{Webhook: &rollout.WebhookSink{URL: gone.URL, Secret: env("BAD")}}, contains: "SERIN_SECRET_BAD: what follows whsec_ is no base64"},
		{name: "a URL that is none", ops: rollout.Notification{Slack: &rollout.SlackSink{URL: *env("BAD")}}, contains: "SERIN_SECRET_BAD: it is no URL"},
		{name: "no receiver that is known", contains: "this worker knows webhook, slack, pubsub and flagger"},
		{name: "what is configured cannot be read", broken: errors.New("the store is away"), contains: "the store is away"},
		{name: "it is not configured any more", other: "old", final: true, contains: "does not exist any more"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(row.ops, map[string]string{"SERIN_SECRET_SLACK": gone.URL + "/services/" + secretPath, "SERIN_SECRET_BAD": "whsec_" + secretPath + "%%"})
			o.broken = row.broken
			name := "ops"
			if row.other != "" {
				name = row.other
			}
			_, err := o.DeliverNotices(t.Context(), activities.NoticesRequest{Notification: name, Notices: notices()})
			var app *temporal.ApplicationError
			if !errors.As(err, &app) || app.NonRetryable() != row.final || !strings.Contains(app.Message(), row.contains) {
				t.Errorf("got %v", err)
			}
			if row.final != (app != nil && app.Type() == string(rollout.NotFound)) {
				t.Errorf("type %s", app.Type())
			}
			if strings.Contains(err.Error(), secretPath) {
				t.Errorf("it shows a secret: %v", err)
			}
		})
	}
}

func TestASlowReceiverIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.answer = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	o := newOffice(rollout.Notification{Flagger: &rollout.FlaggerSink{URL: r.URL}}, nil)
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	_, err := o.DeliverNotices(ctx, activities.NoticesRequest{Notification: "ops", Notices: notices()})
	if err == nil || !strings.Contains(err.Error(), "context deadline exceeded") {
		t.Errorf("got %v", err)
	}
}

func TestRouteTellsWhoWantsToKnow(t *testing.T) {
	t.Parallel()
	o := newOffice(rollout.Notification{}, nil)
	o.wanted = map[rollout.Topic][]string{
		rollout.TopicApprovals: {"all", "people"}, rollout.TopicOperations: {"all"}, rollout.TopicAdvances: {"all", "people"},
	}
	res, err := o.RouteNotices(t.Context(), activities.NoticesRequest{Notices: notices()})
	want := "notifier/all: 1, notifier/all: 2, notifier/all: 3, notifier/all: 4, notifier/people: 1, notifier/people: 4"
	if got := strings.Join(o.told, ", "); err != nil || res.Done != 4 || got != want {
		t.Errorf("got %q, %+v, %v", got, res, err)
	}
	o.deaf = "notifier/people"
	if _, err = o.RouteNotices(t.Context(), activities.NoticesRequest{Notices: notices()}); err == nil || !strings.Contains(err.Error(), "tell the notifier of people: deadline exceeded") {
		t.Errorf("got %v", err)
	}
	o.broken = errors.New("the store is away")
	if _, err = o.RouteNotices(t.Context(), activities.NoticesRequest{Notices: notices()}); err == nil {
		t.Error("it does not say that it cannot read what is configured")
	}
	o.broken, o.wanted, o.told = nil, nil, nil
	if res, err = o.RouteNotices(t.Context(), activities.NoticesRequest{Notices: notices()}); err != nil || res.Done != 4 || o.told != nil {
		t.Errorf("nobody wants to know: %+v, %v, %q", res, err, o.told)
	}
}
