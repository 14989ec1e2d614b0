package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// environment reads typed variables; the first that cannot be read is its err.
type environment struct {
	get func(string) string
	err error
}

// duration is 0 for a variable that is not set.
func (e *environment) duration(name string) time.Duration {
	v := e.get(name)
	if v == "" || e.err != nil {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		e.err = fmt.Errorf("%s: %w", name, err)
	}
	return d
}

func (e *environment) percent(name string) float64 {
	v := e.get(name)
	if v == "" || e.err != nil {
		return 0
	}
	p, err := strconv.ParseFloat(v, 64)
	if err != nil || p < 0 || p > 100 {
		e.err = fmt.Errorf("%s: want percent from 0 to 100, got %q", name, v)
	}
	return p
}

// server is a container of the app image.
type server struct {
	version, pod, address string
	getenv                func(string) string
	startDelay, exitAfter time.Duration
	preStop               time.Duration
	errorRate             float64 // percent
	sick                  bool    // /healthz answers 503

	requests atomic.Int64 // those that errorRate counts
	ending   atomic.Bool
}

// settings reads the pod's name, IP and default port from args.
func settings(image Image, env *environment, args []string) *server {
	port := env.get("PORT")
	if port == "" {
		port = args[2]
	}
	return &server{
		version: image.tag, pod: args[0], address: net.JoinHostPort(args[1], port),
		getenv:     env.get,
		startDelay: env.duration("START_DELAY"),
		exitAfter:  env.duration("EXIT_AFTER"),
		preStop:    env.duration("PRESTOP"),
		errorRate:  env.percent("ERROR_RATE"),
		sick:       env.get("FAIL_HEALTH") == "1",
	}
}

func (s *server) serve(ctx context.Context, out io.Writer) int {
	exit := make(<-chan time.Time)
	if s.exitAfter > 0 {
		exit = time.After(s.exitAfter)
	}
	if s.startDelay > 0 {
		line(out, fmt.Sprintf("%s listens on %s in %s", s.version, s.address, s.startDelay))
		select {
		case <-ctx.Done():
			return terminated
		case <-exit:
			return 1
		case <-time.After(s.startDelay):
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.address)
	if err != nil {
		line(out, err.Error())
		return 1
	}
	line(out, fmt.Sprintf("%s listens on %s", s.version, s.address))
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	select {
	case err := <-failed:
		line(out, err.Error())
		return 1
	case <-exit:
		return 1
	case <-ctx.Done():
		return s.shutdown(context.WithoutCancel(ctx), web)
	}
}

// shutdown goes on serving for preStop, asking clients to come back on another
// connection, and then finishes what was begun, for as long as it is let live.
func (s *server) shutdown(ctx context.Context, web *http.Server) int {
	s.ending.Store(true)
	<-time.After(s.preStop)
	if err := web.Shutdown(ctx); err != nil {
		return 1
	}
	return 0
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", s.health)
	mux.HandleFunc("/env/{name}", s.env)
	mux.HandleFunc("/slow", s.slow)
	mux.HandleFunc("/", s.hello)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", s.version)
		w.Header().Set("X-Pod", s.pod)
		if s.ending.Load() {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	if s.sick {
		http.Error(w, "sick", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (s *server) env(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, s.getenv(r.PathValue("name")))
}

func (s *server) slow(w http.ResponseWriter, r *http.Request) {
	ms, err := strconv.ParseUint(r.FormValue("ms"), 10, 31)
	if err != nil {
		http.Error(w, "ms: "+err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-r.Context().Done():
	case <-time.After(time.Duration(ms) * time.Millisecond):
		s.hello(w, r)
	}
}

func (s *server) hello(w http.ResponseWriter, _ *http.Request) {
	if s.unlucky() {
		http.Error(w, "error of "+s.version, http.StatusInternalServerError)
		return
	}
	_, _ = fmt.Fprintf(w, "hello from %s\n", s.version)
}

// unlucky spreads the errors evenly: of the first 1000 requests exactly errorRate percent
// get one, and so on.
func (s *server) unlucky() bool {
	n := float64(s.requests.Add(1))
	return int64(n*s.errorRate/100) > int64((n-1)*s.errorRate/100)
}
