package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	serin "github.com/serin-dev/serin/cli"
	"github.com/serin-dev/serin/deploy/local/embedded"
)

// running is an up that has told where everything is.
type running struct {
	t       *testing.T
	printed string
	stop    func()
}

// ready tells what was written once it ends as describe ends.
type ready struct {
	got  strings.Builder
	told chan string
}

func (r *ready) Write(b []byte) (int, error) {
	n, err := r.got.Write(b)
	if strings.HasSuffix(r.got.String(), "Ctrl-C stops it.\n") {
		r.told <- r.got.String()
	}
	return n, err
}

// startUp runs up on free ports until its stop, or the end of the test.
func startUp(t *testing.T, flags ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	out, errs, code := &ready{told: make(chan string, 1)}, &tail{}, make(chan int, 1)
	args := append([]string{"serin-local", "up", "--address-port", "0", "--ui-port", "0", "--emulator-port", "0", "--metrics-port", "0"}, flags...)
	go func() { code <- run(ctx, args, serin.Streams{In: strings.NewReader(""), Out: out, Err: errs}) }()
	u := &running{t: t}
	stopped := false
	u.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if c := <-code; c != 0 {
			t.Errorf("exit code %d, stderr:\n%s", c, errs)
		}
	}
	t.Cleanup(u.stop)
	select {
	case u.printed = <-out.told:
	case c := <-code:
		stopped = true
		cancel()
		t.Fatalf("exit code %d, stderr:\n%s", c, errs)
	}
	return u
}

// find returns what pattern's group matches in what up printed.
func (u *running) find(pattern string) string {
	u.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(u.printed)
	if m == nil {
		u.t.Fatalf("%s is missing in:\n%s", pattern, u.printed)
	}
	return m[1]
}

// serin runs one command line against it.
func (u *running) serin(args ...string) {
	u.t.Helper()
	args = append(append([]string{"serin"}, args...), "--address", u.find(`TEMPORAL_ADDRESS=(.*)`))
	var out, errs strings.Builder
	env := map[string]string{"SERIN_ARTIFACTS": u.find(`SERIN_ARTIFACTS=(.*)`)}
	code := serin.Run(u.t.Context(), args, serin.Streams{Out: &out, Err: &errs, Env: func(name string) string { return env[name] }})
	if code != 0 {
		u.t.Fatalf("%q: exit code %d\n%s%s", args, code, out.String(), errs.String())
	}
}

// hello returns the revision of the example's service that answers.
func (u *running) hello() string {
	u.t.Helper()
	root := u.find(`Cloud Run +(http://\S+)`)
	e := &emulator{address: strings.TrimPrefix(root, "http://")}
	var service struct {
		URI string `json:"uri"`
	}
	if err := json.Unmarshal(get(u.t, e, root+"/v2/"+helloParent+"/services/hello"), &service); err != nil {
		u.t.Fatal(err)
	}
	return revisionAt(u.t, e, service.URI)
}

// revisionAt returns the revision that answers at url.
func revisionAt(t *testing.T, e *emulator, url string) string {
	t.Helper()
	return strings.TrimPrefix(strings.TrimSpace(string(get(t, e, url))), "hello from ")
}

func get(t *testing.T, e *emulator, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("get %s: %s: %s, %v", url, res.Status, body, err)
	}
	return body
}

func TestUpPrintsWhatRunsAndStopsWhenInterrupted(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	u := startUp(t)
	for _, want := range []string{
		"Temporal    127.0.0.1:", "Web UI      http://127.0.0.1:", "Cloud Run   http://127.0.0.1:", "Prometheus  http://127.0.0.1:", "Worker      process ",
		"  export TEMPORAL_ADDRESS=127.0.0.1:", "  export TEMPORAL_NAMESPACE=default\n",
		"  export SERIN_ARTIFACTS=file://" + os.Getenv("XDG_STATE_HOME") + "/serin/artifacts\n",
	} {
		if !strings.Contains(u.printed, want) {
			t.Errorf("%q is missing in:\n%s", want, u.printed)
		}
	}
	u.stop()
	for _, name := range []string{"temporal.db", "temporal.db.cloudrun"} {
		if _, err := os.Stat(filepath.Join(os.Getenv("XDG_STATE_HOME"), "serin", name)); err != nil {
			t.Error(err)
		}
	}
}

func TestUpKeepsReleasesAndServices(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	example, err := findExample("")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(example, "pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	u := startUp(t, "--headless")
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	mine := strings.ReplaceAll(string(content), "http://127.0.0.1:8085", u.find(`Cloud Run +(http://\S+)`))
	if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	u.serin("apply", "--file", file)
	u.serin("release", "create", "--pipeline", "hello", "--release", "v1",
		"--source", filepath.Join(example, "source"), "--images", "hello=hello:v1", "--wait", "--timeout", "1m")
	before := u.hello()
	u.stop()

	u = startUp(t, "--headless")
	if after := u.hello(); after != before || after == "" {
		t.Errorf("%q answers after a restart, want %q", after, before)
	}
	u.serin("rollout", "wait", "--pipeline", "hello", "--release", "v1", "--target", "local", "--timeout", "1m")
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"up", "now"}, `up takes flags only, got ["now"]`},
		{[]string{"up", "--address-port", "x"}, `invalid value "x" for flag -address-port`},
		{[]string{"demo", "fast"}, `demo takes flags only, got ["fast"]`},
		{[]string{"worker", "2"}, `worker takes flags only, got ["2"]`},
		{[]string{"down"}, `no command "down"`},
	} {
		var errs strings.Builder
		code := run(t.Context(), append([]string{"serin-local"}, tt.args...), serin.Streams{Out: io.Discard, Err: &errs})
		if code != 1 || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: exit code %d, stderr %q, want %q", tt.args, code, errs.String(), tt.want)
		}
	}
}

// The second stack finds the database free only if the first has stopped.
func TestStackWithAPartThatCannotStartStopsTheRest(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := stackOptions{temporal: embedded.Options{Headless: true}, workerOut: io.Discard}
	if _, err = fmt.Sscanf(taken.Addr().String(), "127.0.0.1:%d", &o.runPort); err != nil {
		t.Fatal(err)
	}
	if s, serr := startStack(t.Context(), o); s != nil || serr == nil || !strings.Contains(serr.Error(), "choose another port") {
		t.Fatalf("got %v, %v", s, serr)
	}
	o.runPort = 0
	s, err := startStack(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stop(t.Context()); err != nil {
		t.Error(err)
	}
}
