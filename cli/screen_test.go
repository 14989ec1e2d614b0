package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (s scene) frame(width int) frame {
	f := frame{Status: s.rollout().Status, Now: s.now().Add(75 * time.Second), Width: width}
	for _, p := range s.rollout().Progress {
		f.Progress = append(f.Progress, underWay(p, f.Now))
	}
	return f
}

func TestView(t *testing.T) {
	t.Parallel()
	for _, s := range []scene{sceneCanary, sceneAdvance, sceneTimer, sceneDrift, sceneFailed, sceneRestored, sceneSucceeded} {
		for _, width := range []int{80, 120} {
			name := fmt.Sprintf("%s-%d", s, width)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				got := view(s.frame(width))
				golden(t, "screen/"+name+".txt", got)
				for l := range strings.Lines(got) {
					if w := lipgloss.Width(strings.TrimSuffix(l, "\n")); w > width {
						t.Errorf("line of %d columns on a screen of %d: %q", w, width, l)
					}
				}
			})
		}
	}
}

func TestViewColor(t *testing.T) {
	t.Parallel()
	f := sceneFailed.frame(80)
	f.Color = true
	golden(t, "screen/failed-80-color.txt", view(f))
}

// What nobody has read back is never shown as a fact.
func TestViewCustom(t *testing.T) {
	t.Parallel()
	f := sceneAdvance.frame(80)
	for i := range f.Status.Phases {
		f.Status.Phases[i].Custom, f.Status.Phases[i].Observed = true, nil
	}
	got := view(f)
	if strings.Contains(got, "25% of 25%") || strings.Contains(got, "█"+"░") {
		t.Errorf("a configured weight is shown as observed:\n%s", got)
	}
	if !strings.Contains(got, "configured 25%") {
		t.Errorf("want the configured weight:\n%s", got)
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	now := sceneAdvance.now()
	m := screen{}.update(resized{81, 24})
	if got := m.view(now); got != "asking the rollout\n" {
		t.Errorf("before the first answer: %q", got)
	}
	m = m.update(sceneCanary.rollout())
	m = m.update(sceneAdvance.rollout())
	f := sceneAdvance.frame(80)
	f.Now = now
	if got, want := m.view(now), view(f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if m.done {
		t.Error("done before the rollout ended")
	}
	lost := errors.New("lost")
	if m = m.update(finished{lost}); !m.done || !errors.Is(m.err, lost) {
		t.Errorf("done %v with %v, want done with %v", m.done, m.err, lost)
	}
}

// watching runs rollout watch on a terminal.
func watching(ctx context.Context, t *testing.T, f *fake, env map[string]string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := at(t, f, sceneSucceeded.now())
	a.Streams = Streams{Out: &o, Err: &e, Terminal: true, Env: func(name string) string { return env[name] }}
	code = a.run(ctx, append([]string{"serin", "rollout", "watch"}, strings.Fields(one)...))
	return code, o.String(), e.String()
}

func TestWatchOnTerminal(t *testing.T) {
	t.Parallel()
	code, out, errs := watching(t.Context(), t, &fake{states: scenes(sceneCanary, sceneAdvance, sceneSucceeded)}, map[string]string{"NO_COLOR": "1"})
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	before, last, ok := strings.Cut(out, "\x1b[?1049l")
	if !ok || !strings.HasPrefix(before, "\x1b[?1049h") {
		t.Fatalf("the screen before must come back: %q", out)
	}
	f := sceneSucceeded.frame(99)
	f.Now = sceneSucceeded.now()
	if want := view(f); last != want {
		t.Errorf("the last picture must stay: got\n%s\nwant\n%s", last, want)
	}
}

func TestWatchInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	f := &interrupting{fake: &fake{states: scenes(sceneTimer)}, stop: stop}
	a := at(t, f.fake, sceneTimer.now())
	a.dial = func(context.Context, client.Options, client.Store) (*server, error) {
		return &server{rollouts: f, close: func() {}}, nil
	}
	var o, e bytes.Buffer
	a.Streams = Streams{Out: &o, Err: &e, Env: func(string) string { return "" }}
	code := a.run(ctx, append([]string{"serin", "rollout", "watch"}, strings.Fields(one)...))
	if want := "serin: interrupted: v2-to-prod-0001 goes on, it was IN_PROGRESS\n"; code != exitFailed || e.String() != want {
		t.Errorf("exit %d, %q; want 1, %q", code, e.String(), want)
	}
}

// interrupting ends the context once a watch has shown everything.
type interrupting struct {
	*fake
	stop func()
}

func (i *interrupting) Watch(ctx context.Context, pipeline, name string, fn func(client.Rollout) error) error {
	if err := i.fake.Watch(ctx, pipeline, name, fn); err != nil {
		return err
	}
	i.stop()
	<-ctx.Done()
	return ctx.Err()
}

func TestDumbTerminalGetsLines(t *testing.T) {
	t.Parallel()
	_, out, _ := watching(t.Context(), t, &fake{states: scenes(sceneSucceeded)}, map[string]string{"TERM": "dumb"})
	if strings.Contains(out, "\x1b") || !strings.Contains(out, "ended SUCCEEDED") {
		t.Errorf("got %q", out)
	}
}

func TestOnScreen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		picture string
		height  int
		want    string
	}{
		{"a\nb\n", 5, "a\x1b[K\nb\x1b[K\n"},
		{"a\nb\nc\n", 2, "a\x1b[K\nb"},
	} {
		if got := onScreen(c.picture, c.height); got != c.want {
			t.Errorf("onScreen(%q, %d): got %q, want %q", c.picture, c.height, got, c.want)
		}
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	kind := func(k rollout.Kind) error { return fmt.Errorf("wrapped: %w", &rollout.Error{Op: "op", Kind: k}) }
	state := func(s rollout.State, w rollout.WaitFor) error {
		st := rollout.Status{State: s}
		if w != "" {
			st.Waiting = &rollout.Waiting{For: w}
		}
		return ended(st)
	}
	for _, c := range []struct {
		name string
		err  error
		want int
	}{
		{"nothing", nil, 0},
		{"succeeded", state(rollout.StateSucceeded, ""), 0},
		{"untyped", errors.New("x"), 1},
		{"refused", kind(rollout.Refused), 1},
		{"not found", kind(rollout.NotFound), 1},
		{"conflict", kind(rollout.Conflict), 1},
		{"denied", kind(rollout.Denied), 1},
		{"interrupted", &interrupted{"x"}, 1},
		{"running", state(rollout.StateInProgress, rollout.WaitTimer), 1},
		{"invalid", kind(rollout.Invalid), 2},
		{"unsupported", kind(rollout.Unsupported), 2},
		{"failed", state(rollout.StateFailed, ""), 3},
		{"cancelled", state(rollout.StateCancelled, ""), 3},
		{"rejected", state(rollout.StateApprovalRejected, ""), 3},
		{"advance", state(rollout.StateInProgress, rollout.WaitAdvance), 4},
		{"person", state(rollout.StateInProgress, rollout.WaitPerson), 4},
		{"approval", state(rollout.StatePendingApproval, rollout.WaitApproval), 4},
		{"halted", state(rollout.StateHalted, ""), 4},
		{"expired", kind(rollout.Expired), 5},
		{"deadline", fmt.Errorf("wrapped: %w", context.DeadlineExceeded), 5},
		{"unreachable", kind(rollout.Unreachable), 6},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
