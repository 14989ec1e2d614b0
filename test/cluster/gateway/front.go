package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

var (
	_ caddy.Provisioner           = (*front)(nil)
	_ caddy.CleanerUpper          = (*front)(nil)
	_ caddyhttp.MiddlewareHandler = (*front)(nil)
	_ reverseproxy.UpstreamSource = (*front)(nil)
)

const (
	// maxTries bounds how often a request is tried again.
	maxTries = 8
	// maxBody is how much of a request's body is kept to be sent again, in bytes. Longer bodies, and those of unknown
	// length, are tried again only when no connection could be made.
	maxBody = 64 << 10
)

// front is Caddy's handler for every request: it finds the backend, and Caddy's reverse proxy, which asks it for an
// endpoint before each try, does the rest.
type front struct {
	id    caddy.ModuleID
	plane *Plane
	proxy *reverseproxy.Handler
	wire  *wire
}

// CaddyModule tells Caddy the handler's name and how to make one.
func (f *front) CaddyModule() caddy.ModuleInfo {
	id, plane := f.id, f.plane
	return caddy.ModuleInfo{ID: id, New: func() caddy.Module { return &front{id: id, plane: plane} }}
}

// Provision makes the proxy.
func (f *front) Provision(ctx caddy.Context) error {
	f.wire = newWire()
	f.proxy = &reverseproxy.Handler{
		Transport:        f.wire,
		DynamicUpstreams: f,
		LoadBalancing:    &reverseproxy.LoadBalancing{Retries: maxTries, SelectionPolicy: reverseproxy.FirstSelection{}},
		FlushInterval:    -1,
	}
	return f.proxy.Provision(ctx)
}

// Cleanup closes what Provision made.
func (f *front) Cleanup() error {
	f.wire.close()
	return f.proxy.Cleanup()
}

// attempt is one request on its way to an endpoint.
type attempt struct {
	backend *Backend
	turn    uint64
	tried   map[string]int // how often, by endpoint
	none    bool           // the last look found no ready endpoint
	body    []byte         // nil: none, or not kept
}

type attemptKey struct{}

func attemptOf(ctx context.Context) *attempt {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return &attempt{backend: &Backend{}}
	}
	return a
}

// ServeHTTP answers 404 without a rule, 500 for a backend that does not exist, 503 for one without ready endpoints,
// and otherwise what the endpoint answers.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	now := f.plane.routing.Load()
	rule := now.table.Find(r)
	if rule == nil {
		http.Error(w, "no route for this request", http.StatusNotFound)
		return nil
	}
	backend := rule.choose(r, now.wheels[rule.Name])
	if backend == nil || backend.Invalid {
		http.Error(w, rule.Name+": no valid backend", http.StatusInternalServerError)
		return nil
	}
	a := &attempt{backend: backend, turn: f.plane.turn(backend.Service), tried: map[string]int{}}
	if err := a.keepBody(r); err != nil {
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	for _, e := range backend.Request {
		e.apply(r.Header)
	}
	err := f.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), attemptKey{}, a)), next)
	if err != nil && a.none {
		w.Header().Set("X-No-Endpoints", backend.Service)
		http.Error(w, rule.Name+": no ready endpoint of "+backend.Service, http.StatusServiceUnavailable)
		return nil
	}
	return err
}

// keepBody reads a body that is short enough to be kept.
func (a *attempt) keepBody(r *http.Request) error {
	if r.ContentLength <= 0 || r.ContentLength > maxBody {
		return nil
	}
	a.body = make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, a.body); err != nil {
		return fmt.Errorf("read the request's body: %w", errors.Join(err, r.Body.Close()))
	}
	return nil
}

// GetUpstreams returns the endpoint for the next try of r: of those that are ready now, the one tried least.
func (f *front) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	a := attemptOf(r.Context())
	ready := (*f.plane.endpoints.Load())[a.backend.Service]
	if a.none = len(ready) == 0; a.none {
		return nil, nil
	}
	best := ""
	for i := range ready {
		e := ready[(a.turn+uint64(i))%uint64(len(ready))]
		if best == "" || a.tried[e] < a.tried[best] {
			best = e
		}
	}
	a.tried[best]++
	return []*reverseproxy.Upstream{{Dial: best}}, nil
}
