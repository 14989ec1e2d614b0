package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/prometheus"
	"github.com/serin-dev/serin/rollout"
)

// answering returns a server that gives every query the same answer.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func success(kind, result string) string {
	return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":%s}}`, kind, result)
}

// TestMeasure is what each answer of the API means.
func TestMeasure(t *testing.T) {
	t.Parallel()
	refusal := func(kind, text string) string {
		return fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, text)
	}
	series := func(v string) string { return `{"metric":{"a":"b"},"value":[1700000000.5,"` + v + `"]}` }
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   string // value, "none", or kind: the end of the text
	}{
		{"a series", 200, success("vector", "["+series("99.25")+"]"), "99.25"},
		{"zero is a value", 200, success("vector", "["+series("0")+"]"), "0"},
		{"a scalar", 200, success("scalar", `[1700000000,"-1.5e-3"]`), "-0.0015"},
		{"with a warning", 200, `{"status":"success","warnings":["slow"],"data":{"resultType":"scalar","result":[1,"2"]}}`, "2"},
		{"no series", 200, success("vector", "[]"), "none"},
		{"not a number", 200, success("vector", "["+series("NaN")+"]"), "none"},
		{"infinite", 200, success("vector", "["+series("+Inf")+"]"), "none"},
		{"infinite scalar", 200, success("scalar", `[1,"-Inf"]`), "none"},
		{"two series", 200, success("vector", "["+series("1")+","+series("2")+"]"), "Invalid: it returned 2 series, want 1: aggregate it, for example with sum()"},
		{"a matrix", 200, success("matrix", `[{"metric":{},"values":[[1,"2"]]}]`), "Invalid: it returned a matrix, want a number: a scalar, or a vector of one series"},
		{"a string", 200, success("string", `[1,"x"]`), "Invalid: it returned no number: a scalar, or a vector of one series"},
		{
			"a histogram", 200, success("vector", `[{"metric":{},"histogram":[1,{"count":"1","sum":"1","buckets":[[0,"0","1","1"]]}]}]`),
			"Invalid: it returned a histogram, want a number: use, for example, histogram_quantile()",
		},
		{"a parse error", 400, refusal("bad_data", "1:5: parse error"), "Invalid: bad_data: 1:5: parse error"},
		{"an execution error", 422, refusal("execution", "many-to-many matching"), "Invalid: execution: many-to-many matching"},
		{"a bad request of a proxy", 400, "no", "Invalid: client_error: client error: 400"},
		{"no such path", 404, "no", "Unreachable: the server answers 404 Not Found (check the address: it is what /api/v1/query is appended to)"},
		{"too many requests", 429, "no", "Transient: the server answers 429 Too Many Requests"},
		{"timed out there", 503, refusal("timeout", "query timed out"), "Unreachable: the server answers 503 Service Unavailable"},
		{"not up yet", 502, "<html>", "Unreachable: the server answers 502 Bad Gateway"},
		{"not the API", 200, "<html>", "Unreachable: bad_response: "},
		{"too long", 200, success("string", `[1,"`+strings.Repeat("x", 2<<20)+`"]`), "Invalid: it has more than 1048576 bytes (aggregate the query, for example with sum())"},
		{"wrong password", 401, "hunter2 is wrong", "Denied: the server answers 401 Unauthorized (check auth: the reference, and what the worker that polls the target's task queue has there)"},
		{"forbidden", 403, "no", "Denied: the server answers 403 Forbidden (check auth: the reference, and what the worker that polls the target's task queue has there)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := prometheus.New(prometheus.Options{})
			s, err := a.Measure(t.Context(), rollout.Query{
				Prometheus: rollout.Prometheus{Address: answering(t, row.status, row.body)}, Text: "up",
			})
			got := "none"
			if s.Found {
				got = fmt.Sprint(s.Value)
			}
			if err != nil {
				_, text, _ := strings.Cut(err.Error(), " at http://")
				_, text, _ = strings.Cut(text, ": ")
				got = string(rollout.KindOf(err)) + ": " + text
			}
			if got != row.want && (err == nil || !strings.HasSuffix(row.want, ": ") || !strings.HasPrefix(got, row.want)) {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if err == nil && time.Since(s.Time) > time.Minute {
				t.Errorf("the time of the sample is %s", s.Time)
			}
		})
	}
}

