package cloudruntest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// EtagMode says what a write with a stale etag does.
type EtagMode string

// The etag modes.
const (
	// EtagLenient ignores the etag, as the real v2 API was measured to do.
	EtagLenient EtagMode = "lenient"
	// EtagStrict refuses an etag that is not the current one with 409 ABORTED.
	// A write without an etag passes.
	EtagStrict EtagMode = "strict"
)

// DefaultIdentity is the lastModifier of writes that carry no identity.
const DefaultIdentity = "serin-worker@local"

// IdentityHeader names who makes a request; it becomes lastModifier and creator.
const IdentityHeader = "X-Goog-Authenticated-User"

// Options configures a Server. The zero value is ready to use.
type Options struct {
	// Addr is where NewServer listens; empty is a free port of 127.0.0.1.
	Addr string
	// Domain is the name and port below which services are served; empty is
	// "localhost", to which NewServer adds the port.
	Domain string
	// Seed decides revision suffixes, operation ids, uids, etags and the order in
	// which requests are dealt to revisions.
	Seed uint64
	// Clock is the time of everything; nil is the system's clock.
	Clock Clock
	// Latency is how long a write takes to settle. With zero it is settled when
	// its response, still with done false, has been made: the next request sees it done.
	Latency time.Duration
	// Etag is the etag mode; empty is EtagLenient.
	Etag EtagMode
	// Identity is the lastModifier of requests without IdentityHeader; empty is
	// DefaultIdentity.
	Identity string
	// BareLatest leaves the revision out of the trafficStatuses of LATEST entries,
	// as some responses of the real API do. By default it is filled in.
	BareLatest bool
	// LogSize bounds the request log, the split history of each service, and the log of each
	// execution; the oldest entries go first. Zero is 10000.
	LogSize int
	// LogDelay is how long after it was written a line can be listed.
	LogDelay time.Duration
}

// Server is a Cloud Run region in memory: an http.Handler that serves the API
// under /v2/, with the log entries of jobs, metrics at /metrics, inspection under /admin/, and by Host header
// the services themselves. All methods are safe for concurrent use.
type Server struct {
	opts    Options
	clock   Clock
	mux     *http.ServeMux
	metrics *metrics

	listener net.Listener // nil without NewServer
	http     *http.Server

	mu       sync.Mutex
	services map[string]*service
	jobs     map[string]*job
	tasks    []task // code of images that jobs run
	ops      map[string]*operation
	opOrder  []string       // names of ops, oldest first
	seq      map[string]int // counters for ids, by kind and name
	splits   map[string][]Split
	log      []Request
	images   []image
	failures []failure
	faults   []*injected
	faultSeq int
	changed  chan struct{} // closed and replaced at every change
}

// New returns a Server that listens nowhere: mount it as an http.Handler.
func New(opts Options) *Server {
	if opts.Clock == nil {
		opts.Clock = systemClock{}
	}
	if opts.Domain == "" {
		opts.Domain = "localhost"
	}
	if opts.Identity == "" {
		opts.Identity = DefaultIdentity
	}
	if opts.LogSize == 0 {
		opts.LogSize = 10000
	}
	s := &Server{
		opts: opts, clock: opts.Clock,
		metrics:  newMetrics(),
		services: map[string]*service{},
		jobs:     map[string]*job{},
		ops:      map[string]*operation{},
		seq:      map[string]int{},
		splits:   map[string][]Split{},
		changed:  make(chan struct{}),
	}
	s.mux = s.routes()
	return s
}

// NewServer returns a Server that listens on opts.Addr until Close; ctx is for
// beginning to listen only.
func NewServer(ctx context.Context, opts Options) (*Server, error) {
	switch opts.Etag {
	case "", EtagLenient, EtagStrict:
	default:
		return nil, fmt.Errorf("cloudruntest: etag mode %q is unknown: it is %q or %q", opts.Etag, EtagLenient, EtagStrict)
	}
	addr := opts.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cloudruntest: listen on %s: %w", addr, err)
	}
	if opts.Domain == "" {
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cloudruntest: port of %s: %w", l.Addr(), err), l.Close())
		}
		opts.Domain = net.JoinHostPort("localhost", port)
	}
	s := New(opts)
	s.listener = l
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(l) }() // ends with Close, which reports what matters
	return s, nil
}

// StartTest is NewServer for a test: it ends the test when it cannot listen and
// closes the server with it.
func StartTest(tb testing.TB, opts Options) *Server {
	tb.Helper()
	s, err := NewServer(tb.Context(), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// URL returns the root of the API, such as "http://127.0.0.1:8085", for
// option.WithEndpoint. It is empty for a Server that does not listen.
func (s *Server) URL() string {
	if s.listener == nil {
		return ""
	}
	return "http://" + s.listener.Addr().String()
}

// Close ends the containers of jobs, stops listening and ends open connections.
func (s *Server) Close() error {
	s.killAll()
	if s.http == nil {
		return nil
	}
	if err := s.http.Close(); err != nil {
		return fmt.Errorf("cloudruntest: close: %w", err)
	}
	return nil
}

// Client returns an HTTP client that finds every service and tag of a listening
// Server: it dials the listener whatever the name in the URL is.
func (s *Server) Client() *http.Client {
	addr := s.opts.Domain
	if s.listener != nil {
		addr = s.listener.Addr().String()
	}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, addr)
		},
	}}
}

// Registry returns the registry behind /metrics.
func (s *Server) Registry() *prometheus.Registry { return s.metrics.registry }

// broadcast wakes the waiters; s.mu is held.
func (s *Server) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// stamp is the time as the API writes it.
func (s *Server) stamp() string {
	return s.clock.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
}

// await blocks until done, called with s.mu held, says true or ctx ends.
func (s *Server) await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := done(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
