package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"gocloud.dev/blob/memblob"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/rollout"
)

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		env     map[string]string
		want    Options
		private bool
	}{
		{"nothing is set", nil, Options{TaskQueue: "serin"}, true},
		{
			"everything is set",
			map[string]string{
				"SERIN_TASK_QUEUE": "eu", "SERIN_ARTIFACTS": "gs://bucket", "SERIN_ARTIFACTS_SHARED": "1", "SERIN_LISTEN": ":9464",
				"SERIN_KUBERNETES_QPS": "50", "SERIN_KUBERNETES_BURST": "100", "SERIN_WORKFLOW_CACHE": "1000",
				"SERIN_HTTP_HOSTS": "gate.shop.svc:8080, *.test,", "SERIN_SECRETS": "/etc/serin/secrets",
			},
			Options{TaskQueue: "eu", Artifacts: "gs://bucket", Shared: true, Listen: ":9464", KubernetesQPS: 50, KubernetesBurst: 100, WorkflowCache: 1000, Hosts: activities.Hosts{"gate.shop.svc:8080", "*.test"}, Secrets: "/etc/serin/secrets"},
			false,
		},
		{"a folder", map[string]string{"SERIN_ARTIFACTS": "file:///srv/artifacts"}, Options{TaskQueue: "serin", Artifacts: "file:///srv/artifacts"}, true},
		{
			"a folder that is shared",
			map[string]string{"SERIN_ARTIFACTS": "file:///srv/artifacts", "SERIN_ARTIFACTS_SHARED": "1"},
			Options{TaskQueue: "serin", Artifacts: "file:///srv/artifacts", Shared: true},
			false,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := FromEnvironment(func(name string) string { return row.env[name] })
			if err != nil || !reflect.DeepEqual(got, row.want) || got.private() != row.private {
				t.Errorf("got %+v, private %v; want %+v, %v", got, got.private(), row.want, row.private)
			}
		})
	}
}

func TestFromEnvironmentRefuses(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"0", "-1", "1.5", "many"} {
		_, err := FromEnvironment(func(name string) string { return map[string]string{"SERIN_KUBERNETES_QPS": value}[name] })
		if rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), "SERIN_KUBERNETES_QPS="+value) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestFromEnvironmentRefusesWhatIsNoHost(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"http://gate.test", "gate.test/path", "*", "ga te.test", "gate.test,user@gate.test", "a*.test"} {
		_, err := FromEnvironment(func(name string) string { return map[string]string{"SERIN_HTTP_HOSTS": value}[name] })
		if rollout.KindOf(err) != rollout.Invalid || !strings.Contains(err.Error(), "SERIN_HTTP_HOSTS="+value) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestWithoutTemporalItSaysWhereItLooked(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1") // nothing listens on port 1
	err := Run(t.Context(), Options{TaskQueue: "serin", Artifacts: "file://" + t.TempDir()}, slog.New(slog.DiscardHandler))
	if rollout.KindOf(err) != rollout.Unreachable || !strings.HasPrefix(err.Error(), "connect to Temporal at 127.0.0.1:1: ") ||
		!strings.Contains(err.Error(), "set TEMPORAL_ADDRESS") {
		t.Errorf("got %v", err)
	}
}

// Registering refuses a name that is given twice, and what is no activity. Containers render near their
// target, whatever queue its workers poll.
func TestEveryActivityCanBeRegistered(t *testing.T) {
	t.Parallel()
	temporal, err := client.NewLazyClient(client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer temporal.Close()
	store := artifact.New(memblob.OpenBucket(nil))
	defer store.Close()
	for _, queue := range []string{rollout.DefaultTaskQueue, "eu"} {
		w := New(temporal, store, Options{TaskQueue: queue}, func(error) {})
		if w == nil {
			t.Fatalf("no worker for %s", queue)
		}
		if !refused(func() { register(w, map[string]any{activities.RenderCustom: func() error { return nil }}) }) {
			t.Errorf("the worker of %s has no %s", queue, activities.RenderCustom)
		}
	}
}

// refused reports whether do panics, as registering a name twice does.
func refused(do func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	do()
	return false
}

func TestMainSaysWhyItEnds(t *testing.T) {
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	var out bytes.Buffer
	code := Main(t.Context(), func(name string) string {
		return map[string]string{"SERIN_ARTIFACTS": "ftp://nowhere"}[name]
	}, &out)
	if code != 1 || !strings.Contains(out.String(), "ftp") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	m, err := newMetrics(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var down error
	m.ready = func(context.Context) error { return down }
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		m.routes().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	m.handler.Counter("serin_test").Inc(3)
	if code, body := ask("/metrics"); code != http.StatusOK || !strings.Contains(body, "go_goroutines") || !strings.Contains(body, "serin_test") {
		t.Errorf("metrics: %d\n%s", code, body)
	}
	if code, _ := ask("/readyz"); code != http.StatusOK {
		t.Errorf("ready: %d", code)
	}
	down = errors.New("Temporal is away")
	if code, body := ask("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "Temporal is away") {
		t.Errorf("not ready: %d %s", code, body)
	}
	if code, _ := ask("/healthz"); code != http.StatusOK {
		t.Errorf("the process runs all the same: %d", code)
	}
}
