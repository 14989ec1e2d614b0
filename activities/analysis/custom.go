package analysis

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

// custom returns the checks by containers.
func (a *Activities) custom(w *watch, _ words) ([]*check, error) {
	var out []*check
	for _, spec := range w.spec.Custom {
		runner, err := activities.RunnerOf(a.o.Platforms, w.r.Work)
		if err != nil {
			return nil, err
		}
		if spec.Every <= 0 {
			return nil, w.invalid(spec.ID, fmt.Errorf("it runs every %s", spec.Every))
		}
		t := &container{runner: runner, run: activities.TaskRun{
			Work: w.r.Work, Job: string(rollout.JobAnalysis), Attempt: w.r.Attempt, Task: spec.Task,
		}}
		if a.o.Env != nil {
			t.run.Env = a.o.Env(w.r)
		}
		t.run.Task.Timeout = cmp.Or(t.run.Task.Timeout, w.r.Timeout)
		t.check = w.check(spec.ID, t, spec.Every)
		out = append(out, t.check)
	}
	return out, nil
}

// container runs a task again and again. Each run has a name of its own, the same after a
// worker's death.
type container struct {
	runner activities.Runner
	run    activities.TaskRun
	check  *check
}

// current is the run that is or will be asked for.
func (t *container) current() activities.TaskRun {
	run := t.run
	run.Task.ID = fmt.Sprintf("%s-%d", t.check.ID, t.check.Runs+1)
	return run
}

func (t *container) ask(ctx context.Context) (reading, error) {
	run := t.current()
	res, err := t.runner.Run(ctx, run)
	if err != nil {
		return reading{}, err
	}
	switch res.Verdict {
	case rollout.VerdictPass:
		t.tidy(ctx, run)
		return healthy(""), nil
	case rollout.VerdictFail:
		r := healthy(cmp.Or(res.Reason, "it has failed"))
		r.logs = res.Logs
		return r, nil
	default: // it never ran: no sample
		t.tidy(ctx, run)
		return reading{logs: res.Logs}, nil
	}
}

const (
	// tidyTimeout is how long an answer waits until its container is taken away.
	tidyTimeout = 2 * time.Second
	// stopTimeout is how long it may take to stop a container that runs. No verdict waits for that.
	stopTimeout = 10 * time.Second
)

// tidy takes away a run that nobody has to look at; what cannot be taken away now stays until
// its platform does.
func (t *container) tidy(ctx context.Context, run activities.TaskRun) {
	ctx, stop := context.WithTimeout(ctx, tidyTimeout)
	defer stop()
	_ = t.runner.Stop(ctx, run)
}

// stop ends the run that is not over.
func (t *container) stop(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, stopTimeout)
	defer stop()
	_ = t.runner.Stop(ctx, t.current())
}
