package cloudruntest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxBody bounds the body of an API request, in bytes.
const maxBody = 4 << 20

// call is one API request.
type call struct {
	*http.Request
	body     []byte
	identity string
	effects  effects
}

// endpoint answers one API method. It runs with s.mu held.
type endpoint func(*call) (any, error)

func (s *Server) routes() *http.ServeMux {
	const base = "/v2/projects/{project}/locations/{location}"
	m := http.NewServeMux()
	s.jobRoutes(m, base)
	for pattern, fn := range map[string]endpoint{
		"POST " + base + "/services":                                  s.createService,
		"GET " + base + "/services":                                   s.listServices,
		"GET " + base + "/services/{service}":                         s.getService,
		"PATCH " + base + "/services/{service}":                       s.patchService,
		"DELETE " + base + "/services/{service}":                      s.deleteService,
		"GET " + base + "/services/{service}/revisions":               s.listRevisions,
		"GET " + base + "/services/{service}/revisions/{revision}":    s.getRevision,
		"DELETE " + base + "/services/{service}/revisions/{revision}": s.deleteRevision,
		"GET " + base + "/operations":                                 s.listOperations,
		"GET " + base + "/operations/{operation}":                     s.getOperation,
		"DELETE " + base + "/operations/{operation}":                  s.deleteOperation,
	} {
		m.HandleFunc(pattern, s.api(s.locked(fn)))
	}
	m.HandleFunc("POST "+base+"/operations/{operation}", s.api(s.operationVerb))
	m.HandleFunc("/v2/", s.api(func(c *call) (any, error) {
		return nil, &apiError{
			HTTP: http.StatusNotFound, Status: "NOT_FOUND", GRPC: 5,
			Message: fmt.Sprintf("Method not found: %s %s", c.Method, c.URL.Path),
		}
	}))
	m.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	s.adminRoutes(m)
	return m
}

// ServeHTTP answers a request for the API, for inspection, or, when the host is a
// name below Options.Domain, for a service. A reset fault panics with
// http.ErrAbortHandler, which an http.Server turns into a broken connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutSuffix(hostname(r.Host), "."+hostname(s.opts.Domain)); ok {
		s.serve(w, r, name)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// hostname is hostport without its port.
func hostname(hostport string) string {
	name, _, _ := strings.Cut(hostport, ":")
	return strings.ToLower(name)
}

// locked runs fn with s.mu held and encodes its result before letting go.
func (s *Server) locked(fn endpoint) endpoint {
	return func(c *call) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		v, err := fn(c)
		if err != nil {
			return nil, err
		}
		return newReply(http.StatusOK, v), nil
	}
}

// api wraps an endpoint with faults, the request log and the encoding of errors.
func (s *Server) api(fn endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, identity: r.Header.Get(IdentityHeader), effects: s.take(r)}
		if c.identity == "" {
			c.identity = s.opts.Identity
		}
		entry := s.entry(c)
		rep, reset := s.answer(c, fn)
		if reset {
			rep.status = 0
		}
		entry.Status = rep.status
		s.record(entry)
		if reset {
			panic(http.ErrAbortHandler)
		}
		rep.write(w)
	}
}

// answer makes the reply to c and says whether to break the connection instead.
func (s *Server) answer(c *call, fn endpoint) (rep reply, reset bool) {
	e := c.effects
	if e.delay > 0 && !s.pause(c.Context(), e.delay) {
		return reply{}, true
	}
	switch {
	case e.resetBefore:
		return reply{}, true
	case e.refuse != nil && !e.applyFirst:
		return e.refuse.reply(), false
	}
	rep = s.perform(c, fn)
	if e.refuse != nil {
		rep = e.refuse.reply()
	}
	return rep, e.resetAfter
}

func (s *Server) perform(c *call, fn endpoint) reply {
	var err error
	c.body, err = io.ReadAll(io.LimitReader(c.Body, maxBody))
	if err != nil {
		return errorReply(invalid("body", "request body: %s", err))
	}
	if reason := c.Header.Get(FailHeader); reason != "" {
		if err = knownReason(reason); err != nil {
			return errorReply(invalid(FailHeader, "%s", err))
		}
	}
	v, err := fn(c)
	if err != nil {
		return errorReply(err)
	}
	if rep, ok := v.(reply); ok {
		return rep
	}
	return newReply(http.StatusOK, v)
}

// pause waits on the server's clock and reports false when ctx ends first.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	over := make(chan struct{})
	stop := s.clock.AfterFunc(d, func() { close(over) })
	defer stop()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) operationVerb(c *call) (any, error) {
	id, ok := strings.CutSuffix(c.PathValue("operation"), ":wait")
	if !ok {
		return nil, notFound("Method", c.URL.Path)
	}
	return s.waitOperation(c, c.parent()+"/operations/"+id)
}

func (c *call) query(key string) string { return c.URL.Query().Get(key) }

func (c *call) flag(key string) bool { return c.query(key) == "true" }

// parent is the location's resource name.
func (c *call) parent() string {
	return "projects/" + c.PathValue("project") + "/locations/" + c.PathValue("location")
}

func (c *call) serviceName() string { return c.parent() + "/services/" + c.PathValue("service") }

// write starts the description of what this request changes.
func (c *call) write(service string) write {
	return write{
		service: service, identity: c.identity, effects: c.effects,
		forceNew: c.flag("forceNewRevision"), validateOnly: c.flag("validateOnly"),
		fail: c.Header.Get(FailHeader),
	}
}

// paginate cuts one page out of all, of at most limit entries, and returns the
// token of the next. The token holds the position.
func paginate[T any](c *call, all []T, limit int) ([]T, string, error) {
	size := limit
	if q := c.query("pageSize"); q != "" {
		n, err := strconv.Atoi(q)
		if err != nil || n < 0 {
			return nil, "", invalid("page_size", "page_size '%s' must be a non-negative integer.", q)
		}
		if n > 0 {
			size = min(n, limit)
		}
	}
	start, err := position(c.query("pageToken"))
	if err != nil || start > len(all) {
		return nil, "", invalid("page_token", "page_token '%s' is not valid.", c.query("pageToken"))
	}
	end := min(start+size, len(all))
	next := ""
	if end < len(all) {
		next = token(end)
	}
	return all[start:end], next, nil
}

func token(position int) string {
	return base64.RawURLEncoding.EncodeToString([]byte("v1:" + strconv.Itoa(position)))
}

func position(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, err
	}
	text, ok := strings.CutPrefix(string(b), "v1:")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 0 {
		return 0, errors.New("foreign token")
	}
	return n, nil
}
