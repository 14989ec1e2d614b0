package embedded_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/serin-dev/serin/deploy/local/embedded"
)

const queue = "q"

// waiting ends with the text of the first signal "go".
func waiting(ctx workflow.Context) (string, error) {
	var text string
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, &text)
	return text, nil
}

func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func dial(t *testing.T, s *embedded.Server) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort: s.Address(), Namespace: embedded.Namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// work runs a worker for waiting and returns how to stop it.
func work(t *testing.T, c client.Client) func() {
	t.Helper()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(waiting)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return w.Stop
}

func get(ctx context.Context, t *testing.T, c client.Client, id string) string {
	t.Helper()
	var text string
	if err := c.GetWorkflow(ctx, id, "").Get(ctx, &text); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestServerInMemory(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := start(t, embedded.Options{Ephemeral: true})
	c := dial(t, s)
	defer c.Close()

	t.Run("runs a workflow to its end", func(t *testing.T) {
		defer work(t, c)()
		_, err := c.SignalWithStartWorkflow(ctx, "w", "go", "done", client.StartWorkflowOptions{TaskQueue: queue}, waiting)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(ctx, t, c, "w"); got != "done" {
			t.Errorf("result %q, want done", got)
		}
	})
	t.Run("has Serin's search attributes", func(t *testing.T) {
		have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: embedded.Namespace})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"SerinPipeline", "SerinTarget", "SerinRelease", "SerinState", "SerinPhase"} {
			if got := have.GetCustomAttributes()[name]; got != enums.INDEXED_VALUE_TYPE_KEYWORD {
				t.Errorf("%s is %s, want Keyword", name, got)
			}
		}
	})
	t.Run("keeps histories for 30 days", func(t *testing.T) {
		ns, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: embedded.Namespace})
		if err != nil {
			t.Fatal(err)
		}
		if got := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != 30*24*time.Hour {
			t.Errorf("retention %s, want 720h", got)
		}
	})
	t.Run("serves the Web UI", func(t *testing.T) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.UIURL()+"/namespaces/default/workflows", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s, %s", res.Status, res.Header.Get("Content-Type"))
		}
	})
}

func TestAStoppedServerLosesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	file := filepath.Join(t.TempDir(), "a state 100%", "temporal.db")
	options := embedded.Options{File: file, Headless: true}

	first := start(t, options)
	c := dial(t, first)
	stopWorker := work(t, c)
	if _, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "w", TaskQueue: queue}, waiting); err != nil {
		t.Fatal(err)
	}
	// A query is answered after the first workflow task; one that a worker takes
	// with it is tried again only 10 seconds later.
	if _, err := c.QueryWorkflow(ctx, "w", "", "__stack_trace"); err != nil {
		t.Fatal(err)
	}
	refusesSecond(t, options, first.Address())
	stopWorker()
	c.Close()
	stop(t, first)
	stop(t, first) // is harmless

	if st, err := os.Stat(file + "-wal"); err != nil || st.Size() != 0 {
		t.Errorf("the write-ahead log is not empty: %v, %v", st, err)
	}
	for path, want := range map[string]os.FileMode{filepath.Dir(file): 0o700, file: 0o600, file + "-wal": 0o600, file + ".version": 0o600} {
		if st, err := os.Stat(path); err != nil {
			t.Error(err)
		} else if got := st.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}

	c = dial(t, start(t, options))
	defer c.Close()
	defer work(t, c)()
	if err := c.SignalWorkflow(ctx, "w", "", "go", "still there"); err != nil {
		t.Fatal(err)
	}
	if got := get(ctx, t, c, "w"); got != "still there" {
		t.Errorf("result %q, want %q", got, "still there")
	}
}

func refusesSecond(t *testing.T, o embedded.Options, holder string) {
	t.Helper()
	s, err := embedded.Start(t.Context(), o)
	if s != nil {
		stop(t, s)
	}
	var used *embedded.InUseError
	if !errors.As(err, &used) || used.Address != holder {
		t.Fatalf("a second server on one file: %v, want an InUseError with %s", err, holder)
	}
	if !strings.Contains(err.Error(), holder) {
		t.Errorf("%q does not name %s", err, holder)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := write("old.db", "")
	write("old.db.version", "1.29.1\n")

	for _, tt := range []struct {
		name    string
		options embedded.Options
		want    string
	}{
		{"a taken port", embedded.Options{Ephemeral: true, Port: taken}, "frontend: " + l.Addr().String() + " is taken"},
		{"a taken port for the Web UI", embedded.Options{Ephemeral: true, UIPort: taken}, "web UI: " + l.Addr().String() + " is taken"},
		{"a file of another version", embedded.Options{File: old}, `was written by Temporal "1.29.1"`},
		{"a file of unknown origin", embedded.Options{File: write("foreign.db", "")}, "has no foreign.db.version beside it"},
		{"a file that is to be forgotten", embedded.Options{File: old, Ephemeral: true}, "leave out one of them"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := embedded.Start(t.Context(), tt.options)
			if err == nil {
				stop(t, s)
				t.Fatalf("started, want %q", tt.want)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
		})
	}
}
