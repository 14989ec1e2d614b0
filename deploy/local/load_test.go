package main

import (
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoadCountsWhoAnswersAndWhatFails(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			http.Error(w, "no", http.StatusInternalServerError)
		case 1:
			w.Header().Set(revisionHeader, "new")
		default:
			w.Header().Set(revisionHeader, "old")
		}
	}))
	defer s.Close()
	began := time.Now()
	l := startLoad(t.Context(), s.URL, s.Client())
	err := l.await(t.Context(), began, 40)
	l.stop()
	if err != nil {
		t.Fatal(err)
	}
	got := l.between(began, time.Time{})
	if int64(got.requests) != n.Load() {
		t.Errorf("counted %d requests, the server %d", got.requests, n.Load())
	}
	if want := got.requests / 4; got.failed != want || got.failure != "500 Internal Server Error" {
		t.Errorf("%d failed (%s), want %d of %d", got.failed, got.failure, want, got.requests)
	}
	if share := got.share("new"); math.Abs(share-100./3) > 3 {
		t.Errorf("new has %.1f%%, want a third of what did not fail", share)
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	l := &load{samples: []sample{
		{sent: at(10), answered: at(20), revision: "old"}, // before
		{sent: at(99), answered: at(120), revision: "old"},
		{sent: at(110), answered: at(120), revision: "old"},
		{sent: at(120), answered: at(140), revision: "new"},
		{sent: at(130), answered: at(160), revision: "new"},
		{sent: at(140), answered: at(180), revision: "new"},
		{sent: at(150), answered: at(150), failure: "reset"},
		{sent: at(190), answered: at(210), revision: "new"}, // nobody knows by which split
	}}
	got := l.between(at(100), at(200))
	if got.requests != 5 || got.failed != 1 || got.failure != "reset" || got.share("new") != 75 || got.rate() != 50 {
		t.Errorf("got %+v, %.1f%%, %.1f/s", got, got.share("new"), got.rate())
	}
	if half, all := got.quantile(0.5), got.quantile(1); half != 30*time.Millisecond || all != 40*time.Millisecond {
		t.Errorf("quantiles %s and %s", half, all)
	}
	none := l.between(at(300), at(400))
	if none.requests != 0 || none.share("new") != 0 || none.quantile(0.5) != 0 {
		t.Errorf("of nothing: %+v", none)
	}
}