// TestSecrets is who is told what.
func TestSecrets(t *testing.T) {
	t.Parallel()
	secret := &rollout.Secret{Env: "SERIN_SECRET_PROM"}
	file := t.TempDir()
	if err := os.WriteFile(file+"/token", []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		p    rollout.Prometheus
		want string // Authorization, or the error
	}{
		{"nobody", rollout.Prometheus{}, ""},
		{"basic", rollout.Prometheus{Auth: &rollout.Auth{Username: "serin", Password: secret}}, "Basic c2VyaW46aHVudGVyMg=="},
		{"bearer", rollout.Prometheus{Auth: &rollout.Auth{Bearer: secret}}, "Bearer hunter2"},
		{"bearer of a file", rollout.Prometheus{Auth: &rollout.Auth{Bearer: &rollout.Secret{File: "token"}}}, "Bearer from-file"},
		{"google", rollout.Prometheus{Auth: &rollout.Auth{Google: true}}, "Bearer google"},
		{"a header does not replace them", rollout.Prometheus{Auth: &rollout.Auth{Bearer: secret}, Headers: map[string]string{"authorization": "x"}}, "Bearer hunter2"},
		{"an unknown secret", rollout.Prometheus{Auth: &rollout.Auth{Bearer: &rollout.Secret{Env: "SERIN_SECRET_OTHER"}}}, "NotFound: read secret SERIN_SECRET_OTHER: this worker has no such secret"},
		{"another variable", rollout.Prometheus{Auth: &rollout.Auth{Bearer: &rollout.Secret{Env: "HOME"}}}, "Invalid: read secret HOME: its name does not begin with SERIN_SECRET_"},
		{"an auth of nothing", rollout.Prometheus{Auth: &rollout.Auth{}}, "Invalid: auth names no password, bearer or google"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var auth, tenant string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				auth, tenant = r.Header.Get("Authorization"), r.Header.Get("X-Scope-OrgID")
				_, _ = io.WriteString(w, success("scalar", `[1,"1"]`))
			}))
			defer server.Close()
			a := prometheus.New(prometheus.Options{
				Secrets: activities.Secrets{Folder: file, Getenv: func(name string) string {
					return map[string]string{"SERIN_SECRET_PROM": "hunter2", "HOME": "/root"}[name]
				}},
				Tokens:      func(context.Context) (oauth2.TokenSource, error) { return token("google"), nil },
				GoogleHosts: activities.Hosts{"127.0.0.1"}, Hosts: activities.Hosts{"127.0.0.1"},
			})
			row.p.Address = server.URL
			if row.p.Headers == nil {
				row.p.Headers = map[string]string{"X-Scope-OrgID": "shop"}
			}
			_, err := a.Measure(t.Context(), rollout.Query{Prometheus: row.p, Text: "up"})
			got := auth
			if err != nil {
				got = string(rollout.KindOf(err)) + ": " + err.Error()
			}
			if got != row.want && !(err != nil && strings.HasPrefix(got, row.want[:5]) && strings.Contains(got, row.want[strings.Index(row.want, ": ")+2:])) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
			if err == nil && row.p.Headers["X-Scope-OrgID"] != tenant {
				t.Errorf("X-Scope-OrgID is %q", tenant)
			}
		})
	}
}

type token string

func (t token) Token() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: string(t)}, nil }

// TestGoogleToken goes to Google only.
func TestGoogleToken(t *testing.T) {
	t.Parallel()
	a := prometheus.New(prometheus.Options{
		Transport: refusing{}, Tokens: func(context.Context) (oauth2.TokenSource, error) { return token("google"), nil },
	})
	for address, want := range map[string]rollout.Kind{
		"https://monitoring.googleapis.com/v1/projects/shop/location/global/prometheus": rollout.Unreachable, // it was sent
		"http://monitoring.googleapis.com":                                              rollout.Denied,
		"https://prometheus.example.com":                                                rollout.Denied,
		"https://monitoring.googleapis.com.evil":                                        rollout.Denied,
		"https://evilgoogleapis.com":                                                    rollout.Denied,
	} {
		q := rollout.Query{Prometheus: rollout.Prometheus{Address: address, Auth: &rollout.Auth{Google: true}}, Text: "up"}
		if _, err := a.Measure(t.Context(), q); rollout.KindOf(err) != want {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nothing there for google or hunter2")
}

// TestAddress refuses what is no address, before anything is sent.
func TestAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"":                                "its address \"\" is",
		"prometheus:9090":                 "the scheme of its address",
		"file:///etc/passwd":              `is "file", want http or https`,
		"http://serin:hunter2@prometheus": "its address holds credentials: refer to them by auth",
		"http://prometheus?token=hunter2": "is not only a host and a path",
		"http://":                         "names no host",
		"http://%zz":                      "its address is not a URL",
	} {
		_, err := prometheus.New(prometheus.Options{}).Measure(t.Context(), rollout.Query{Prometheus: rollout.Prometheus{Address: address}, Text: "up"})
		if address == "" {
			want = "the scheme of its address"
		}
		if rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
}

// TestUnreachable is a server that does not answer.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	hangs := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	defer slow.Close()
	defer close(hangs)
	for address, want := range map[string]string{gone.URL: "refused", slow.URL: "no answer in time"} {
		_, err := prometheus.New(prometheus.Options{}).Measure(t.Context(), rollout.Query{
			Prometheus: rollout.Prometheus{Address: address, Timeout: 50 * time.Millisecond}, Text: "up",
		})
		if rollout.KindOf(err) != rollout.Unreachable || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := prometheus.New(prometheus.Options{}).Measure(ctx, rollout.Query{Prometheus: rollout.Prometheus{Address: slow.URL}, Text: "up"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a question that nobody wants any more ends with %v", err)
	}
}

// TestRedirect does not carry credentials to another host.
func TestRedirect(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	_, err := prometheus.New(prometheus.Options{}).Measure(t.Context(), rollout.Query{Prometheus: rollout.Prometheus{Address: server.URL}, Text: "up"})
	if rollout.KindOf(err) != rollout.Invalid {
		t.Errorf("got %v", err)
	}
}

// TestGet asks a proxy that refuses to be posted to.
func TestGet(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, success("scalar", `[1,"7"]`))
	}))
	defer server.Close()
	s, err := prometheus.New(prometheus.Options{}).Measure(t.Context(), rollout.Query{Prometheus: rollout.Prometheus{Address: server.URL}, Text: "up"})
	if err != nil || s.Value != 7 {
		t.Errorf("got %v, %v", s, err)
	}
}
