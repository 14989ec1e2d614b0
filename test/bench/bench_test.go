package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-dev/serin/rollout"
	"github.com/serin-dev/serin/test/metrics"
	"github.com/serin-dev/serin/test/world"
)

// TestHistoryOfAFourPhaseRelease asserts the count that bench prints.
func TestHistoryOfAFourPhaseRelease(t *testing.T) {
	t.Parallel()
	w, err := world.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := releases(t.Context(), w, 1)
	stop()
	if err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := wrongCounts(rows); err != nil {
		t.Error(err)
	}
	for _, r := range rows {
		t.Log(r.Name, r.Value)
	}
}

// TestHistoryOfAnAnalysis asserts the count that bench prints.
func TestHistoryOfAnAnalysis(t *testing.T) {
	t.Parallel()
	w, err := world.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		t.Fatal(err)
	}
	p, err := metrics.Start(t.Context(), metrics.Options{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := jobEvents(t.Context(), w, p.URL)
	stop()
	if err = errors.Join(err, wrongCounts([]row{events}), p.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	t.Log(events.Name, events.Value)
}

// TestWaitingCostsNothing asserts what bench asserts before it reads the worker's memory.
func TestWaitingCostsNothing(t *testing.T) {
	t.Parallel()
	w, err := world.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop, err := w.Worker(rollout.DefaultTaskQueue)
	if err != nil {
		t.Fatal(err)
	}
	err = approvals(t.Context(), w, 4, 5)
	stop()
	if err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	rows := []row{
		{Name: "a.time_ms", Value: 41.5, Unit: "ms", N: 24, target: target{limit: 100}},
		{Name: "b.time_ms", Value: 100, Unit: "ms", N: 24, target: target{limit: 100}},
		{Name: "c.events", Value: 120, Unit: "events", N: 8, target: target{limit: 120, inclusive: true, count: true}},
		{Name: "d.events", Value: 121, Unit: "events", N: 8, target: target{limit: 120, inclusive: true, count: true}},
		{Name: "e.requests", Value: 10, Unit: "requests", N: 3, target: target{limit: 10, least: true}},
		{Name: "f.requests", Value: 9, Unit: "requests", N: 3, target: target{limit: 10, least: true}},
	}
	var out bytes.Buffer
	if err := printTable(&out, rows); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"measurement value unit n target",
		"a.time_ms 41.5 ms 24 under 100 holds",
		"b.time_ms 100 ms 24 under 100 MISSED",
		"c.events 120 events 8 at most 120 holds",
		"d.events 121 events 8 at most 120 MISSED",
		"e.requests 10 requests 3 at least 10 holds",
		"f.requests 9 requests 3 at least 10 MISSED",
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if got := strings.Join(strings.Fields(line), " "); got != want[i] {
			t.Errorf("line %d: got %q, want %q", i+1, got, want[i])
		}
	}
	if err := wrongCounts(rows); err == nil || err.Error() != "d.events is 121, not at most 120" {
		t.Errorf("got %v: only a count may fail a run", err)
	}

	file := filepath.Join(t.TempDir(), "bench.json")
	if err := write(file, rows[:1]); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const wantJSON = "[\n  {\n    \"name\": \"a.time_ms\",\n    \"value\": 41.5,\n    \"unit\": \"ms\",\n    \"n\": 24\n  }\n]\n"
	if string(got) != wantJSON {
		t.Errorf("got %s", got)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("got %g, want 5", got)
	}
}
