package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// clusterRows measures on a real cluster, by the suite in test/traffic, which keeps its
// numbers below build. Where a cluster cannot run there are none.
func clusterRows(ctx context.Context, p *programs) ([]row, error) {
	files := map[string]string{}
	for _, name := range []string{"traffic", "kubernetes", "kubernetes-overhead"} {
		files[name] = filepath.Join(p.root, "build", name+".json")
		if err := os.Remove(files[name]); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	c := exec.CommandContext(ctx, "go", "test", "./traffic", "-count=1", "-timeout=30m",
		"-run=^(TestNoRequestIsLost|TestRequestBudget)$", "-bench=PhaseOverhead", "-benchtime=8x")
	c.Dir = filepath.Join(p.root, "test")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the suite in test/traffic: %w\n%s", err, out)
	}
	if _, err := os.Stat(files["traffic"]); os.IsNotExist(err) {
		_, err = fmt.Fprintln(p.says, "no rows of kubernetes and traffic: a cluster cannot run on this machine")
		return nil, err
	}
	var traffic struct {
		Requests int     `json:"requests"`
		Failed   int     `json:"failedRequests"`
		MaxError float64 `json:"maxShareErrorPoints"`
		Scenes   []any   `json:"scenes"`
	}
	var counts struct{ Plain, Copies int }
	var overhead struct {
		MedianMs float64 `json:"medianMs"`
		N        int     `json:"n"`
	}
	for file, into := range map[string]any{files["traffic"]: &traffic, files["kubernetes"]: &counts, files["kubernetes-overhead"]: &overhead} {
		if err := read(file, into); err != nil {
			return nil, err
		}
	}
	n := len(traffic.Scenes)
	count := func(name string, value int, unit string, n int, limit float64) row {
		return row{Name: name, Value: float64(value), Unit: unit, N: n, target: target{limit: limit, inclusive: true, count: true}}
	}
	return []row{
		count("kubernetes.api_requests_per_canary", counts.Plain, "requests", 1, 30),
		count("kubernetes.api_requests_with_copies", counts.Copies, "requests", 1, 45),
		{Name: "kubernetes.phase_overhead_ms", Value: hundredths(overhead.MedianMs), Unit: "ms", N: overhead.N, target: target{limit: 150}},
		{Name: "traffic.requests", Value: float64(traffic.Requests), Unit: "requests", N: n, target: target{least: true, limit: 10000}},
		count("traffic.failed_requests", traffic.Failed, "requests", n, 0),
		{Name: "traffic.max_share_error_points", Value: hundredths(traffic.MaxError), Unit: "points", N: n, target: target{limit: 5, inclusive: true}},
	}, nil
}

func read(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}
