package main

import (
	"fmt"

	"github.com/serin-dev/serin/rollout"
)

// enough is how many requests an observed share is made of, at least.
const enough = 400

// absence is what was seen while a rollout had no worker.
type absence struct {
	before        rollout.Status // as the rollout was when its worker was killed
	killed, start int            // process numbers of the old worker and the new one
	away          tally          // of the requests while there was none
	splits        int            // how often the platform's split changed meanwhile
}

// broken says what contradicts that the rollout went on from where it was, given
// how it ended; nothing does if it is empty.
func (a absence) broken(end rollout.Status) []string {
	var out []string
	complain := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	complain(a.killed == 0 || a.start == 0 || a.killed == a.start, "worker %d was not replaced by another one: %d", a.killed, a.start)
	complain(a.away.requests < enough, "only %d requests were sent without a worker, want %d", a.away.requests, enough)
	complain(a.away.failed > 0, "%d requests failed without a worker: %s", a.away.failed, a.away.failure)
	complain(a.splits > 0, "the split changed %d times without a worker", a.splits)
	complain(end.State != rollout.StateSucceeded, "the rollout is %s: %s", end.State, end.Failure)
	complain(!continues(a.before.Events, end.Events), "the events before the kill are not those that it ended with")
	for phase, n := range starts(end) {
		complain(n != 1, "%s began %d times", phase, n)
	}
	return out
}

// continues reports whether all begins with the events before, and goes on.
func continues(before, all []rollout.Event) bool {
	if len(all) <= len(before) {
		return false
	}
	for i, e := range before {
		if o := all[i]; o.Seq != e.Seq || o.Kind != e.Kind || o.Phase != e.Phase || !o.Time.Equal(e.Time) {
			return false
		}
	}
	return true
}

// starts counts how often each phase's deployment began, a retry included.
func starts(s rollout.Status) map[string]int {
	out := map[string]int{}
	for _, p := range s.Phases {
		out[p.ID] = 0
	}
	for _, e := range s.Events {
		if e.Kind == rollout.EventJobStarted && e.Job == rollout.JobDeploy {
			out[e.Phase]++
		}
	}
	return out
}
