package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-dev/serin/rollout"
)

// story is a rollout of hello-2 in two phases, up to the n-th event.
func story(n int) rollout.Status {
	s := rollout.NewStatus("v2-to-local-0002", rollout.Plan{Phases: []rollout.Phase{
		{ID: "canary-25", Weight: 25, Jobs: []rollout.Job{{ID: rollout.JobDeploy}}},
		{ID: rollout.StablePhase, Weight: 100, Jobs: []rollout.Job{{ID: rollout.JobDeploy}}},
	}})
	shifted := func(phase string, w rollout.Weight) rollout.Event {
		return rollout.Event{
			Kind: rollout.EventShifted, Phase: phase, Weight: &w, Revision: "hello-2",
			Split: rollout.Split{{Revision: "hello-2", Percent: w}, {Revision: "hello-1", Percent: 100 - w}},
		}
	}
	events := []rollout.Event{
		{Kind: rollout.EventGranted},
		{Kind: rollout.EventJobStarted, Phase: "canary-25", Job: rollout.JobDeploy, Attempt: 1},
		shifted("canary-25", 25),
		{Kind: rollout.EventJobSucceeded, Phase: "canary-25", Job: rollout.JobDeploy},
		{Kind: rollout.EventJobStarted, Phase: rollout.StablePhase, Job: rollout.JobDeploy, Attempt: 1},
		shifted(rollout.StablePhase, 100),
		{Kind: rollout.EventJobSucceeded, Phase: rollout.StablePhase, Job: rollout.JobDeploy},
		{Kind: rollout.EventEnded, State: rollout.StateSucceeded},
	}
	for i, e := range events[:n] {
		e.Time = time.Unix(int64(i), 0)
		s.Apply(e)
	}
	return s
}

func TestSpansLastFromAcceptedWeightToNextPhase(t *testing.T) {
	t.Parallel()
	canary := span{phase: "canary-25", revision: "hello-2", asked: 25, accepted: 25, from: time.Unix(2, 0)}
	over := canary
	over.to = time.Unix(4, 0)
	stable := span{phase: "stable", revision: "hello-2", asked: 100, accepted: 100, from: time.Unix(5, 0)}
	for n, want := range map[int][]span{
		2: nil, 3: {canary}, 4: {canary}, 5: {over}, 6: {over, stable}, 8: {over, stable},
	} {
		if got := spans(story(n)); !slices.Equal(got, want) {
			t.Errorf("after %d events: %+v, want %+v", n, got, want)
		}
	}
}

func TestBetweenPhases(t *testing.T) {
	t.Parallel()
	for n := range 9 {
		if got, want := between(story(n)), n == 4; got != want {
			t.Errorf("after %d events: %t", n, got)
		}
	}
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	good := func() (absence, rollout.Status) {
		return absence{before: story(4), killed: 7, start: 8, away: tally{requests: enough}}, story(8)
	}
	for name, tt := range map[string]struct {
		spoil func(*absence, *rollout.Status)
		want  string
	}{
		"nothing":        {func(*absence, *rollout.Status) {}, ""},
		"same process":   {func(a *absence, _ *rollout.Status) { a.start = a.killed }, "was not replaced"},
		"no traffic":     {func(a *absence, _ *rollout.Status) { a.away.requests = 3 }, "only 3 requests"},
		"a failure":      {func(a *absence, _ *rollout.Status) { a.away.failed = 1 }, "1 requests failed"},
		"moved":          {func(a *absence, _ *rollout.Status) { a.splits = 1 }, "the split changed"},
		"stuck":          {func(_ *absence, s *rollout.Status) { *s = story(7) }, "the rollout is IN_PROGRESS"},
		"nothing new":    {func(a *absence, _ *rollout.Status) { a.before = story(8) }, "not those that it ended with"},
		"another past":   {func(_ *absence, s *rollout.Status) { s.Events[1].Phase = "stable" }, "not those that it ended with"},
		"repeated phase": {func(_ *absence, s *rollout.Status) { s.Events[5] = s.Events[1] }, "canary-25 began 2 times"},
		"left out phase": {func(_ *absence, s *rollout.Status) { s.Events[4].Kind = rollout.EventSkipped }, "stable began 0 times"},
	} {
		a, end := good()
		tt.spoil(&a, &end)
		got := strings.Join(a.broken(end), "\n")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
