package jobs_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// served answers requests in memory, and keeps what was asked.
type served struct {
	answer answer
	asked  []string
	at     []time.Time
}

func (s *served) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(content)
	}
	s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+body))
	s.at = append(s.at, time.Now())
	status, text, err := s.answer(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

// answer is a server's: status and body, or why there is none.
type answer func(*http.Request) (int, string, error)

func always(status int, body string) answer {
	return func(*http.Request) (int, string, error) { return status, body, nil }
}

func get(address string) rollout.HTTPCheck {
	return rollout.HTTPCheck{ID: "home", Method: "GET", URL: address, Status: 200, Attempts: 1, Timeout: time.Second}
}

func TestHTTPChecks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		check  func(*rollout.HTTPCheck)
		answer answer
		want   rollout.Verdict
		reason string
		asked  string
		took   time.Duration
	}{
		{name: "as it should be", answer: always(200, "ok"), want: rollout.VerdictPass, asked: "GET http://web-canary.store.svc/"},
		{
			name: "another status", answer: always(500, "secret"), want: rollout.VerdictFail,
			reason: "home: GET http://web-canary.store.svc/ answered 500, want 200",
		},
		{
			name: "another body", check: func(c *rollout.HTTPCheck) { c.Match = "^ok$" }, answer: always(200, "secret"), want: rollout.VerdictFail,
			reason: `home: GET http://web-canary.store.svc/ answered what does not match "^ok$"`,
		},
		{name: "that body", check: func(c *rollout.HTTPCheck) { c.Match = "^v[0-9]$" }, answer: always(200, "v2"), want: rollout.VerdictPass},
		{
			name: "values are filled in", check: func(c *rollout.HTTPCheck) {
				c.Method, c.URL, c.Body = "POST", "{{.CanaryURL}}/{{.Service}}?r={{.Release}}", "{{.Phase}} of {{.Target}}"
			},
			answer: always(200, ""), want: rollout.VerdictPass, asked: "POST http://web-canary.store.svc/web?r=v2 canary-25 of prod",
		},
		{
			name: "a query is not told", check: func(c *rollout.HTTPCheck) { c.URL += "?token=secret" }, answer: always(404, ""),
			want: rollout.VerdictFail, reason: "home: GET http://web-canary.store.svc/ answered 404, want 200",
		},
		{
			name: "attempts", check: func(c *rollout.HTTPCheck) { c.Attempts, c.Interval = 3, time.Minute }, answer: always(503, ""),
			want: rollout.VerdictFail, reason: "home: GET http://web-canary.store.svc/ answered 503, want 200, 3 times", took: 2 * time.Minute,
		},
		{
			name: "no answer", answer: func(*http.Request) (int, string, error) { return 0, "", errors.New("connection refused") },
			want: rollout.VerdictFail, reason: "home: GET http://web-canary.store.svc/ was not answered: connection refused",
		},
		{
			name: "a late answer", answer: func(r *http.Request) (int, string, error) { <-r.Context().Done(); return 0, "", r.Context().Err() },
			want: rollout.VerdictFail, reason: "home: GET http://web-canary.store.svc/ was not answered: context deadline exceeded", took: time.Second,
		},
		{
			name: "a host that this worker cannot find", answer: func(*http.Request) (int, string, error) {
				return 0, "", &net.DNSError{Err: "no such host", Name: "web-canary.store.svc", IsNotFound: true}
			},
			want: rollout.VerdictInconclusive, reason: "home: GET http://web-canary.store.svc/ was not sent: lookup web-canary.store.svc: no such host",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, server := newSite(t), &served{answer: row.answer}
				s.client = &http.Client{Transport: server}
				c := get("{{.CanaryURL}}/")
				if row.check != nil {
					row.check(&c)
				}
				began := time.Now()
				out := s.runs(rollout.JobSpec{HTTP: []rollout.HTTPCheck{c}})
				if out.Verdict != row.want || out.Reason != row.reason {
					t.Errorf("got %s (%s), want %s (%s)", out.Verdict, out.Reason, row.want, row.reason)
				}
				if row.asked != "" && server.asked[0] != row.asked {
					t.Errorf("asked %s, want %s", server.asked[0], row.asked)
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("it took %s, want %s", took, row.took)
				}
			})
		})
	}
}

