package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/serin-dev/serin/rollout"
)

// shown is one line of what a watcher saw: seconds since the start, state,
// what it waits for, and what is under way.
func shown(began time.Time, r Rollout) string {
	line := fmt.Sprintf("%.0fs %s", time.Since(began).Seconds(), r.State)
	if r.Waiting != nil {
		line += " " + string(r.Waiting.For)
	}
	for _, p := range r.Progress {
		line += " [" + p.Activity + " " + p.Detail + p.LastFailure + "]"
	}
	return line
}

// watching is one watch: what happens meanwhile, and what the watcher sees.
type watching struct {
	name  string
	setup []func(*server)
	want  []string
	kind  rollout.Kind
	text  string
}

func (w watching) run(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		for _, set := range w.setup {
			set(s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began, got := time.Now(), []string(nil)
		err := s.client(nil).Watch(ctx, "shop", rolloutName, func(r Rollout) error {
			got = append(got, shown(began, r))
			return nil
		})
		if !slices.Equal(got, w.want) {
			t.Errorf("saw\n  %q\nwant\n  %q", got, w.want)
		}
		if w.kind != "" {
			wantError(t, err, w.kind, w.text)
		} else if err != nil {
			t.Error(err)
		}
	})
}

// in sets the state of the rollout.
func in(state rollout.State) func(*server) {
	return func(s *server) { s.put(rolloutID(), func(r *run) { r.state = status(state, nil) }) }
}

// later does something after the watch has begun.
func later(after time.Duration, do func(*server)) func(*server) {
	return func(s *server) { time.AfterFunc(after, func() { do(s) }) }
}

