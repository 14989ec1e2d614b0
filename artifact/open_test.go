package artifact_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-dev/serin/artifact"
	"github.com/serin-dev/serin/rollout"
)

func TestTheDefaultIsAPrivateDirectory(t *testing.T) {
	state := t.TempDir()
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, c := range []struct{ xdg, want string }{
		{state, filepath.Join(state, "serin", "artifacts")},
		{"", filepath.Join(home, ".local", "state", "serin", "artifacts")},
		{"relative", filepath.Join(home, ".local", "state", "serin", "artifacts")},
	} {
		t.Setenv("XDG_STATE_HOME", c.xdg)
		s, err := artifact.Open(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Put(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{c.want, filepath.Join(c.want, "sha256")} {
			st, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if st.Mode().Perm() != 0o700 {
				t.Errorf("%s has mode %v, want 0700", dir, st.Mode().Perm())
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"ftp://host/dir":               `no driver for "ftp": this build has file, mem`,
		"/var/lib/serin":               `no driver for ""`,
		"file://":                      "the directory is missing",
		"file:relative":                "the directory is missing",
		"file://var/lib":               `"var" reads as a host name`,
		"file:///var?metadata=sidecar": "takes no query parameters",
		"gs://%zz":                     "invalid URL escape",
	} {
		_, err := artifact.Open(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), want) || rollout.KindOf(err) != rollout.Invalid {
			t.Errorf("open %s: %v of kind %q, want %q of kind Invalid", address, err, rollout.KindOf(err), want)
		}
	}
}

func TestRelativeDirectories(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := artifact.Open(t.Context(), "file://./store")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutNamed(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("store", "a")); err != nil {
		t.Error(err)
	}
}
