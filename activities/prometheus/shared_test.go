package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serin-dev/serin/activities/prometheus"
	"github.com/serin-dev/serin/rollout"
)

// counting is a server that counts its requests; the nth answer is n, after a while.
type counting struct {
	requests atomic.Int64
	takes    time.Duration
	broken   atomic.Bool
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	n := c.requests.Add(1)
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case <-time.After(c.takes):
	}
	if c.broken.Load() {
		return nil, errors.New("connection reset")
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(success("scalar", fmt.Sprintf(`[1,"%d"]`, n)))),
	}, nil
}

// TestShared lets a hundred rollouts ask the same for ten minutes, every minute and each from
// an instant of its own: each always gets an answer that it has not had, and the server
// is asked about once a minute.
func TestShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &counting{takes: 100 * time.Millisecond}
		a := prometheus.Shared(prometheus.New(prometheus.Options{Transport: server}))
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				<-time.After(time.Duration(i) * 600 * time.Millisecond)
				tick := time.NewTicker(time.Minute)
				defer tick.Stop()
				last := rollout.Sample{}
				for range 10 {
					s, err := a.Measure(t.Context(), query("up", time.Minute))
					if err != nil || s.Value <= last.Value || !s.Time.After(last.Time) {
						t.Errorf("rollout %d: got %v after %v, %v", i, s, last, err)
					}
					last = s
					<-tick.C
				}
			})
		}
		all.Wait()
		if n := server.requests.Load(); n < 10 || n > 13 {
			t.Errorf("%d requests for 1000 questions in 11 minutes, want one each 54 s", n)
		}
	})
}

func query(text string, interval time.Duration) rollout.Query {
	return rollout.Query{Prometheus: rollout.Prometheus{Address: "http://prometheus"}, Text: text, Interval: interval}
}

// TestSharedAfter asks for an answer that is newer than what is kept, or is being asked.
func TestSharedAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &counting{takes: 2 * time.Second}
		a := prometheus.Shared(prometheus.New(prometheus.Options{Transport: server}))
		var all sync.WaitGroup
		measure := func(after time.Duration, want float64) {
			q := query("up", time.Minute)
			q.After = time.Now().Add(after)
			all.Go(func() {
				if s, err := a.Measure(t.Context(), q); err != nil || s.Value != want {
					t.Errorf("got %v, %v, want %v", s, err, want)
				}
			})
			synctest.Wait()
		}
		measure(0, 1)
		<-time.After(time.Second)
		measure(-time.Second, 1) // it was asked just then
		measure(0, 2)            // it was asked a second ago
		all.Wait()
		measure(-time.Minute, 2)
		all.Wait()
		measure(0, 3)
		all.Wait()
	})
}

// TestSharedAtOnce asks at the same instant.
func TestSharedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &counting{takes: time.Second}
		a := prometheus.Shared(prometheus.New(prometheus.Options{Transport: server}))
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := a.Measure(ctx, query("up", time.Minute)); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		for range 20 {
			all.Go(func() {
				if s, err := a.Measure(t.Context(), query("up", time.Minute)); err != nil || s.Value != 1 {
					t.Errorf("who waited got %v, %v", s, err)
				}
			})
		}
		synctest.Wait()
		leave() // the one whose question it was
		all.Wait()
		if n := server.requests.Load(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// TestSharedApart are questions that are not the same.
func TestSharedApart(t *testing.T) {
	t.Parallel()
	server := &counting{}
	a := prometheus.Shared(prometheus.New(prometheus.Options{Transport: server}))
	one := query("up", time.Hour)
	text, header, address := one, one, one
	text.Text = "down"
	header.Prometheus.Headers = map[string]string{"X-Scope-OrgID": "other"}
	address.Prometheus.Address = "http://other"
	for _, q := range []rollout.Query{one, text, header, address, one, text, header, address} {
		if _, err := a.Measure(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.requests.Load(); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
}

// TestSharedErrors keeps no error.
func TestSharedErrors(t *testing.T) {
	t.Parallel()
	server := &counting{}
	server.broken.Store(true)
	a := prometheus.Shared(prometheus.New(prometheus.Options{Transport: server}))
	if _, err := a.Measure(t.Context(), query("up", time.Hour)); rollout.KindOf(err) != rollout.Unreachable {
		t.Errorf("got %v", err)
	}
	server.broken.Store(false)
	if s, err := a.Measure(t.Context(), query("up", time.Hour)); err != nil || s.Value != 2 {
		t.Errorf("got %v, %v", s, err)
	}
}

// TestSharedBounded asks more different questions than are kept.
func TestSharedBounded(t *testing.T) {
	t.Parallel()
	server := &counting{}
	a := prometheus.Shared(prometheus.New(prometheus.Options{Transport: server}))
	ask := func(n int) {
		t.Helper()
		if _, err := a.Measure(t.Context(), query(fmt.Sprint(n), time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	const most = 4096
	for n := range most + 1 {
		ask(n)
	}
	ask(most)
	if n := server.requests.Load(); n != most+1 {
		t.Fatalf("%d requests", n)
	}
	ask(0) // the oldest is forgotten
	if n := server.requests.Load(); n != most+2 {
		t.Errorf("%d requests, want %d", n, most+2)
	}
}
