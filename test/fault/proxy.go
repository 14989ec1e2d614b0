// Package fault stands between a client and a Kubernetes API server and breaks what it is
// told to.
package fault

import (
	"bufio"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// Kind is how a request is broken.
type Kind string

// The kinds of faults. Conflict, TooMany, Internal and Timeout are answers of the API
// server; Lost and Cut end the connection before the server has the request, and after it
// has carried it out; Hang never answers; Stale tells what a watch has to tell a second late.
const (
	Conflict Kind = "409"
	TooMany  Kind = "429"
	Internal Kind = "500"
	Timeout  Kind = "504"
	Lost     Kind = "lost"
	Cut      Kind = "cut"
	Hang     Kind = "hang"
	Stale    Kind = "stale"
)

// late is how late a stale watch is.
const late = time.Second

// Proxy is the way to one API server.
type Proxy struct {
	URL string
	CA  []byte // of its own certificate, PEM

	server *httptest.Server
	next   *httputil.ReverseProxy

	mu      sync.Mutex
	breaks  func(*http.Request) Kind
	down    bool
	expired chan struct{} // closed and replaced to end every watch
	watches int           // under way
	broken  int
}

// New opens the way to the server of config. Who asks brings the credentials. Close it.
func New(config *rest.Config) (*Proxy, error) {
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	anonymous := rest.AnonymousClientConfig(config)
	transport, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, err
	}
	p := &Proxy{next: httputil.NewSingleHostReverseProxy(target), expired: make(chan struct{})}
	p.next.Transport = transport
	p.next.FlushInterval = -1 // a watch is seen at once
	p.next.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	p.server = httptest.NewTLSServer(p) // over plain HTTP clients send no credentials
	p.URL = p.server.URL
	p.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	return p, nil
}

// Close closes the way, also under those who are on it.
func (p *Proxy) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// Break asks breaks for every request how to break it; "" leaves it alone. nil ends that.
func (p *Proxy) Break(breaks func(*http.Request) Kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breaks = breaks
}

// Broken returns how many requests were broken so far.
func (p *Proxy) Broken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

// Down makes the server unreachable, or reachable again.
func (p *Proxy) Down(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.server.CloseClientConnections()
	}
}

// ExpireWatches ends every watch as a server does whose history does not reach back, and
// returns how many these are.
func (p *Proxy) ExpireWatches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.expired)
	p.expired = make(chan struct{})
	p.broken += p.watches
	return p.watches
}

// IsWrite reports whether r changes an object.
func IsWrite(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead || strings.Contains(r.URL.Path, "/authorization.k8s.io/")
	return !reads && r.URL.Query().Get("dryRun") == ""
}

func isWatch(r *http.Request) bool {
	w := r.URL.Query().Get("watch")
	return w == "true" || w == "1"
}

// ServeHTTP is the way itself.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, down := p.fate(r)
	switch {
	case down, kind == Lost:
		panic(http.ErrAbortHandler)
	case kind == Cut:
		p.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case kind == Hang:
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the client has gone
		<-r.Context().Done()
	case kind == Conflict, kind == TooMany, kind == Internal, kind == Timeout:
		refuse(w, kind)
	case isWatch(r):
		p.watch(w, r, kind == Stale)
	default:
		p.next.ServeHTTP(w, r)
	}
}

func (p *Proxy) fate(r *http.Request) (Kind, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down || p.breaks == nil {
		return "", p.down
	}
	kind := p.breaks(r)
	if kind != "" {
		p.broken++
	}
	return kind, false
}

// refuse answers as the API server does.
func refuse(w http.ResponseWriter, kind Kind) {
	status := map[Kind]string{
		Conflict: `"reason":"Conflict","message":"the object has been modified","code":409`,
		TooMany:  `"reason":"TooManyRequests","message":"too many requests","code":429,"details":{"retryAfterSeconds":1}`,
		Internal: `"reason":"InternalError","message":"internal error","code":500`,
		Timeout:  `"reason":"Timeout","message":"request did not complete within the allotted timeout","code":504`,
	}
	code := map[Kind]int{
		Conflict: http.StatusConflict, TooMany: http.StatusTooManyRequests, Internal: http.StatusInternalServerError, Timeout: http.StatusGatewayTimeout,
	}
	w.Header().Set("Content-Type", "application/json")
	if kind == TooMany {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(code[kind])
	_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure",`+status[kind]+`}`)
}

const gone = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure",` +
	`"message":"too old resource version","reason":"Expired","code":410}}` + "\n"

// watch forwards a watch until it ends or expires, each event late if it is stale.
func (p *Proxy) watch(w http.ResponseWriter, r *http.Request, stale bool) {
	p.mu.Lock()
	expired := p.expired
	p.watches++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.watches--
	}()
	header, lines := p.upstream(r)
	flusher := http.NewResponseController(w)
	select {
	case h := <-header:
		for name := range h {
			w.Header()[name] = h[name]
		}
		_ = flusher.Flush()
	case <-r.Context().Done():
		return
	}
	for {
		select {
		case line, ok := <-lines:
			if !ok || stale && !wait(r.Context()) {
				return
			}
			_, _ = w.Write(line)
			_ = flusher.Flush()
		case <-expired:
			_, _ = io.WriteString(w, gone)
			_ = flusher.Flush()
			return
		}
	}
}

// wait reports whether ctx has not ended before a stale event is due.
func wait(ctx context.Context) bool {
	due := time.NewTimer(late)
	defer due.Stop()
	select {
	case <-due.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// upstream begins r at the server. Both ends with r.
func (p *Proxy) upstream(r *http.Request) (<-chan http.Header, <-chan []byte) {
	out, in := io.Pipe()
	header, lines := make(chan http.Header, 1), make(chan []byte)
	go func() {
		defer func() {
			_ = recover() // the proxy panics where the server ends the watch
			_ = in.Close()
		}()
		p.next.ServeHTTP(&pipeWriter{PipeWriter: in, told: header, header: http.Header{}}, r)
	}()
	go func() {
		defer close(lines)
		defer func() { _ = out.Close() }()
		for s := bufio.NewReader(out); ; {
			line, err := s.ReadBytes('\n')
			select {
			case lines <- line:
			case <-r.Context().Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return header, lines
}

// pipeWriter is a response that goes into a pipe.
type pipeWriter struct {
	*io.PipeWriter
	told   chan http.Header
	header http.Header
}

// Header is the response's.
func (w *pipeWriter) Header() http.Header { return w.header }

// WriteHeader tells the header once.
func (w *pipeWriter) WriteHeader(int) {
	select {
	case w.told <- w.header.Clone():
	default:
	}
}

// Flush does nothing: a pipe has no buffer.
func (w *pipeWriter) Flush() {}
