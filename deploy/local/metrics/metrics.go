// Package metrics is a Prometheus server in this process: it scrapes, keeps what it has
// scraped for as long as it runs, and answers instant queries at /api/v1/query.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
)

// Options say what is scraped. The zero value of Port is a free one.
type Options struct {
	Port    int
	Targets []string      // addresses of metrics, "http://127.0.0.1:8085/metrics"
	Every   time.Duration // between two scrapes, above 0
}

// Server is a running server.
type Server struct {
	address string
	folder  string
	db      *tsdb.DB
	engine  *promql.Engine
	mux     *http.ServeMux
	http    *http.Server // nil while it is down
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// The bounds of one query.
const (
	queryTimeout = 10 * time.Second
	maxSamples   = 5_000_000
	// lookback is how old a sample may be that still is the present: Prometheus' default
	// would show a revision that is gone for five minutes.
	lookback = 30 * time.Second
)

// Start starts a server on the loopback address. It ends with Stop, or with ctx.
func Start(ctx context.Context, o Options) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", o.Port))
	if err != nil {
		return nil, fmt.Errorf("start Prometheus: %w: stop what listens there or choose another port", err)
	}
	s := &Server{address: l.Addr().String()}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("start Prometheus: %w", err), l.Close(), os.RemoveAll(s.folder))
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/api/v1/query", s.query)
	s.serve(l)
	for _, target := range o.Targets {
		s.done.Go(func() { s.scrapeAll(ctx, target, o.Every) })
	}
	return s, nil
}

func (s *Server) serve(l net.Listener) {
	server := &http.Server{Handler: s.mux, ReadHeaderTimeout: 10 * time.Second}
	s.http = server
	s.done.Go(func() { _ = server.Serve(l) }) // ends with Down or Stop, which report what matters
}

// Down lets nobody connect until Up. What is scraped meanwhile is kept, as by a server that
// only cannot be reached.
func (s *Server) Down() error {
	err := s.http.Close()
	s.http = nil
	return err
}

// Up listens again, at the same address.
func (s *Server) Up(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("start Prometheus again: %w", err)
	}
	s.serve(l)
	return nil
}

func (s *Server) open() (err error) {
	if s.folder, err = os.MkdirTemp("", "serin-metrics-"); err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	o := tsdb.DefaultOptions()
	o.WALSegmentSize = -1 // nothing outlives the process
	if s.db, err = tsdb.Open(s.folder, quiet, nil, o, nil); err != nil {
		return err
	}
	s.engine = promql.NewEngine(promql.EngineOpts{
		Logger: quiet, MaxSamples: maxSamples, Timeout: queryTimeout, LookbackDelta: lookback, EnableAtModifier: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Second.Milliseconds() },
	})
	return nil
}

// URL is the server's address, "http://127.0.0.1:9090".
func (s *Server) URL() string { return "http://" + s.address }

// Stop ends it. What it has scraped is gone.
func (s *Server) Stop() error {
	s.cancel()
	var err error
	if s.http != nil {
		err = s.Down()
	}
	s.done.Wait()
	return errors.Join(err, s.engine.Close(), s.db.Close(), os.RemoveAll(s.folder))
}

// query answers GET and POST as Prometheus does: https://prometheus.io/docs/prometheus/latest/querying/api/.
func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	at, err := instant(r.FormValue("time"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_data", err)
		return
	}
	q, err := s.engine.NewInstantQuery(r.Context(), s.db, nil, strings.TrimSpace(r.FormValue("query")), at)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_data", err)
		return
	}
	defer q.Close()
	res := q.Exec(r.Context())
	if res.Err != nil {
		refuse(w, http.StatusUnprocessableEntity, "execution", res.Err)
		return
	}
	answer(w, http.StatusOK, response{Status: "success", Data: &data{Type: res.Value.Type(), Result: res.Value}})
}
