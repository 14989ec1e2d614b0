package jobs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	// stopPatience bounds how long a job that was terminated waits for its tasks to end.
	stopPatience = 30 * time.Second
	// tidyPatience bounds how long a failure waits for the other tasks to end: requests may have to
	// go back.
	tidyPatience = 2 * time.Second
)

// runs are the runs of a spec's tasks.
func runs(spec rollout.JobSpec, at place) []activities.TaskRun {
	out := make([]activities.TaskRun, len(spec.Tasks))
	for i, t := range spec.Tasks {
		t.Timeout = cmp.Or(t.Timeout, at.request.Timeout)
		out[i] = activities.TaskRun{
			Work: at.request.Work, Job: string(at.request.Job), Attempt: at.request.Attempt, Task: t, Env: at.env(),
		}
	}
	return out
}

// tasks runs the tasks of spec and returns what each has found, and their logs.
func (j *Jobs) tasks(ctx context.Context, spec rollout.JobSpec, at place, pulse *activities.Pulse) ([]rollout.CheckStatus, []byte, error) {
	if len(spec.Tasks) == 0 {
		return nil, nil, nil
	}
	runner, err := activities.RunnerOf(j.platforms, at.request.Work)
	if err != nil {
		return nil, nil, err
	}
	g := &group{runner: runner, runs: runs(spec, at), pulse: pulse, ends: make([]ending, len(spec.Tasks)), said: make([]string, len(spec.Tasks))}
	if spec.Parallel {
		err = g.atOnce(ctx)
	} else {
		err = g.inOrder(ctx)
	}
	if err != nil {
		return nil, nil, g.leave(ctx, err)
	}
	return g.found(), g.logs(), nil
}

// group is the tasks of one job run.
type group struct {
	runner activities.Runner
	runs   []activities.TaskRun
	pulse  *activities.Pulse
	ends   []ending // of runs

	mu   sync.Mutex
	said []string // of runs: how far they are
}

// ending is how a task ended. Without a verdict it was not begun, or stopped.
type ending struct {
	activities.TaskResult
	err   error
	begun bool
	left  error // why it could not be stopped
}

func (g *group) run(ctx context.Context, i int) {
	t := g.runs[i]
	t.Say = func(text string) { g.say(ctx, i, text) }
	g.ends[i].begun = true
	end := &g.ends[i]
	if end.TaskResult, end.err = g.runner.Run(ctx, t); end.err == nil && end.Verdict == "" {
		end.Verdict = rollout.VerdictInconclusive // nothing was found out
		end.Reason = cmp.Or(end.Reason, "its platform does not tell how task "+t.Task.ID+" ended")
	}
}

func (g *group) inOrder(ctx context.Context) error {
	for i := range g.runs {
		if g.run(ctx, i); g.ends[i].err != nil || g.ends[i].Verdict != rollout.VerdictPass {
			return g.ends[i].err
		}
		g.say(ctx, i, "")
	}
	return nil
}

// atOnce runs all; the first that fails stops the others.
func (g *group) atOnce(ctx context.Context) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	var first sync.Once
	var why error
	var all sync.WaitGroup
	for i := range g.runs {
		all.Go(func() {
			g.run(running, i)
			if end := g.ends[i]; end.err != nil || end.Verdict == rollout.VerdictFail {
				first.Do(func() { why = end.err; cancel() })
			}
			g.say(ctx, i, "")
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if why != nil || running.Err() == nil {
		return why
	}
	g.tidy(ctx)
	return nil
}

// tidy stops the tasks that have not ended when another one failed: Run returns when its context
// does. One that cannot be stopped ends by its own time; the verdict stays.
func (g *group) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tidyPatience)
	defer cancel()
	var all sync.WaitGroup
	for i := range g.ends {
		if end := &g.ends[i]; end.err != nil {
			all.Go(func() { end.left = g.runner.Stop(ctx, g.runs[i]) })
		}
	}
	all.Wait()
}

// say tells how far the tasks are, in their order. "" is a task that has ended.
func (g *group) say(ctx context.Context, i int, text string) {
	g.mu.Lock()
	g.said[i] = text
	var all []string
	for i, each := range g.said {
		if each != "" {
			all = append(all, g.runs[i].Task.ID+": "+each)
		}
	}
	g.mu.Unlock()
	if len(all) > 0 {
		g.pulse.Say(ctx, cut(strings.Join(all, "; "), maxReason))
	}
}

// leave ends what runs where nobody will come back for it: the job was terminated, or it can never
// look at its tasks. Otherwise, as when a worker stops, another attempt finds them by name.
func (g *group) leave(ctx context.Context, err error) error {
	terminated := temporal.IsCanceledError(context.Cause(ctx))
	passing := rollout.KindOf(err) == rollout.Transient || rollout.KindOf(err) == ""
	if !terminated && (ctx.Err() != nil || passing) {
		return err
	}
	var begun []activities.TaskRun
	for i, end := range g.ends {
		if end.begun && end.Verdict == "" {
			begun = append(begun, g.runs[i])
		}
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	stopped := stop(after, g.runner, begun)
	if terminated {
		return err // StopJob comes after it, and tells what went wrong
	}
	return errors.Join(err, stopped)
}

// stop ends all runs at once.
func stop(ctx context.Context, runner activities.Runner, list []activities.TaskRun) error {
	errs := make([]error, len(list))
	var all sync.WaitGroup
	for i, t := range list {
		all.Go(func() { errs[i] = runner.Stop(ctx, t) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (g *group) found() []rollout.CheckStatus {
	out := make([]rollout.CheckStatus, len(g.runs))
	for i, end := range g.ends {
		out[i] = rollout.CheckStatus{ID: g.runs[i].Task.ID, Verdict: end.Verdict, Reason: end.Reason}
		switch {
		case !end.begun:
			out[i].Reason = "not run, because of the one before"
		case end.left != nil:
			out[i].Reason = "not stopped, though another one failed: " + end.left.Error()
		case end.Verdict == "":
			out[i].Reason = "stopped, because another one failed"
		}
	}
	return out
}

// logs are the last lines of every task that has any, each under its id.
func (g *group) logs() []byte {
	var b bytes.Buffer
	for i, end := range g.ends {
		if len(end.Logs) == 0 {
			continue
		}
		fmt.Fprintf(&b, "== %s ==\n%s", g.runs[i].Task.ID, lastLines(end.Logs))
		if !bytes.HasSuffix(b.Bytes(), []byte("\n")) {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// lastLines are the last rollout.LogLines lines.
func lastLines(log []byte) []byte {
	lines := bytes.SplitAfter(log, []byte("\n"))
	if n := len(lines); n > 0 && len(lines[n-1]) == 0 {
		lines = lines[:n-1]
	}
	return bytes.Join(lines[max(0, len(lines)-rollout.LogLines):], nil)
}
