package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/deploy/local/embedded"
)

// until cancels once text has been written.
type until struct {
	got    strings.Builder
	text   string
	cancel context.CancelFunc
}

func (u *until) Write(b []byte) (int, error) {
	n, err := u.got.Write(b)
	if strings.Contains(u.got.String(), u.text) {
		u.cancel()
	}
	return n, err
}

func TestUpPrintsWhatRunsAndStopsWhenInterrupted(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &until{text: "Ctrl-C stops it.", cancel: cancel}
	var errs strings.Builder
	code := run(ctx, []string{"serin-local", "up", "--address-port", "0", "--ui-port", "0"}, out, &errs)
	if code != 0 || errs.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
	for _, want := range []string{
		"Temporal   127.0.0.1:", "Web UI     http://127.0.0.1:",
		"  export TEMPORAL_ADDRESS=127.0.0.1:", "  export TEMPORAL_NAMESPACE=default\n",
		"  export SERIN_ARTIFACTS=file://" + os.Getenv("XDG_STATE_HOME") + "/serin/artifacts\n",
	} {
		if !strings.Contains(out.got.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.got.String())
		}
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("XDG_STATE_HOME"), "serin", "temporal.db")); err != nil {
		t.Error(err)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"up", "now"}, `up takes flags only, got ["now"]`},
		{[]string{"up", "--address-port", "x"}, `invalid value "x" for flag -address-port`},
		{[]string{"down"}, `no command "down"`},
	} {
		var errs strings.Builder
		code := run(t.Context(), append([]string{"serin-local"}, tt.args...), io.Discard, &errs)
		if code != 1 || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: exit code %d, stderr %q, want %q", tt.args, code, errs.String(), tt.want)
		}
	}
}

func TestStackWithAPartThatCannotStartStopsTheRest(t *testing.T) {
	t.Parallel()
	stopped := false
	works := func(context.Context) (part, error) {
		return part{name: "one", stop: func() error { stopped = true; return nil }}, nil
	}
	broken := errors.New("no cloud today")
	fails := func(context.Context) (part, error) { return part{}, broken }

	s, err := startStack(t.Context(), embedded.Options{Ephemeral: true, Headless: true}, []starter{works, fails})
	if s != nil || !errors.Is(err, broken) {
		t.Errorf("got %v, %v", s, err)
	}
	if !stopped {
		t.Error("the first part still runs")
	}
}
