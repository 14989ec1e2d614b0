package traffic_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// reportFile is where the report is kept, below the repository's root.
const reportFile = "build/traffic.json"

// report is what all scenes came to.
type report struct {
	mu      sync.Mutex
	results []result
	counts  map[string]int
}

// countsFile is where the numbers of requests are kept.
const countsFile = "build/kubernetes.json"

func (r *report) count(name string, requests, preflight int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[name], r.counts[name+"Preflight"] = requests, preflight
}

// writeCounts keeps the numbers of requests.
func (r *report) writeCounts(t *testing.T) {
	t.Helper()
	keep(t, countsFile, r.counts)
}

// result is what one scene came to.
type result struct {
	Scene    string         `json:"scene"`
	Requests int            `json:"requests"`
	Failed   int            `json:"failed"`
	Answers  map[string]int `json:"answers"`
	Shares   []share        `json:"shares,omitempty"`
}

func (r *report) add(one result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, one)
}

// write prints the report and keeps it.
func (r *report) write(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.results, func(a, b result) int { return cmp.Compare(a.Scene, b.Scene) })
	sum := struct {
		Requests int      `json:"requests"`
		Failed   int      `json:"failedRequests"`
		MaxError float64  `json:"maxShareErrorPoints"`
		Scenes   []result `json:"scenes"`
	}{Scenes: r.results}
	var text strings.Builder
	for _, one := range r.results {
		sum.Requests += one.Requests
		sum.Failed += one.Failed
		fmt.Fprintf(&text, "%-12s %6d requests, %d failed, %v", one.Scene, one.Requests, one.Failed, one.Answers)
		for _, m := range one.Shares {
			sum.MaxError = max(sum.MaxError, math.Abs(m.Observed-float64(m.Weight)))
			fmt.Fprintf(&text, " | %s %.1f%%", m.Phase, m.Observed)
		}
		text.WriteString("\n")
	}
	t.Logf("%d requests, %d failed, greatest error of a share %.1f points; kept in %s\n%s",
		sum.Requests, sum.Failed, sum.MaxError, reportFile, text.String())
	keep(t, reportFile, sum)
}

// keep writes v as JSON to a file below the repository's root.
func keep(tb testing.TB, file string, v any) {
	tb.Helper()
	content, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join("..", "..", filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		tb.Fatal(err)
	}
}
