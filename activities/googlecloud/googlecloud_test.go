package googlecloud_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/activities/analysis"
	"github.com/serin-dev/serin/activities/googlecloud"
	"github.com/serin-dev/serin/rollout"
)

var (
	_ analysis.Alerts = (*googlecloud.Client)(nil)
	_ analysis.Errors = (*googlecloud.Client)(nil)
)

// object is a JSON object.
type object = map[string]any

// answers serves what answer returns: a status and a body.
func answers(t *testing.T, answer func(r *http.Request) (int, any)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := answer(r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func client(s *httptest.Server) *googlecloud.Client {
	return googlecloud.New(googlecloud.WithEndpoints(s.URL, s.URL))
}

func problem(status int, text string) object {
	return object{"error": object{"code": status, "message": "no", "status": text}}
}

func alertCheck() rollout.AlertCheck {
	return rollout.AlertCheck{ID: "slo", Policies: []string{"projects/shop/alertPolicies/1"}}
}

func errorCheck() rollout.ErrorCheck { return rollout.ErrorCheck{ID: "new", Project: "shop"} }

// asks are both questions, of a client that has nothing else to say.
func asks(t *testing.T, c *googlecloud.Client) map[string]error {
	t.Helper()
	since := time.Now().Add(-time.Minute)
	reason, alerts := c.Open(t.Context(), alertCheck(), since)
	found, groups := c.New(t.Context(), errorCheck(), "checkout", "checkout-2", since)
	if reason+found != "" {
		t.Errorf("got %q and %q beside an error", reason, found)
	}
	return map[string]error{"alerts": alerts, "errors": groups}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		header string // Retry-After
		body   object
		want   rollout.Kind
		after  time.Duration
		text   string
	}{
		{name: "bad request", status: 400, body: problem(400, "INVALID_ARGUMENT"), want: rollout.Invalid, text: "400 INVALID_ARGUMENT: no"},
		{name: "unauthenticated", status: 401, body: problem(401, "UNAUTHENTICATED"), want: rollout.Denied, text: "401 UNAUTHENTICATED: no (grant roles/"},
		{name: "denied", status: 403, body: problem(403, "PERMISSION_DENIED"), want: rollout.Denied, text: "(grant roles/"},
		{name: "not found", status: 404, body: problem(404, "NOT_FOUND"), want: rollout.NotFound, text: "404 NOT_FOUND"},
		{name: "quota", status: 429, header: "7", want: rollout.Transient, after: 7 * time.Second, text: "429 Too Many Requests"},
		{name: "unavailable", status: 503, header: "2", want: rollout.Transient, after: 2 * time.Second, text: "503"},
		{name: "a date that passed", status: 503, header: "Mon, 02 Jan 2006 15:04:05 GMT", want: rollout.Transient, text: "503"},
		{name: "teapot", status: 418, want: rollout.Invalid, text: "418"},
		{
			name: "a long story", status: 400, want: rollout.Invalid, text: "...",
			body: object{"error": object{"code": 400, "message": strings.Repeat("word ", 1000)}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				if err := json.NewEncoder(w).Encode(c.body); err != nil {
					t.Error(err)
				}
			}))
			defer s.Close()
			for what, err := range asks(t, client(s)) {
				wantError(t, what, err, c.want, c.text)
				var re *rollout.Error
				if errors.As(err, &re) && re.After != c.after {
					t.Errorf("%s: after is %s, want %s", what, re.After, c.after)
				}
			}
		})
	}
}

func wantError(t *testing.T, what string, err error, kind rollout.Kind, text string) {
	t.Helper()
	if rollout.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %s %v, want %s with %q", what, rollout.KindOf(err), err, kind, text)
	}
	if err != nil && len(err.Error()) > 1000 {
		t.Errorf("%s: the error has %d bytes", what, len(err.Error()))
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := answers(t, nil)
	c := client(s)
	s.Close()
	for what, err := range asks(t, c) {
		wantError(t, what, err, rollout.Transient, "connection refused")
	}
}

func TestNoJSON(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("<html>sign in")); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	for what, err := range asks(t, client(s)) {
		wantError(t, what, err, rollout.Transient, "invalid character")
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"http://monitoring.example.com", "127.0.0.1:80", "ftp://127.0.0.1", "https://", ":"} {
		for what, err := range asks(t, googlecloud.New(googlecloud.WithEndpoints(endpoint, endpoint))) {
			wantError(t, what, err, rollout.Invalid, "an endpoint is an https URL")
		}
	}
}

// TestNoCredentials: the client is made without any, and they are looked for anew with each call.
func TestNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", t.TempDir()+"/none.json")
	c := googlecloud.New()
	for range 2 {
		for what, err := range asks(t, c) {
			wantError(t, what, err, rollout.Denied, "(give this worker Application Default Credentials)")
		}
	}
}

// same compares the parameters of a request with what is wanted of them.
func same(t *testing.T, got url.Values, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if strings.Join(got[key], ",") != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
}
