package analysis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/serin-dev/serin/activities"
	"github.com/serin-dev/serin/rollout"
)

const (
	retryFirst = time.Second     // until a server that did not answer is asked again
	retryMost  = 5 * time.Second // and after many times
	retryAfter = time.Minute     // and at most, where it says itself when
)

// watch is one attempt at an analysis. One goroutine, that of run, owns it.
type watch struct {
	progress

	o      Options
	r      activities.JobRequest
	spec   rollout.Analysis
	checks []*check
	beat   *activities.Pulse

	at      time.Time // until when watched is counted
	running time.Time // since when it has been counting
	answers chan answer
	asks    sync.WaitGroup

	spills   chan spilled
	spilling bool // one is under way
	spillAt  int  // how large the samples may be until they go to an artifact, in bytes
}

// answer is what came of a question.
type answer struct {
	check   *check
	asked   time.Time
	reading reading
	err     error
}

func newWatch(o Options, r activities.JobRequest, spec rollout.Analysis) *watch {
	now := time.Now()
	w := &watch{o: o, r: r, spec: spec, at: now, running: now, spillAt: mostKept}
	w.Started = now.Truncate(time.Millisecond)
	return w
}

// run asks until there is a verdict, or something to say before.
func (w *watch) run(ctx context.Context) (activities.JobResult, error) {
	if len(w.checks) == 0 {
		return activities.JobResult{Outcome: rollout.Outcome{Verdict: rollout.VerdictInconclusive, Reason: "there is no check"}}, nil
	}
	w.answers = make(chan answer, len(w.checks)) // each check has at most one under way: nobody blocks
	w.spills = make(chan spilled, 1)
	asking, stop := context.WithCancel(ctx)
	res, err := w.loop(asking)
	stop()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	w.leave(ctx, &res.Outcome)
	return res, err
}

func (w *watch) loop(ctx context.Context) (activities.JobResult, error) {
	for {
		if c := w.bad(); c != nil {
			return w.end(), nil
		}
		now := time.Now()
		w.count(now)
		if !w.ask(ctx, now) && w.over() {
			return w.end(), nil
		}
		alarm := time.NewTimer(w.next(now))
		select {
		case <-ctx.Done():
			alarm.Stop()
			return activities.JobResult{}, ctx.Err()
		case <-alarm.C:
		case s := <-w.spills:
			w.drop(s)
		case a := <-w.answers:
			alarm.Stop()
			if res, err := w.take(ctx, a); err != nil || res.Resume != "" || res.Outcome.Verdict != "" {
				return res, err
			}
		}
	}
}

// bad returns the first check that has failed, or nil.
func (w *watch) bad() *check {
	for _, c := range w.checks {
		if c.Bad != "" {
			return c
		}
	}
	return nil
}

// count lets the analysis' clock run until now. It stands while any check has no answer.
func (w *watch) count(now time.Time) {
	if w.out() == nil {
		w.Watched += now.Sub(w.at)
	} else {
		w.running = now
	}
	w.at = now
}

// out returns the check that has been without an answer for longest, or nil.
func (w *watch) out() *check {
	var longest *check
	for _, c := range w.checks {
		if !c.silent.IsZero() && (longest == nil || c.silent.Before(longest.silent)) {
			longest = c
		}
	}
	return longest
}

// over reports whether the release was watched for as long as it should be.
func (w *watch) over() bool { return w.Watched >= w.spec.Duration && w.out() == nil }

// ask begins the questions that are due. It returns whether any is under way.
func (w *watch) ask(ctx context.Context, now time.Time) bool {
	busy, over := false, w.over()
	until := now
	if over {
		until = now.Add(w.spec.Duration - w.Watched) // when it was over
	}
	for _, c := range w.checks {
		late := until
		if over {
			late = until.Add(c.slack()) // a question of the last instant
		}
		if !c.busy && !c.due.After(late) {
			c.busy = true
			w.asks.Go(func() {
				r, err := c.probe.ask(ctx)
				w.answers <- answer{check: c, asked: now, reading: r, err: err}
			})
		}
		busy = busy || c.busy
	}
	return busy
}