func TestWatch(t *testing.T) {
	t.Parallel()
	const noWorker = "read rollout v2-to-prod-0001: no worker is polling task queue serin (start one with serin-worker)"
	tests := []watching{
		{name: "ended already", setup: []func(*server){in(rollout.StateSucceeded)}, want: []string{"0s SUCCEEDED"}},
		{
			name: "each change once, as soon as it happens",
			setup: []func(*server){
				in(rollout.StatePending), later(3*time.Second, in(rollout.StateInProgress)), later(5*time.Second, in(rollout.StateInProgress)),
				later(9*time.Second, in(rollout.StateFailed)),
			},
			want: []string{"0s PENDING", "3s IN_PROGRESS", "9s FAILED"},
		},
		{
			name: "heartbeats are shown every two seconds while something runs",
			setup: []func(*server){
				func(s *server) {
					s.put(rolloutID(), func(r *run) {
						r.state, r.pending = status(rollout.StateInProgress, nil), []*workflowpb.PendingActivityInfo{beating(t, "0 of 2 ready")}
					})
				},
				later(3*time.Second, func(s *server) {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.workflows[rolloutID()].pending = []*workflowpb.PendingActivityInfo{beating(t, "1 of 2 ready")}
				}),
				later(7*time.Second, func(s *server) {
					s.put(rolloutID(), func(r *run) { r.state, r.pending = status(rollout.StateSucceeded, nil), nil })
				}),
			},
			want: []string{
				"0s IN_PROGRESS [Deploy 0 of 2 readycloudRun: deploy shop: 503]",
				"4s IN_PROGRESS [Deploy 1 of 2 readycloudRun: deploy shop: 503]", "7s SUCCEEDED",
			},
		},
		{
			name: "a lost notification delays, no more",
			setup: []func(*server){
				func(s *server) {
					s.put(rolloutID(), func(r *run) { r.state, r.silent = status(rollout.StateInProgress, nil), true })
				},
				later(20*time.Second, in(rollout.StateSucceeded)),
			},
			want: []string{"0s IN_PROGRESS", "30s SUCCEEDED"},
		},
		{
			name: "a worker that is away is said, and waited for",
			setup: []func(*server){
				in(rollout.StatePending),
				later(time.Second, func(s *server) { s.works(false) }), later(2*time.Second, in(rollout.StateInProgress)),
				later(19500*time.Millisecond, func(s *server) { s.works(true) }), later(40*time.Second, in(rollout.StateSucceeded)),
			},
			want: []string{
				"0s PENDING", "12s PENDING [" + WorkflowTask + " " + noWorker + "]", "20s IN_PROGRESS", "40s SUCCEEDED",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	const gone = "watch rollout v2-to-prod-0001 through Temporal at temporal:7233: connection refused " +
		"(is Temporal running there? TEMPORAL_ADDRESS or a profile names another address)"
	tests := []watching{
		{
			name: "ended from outside",
			setup: []func(*server){
				in(rollout.StateInProgress),
				later(3*time.Second, func(s *server) { s.put(rolloutID(), func(r *run) { r.closed = true }) }),
			},
			want: []string{"0s IN_PROGRESS", "3s IN_PROGRESS"}, kind: rollout.Failed,
			text: "watch rollout v2-to-prod-0001: somebody ended its workflow while it was IN_PROGRESS (the next rollout on the lane settles what it left behind)",
		},
		{
			name: "no such rollout", kind: rollout.NotFound,
			text: "read rollout v2-to-prod-0001: it does not exist (serin rollout list --pipeline shop)",
		},
		{
			name: "Temporal is gone for good",
			setup: []func(*server){
				in(rollout.StateInProgress),
				later(time.Second, func(s *server) { s.fall(serviceerror.NewUnavailable("connection refused")) }),
			},
			want: []string{
				"0s IN_PROGRESS",
				"15s IN_PROGRESS [" + WorkflowTask + " " + gone + "]",
			},
			kind: rollout.Unreachable,
			text: gone,
		},
		{
			name: "the caller's deadline", setup: []func(*server){in(rollout.StateInProgress)}, want: []string{"0s IN_PROGRESS"},
			kind: rollout.Expired, text: "watch rollout v2-to-prod-0001: context deadline exceeded (it goes on without you; watch it again)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// While nothing happens, an hour of watching asks the worker nothing.
func TestWatchIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.put(rolloutID(), func(r *run) {
			r.state, r.pending = status(rollout.StateInProgress, nil), []*workflowpb.PendingActivityInfo{beating(t, "soaking")}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := s.client(nil).Wait(ctx, "shop", rolloutName); rollout.KindOf(err) != rollout.Expired {
			t.Error(err)
		}
		if s.queried != 1 {
			t.Errorf("%d queries, want 1", s.queried)
		}
	})
}

func TestWatchStops(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.put(rolloutID(), func(r *run) { r.state = status(rollout.StateInProgress, nil) })
	enough := errors.New("enough")
	if err := s.client(nil).Watch(t.Context(), "shop", rolloutName, func(Rollout) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("fn's error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.client(nil).Watch(ctx, "shop", rolloutName, func(Rollout) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled watch returned %v", err)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		began := time.Now()
		set := func(state rollout.State, w *rollout.Waiting) {
			s.put(rolloutID(), func(r *run) { r.state = status(state, w) })
		}
		set(rollout.StateInProgress, nil)
		time.AfterFunc(2*time.Second, func() { set(rollout.StateInProgress, &rollout.Waiting{For: rollout.WaitTimer}) })
		time.AfterFunc(4*time.Second, func() { set(rollout.StateInProgress, &rollout.Waiting{For: rollout.WaitAdvance}) })
		time.AfterFunc(6*time.Second, func() { set(rollout.StateCancelled, nil) })
		r, err := s.client(nil).Wait(t.Context(), "shop", rolloutName, StopWaiting())
		if err != nil || shown(began, r) != "4s IN_PROGRESS advance" {
			t.Errorf("got %s, %v", shown(began, r), err)
		}
		r, err = s.client(nil).Wait(t.Context(), "shop", rolloutName)
		if err != nil || shown(began, r) != "6s CANCELLED" {
			t.Errorf("got %s, %v", shown(began, r), err)
		}
	})
}
