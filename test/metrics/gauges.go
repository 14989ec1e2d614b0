package metrics

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
)

// Gauges are numbers that a Prometheus can scrape, each a series of its own name and labels, such as
// `errors{row="nan"}`.
type Gauges struct {
	URL string

	server *httptest.Server

	mu      sync.Mutex
	values  map[string]float64
	scrapes int
	scraped chan struct{} // closed and replaced at each scrape
}

// NewGauges serves none yet. Close them.
func NewGauges() *Gauges {
	g := &Gauges{values: map[string]float64{}, scraped: make(chan struct{})}
	g.server = httptest.NewServer(g)
	g.URL = g.server.URL + "/metrics"
	return g
}

// Close ends the service.
func (g *Gauges) Close() { g.server.Close() }

// ServeHTTP is one scrape.
func (g *Gauges) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, series := range slices.Sorted(maps.Keys(g.values)) {
		_, _ = fmt.Fprintf(w, "%s %g\n", series, g.values[series]) // who does not listen hears the next
	}
	g.scrapes++
	close(g.scraped)
	g.scraped = make(chan struct{})
}

// Set changes a series, or makes it.
func (g *Gauges) Set(series string, value float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.values[series] = value
}

// Add adds to a series, which is 0 before: a counter.
func (g *Gauges) Add(series string, n float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.values[series] += n
}

// Scraped waits until whatever is set now was scraped, n times, and is stored: the scrape after has begun.
func (g *Gauges) Scraped(ctx context.Context, n int) error {
	g.mu.Lock()
	target := g.scrapes + n + 1
	g.mu.Unlock()
	for {
		g.mu.Lock()
		now, next := g.scrapes, g.scraped
		g.mu.Unlock()
		if now >= target {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d scrapes: %w", now, target, ctx.Err())
		}
	}
}
