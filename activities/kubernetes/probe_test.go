package kubernetes

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/serin-dev/serin/rollout"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	for p, want := range map[rollout.Weight]int{0: 50, 1: 400, 2: 342, 5: 135, 25: 25, 50: 10, 99: 2, 100: 20} {
		if got := requests(p); got != want {
			t.Errorf("at %d%%: %d requests, want %d", p, got, want)
		}
	}
}

// TestProbe asks a server that answers as a data plane would, and one that does not.
func TestProbe(t *testing.T) {
	t.Parallel()
	canaryAt := func(every int64) func(int64) string { // one request in every reaches the canary
		return func(n int64) string {
			if every > 0 && n%every == 0 {
				return "shop-canary-7d9f-x1"
			}
			return "shop-5c4b-x1"
		}
	}
	for _, row := range []struct {
		name string
		p    rollout.Weight
		pod  func(n int64) string // that answers the n-th request
		want string               // a part of the reason
		most int64                // requests
	}{
		{name: "the canary is reached", p: 25, pod: canaryAt(4), most: 25},
		{name: "it is not reached yet", p: 25, pod: canaryAt(0), want: "the canary gave 0 of 25 answers", most: 25},
		{name: "a small share is found", p: 1, pod: canaryAt(390), most: 400},
		{name: "nothing reaches it", p: 0, pod: canaryAt(0), most: 50},
		{name: "something still reaches it", p: 0, pod: canaryAt(40), want: "the canary still gave 1 of ", most: 50},
		{name: "all reach it", p: 100, pod: canaryAt(1), most: 20},
		{name: "some do not", p: 100, pod: canaryAt(2), want: "the original still gave ", most: 20},
		{name: "nobody says who it is", p: 25, pod: func(int64) string { return "" }, want: "the canary gave 0 of 25 answers, 25 named no pod: 503 Service Unavailable without header X-Pod", most: 25},
		{name: "somebody else answers", p: 0, pod: func(int64) string { return "errors-1" }, want: `the original gave 0 of 50 answers, 50 named no pod: header X-Pod is "errors-1"`, most: 50},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				pod := row.pod(n.Add(1))
				if pod == "" {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				w.Header().Set("X-Pod", pod)
			}))
			defer server.Close()
			got, err := newProbe(rollout.Probe{URL: server.URL, Header: "X-Pod"}, "shop").confirm(t.Context(), row.p)
			if err != nil || (row.want == "") != (got == "") || !strings.Contains(got, row.want) {
				t.Errorf("got %q, %v, want %q", got, err, row.want)
			}
			if n.Load() > row.most {
				t.Errorf("%d requests, want at most %d", n.Load(), row.most)
			}
		})
	}
}

func TestProbeFindsNobody(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	address := strings.Replace(server.URL, "http://", "http://user:secret@", 1)
	server.Close()
	b := newProbe(rollout.Probe{URL: address, Header: "X-Pod"}, "shop")
	got, err := b.confirm(t.Context(), 100)
	if err != nil || !strings.Contains(got, "connection refused") || strings.Contains(got, "secret") {
		t.Errorf("got %q, %v, want that the connection is refused, and no password", got, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err = b.confirm(ended, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("its context ended: %v", err)
	}
	b.url = "shop.example.com"
	if got, err = b.confirm(t.Context(), 100); err != nil || got != "the probe's address is no URL" {
		t.Errorf("got %q, %v", got, err)
	}
}