func TestRequestsComeAfterTasks(t *testing.T) {
	t.Parallel()
	s, server := newSite(t), &served{answer: always(500, "")}
	s.client = &http.Client{Transport: server}
	second := get("http://web.store.svc/b")
	second.ID = "second"
	spec := rollout.JobSpec{Tasks: tasks("a"), HTTP: []rollout.HTTPCheck{get("http://web.store.svc/a"), second}}
	want := "a: pass, home: fail (home: GET http://web.store.svc/a answered 500, want 200), second:  (not run, because of the one before)"
	if out := s.runs(spec); told(out) != want || len(server.asked) != 1 {
		t.Errorf("got %s after %v", told(out), server.asked)
	}
	s.ends["a"] = ended(rollout.VerdictInconclusive, "never ran")
	if out := s.runs(spec); out.Verdict != rollout.VerdictInconclusive || len(server.asked) != 1 {
		t.Errorf("got %s after %v", told(out), server.asked)
	}
}

func TestOnlyAllowedHostsAreAsked(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		url   string
		hosts activities.Hosts
		want  rollout.Kind
	}{
		{"http://web.store.svc/", nil, ""},
		{"http://web-canary.store.svc/", nil, ""},
		{"http://web-canary.store.svc.evil.test/", nil, rollout.Denied},
		{"http://169.254.169.254/token", nil, rollout.Denied},
		{"http://{{.Target}}.{{.Release}}/", nil, rollout.Denied},
		{"http://gate.store.svc:8080/", activities.Hosts{"*.store.svc"}, ""},
		{"http://gate.store.svc:8080/", activities.Hosts{"gate.store.svc:8080"}, ""},
		{"http://gate.store.svc:9090/", activities.Hosts{"gate.store.svc:8080"}, rollout.Denied},
		{"file:///etc/passwd", activities.Hosts{"*.store.svc"}, rollout.Invalid},
		{"{{.Nothing}}", nil, rollout.Invalid},
		{"{{", nil, rollout.Invalid},
	} {
		s, server := newSite(t), &served{answer: always(200, "")}
		s.client, s.hosts = &http.Client{Transport: server}, row.hosts
		_, err := s.do(activities.RunJob, s.request(rollout.JobSpec{HTTP: []rollout.HTTPCheck{get(row.url)}}))
		if kindOf(err) != row.want || (row.want != "") != (len(server.asked) == 0) {
			t.Errorf("%s with %v: %v, asked %v", row.url, row.hosts, err, server.asked)
		}
	}
}

func TestNobodyIsLedToAnotherHost(t *testing.T) {
	t.Parallel()
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/around", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) })
	mux.HandleFunc("/there", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	defer server.Close()
	s := newSite(t)
	s.hosts = activities.Hosts{strings.TrimPrefix(server.URL, "http://")}
	for path, want := range map[string]int{"/away": 302, "/around": 200} {
		c := get(server.URL + path)
		c.Status = want
		if out := s.runs(rollout.JobSpec{HTTP: []rollout.HTTPCheck{c}}); out.Verdict != rollout.VerdictPass {
			t.Errorf("%s: %s", path, out.Reason)
		}
	}
	if reached {
		t.Error("the other host was asked")
	}
}

var _ http.RoundTripper = (*served)(nil)

func TestHeadersAndHost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var host, header string
	s.client = &http.Client{Transport: &served{answer: func(r *http.Request) (int, string, error) {
		host, header = r.Host, r.Header.Get("X-Test")
		return 200, "", nil
	}}}
	c := get("{{.CanaryURL}}/")
	c.Headers = map[string]string{"host": "shop.test", "x-test": "1"}
	s.runs(rollout.JobSpec{HTTP: []rollout.HTTPCheck{c}})
	if host != "shop.test" || header != "1" {
		t.Errorf("host %q, header %q", host, header)
	}
}
