package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-dev/serin/activities/cloudrun/cloudruntest"
)

const helloParent = "projects/demo/locations/europe-west1"

// createHello makes the service hello by the API and returns what was answered.
func createHello(t *testing.T, e *emulator) int {
	t.Helper()
	body := `{"template":{"containers":[{"image":"hello:v1"}]}}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		e.root()+"/v2/"+helloParent+"/services?serviceId=hello", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := e.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// The first emulator is never stopped, as when the machine loses its power.
func TestWhatTheEmulatorAnsweredSurvivesACrash(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state")
	crashed, err := startEmulator(t.Context(), 0, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { crashed.http.Close() })
	if code := createHello(t, crashed); code != http.StatusOK {
		t.Fatalf("create: status %d", code)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "state")
	if err = os.WriteFile(copied, content, 0o600); err != nil {
		t.Fatal(err)
	}

	e, err := startEmulator(t.Context(), 0, copied)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if serr := e.stop(); serr != nil {
			t.Error(serr)
		}
	})
	name := cloudruntest.ServiceName("demo", "europe-west1", "hello")
	if err = e.WaitSplit(t.Context(), name, func(shares map[string]int64) bool { return len(shares) == 1 }); err != nil {
		t.Fatal(err)
	}
	s, err := e.Service(name)
	if err != nil {
		t.Fatal(err)
	}
	if revision := revisionAt(t, e, s.Uri); !strings.HasPrefix(revision, "hello-") {
		t.Errorf("answered by %q", revision)
	}
}

func TestAChangeThatCannotBeSavedIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	e, err := startEmulator(t.Context(), 0, filepath.Join(t.TempDir(), "missing", "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.http.Close() })
	if code := createHello(t, e); code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want %d", code, http.StatusServiceUnavailable)
	}
}

func TestAStateThatCannotBeReadIsNotOverwritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := startEmulator(t.Context(), 0, file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "{}" {
		t.Errorf("the file is now %q, %v", content, err)
	}
}
