// Package prometheus_test analyses by a real Prometheus.
package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	user     = "serin"
	password = "canary-seed"
	// webConfig has the bcrypt hash of password, of the lowest cost.
	webConfig = "basic_auth_users:\n  " + user + ": $2a$04$fuZjFpttnJar79kgpi.7MOnDFv3paqIhX4QP3Vzfd6wTZ0B566cOq\n"
	// every is how often Prometheus scrapes.
	every = 250 * time.Millisecond
)

// service is what a Prometheus scrapes: a few versions of a service, each with a hundred requests
// between two scrapes.
type service struct {
	mu       sync.Mutex
	scrapes  int
	versions map[string]version
	seen     chan struct{} // closed once there were enough scrapes for a rate
}

// version is how one behaves, in percent.
type version struct {
	requests, errors, slow int
	pods                   int // 0 is one
}

const enough = 8 // scrapes

// ServeHTTP is /metrics. Each scrape sees more requests.
func (s *service) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scrapes++
	if s.scrapes == enough {
		close(s.seen)
	}
	for name, v := range s.versions {
		for pod := range max(v.pods, 1) {
			labels := fmt.Sprintf(`revision=%q,pod="%s-%d"`, name, name, pod)
			n := s.scrapes * v.requests
			_, _ = fmt.Fprintf(w, "requests_total{%s,code=\"200\"} %d\n", labels, n*(100-v.errors)/100)
			_, _ = fmt.Fprintf(w, "requests_total{%s,code=\"500\"} %d\n", labels, n*v.errors/100)
			_, _ = fmt.Fprintf(w, "duration_seconds_bucket{%s,le=\"0.1\"} %d\n", labels, n*(100-v.slow)/100)
			_, _ = fmt.Fprintf(w, "duration_seconds_bucket{%s,le=\"1\"} %d\n", labels, n)
			_, _ = fmt.Fprintf(w, "duration_seconds_bucket{%s,le=\"+Inf\"} %d\n", labels, n)
		}
	}
}

// server is a Prometheus.
type server struct {
	t       *testing.T
	folder  string
	address string // "127.0.0.1:N"
	target  string
	stop    func()
}

// newServer returns one that scrapes versions and has begun to know them.
func newServer(t *testing.T, versions map[string]version) *server {
	t.Helper()
	if _, err := exec.LookPath("prometheus"); err != nil {
		t.Skip("no prometheus in PATH: apt-get install prometheus")
	}
	s := &service{versions: versions, seen: make(chan struct{})}
	app := httptest.NewServer(s)
	t.Cleanup(app.Close)
	p := &server{t: t, folder: t.TempDir(), target: strings.TrimPrefix(app.URL, "http://"), address: free(t)}
	p.write("web.yml", webConfig)
	p.write("prometheus.yml", fmt.Sprintf(
		"global: {scrape_interval: %s, scrape_timeout: %s}\nscrape_configs:\n- job_name: shop\n  static_configs: [{targets: [%q]}]\n", every, every, p.target))
	p.start()
	t.Cleanup(func() { p.stop() })
	select {
	case <-s.seen:
	case <-time.After(time.Minute):
		t.Fatal("prometheus has not scraped in a minute")
	}
	return p
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *server) write(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.folder, name), []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// start starts it, with what it knew before, and returns once it answers.
func (p *server) start() {
	p.t.Helper()
	ctx, kill := context.WithCancel(context.WithoutCancel(p.t.Context()))
	c := exec.CommandContext(ctx, "prometheus",
		"--config.file="+filepath.Join(p.folder, "prometheus.yml"), "--web.config.file="+filepath.Join(p.folder, "web.yml"),
		"--storage.tsdb.path="+filepath.Join(p.folder, "data"), "--web.listen-address="+p.address)
	var log lines
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		kill()
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait() // it is killed, which is an error
	}()
	p.stop = func() {
		kill()
		<-ended
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for p.ready() != nil {
		select {
		case <-tick.C:
		case <-ended:
			p.t.Fatalf("prometheus ended: %s", log.String())
		case <-limit:
			p.t.Fatalf("prometheus is not ready after a minute: %s", log.String())
		}
	}
}

func (p *server) ready() error {
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.address+"/-/ready", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// lines keeps what a process writes.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all of it.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
