package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	temporalclient "go.temporal.io/sdk/client"

	"github.com/serin-dev/serin/rollout"
)

const (
	// lively is how often progress is looked at while something runs: heartbeats
	// are in no history.
	lively = 2 * time.Second
	// calm is how often a workflow is looked at while nothing runs, should a
	// notification have been lost: the server drops one when two events are less
	// than a millisecond apart.
	calm = 15 * time.Second
	// outage is how long Temporal may be away before a watch gives up.
	outage = time.Minute
)

// Watch calls fn with the rollout as it is, and again after each change, until
// the rollout is Done or fn returns an error, which Watch then returns. FAILED
// ends a watch too, although a retry may revive the rollout: watch again after
// one.
//
// It follows the history by long poll and reads the heartbeats of what runs at
// most every 2 seconds; neither costs anything on Temporal Cloud. The state is
// queried only when the history has grown. While no worker answers, and for up to
// a minute while Temporal does not, it goes on with the last state and says so in
// Progress.
//
// Errors: NotFound; Failed when somebody ended the workflow from outside; Expired
// at the deadline of ctx; Unreachable.
func (c *Client) Watch(ctx context.Context, pipeline, name string, fn func(Rollout) error) error {
	w := &watch{client: c, pipeline: pipeline, name: name, fn: fn}
	in := onRollout("watch rollout", pipeline, name)
	err := c.until(ctx, in, rollout.RolloutID(pipeline, name), w.step)
	if w.told != nil {
		return w.told
	}
	return err
}

// WaitOption changes what Wait waits for.
type WaitOption func(*waitOptions)

type waitOptions struct{ stopWaiting bool }

// StopWaiting makes Wait return also when the rollout waits for an advance, an
// approval or a person, so that nothing happens until somebody acts.
func StopWaiting() WaitOption { return func(o *waitOptions) { o.stopWaiting = true } }

// Wait returns the rollout once it is Done: SUCCEEDED, FAILED, CANCELLED or
// APPROVAL_REJECTED. How it ended is its State, not an error. Without a deadline
// in ctx it waits for as long as the rollout takes.
func (c *Client) Wait(ctx context.Context, pipeline, name string, options ...WaitOption) (Rollout, error) {
	var o waitOptions
	for _, set := range options {
		set(&o)
	}
	var (
		last   Rollout
		enough = errors.New("waits")
	)
	err := c.Watch(ctx, pipeline, name, func(r Rollout) error {
		last = r
		if o.stopWaiting && r.Waits() {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return last, err
}

// watch is one Watch under way.
type watch struct {
	client         *Client
	pipeline, name string
	fn             func(Rollout) error

	last  Rollout
	shown bool      // fn has seen last
	told  error     // fn's
	lost  time.Time // since when Temporal does not answer; zero: it does
}

// step reads the rollout, shows it if it has changed, and says when to look
// again at the latest.
func (w *watch) step(ctx context.Context) (time.Duration, bool, error) {
	r, err := w.read(ctx)
	if err != nil {
		return 0, false, err
	}
	if !w.shown || !same(r, w.last) {
		w.last, w.shown = r, true
		if w.told = w.fn(r); w.told != nil {
			return 0, true, nil
		}
	}
	w.last = r
	if !r.Done() && !r.Open {
		return 0, false, onRollout("watch rollout", w.pipeline, w.name).fail(rollout.Failed,
			fmt.Errorf("somebody ended its workflow while it was %s", r.State), "the next rollout on the lane settles what it left behind")
	}
	if len(r.Progress) > 0 {
		return lively, r.Done(), nil
	}
	return calm, r.Done(), nil
}

// read returns the rollout as it is now. The state is queried only if the history
// has grown since the last answer.
func (w *watch) read(ctx context.Context) (Rollout, error) {
	if !w.shown {
		return w.client.Rollout(ctx, w.pipeline, w.name)
	}
	var now view
	err := w.client.do(ctx, onRollout("watch rollout", w.pipeline, w.name), answerLimit, func(ctx context.Context) error {
		var err error
		now, err = w.client.look(ctx, rollout.RolloutID(w.pipeline, w.name))
		return err
	})
	if err == nil && now.length == w.last.length {
		w.lost = time.Time{}
		r := w.last
		r.Open, r.Progress = now.open, now.progress
		return r, nil
	}
	var r Rollout
	if err == nil {
		r, err = w.client.Rollout(ctx, w.pipeline, w.name)
	}
	return w.bear(r, now, err)
}

// bear keeps the last state through errors that may pass.
func (w *watch) bear(r Rollout, now view, err error) (Rollout, error) {
	switch kind := rollout.KindOf(err); kind {
	case rollout.Unreachable:
		if w.lost.IsZero() {
			w.lost = time.Now()
		}
		if time.Since(w.lost) > outage {
			return Rollout{}, err
		}
	case rollout.Expired, rollout.Transient, rollout.Failed:
		w.lost = time.Time{}
	default:
		w.lost = time.Time{}
		return r, err
	}
	r = w.last
	r.Progress = now.progress
	if !slices.ContainsFunc(r.Progress, func(p Progress) bool { return p.Activity == WorkflowTask }) {
		r.Progress = append(r.Progress, Progress{Activity: WorkflowTask, Attempt: 1, LastFailure: err.Error()})
	}
	return r, nil
}

// same reports whether nothing that a reader sees has changed.
func same(a, b Rollout) bool {
	a.length, b.length = 0, 0
	return reflect.DeepEqual(a, b)
}

// until calls step now and whenever workflow id may have changed, or the time
// that step named has passed, until step is done or returns an error.
func (c *Client) until(ctx context.Context, in call, id string, step func(context.Context) (time.Duration, bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var changed chan struct{}
	for {
		wait, done, err := step(ctx)
		switch {
		case err == nil && done:
			return nil
		case ctx.Err() != nil:
			return in.interrupted(ctx.Err())
		case err != nil:
			return err
		}
		if changed == nil { // only what is worth waiting for is followed
			changed = make(chan struct{}, 1)
			go c.notify(ctx, id, changed)
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// interrupted is the error of a wait that ctx ended.
func (c call) interrupted(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return c.fail(rollout.Expired, err, "it goes on without you; watch it again")
	}
	return fmt.Errorf("%s %s: %w", c.op, c.on, err)
}

// notify sends on changed whenever workflow id has taken a step, until ctx ends.
// Its errors are no one's concern: the timer of until looks anyway.
func (c *Client) notify(ctx context.Context, id string, changed chan<- struct{}) {
	for ctx.Err() == nil {
		c.poll(c.views.GetWorkflowHistory(ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT), changed)
		timer := time.NewTimer(lively)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// poll follows one history to its end or first error.
func (c *Client) poll(events temporalclient.HistoryEventIterator, changed chan<- struct{}) {
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			break
		}
		if e.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			continue // a workflow changes its mind only in a workflow task
		}
		select {
		case changed <- struct{}{}:
		default: // one is on its way already
		}
	}
	select {
	case changed <- struct{}{}:
	default:
	}
}
