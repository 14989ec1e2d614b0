package analysis

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/serin-dev/serin/rollout"
)

// failPatience is how long a failing verdict waits for its samples to be stored and its containers to
// be stopped, both together: requests have to go back.
const failPatience = 300 * time.Millisecond

// leave stores what was measured and stops what still runs, after the loop. A container that is not
// stopped in time is stopped afterwards: no other run has its name.
func (w *watch) leave(ctx context.Context, out *rollout.Outcome) {
	patience := storeTimeout
	if out.Verdict == rollout.VerdictFail {
		patience = failPatience
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if ctx.Err() != nil { // only what is left running is waited for
		bounded, cancel = context.WithTimeout(context.WithoutCancel(ctx), failPatience)
		defer cancel()
	}
	stops := out.Verdict != "" || temporal.IsCanceledError(context.Cause(ctx)) // else a later attempt waits for them
	left := make(chan struct{})
	go func() {
		defer close(left)
		w.asks.Wait() // none begins a container any more
		if stops {
			w.stopTasks(context.WithoutCancel(ctx))
		}
	}()
	if out.Verdict != "" {
		w.files(bounded, out)
		*out = fit(*out)
	}
	select {
	case <-left:
	case <-bounded.Done():
	}
}

// stopTasks ends the containers that still run.
func (w *watch) stopTasks(ctx context.Context) {
	var all sync.WaitGroup
	for _, c := range w.checks {
		if t, ok := c.probe.(*container); ok && c.busy {
			all.Go(func() { t.stop(ctx) })
		}
	}
	all.Wait()
}

// files stores the samples, and the words of containers that failed, both at once.
func (w *watch) files(ctx context.Context, out *rollout.Outcome) {
	var series []rollout.Series
	var logs bytes.Buffer
	for _, c := range w.checks {
		if c.spec != nil {
			series = append(series, c.series)
		}
		if len(c.logs) > 0 {
			fmt.Fprintf(&logs, "== %s ==\n%s\n", c.ID, bytes.TrimRight(c.logs, "\n"))
		}
	}
	var unstored, unlogged error
	var both sync.WaitGroup
	if logs.Len() > 0 {
		both.Go(func() { out.Logs, unlogged = w.o.Artifacts.Put(ctx, logs.Bytes()) })
	}
	if len(series) > 0 {
		var content []byte
		if content, unstored = json.Marshal(series); unstored == nil {
			out.Samples, unstored = w.o.Artifacts.Put(ctx, content)
		}
	}
	both.Wait()
	if err := cmp.Or(unstored, unlogged); err != nil && out.Verdict != rollout.VerdictPass {
		if errors.Is(err, context.DeadlineExceeded) {
			err = errors.New("the artifact store does not answer in time")
		}
		out.Reason += "; its samples are not stored: " + err.Error()
	}
}
