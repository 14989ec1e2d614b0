package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/serin-dev/serin/client"
	"github.com/serin-dev/serin/rollout"
)

func (a *app) rolloutWatch() *cli.Command {
	return a.verb(&cli.Command{
		Name:  "watch",
		Usage: "follow a rollout until it ends",
		Description: "On a terminal it keeps one screen up to date. Piped, or with --output json, it\n" +
			"prints one line for each event, from the first one on. It ends with the rollout\n" +
			"and exits as rollout wait does; ctrl-c ends only the watching.\n\n" +
			"Examples:\n" +
			"   serin rollout watch --pipeline shop --rollout v2-to-prod-0001\n" +
			"   serin rollout watch --pipeline shop --release v2 --target prod --output json",
		Flags: slices.Concat(selectFlags(), []cli.Flag{outputFlag()}, connectionFlags()),
		Action: func(c *cli.Context) error {
			return a.selected(c, func(s *server, n rolloutName) error {
				show := a.watchLines
				if a.Terminal && c.String("output") == textOutput && a.Env("TERM") != "dumb" {
					show = a.watchScreen
				}
				last, err := show(c, s, n)
				if err != nil {
					return left(c.Context, n, last, err)
				}
				return ended(last.Status)
			})
		},
	}, "pipeline")
}

// watchLines prints each event once.
func (a *app) watchLines(c *cli.Context, s *server, n rolloutName) (client.Rollout, error) {
	seen := 0
	return follow(c.Context, s, n, func(r client.Rollout) error {
		for _, e := range r.Events {
			if e.Seq <= seen {
				continue
			}
			seen = e.Seq
			if err := a.event(e, c.String("output")); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) event(e rollout.Event, output string) error {
	if output == jsonOutput {
		content, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("print as JSON: %w", err)
		}
		return write(a.Out, string(content)+"\n")
	}
	line := stamp(e.Time) + "  " + oneLine(e.String())
	if e.Waiting != nil && len(e.Waiting.Commands) > 0 {
		line += ": " + strings.Join(e.Waiting.Commands, " or ")
	}
	line += "\n"
	return write(a.Out, line)
}

// watchScreen redraws one screen after each change, and every second because time
// passes. The last picture stays when it ends.
func (a *app) watchScreen(c *cli.Context, s *server, n rolloutName) (last client.Rollout, err error) {
	ctx, stop := context.WithCancel(c.Context)
	defer stop()
	messages := make(chan any)
	go func() {
		_, ferr := follow(ctx, s, n, func(r client.Rollout) error {
			select {
			case messages <- r:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		select {
		case messages <- finished{ferr}:
		case <-ctx.Done():
		}
	}()
	t := &terminal{out: a.Out}
	t.enter()
	m := screen{color: a.color()}
	for !m.done {
		width, height := a.size()
		t.draw(m.update(resized{width, height}).view(a.now()), height)
		select {
		case msg := <-messages:
			m = m.update(msg)
		case <-a.tick(time.Second):
		case <-ctx.Done():
			m = m.update(finished{ctx.Err()})
		}
	}
	width, height := a.size()
	t.leave(m.update(resized{width, height}).view(a.now()))
	if t.err != nil {
		return m.last, fmt.Errorf("print: %w", t.err)
	}
	return m.last, m.err
}

// color reports whether colors are wanted.
func (a *app) color() bool { return a.Terminal && a.Env("NO_COLOR") == "" }

// screen is what rollout watch shows. It changes only by update.
type screen struct {
	last   client.Rollout
	loaded bool
	width  int
	color  bool
	done   bool
	err    error
}

type (
	resized  struct{ width, height int }
	finished struct{ err error }
)

// update returns the screen after a message: a client.Rollout, resized or finished.
func (m screen) update(msg any) screen {
	switch msg := msg.(type) {
	case client.Rollout:
		m.last, m.loaded = msg, true
	case resized:
		m.width = msg.width
	case finished:
		m.done, m.err = true, msg.err
	}
	return m
}

func (m screen) view(now time.Time) string {
	if !m.loaded {
		return "asking the rollout\n"
	}
	f := frame{Status: m.last.Status, Now: now, Width: m.width - 1, Color: m.color}
	for _, p := range m.last.Progress {
		f.Progress = append(f.Progress, underWay(p, now))
	}
	return view(f)
}

// terminal draws on its other screen, so that what was there before comes back.
// Lines are cut and not continued there, or a picture would have more than it counts.
type terminal struct {
	out io.Writer
	err error // the first one
}

func (t *terminal) put(s string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.out, s)
	}
}

func (t *terminal) enter() { t.put("\x1b[?1049h\x1b[?25l\x1b[?7l") }

// draw replaces the picture, cut to height lines.
func (t *terminal) draw(picture string, height int) {
	t.put("\x1b[H" + onScreen(picture, height) + "\x1b[J")
}

// leave goes back to the screen before, and prints the last picture there.
func (t *terminal) leave(picture string) {
	t.put("\x1b[?7h\x1b[?25h\x1b[?1049l" + picture)
}