// next is how long nothing happens but answers.
func (w *watch) next(now time.Time) time.Duration {
	wait := time.Hour
	if w.out() == nil && w.Watched < w.spec.Duration {
		wait = w.spec.Duration - w.Watched
	}
	if !w.over() {
		for _, c := range w.checks {
			if !c.busy {
				wait = min(wait, c.due.Sub(now))
			}
		}
	}
	return wait
}

// take counts an answer. What it returns is zero while the analysis goes on.
func (w *watch) take(ctx context.Context, a answer) (activities.JobResult, error) {
	if ctx.Err() != nil {
		return activities.JobResult{}, ctx.Err()
	}
	now, c := time.Now(), a.check
	w.count(now)
	c.busy = false
	switch {
	case a.err != nil && lasting(a.err):
		c.Bad = a.err.Error()
		return activities.JobResult{}, nil
	case a.err != nil:
		return w.missed(ctx, a, now)
	}
	c.silent, c.Silent, c.why, c.tries = time.Time{}, 0, "", 0
	c.take(a.reading, a.asked, w.Started)
	c.schedule(a.asked)
	w.keep(ctx)
	if w.r.Outage && w.out() == nil && c.Bad == "" {
		return w.pause(ctx, "")
	}
	return activities.JobResult{}, nil
}

// missed counts a question that nobody has answered.
func (w *watch) missed(ctx context.Context, a answer, now time.Time) (activities.JobResult, error) {
	if w.out() == nil { // the clock has stood since it was asked
		from := a.asked
		if from.Before(w.running) {
			from = w.running
		}
		w.Watched = max(w.Watched-now.Sub(from), 0)
	}
	a.check.again(a, now, []time.Duration{w.o.Patience, w.spec.UnreachableAfter})
	for _, each := range w.checks {
		if !each.silent.IsZero() {
			each.Silent = now.Sub(each.silent)
		}
	}
	longest := w.out()
	switch lasted := longest.Silent; {
	case lasted >= w.spec.UnreachableAfter:
		longest.Bad, longest.Unreachable = "no answer for "+brief(lasted)+": "+longest.why, true
		return activities.JobResult{}, nil
	case lasted >= w.o.Patience && !w.r.Outage && !w.r.Patient:
		return w.pause(ctx, longest.ID+": "+longest.why)
	}
	w.keep(ctx)
	return activities.JobResult{}, nil
}

// again sets when c is asked again after nobody has answered: soon, and at latest when the outage
// is as long as one of the marks, because something is done then.
func (c *check) again(a answer, now time.Time, marks []time.Duration) {
	if c.silent.IsZero() {
		c.silent = a.asked
	}
	c.why = a.err.Error()
	c.due = now.Add(pauseOf(c.tries, a.err))
	c.tries++
	for _, mark := range marks {
		if at := c.silent.Add(mark); at.After(now) && at.Before(c.due) {
			c.due = at
		}
	}
}

// pause ends the activity, not the analysis.
func (w *watch) pause(ctx context.Context, outage string) (activities.JobResult, error) {
	digest, err := w.store(ctx)
	if err != nil { // then a later attempt goes on from the heartbeats
		return activities.JobResult{}, err
	}
	return activities.JobResult{Resume: digest, Outage: cut(outage, mostReason)}, nil
}

// pauseOf is how long to wait before asking again what nobody has answered.
func pauseOf(tries int, err error) time.Duration {
	wait := min(retryFirst<<min(tries, 10), retryMost)
	var e *rollout.Error
	if errors.As(err, &e) && e.After > 0 {
		wait = min(e.After, retryAfter)
	}
	return wait
}

// lasting reports whether the same question will not be answered later either.
func lasting(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	switch rollout.KindOf(err) {
	case rollout.Transient, rollout.Unreachable, "":
		return false
	default:
		return true
	}
}
