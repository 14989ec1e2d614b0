package client

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// closedPort returns an address of this machine that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// What does not answer is named, with the network's own reason, in time.
func TestDialUnreachable(t *testing.T) {
	closed := closedPort(t)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	tests := []struct{ name, address, cause, fix string }{
		{"nothing listens", closed, "connection refused", "TEMPORAL_ADDRESS"},
		{"not Temporal", web.Listener.Addr().String(), "", "something"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TEMPORAL_ADDRESS", tt.address)
			t.Setenv("NO_PROXY", "*")
			began := time.Now()
			_, err := Dial(t.Context(), Options{}, nil)
			if rollout.KindOf(err) != rollout.Unreachable {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(began); took > dialLimit+probeLimit+time.Second {
				t.Errorf("took %s", took)
			}
			for _, part := range []string{"connect to Temporal at " + tt.address, tt.cause, tt.fix} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestOptions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "temporal.toml")
	content := "[profile.default]\naddress = \"from-default:1\"\n[profile.prod]\naddress = \"from-prod:1\"\nnamespace = \"releases\"\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		options Options
		env     string
		want    string
	}{
		{"nothing is the local server", Options{}, "", "localhost:7233 default"},
		{"environment", Options{}, "from-env:1", "from-env:1 default"},
		{"file", Options{ConfigFile: file}, "", "from-default:1 default"},
		{"profile", Options{ConfigFile: file, Profile: "prod"}, "", "from-prod:1 releases"},
		{"environment before file", Options{ConfigFile: file, Profile: "prod"}, "from-env:1", "from-env:1 releases"},
		{"option before all", Options{ConfigFile: file, Profile: "prod", Address: "mine:1", Namespace: "n"}, "from-env:1", "mine:1 n"},
		{"missing file", Options{ConfigFile: file + ".old"}, "", "the file does not exist"},
		{"missing profile", Options{ConfigFile: file, Profile: "qa"}, "", "unable to find profile qa in config data"},
	}
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.env != "" {
				t.Setenv("TEMPORAL_ADDRESS", tt.env)
			}
			o, err := tt.options.load()
			got := o.HostPort + " " + o.Namespace
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	_, err := Dial(t.Context(), Options{ConfigFile: file + ".old"}, nil)
	wantError(t, err, rollout.Invalid, "load Temporal profile "+file+".old: the file does not exist")
}
