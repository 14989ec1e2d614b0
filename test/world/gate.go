package world

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// Gate is a way to the Cloud Run API on which the writes can be counted and stopped.
type Gate struct {
	URL string

	proxy  *httputil.ReverseProxy
	server *httptest.Server

	mu     sync.Mutex
	writes int
	stop   *stop
}

// stop says at which write something happens. It happens once.
type stop struct {
	at      int
	applied bool
	do      func()
}

// Gate opens a way to the API. Close it.
func (w *World) Gate() (*Gate, error) {
	api, err := url.Parse(w.Run.URL())
	if err != nil {
		return nil, err
	}
	g := &Gate{proxy: httputil.NewSingleHostReverseProxy(api)}
	g.server = httptest.NewServer(g)
	g.URL = g.server.URL
	return g, nil
}

// Close closes the way, also under those who are on it.
func (g *Gate) Close() {
	g.server.CloseClientConnections()
	g.server.Close()
}

// Writes returns how many writes have come since the last StopAt.
func (g *Gate) Writes() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.writes
}

// StopAt counts from 0 again and calls do at the nth write: before the platform has
// it, or, with applied, after the platform has carried it out and before the writer
// is told. The writer never gets an answer to it. 0 stops none.
func (g *Gate) StopAt(n int, applied bool, do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes, g.stop = 0, &stop{at: n, applied: applied, do: do}
}

// ServeHTTP forwards r, unless it is the write to stop at.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := g.count(r)
	if s == nil {
		g.proxy.ServeHTTP(w, r)
		return
	}
	if s.applied {
		g.proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	s.do()
	panic(http.ErrAbortHandler)
}

func (g *Gate) count(r *http.Request) *stop {
	write := r.Method == http.MethodPatch || r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, ":wait")
	if !write || r.URL.Query().Get("validateOnly") == "true" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes++
	if g.stop == nil || g.writes != g.stop.at {
		return nil
	}
	return g.stop
}
