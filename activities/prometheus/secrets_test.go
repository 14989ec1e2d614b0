package prometheus_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/activities/prometheus"
	"github.com/serin-dev/serin/rollout"
)

// TestSecretsGoToAllowedHosts: whoever may write a configuration must not be sent what others have given to
// the worker. A query without a secret may go anywhere.
func TestSecretsGoToAllowedHosts(t *testing.T) {
	t.Parallel()
	secret := &rollout.Secret{Env: "SERIN_SECRET_OF_ANOTHER_TEAM"}
	basic, bearer := &rollout.Auth{Username: "serin", Password: secret}, &rollout.Auth{Bearer: secret}
	for _, row := range []struct {
		address string
		auth    *rollout.Auth
		want    rollout.Kind
	}{
		{"https://evil.example", bearer, rollout.Denied},
		{"https://evil.example", basic, rollout.Denied},
		{"https://evil.example/prometheus.example", bearer, rollout.Denied},
		{"https://prometheus.example.evil.example", bearer, rollout.Denied},
		{"https://evil.example", nil, rollout.Unreachable}, // it was sent
		{"https://prometheus.example:9090", bearer, rollout.Unreachable},
		{"https://prometheus.example", basic, rollout.Unreachable},
	} {
		var heard []string
		a := prometheus.New(prometheus.Options{
			Hosts: activities.Hosts{"prometheus.example"}, Secrets: activities.Secrets{Getenv: func(string) string { return "hunter2" }},
			Transport: hearing(func(r *http.Request) { heard = append(heard, r.URL.Host) }),
		})
		_, err := a.Measure(t.Context(), rollout.Query{Text: "1", Prometheus: rollout.Prometheus{Address: row.address, Auth: row.auth}})
		if rollout.KindOf(err) != row.want || (row.want == rollout.Denied) != (len(heard) == 0) {
			t.Errorf("%s: %v, asked %q", row.address, err, heard)
		}
		if row.want == rollout.Denied && !strings.Contains(err.Error(), "add the host to SERIN_HTTP_HOSTS") {
			t.Errorf("%s: %v", row.address, err)
		}
	}
}

// TestNoSecretInErrors makes a server, and a network, repeat what they were sent.
func TestNoSecretInErrors(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"status":"error","errorType":"bad_data","error":"you sent %s"}`, r.Header.Get("Authorization"))
	}))
	defer server.Close()
	for _, o := range []prometheus.Options{{}, {Transport: refusing{}}} {
		o.Hosts = activities.Hosts{"127.0.0.1"}
		o.Secrets.Getenv = func(string) string { return "hunter2" }
		for _, auth := range []rollout.Auth{
			{Bearer: &rollout.Secret{Env: "SERIN_SECRET_A"}},
			{Username: "serin", Password: &rollout.Secret{Env: "SERIN_SECRET_A"}},
		} {
			_, err := prometheus.New(o).Measure(t.Context(), rollout.Query{Prometheus: rollout.Prometheus{Address: server.URL, Auth: &auth}, Text: "up"})
			if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "c2VyaW46aHVudGVyMg") {
				t.Errorf("got %v", err)
			}
		}
	}
}

// hearing is a network that answers nothing.
type hearing func(*http.Request)

func (h hearing) RoundTrip(r *http.Request) (*http.Response, error) {
	h(r)
	return nil, errors.New("gone")
}
