package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// wire carries requests to endpoints and tells which of its errors may be tried again elsewhere.
type wire struct {
	kept  *http.Transport // connections are used again
	fresh *http.Transport // one connection a request
	grpc  *http.Transport // HTTP/2 without TLS
}

func newWire() *wire {
	base := func() *http.Transport {
		return &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true}
	}
	w := &wire{kept: base(), fresh: base(), grpc: base()}
	w.fresh.DisableKeepAlives = true
	w.grpc.Protocols = new(http.Protocols)
	w.grpc.Protocols.SetUnencryptedHTTP2(true)
	return w
}

func (w *wire) close() {
	w.kept.CloseIdleConnections()
	w.grpc.CloseIdleConnections()
}

// RoundTrip sends req to the endpoint in its URL. Caddy tries a DialError on another endpoint whatever the
// method is, so every error after which nothing was done becomes one: no connection; nothing written; and, because
// doing it twice is doing it once, any error of an idempotent request whose body can be sent again.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	a := attemptOf(req.Context())
	req.URL.Scheme = "http"
	if a.body != nil {
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.body)), nil }
		req.Body = io.NopCloser(bytes.NewReader(a.body))
	}
	var used mark
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: used.set})
	res, err := w.transport(req).RoundTrip(req.WithContext(ctx))
	if err != nil {
		replayable := a.body != nil || req.Body == nil
		if ctx.Err() == nil && replayable && (used.untouched() || idempotent(req.Method)) {
			return nil, reverseproxy.NewDialError(err)
		}
		return nil, err
	}
	for _, e := range a.backend.Response {
		e.apply(res.Header)
	}
	return res, nil
}

// transport chooses a connection for req. An endpoint may close an idle connection at the moment a request is written
// to it, and nobody can tell then whether it was seen; so what must not happen twice gets a connection of its own.
func (w *wire) transport(req *http.Request) *http.Transport {
	switch {
	case req.ProtoMajor == 2 && strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc"):
		return w.grpc
	case idempotent(req.Method):
		return w.kept
	default:
		return w.fresh
	}
}

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	default:
		return false
	}
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		if errors.Is(err, context.Canceled) { // the client went away
			return nil, err
		}
		return nil, reverseproxy.NewDialError(err)
	}
	return &counted{Conn: conn}, nil
}

// counted knows how many bytes were written to it.
type counted struct {
	net.Conn
	written atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// mark remembers how much a connection had written before a request got it.
type mark struct {
	conn   *counted
	before int64
}

func (m *mark) set(got httptrace.GotConnInfo) {
	if conn, ok := got.Conn.(*counted); ok {
		m.conn, m.before = conn, conn.written.Load()
	}
}

// untouched tells that nothing was written for the request, also because it never got a connection.
func (m *mark) untouched() bool { return m.conn == nil || m.conn.written.Load() == m.before }
