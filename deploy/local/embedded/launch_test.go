package embedded

import (
	"strings"
	"testing"

	"go.temporal.io/server/common/log/tag"
)

// Ports are free when they are checked, and may be taken a moment later.
func TestAPortThatIsTakenAfterTheCheckIsAnError(t *testing.T) {
	t.Parallel()
	st, err := newStore(Options{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := reserve(t.Context(), wanted(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if rerr := p.releaseAll(); rerr != nil {
			t.Error(rerr)
		}
	})
	if err = st.prepare(p.address(frontend)); err != nil {
		t.Fatal(err)
	}
	srv, err := launch(serverConfig(st, p), newLogger(nil))
	if srv != nil || err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, %v", srv, err)
	}
}

func TestFatal(t *testing.T) {
	t.Parallel()
	for _, quiet := range []bool{false, true} {
		l := newLogger(nil)
		l.quiet.Store(quiet)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.With(tag.NewStringTag("shard", "1")).Fatal("no lease", tag.NewStringTag("owner", "other"))
			t.Error("Fatal returned")
		}()
		<-ended
		select {
		case err := <-l.gaveUp:
			if want := "the server gave up: no lease, owner: other"; quiet || err.Error() != want {
				t.Errorf("quiet %t: got %q, want %q", quiet, err, want)
			}
		default:
			if !quiet {
				t.Error("nobody was told")
			}
		}
	}
}
