package cloudruntest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Count is what one revision has answered.
type Count struct {
	Requests int64            `json:"requests"`
	Classes  map[string]int64 `json:"classes"` // by response code class, such as "2xx"
}

type revisionKey struct{}

type identity struct {
	service, revision string
	env               map[string]string
}

// Revision returns the short names of the service and revision that a handler
// registered with Handle is answering for, as K_SERVICE and K_REVISION tell a
// container. Both are empty outside such a handler.
func Revision(ctx context.Context) (service, revision string) {
	id, _ := ctx.Value(revisionKey{}).(identity)
	return id.service, id.revision
}

// Environment returns the variables of the container that a handler registered with Handle is
// answering for; nil outside such a handler. What comes from a secret is not in it.
func Environment(ctx context.Context) map[string]string {
	id, _ := ctx.Value(revisionKey{}).(identity)
	return id.env
}

// route is where one request goes.
type route struct {
	labels  labels
	svc     *service
	handler http.Handler
	env     map[string]string
}

// serve answers a request for a service or one of its tags, by the first label of
// its host name.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, name string) {
	to, err := s.route(name)
	if err != nil {
		e := new(apiError)
		if !errors.As(err, &e) {
			e.HTTP, e.Message = http.StatusInternalServerError, err.Error()
		}
		http.Error(w, e.Message, e.HTTP)
		return
	}
	start := s.clock.Now()
	out := &statusWriter{ResponseWriter: w}
	defer func() {
		cause := recover()
		begun := out.status != 0
		if cause != nil && !begun {
			http.Error(out, "the container crashed", http.StatusInternalServerError)
		}
		s.observe(to.svc, to.labels, Response{Code: out.code(), Latency: s.clock.Now().Sub(start)})
		if cause != nil && begun {
			panic(http.ErrAbortHandler) // half an answer is out: break it off
		}
	}()
	ctx := context.WithValue(r.Context(), revisionKey{}, identity{to.labels.service, to.labels.revision, to.env})
	to.handler.ServeHTTP(out, r.WithContext(ctx))
}

func (s *Server) route(name string) (route, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tag, plain, tagged := strings.Cut(name, "---")
	if !tagged {
		tag, plain = "", name
	}
	svc := s.byHost(plain)
	if svc == nil {
		return route{}, &apiError{HTTP: http.StatusNotFound, Message: fmt.Sprintf("no service is at %s", name)}
	}
	rev := ""
	if !tagged {
		rev = svc.deck.deal()
	}
	for _, st := range svc.Resource.TrafficStatuses {
		if tagged && st.Tag == tag {
			rev = serving(svc, st)
		}
	}
	switch {
	case tagged && rev == "":
		return route{}, &apiError{HTTP: http.StatusNotFound, Message: fmt.Sprintf("service %s has no tag %q", svc.id(), tag)}
	case rev == "":
		return route{}, unavailableService(svc)
	}
	found := svc.find(rev)
	if found == nil {
		return route{}, unavailableService(svc)
	}
	h := s.handler(found.image())
	if h == nil {
		return route{}, unavailableService(svc)
	}
	return route{labels: labelsOf(svc, rev), svc: svc, handler: h, env: found.env()}, nil
}

func unavailableService(svc *service) error {
	return &apiError{HTTP: http.StatusServiceUnavailable, Message: fmt.Sprintf("service %s has no revision that serves", svc.id())}
}

func (s *Server) byHost(name string) *service {
	for _, svc := range s.services {
		if name == svc.id()+"-"+hostHash(svc.key()) {
			return svc
		}
	}
	return nil
}

// observe counts one answered request.
func (s *Server) observe(svc *service, l labels, r Response) {
	s.mu.Lock()
	c := svc.counts[l.revision]
	if c == nil {
		c = &Count{Classes: map[string]int64{}}
		svc.counts[l.revision] = c
	}
	c.Requests++
	c.Classes[class(r.Code)]++
	s.broadcast()
	s.mu.Unlock()
	s.metrics.observe(l, r)
}

// Requests returns how much each revision of a service, by short name, has
// answered, simulated requests included. It is empty for an unknown service.
func (s *Server) Requests(service string) map[string]Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Count{}
	if svc := s.services[service]; svc != nil {
		for name, c := range svc.counts {
			out[name] = Count{Requests: c.Requests, Classes: maps.Clone(c.Classes)}
		}
	}
	return out
}

// Response is a simulated answer.
type Response struct {
	Code    int           // HTTP status, 100 to 599
	Latency time.Duration // not negative
}

// Simulate feeds the metrics with n requests to a service, divided as real ones
// are, without HTTP. respond answers the request number i, from 0, at a revision;
// nil answers 200 in 20 ms. It fails if the service is unknown, serves nothing, or
// an answer is out of range.
func (s *Server) Simulate(service string, n int, respond func(revision string, i int) Response) error {
	for i := range n {
		s.mu.Lock()
		svc := s.services[service]
		var l labels
		if svc != nil {
			l = labelsOf(svc, svc.deck.deal())
		}
		s.mu.Unlock()
		rev := l.revision
		if rev == "" {
			return fmt.Errorf("cloudruntest: simulate %s: it does not exist or nothing serves it", service)
		}
		r := Response{Code: http.StatusOK, Latency: 20 * time.Millisecond}
		if respond != nil {
			r = respond(rev, i)
		}
		if r.Code < 100 || r.Code > 599 || r.Latency < 0 {
			return fmt.Errorf("cloudruntest: simulate %s: answer %d in %s is out of range", service, r.Code, r.Latency)
		}
		s.observe(svc, l, r)
	}
	return nil
}

// Services returns the full names of all services, sorted.
func (s *Server) Services() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.services))
}

func class(code int) string { return strconv.Itoa(code/100) + "xx" }

// statusWriter remembers the status; Unwrap keeps flushing and hijacking possible.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(code int) {
	if w.status == 0 || w.status < 200 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
