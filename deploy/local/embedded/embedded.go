// Package embedded runs a Temporal server and its Web UI inside this process,
// on SQLite and on loopback ports only. It is for one machine: laptops, demos,
// tests and small installations. Everything that dials an address works against
// it as against any other Temporal.
//
// Its ports ask nobody who they are: every local user can approve a release. It
// runs where flock does, so on Linux and macOS.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"

	"go.temporal.io/server/common/headers"
)

// Namespace is the Temporal namespace that every Server has.
const Namespace = "default"

// host is the only address anything here listens on.
const host = "127.0.0.1"

// Options say where a Server keeps its state and where it listens. The zero
// value is the user's own database and free ports.
type Options struct {
	// File is the SQLite database, made if it is missing. Empty is DefaultFile.
	File string
	// Ephemeral keeps everything in memory until Stop; File must be empty then.
	Ephemeral bool
	// Port is where Temporal listens; 0 is a free one.
	Port int
	// UIPort is where the Web UI listens; 0 is a free one.
	UIPort int
	// Headless leaves the Web UI out.
	Headless bool
	// Log receives errors until Stop; nil discards them.
	Log *slog.Logger
}

// Server is a running Temporal server.
type Server struct {
	address, ui string
	log         *logger
	closers     []func() error // in the order of starting
	stop        func() error
}

// Start returns when the server answers, has the namespace and Serin's search
// attributes, and the Web UI answers too. That takes about a quarter of a second.
//
// Errors: *InUseError if another Server, of this or another process, has the
// file open; otherwise plain ones: a port is taken, the file was written by
// another version of Temporal, the file system refuses.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{log: newLogger(o.Log)}
	s.stop = sync.OnceValue(s.close)
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start temporal %s: %w", headers.ServerVersion, err), s.Stop())
	}
	return s, nil
}

// Address is host:port of the Temporal frontend.
func (s *Server) Address() string { return s.address }

// UIURL is where a browser finds the Web UI; empty if Headless.
func (s *Server) UIURL() string { return s.ui }

// Failed receives why the server gave up, at most once. Stop it then: parts of it
// may still answer.
func (s *Server) Failed() <-chan error { return s.log.gaveUp }

// Stop stops the Web UI, then the server, then gives the file free. It takes
// about a second, and a second call waits for the first and returns the same.
// Stop workers and close clients before it. Killing the process instead is safe
// for a file.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) start(ctx context.Context, o Options) error {
	st, err := newStore(o)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, st.close)

	p, err := reserve(ctx, wanted(o))
	if err != nil {
		return err
	}
	s.closers = append(s.closers, p.releaseAll)
	s.address = p.address(frontend)
	if err := st.prepare(s.address); err != nil {
		return err
	}
	if err := s.serve(ctx, st, p); err != nil {
		return err
	}
	if o.Headless {
		return nil
	}
	return s.serveUI(ctx, p)
}

func (s *Server) serve(ctx context.Context, st *store, p ports) error {
	cfg := serverConfig(st, p)
	if err := p.release(frontend, frontendHTTP, history, matching, worker); err != nil {
		return err
	}
	srv, err := launch(cfg, s.log)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, srv.Stop)
	return addSearchAttributes(ctx, s.address, s.log)
}

func (s *Server) serveUI(ctx context.Context, p ports) error {
	stop, err := launchUI(ctx, p, s.address)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, stop)
	s.ui = "http://" + p.address(ui)
	return nil
}

// close is quiet because a server that stops complains about its own parts
// being gone.
func (s *Server) close() error {
	s.log.quiet.Store(true)
	var all error
	for _, c := range slices.Backward(s.closers) {
		all = errors.Join(all, c())
	}
	return all
}

func join(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
