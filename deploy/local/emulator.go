package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

const (
	// runPort is where the targets of the examples look for Cloud Run.
	runPort = 8085
	// settleTime is how long a change takes to reach the data plane, so that what is
	// asked for and what is accepted can be told apart.
	settleTime = 150 * time.Millisecond
	// revisionHeader names the revision that answered a request to a service.
	revisionHeader = "X-Revision"
	// brokenImages is a pattern of images whose containers never start.
	brokenImages = "*:broken"
)

// emulator is a Cloud Run region on this machine. Its services really serve: every
// image is a server that names its revision.
type emulator struct {
	*cloudruntest.Server
	address string
	file    string // where its state is kept; "" keeps nothing
	http    *http.Server

	saving sync.Mutex
}

// startEmulator starts it at port, 0 being a free one, with the state that file holds.
func startEmulator(ctx context.Context, port int, file string) (*emulator, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("start the Cloud Run emulator: %w: stop what listens there or choose another port", err)
	}
	_, actual, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the Cloud Run emulator: %w", err), l.Close())
	}
	e := &emulator{
		Server:  cloudruntest.New(cloudruntest.Options{Domain: "localhost:" + actual, Latency: settleTime}),
		address: l.Addr().String(), file: file,
	}
	if err := e.prepare(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	e.http = &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.http.Serve(l) }() // ends with stop, which reports what matters
	return e, nil
}

// prepare registers the images and restores the state.
func (e *emulator) prepare() error {
	e.Handle("*", named(e.Faulty(http.HandlerFunc(hello))))
	if err := e.FailImage(brokenImages, "HEALTH_CHECK_CONTAINER_ERROR", ""); err != nil {
		return fmt.Errorf("start the Cloud Run emulator: %w", err)
	}
	if e.file == "" {
		return nil
	}
	state, err := os.ReadFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the state of the Cloud Run emulator: %w", err)
	}
	if err := e.Restore(state); err != nil {
		return fmt.Errorf("read the state of the Cloud Run emulator: %s: %w: move it away to start without services", e.file, err)
	}
	return nil
}

// named says which revision answers, also with an error.
func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, revision := cloudruntest.Revision(r.Context())
		w.Header().Set(revisionHeader, revision)
		next.ServeHTTP(w, r)
	})
}

func hello(w http.ResponseWriter, r *http.Request) {
	_, revision := cloudruntest.Revision(r.Context())
	_, _ = io.WriteString(w, "hello from "+revision+"\n") // a client that left misses nothing
}

// root is what a target's run.endpoint says.
func (e *emulator) root() string { return "http://" + e.address }

// client finds every service, also where localhost has no names below it.
func (e *emulator) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: loadSenders,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, e.address)
		},
	}}
}

// ServeHTTP answers a change only after it has been saved: whatever somebody was
// told survives a crash.
func (e *emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.file == "" || !changes(r) {
		e.Server.ServeHTTP(w, r)
		return
	}
	held := &heldAnswer{header: w.Header(), status: http.StatusOK}
	e.Server.ServeHTTP(held, r)
	if err := e.save(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(held.status)
	_, _ = w.Write(held.body.Bytes()) // a client that left asks again
}

// changes reports whether r may change the state, which requests to the services
// themselves do not.
func changes(r *http.Request) bool {
	name, _, _ := strings.Cut(r.Host, ":")
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.HasSuffix(strings.ToLower(name), ".localhost")
}

// save writes the state so that a crash leaves either the old or the new one.
func (e *emulator) save() error {
	e.saving.Lock()
	defer e.saving.Unlock()
	state, err := e.Snapshot()
	if err != nil {
		return fmt.Errorf("save the state of the Cloud Run emulator: %w", err)
	}
	next := e.file + ".next"
	if err := writeThrough(next, state); err != nil {
		return fmt.Errorf("save the state of the Cloud Run emulator: %w", err)
	}
	if err := os.Rename(next, e.file); err != nil {
		return fmt.Errorf("save the state of the Cloud Run emulator: %w", err)
	}
	return nil
}

// writeThrough returns when the content is on the disk.
func writeThrough(name string, content []byte) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}

// stop ends it and saves what has settled since the last change.
func (e *emulator) stop() error {
	err := e.http.Close()
	if e.file != "" {
		err = errors.Join(err, e.save())
	}
	return err
}

// heldAnswer keeps an answer until it may be given.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }
