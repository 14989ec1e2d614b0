package metrics_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-dev/serin/deploy/local/metrics"
)

type answer struct {
	Status    string `json:"status"`
	ErrorType string `json:"errorType"`
	Data      struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
}

func ask(t *testing.T, s *metrics.Server, query string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/api/v1/query?query="+url.QueryEscape(query), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got answer
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestItScrapesAndAnswers(t *testing.T) {
	t.Parallel()
	var requests, scrapes atomic.Int64
	third := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := requests.Add(10)
		_, _ = fmt.Fprintf(w, "# TYPE shop:requests counter\nshop:requests{code=\"2xx\"} %d\nshop:requests{code=\"5xx\"} %d\n", n*19, n)
		if scrapes.Add(1) == 4 { // the third one is kept
			close(third)
		}
	}))
	defer app.Close()
	s, err := metrics.Start(t.Context(), metrics.Options{Targets: []string{app.URL + "/metrics"}, Every: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	<-third
	got := ask(t, s, `sum(rate(shop:requests{code="5xx"}[30s])) / sum(rate(shop:requests[30s])) * 100`)
	var series []struct {
		Value [2]any `json:"value"`
	}
	if err := json.Unmarshal(got.Data.Result, &series); err != nil || got.Status != "success" || got.Data.ResultType != "vector" || len(series) != 1 || series[0].Value[1] != "5" {
		t.Errorf("of 100 requests 5 failed, and the share is %s (%v)", got.Data.Result, err)
	}
	if got := ask(t, s, "count(nothing)"); got.Status != "success" || string(got.Data.Result) != "[]" {
		t.Errorf("no series: %+v", got)
	}
	if err := s.Down(); err != nil {
		t.Fatal(err)
	}
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL(), "http://")); err == nil {
		t.Error("it is down, and somebody can connect")
	}
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s, "rate("); got.Status != "error" || got.ErrorType != "bad_data" {
		t.Errorf("a query that is none: %+v", got)
	}
}
