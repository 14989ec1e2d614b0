// Package metrics gives a test a Prometheus server: the program of that name where this machine has
// it, and otherwise the one that lives in deploy/local.
package metrics

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	local "github.com/serin-dev/serin/deploy/local/metrics"
)

// Every is the time between two scrapes: two of them are enough for a rate over a second.
const Every = 200 * time.Millisecond

// The only user of a server that wants a password, and that.
const (
	Username = "serin"
	Password = "canary-seed"
	hashed   = "$2a$04$mwSkdEDfPQBaT77sd8mfBe1m4DzvNX49ndzA4ZcK3oxo/Lbj.XKuy"
)

// ErrMissing says that this machine has no program prometheus.
var ErrMissing = errors.New("no program prometheus is in the PATH: on Debian apt-get install prometheus")

// Options say what is scraped: addresses such as "http://127.0.0.1:8085/metrics".
type Options struct {
	Targets []string
	// Closed wants Username and Password; only the program can, else ErrMissing.
	Closed bool
}

// Server is a Prometheus server. It is used by one goroutine at a time.
type Server struct {
	URL string // the same after Up

	folder  string
	options Options
	process *process      // nil: it is down, or lives in this process
	own     *local.Server // nil: it is the program
}

// Start starts one that scrapes all of its targets. Close it; ctx is for the start and, without the
// program, for its life.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{options: o}
	if _, err := exec.LookPath("prometheus"); err != nil {
		if o.Closed {
			return nil, ErrMissing
		}
		if s.own, err = local.Start(ctx, local.Options{Targets: o.Targets, Every: Every}); err != nil {
			return nil, err
		}
		s.URL = s.own.URL()
		return s, nil
	}
	var err error
	if s.folder, err = os.MkdirTemp("", "serin-prometheus-"); err != nil {
		return nil, err
	}
	if err = s.configure(); err == nil {
		err = s.run(ctx, "127.0.0.1:0")
	}
	if err == nil {
		err = s.scrapes(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// scrapes waits until every target was scraped: the program begins that seconds after its start.
func (s *Server) scrapes(ctx context.Context) error {
	if len(s.options.Targets) == 0 {
		return nil
	}
	query := s.URL + "/api/v1/query?query=" + url.QueryEscape(fmt.Sprintf("sum(up) == %d", len(s.options.Targets)))
	tick := time.NewTicker(Every / 4)
	defer tick.Stop()
	for {
		found, err := answers(ctx, query)
		if err != nil || found {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("start prometheus: it does not scrape %s: %w", s.options.Targets, ctx.Err())
		}
	}
}

// answers reports whether a query has any series for an answer.
func answers(ctx context.Context, query string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, query, nil)
	if err != nil {
		return false, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return strings.Contains(string(body), `"metric":`), err
}

func (s *Server) path(name string) string { return filepath.Join(s.folder, name) }

func (s *Server) configure() error {
	text := fmt.Sprintf("global: {scrape_interval: %s, scrape_timeout: %s}\nscrape_configs:\n", Every, Every)
	for i, target := range s.options.Targets {
		u, err := url.Parse(target)
		if err != nil {
			return err
		}
		text += fmt.Sprintf("  - {job_name: job-%d, metrics_path: %q, static_configs: [{targets: [%q]}]}\n", i, u.Path, u.Host)
	}
	web := ""
	if s.options.Closed {
		web = fmt.Sprintf("basic_auth_users: {%s: %q}\n", Username, hashed)
	}
	return errors.Join(
		os.WriteFile(s.path("prometheus.yml"), []byte(text), 0o600),
		os.WriteFile(s.path("web.yml"), []byte(web), 0o600),
	)
}

// run starts the program and waits until it answers. What is gone for two seconds is no present
// value: the rows of a test change theirs within seconds.
func (s *Server) run(ctx context.Context, address string) error {
	p, err := begin(ctx,
		"--config.file="+s.path("prometheus.yml"), "--web.config.file="+s.path("web.yml"),
		"--storage.tsdb.path="+s.path("data"), "--web.listen-address="+address, "--query.lookback-delta=2s")
	if err != nil {
		return err
	}
	s.process, s.URL = p, "http://"+p.address
	return nil
}

// Down ends the server at once, as a machine that fails would.
func (s *Server) Down() error {
	if s.own != nil {
		return s.own.Down()
	}
	defer func() { s.process = nil }()
	return s.process.kill()
}

// Up starts it again at its address, with what it had scraped.
func (s *Server) Up(ctx context.Context) error {
	if s.own != nil {
		return s.own.Up(ctx)
	}
	return s.run(ctx, strings.TrimPrefix(s.URL, "http://"))
}

// Close ends it. What it has scraped is gone.
func (s *Server) Close() error {
	if s.own != nil {
		return s.own.Stop()
	}
	var err error
	if s.process != nil {
		err = s.Down()
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}

// process is the program.
type process struct {
	command *exec.Cmd
	stop    func() error // once its shell cannot read any more it kills it
	address string
}

// begin starts it below a shell that kills it when this process is gone, however that ends.
func begin(ctx context.Context, arguments ...string) (*process, error) {
	const guard = `exec 3<&0; "$@" 3<&- & p=$!; { read end <&3; kill -9 $p; } 2>&- & wait $p; kill $!`
	c := exec.Command("sh", append([]string{"-c", guard, "sh", "prometheus"}, arguments...)...) //nolint:noctx // ends with its input
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start prometheus: %w", err)
	}
	p := &process{command: c, stop: in.Close}
	cancel := context.AfterFunc(ctx, func() { _ = p.stop() }) // its output ends, and so does the wait
	defer cancel()
	listens := regexp.MustCompile(`msg="?Listening on"? address=(\S+)`)
	var said []string
	ready := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := listens.FindStringSubmatch(lines.Text()); m != nil {
			p.address = m[1]
		}
		ready = ready || strings.Contains(lines.Text(), "Server is ready")
		if ready && p.address != "" { // in either order
			go func() {
				for lines.Scan() { // else it would block on a full pipe
				}
			}()
			return p, nil
		}
		said = append(said, lines.Text())
	}
	return nil, fmt.Errorf("prometheus has ended: %w: %s", p.kill(), strings.Join(said[max(0, len(said)-5):], "\n"))
}

func (p *process) kill() error {
	err := p.stop()
	var exit *exec.ExitError
	if ended := p.command.Wait(); ended != nil && !errors.As(ended, &exit) {
		return ended
	}
	return err
}
