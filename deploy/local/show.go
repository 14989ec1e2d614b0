package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	serin "github.com/serin-dev/serin/cli"
	"github.com/serin-dev/serin/client"
)

// What the example calls its objects.
const (
	demoPipeline = "hello"
	demoTarget   = "local"
)

// show is one run of the demo.
type show struct {
	app     *app
	ink     ink
	stack   *stack
	example string // folder
	client  *client.Client
	load    *load
}

// play makes the three releases. The result is about the second one, and the zero
// one until there is something to say about it.
func (s *show) play(ctx context.Context) (r result, err error) {
	if err = s.introduce(); err != nil {
		return r, err
	}
	if s.client, err = client.Dial(ctx, client.Options{}, nil); err != nil {
		return r, err
	}
	defer s.client.Close()
	url, err := s.first(ctx)
	if err != nil {
		return r, fmt.Errorf("the first release: %w", err)
	}
	s.load = startLoad(ctx, url, s.stack.run.client())
	defer s.load.stop()
	if r, err = s.second(ctx); err != nil {
		return r, fmt.Errorf("the second release: %w", err)
	}
	r.WebUI = s.stack.temporal.UIURL()
	if r.SurvivedKill, err = s.third(ctx); err != nil {
		return r, fmt.Errorf("the third release: %w", err)
	}
	return r, s.watched(ctx, &r)
}

func (s *show) introduce() error {
	s.say("%s\n", s.ink.bold("A service goes through a real canary, on this machine"))
	if err := addresses(s.app.Out, s.stack); err != nil {
		return err
	}
	s.say("")
	for _, v := range s.stack.environment() {
		s.prompt("export " + v)
	}
	return nil
}

// first applies the example and brings the service into the world. It returns the
// service's URL.
func (s *show) first(ctx context.Context) (url string, err error) {
	s.heading("1. The first release: nothing serves yet, so it becomes stable at once")
	if err = s.apply(ctx, exampleFolder); err != nil {
		return "", err
	}
	if err = s.release(ctx, exampleFolder, "v1", "--wait"); err != nil {
		return "", err
	}
	name, err := s.client.WaitRollout(ctx, demoPipeline, "v1", demoTarget)
	if err != nil {
		return "", err
	}
	r, err := s.client.Rollout(ctx, demoPipeline, name)
	if err != nil {
		return "", err
	}
	if r.URL == "" {
		return "", fmt.Errorf("rollout %s does not say where the service answers", name)
	}
	s.say("")
	s.prompt("curl " + r.URL)
	probe := load{url: r.URL, client: s.stack.run.client()}
	answer := probe.ask(ctx)
	if answer.failure != "" {
		return "", fmt.Errorf("get %s: %s", r.URL, answer.failure)
	}
	s.say("hello from %s", answer.revision)
	return r.URL, nil
}

// apply applies the pipeline of an example. Where something listens at another port than the
// file says, a copy with that port is applied.
func (s *show) apply(ctx context.Context, folder string) error {
	file := path.Join(folder, "pipeline.yaml")
	content, err := os.ReadFile(s.real(file))
	if err != nil {
		return fmt.Errorf("read the example: %w", err)
	}
	text, script := string(content), ""
	for _, each := range []struct{ inFile, actual string }{
		{fmt.Sprintf("http://127.0.0.1:%d", runPort), s.stack.run.root()},
		{fmt.Sprintf("http://127.0.0.1:%d", metricsPort), s.stack.metrics.URL()},
	} {
		if each.inFile != each.actual && strings.Contains(text, each.inFile) {
			text = strings.ReplaceAll(text, each.inFile, each.actual)
			script += fmt.Sprintf(";s|%s|%s|", each.inFile, each.actual)
		}
	}
	if script == "" {
		return s.serin(ctx, nil, "apply", "--file", file)
	}
	s.say("%s", s.ink.dim("# a port of the file is taken, so what listens there has another one"))
	s.prompt(fmt.Sprintf("sed '%s' %s | serin apply --file -", script[1:], file))
	return s.call(ctx, strings.NewReader(text), "apply", "--file", "-")
}

// real is where a path that is seen from the top of the checkout is: the second example lies
// beside the first one.
func (s *show) real(name string) string {
	if rest, ok := strings.CutPrefix(name, watchedFolder); ok {
		return filepath.Join(filepath.Dir(s.example), path.Base(watchedFolder), filepath.FromSlash(rest))
	}
	return filepath.Join(s.example, filepath.FromSlash(strings.TrimPrefix(name, exampleFolder)))
}

// release makes a release of an example's source and the image with the same tag.
func (s *show) release(ctx context.Context, folder, name string, more ...string) error {
	args := append([]string{
		"release", "create", "--pipeline", demoPipeline, "--release", name,
		"--source", path.Join(folder, "source"), "--images", "hello=hello:" + name,
	}, more...)
	return s.serin(ctx, nil, args...)
}

// serin shows a command line and runs it.
func (s *show) serin(ctx context.Context, in io.Reader, args ...string) error {
	s.prompt("serin " + strings.Join(args, " "))
	return s.call(ctx, in, args...)
}

func (s *show) call(ctx context.Context, in io.Reader, args ...string) error {
	line := []string{"serin"}
	for _, arg := range args { // they are shown as seen from the top of the checkout
		if strings.HasPrefix(arg, exampleFolder) || strings.HasPrefix(arg, watchedFolder) {
			arg = s.real(arg)
		}
		line = append(line, arg)
	}
	code := serin.Run(ctx, line, serin.Streams{In: in, Out: s.app.Out, Err: s.app.Err, Env: os.Getenv})
	if code != 0 {
		return fmt.Errorf("serin %s ended with exit code %d", strings.Join(args, " "), code)
	}
	return nil
}

// say prints a line. A reader that left, such as head, misses nothing.
func (s *show) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.app.Out, format+"\n", args...)
}

func (s *show) heading(text string) { s.say("\n%s\n", s.ink.bold(text)) }

func (s *show) prompt(line string) { s.say("%s", s.ink.dim("$ ")+s.ink.bold(line)) }
