package kubernetes

import (
	"testing"

	"github.com/serin-dev/serin/rollout"
)

// pods is a Deployment that has what it asks for, pods that asks for want.
func pods(want int) podCount { return podCount{exists: true, want: want, ready: want, listed: want} }

// pending is one that asks for want and has ready.
func pending(want, ready int) podCount {
	return podCount{exists: true, want: want, ready: ready, listed: ready}
}

func TestNextMove(t *testing.T) {
	t.Parallel()
	constant := rollout.Pods{Constant: true}
	for _, row := range []struct {
		name  string
		mode  rollout.Pods
		total int
		p     rollout.Weight
		now   podState
		want  podMove
	}{
		{"beside the original", rollout.Pods{}, 4, 25, podState{original: pods(4), canary: pods(0)}, podMove{canary: 2, original: 4, done: true}},
		{"an original that was scaled stays", rollout.Pods{}, 4, 25, podState{original: pods(9)}, podMove{canary: 2, original: 9, done: true}},
		{"back to nothing", rollout.Pods{}, 4, 0, podState{original: pods(4), canary: pending(4, 1), weight: 50}, podMove{original: 4, done: true}},

		{"first the canary grows", constant, 4, 25, podState{original: pods(4), canary: pods(0)}, podMove{canary: 1, original: 4}},
		{"while it starts nothing shrinks", constant, 4, 25, podState{original: pods(4), canary: pending(1, 0)}, podMove{canary: 1, original: 4}},
		{
			"a pod that no endpoint lists does not serve", constant, 4, 25,
			podState{original: pods(4), canary: podCount{exists: true, want: 1, ready: 1}},
			podMove{canary: 1, original: 4},
		},
		{"then the original shrinks", constant, 4, 25, podState{original: pods(4), canary: pods(1)}, podMove{canary: 1, original: 3, done: true}},
		{"there it is done", constant, 4, 25, podState{original: pods(3), canary: pods(1)}, podMove{canary: 1, original: 3, done: true}},
		{"a lower weight grows the original first", constant, 4, 25, podState{original: pods(2), canary: pods(2), weight: 50}, podMove{canary: 2, original: 3}},
		{"and then takes pods from the canary", constant, 4, 25, podState{original: pods(3), canary: pods(2), weight: 50}, podMove{canary: 1, original: 3, done: true}},
		{"a canary that never gets ready leaves", constant, 4, 0, podState{original: pods(4), canary: pending(2, 0), weight: 50}, podMove{original: 4, done: true}},
		{"after a crash between the two", constant, 4, 50, podState{original: pods(4), canary: pods(1)}, podMove{canary: 2, original: 4}},
		{"both have too many", constant, 4, 25, podState{original: pods(4), canary: pods(2)}, podMove{canary: 1, original: 3, done: true}},
		{
			"both have too many, and the canary none that serves", constant, 4, 25,
			podState{original: pods(4), canary: pending(2, 0)},
			podMove{canary: 1, original: 4},
		},
		{"one pod goes over as a whole", constant, 1, 1, podState{original: pods(1), canary: pods(1)}, podMove{canary: 1, done: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := goalFor(row.mode, row.total, row.p).from(row.now); got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestPodsWait(t *testing.T) {
	t.Parallel()
	names := podNames{canary: "shop-canary", original: "shop", service: "web"}
	for _, row := range []struct {
		name              string
		now               podState
		constant, leaving bool
		want              string
	}{
		{name: "all are there", now: podState{original: pods(3), canary: pods(1), weight: 25}},
		{
			name: "the canary starts", now: podState{original: pods(3), canary: pending(2, 1), weight: 25},
			want: "deployment shop-canary has 1 ready of 2 pods",
		},
		{
			name: "the Service has not heard", now: podState{original: pods(3), canary: podCount{exists: true, want: 1, ready: 1}, weight: 25},
			want: "service web has 0 ready endpoints of deployment shop-canary, which has 1 pod",
		},
		{
			name: "the canary still has too many", now: podState{original: pods(3), canary: pending(0, 1)}, leaving: true,
			want: "deployment shop-canary has 1 ready of 0 pods",
		},
		{name: "one that leaves need not be ready", now: podState{original: pods(3), canary: pending(2, 0), weight: 25}, leaving: true},
		{
			name: "the original has too few for its share", now: podState{original: pending(3, 2), canary: pods(1), weight: 25},
			want: "deployment shop has 2 ready of 3 pods",
		},
		{name: "alone it has all requests, however few serve", now: podState{original: pending(3, 2), canary: pods(0)}},
		{name: "an original that is dead is not waited for", now: podState{original: pending(3, 0), canary: pods(1), weight: 25}},
		{
			name: "unless it is to take pods back", now: podState{original: pending(3, 0), canary: pods(1), weight: 25}, constant: true,
			want: "deployment shop has 0 ready of 3 pods",
		},
		{name: "nothing there", now: podState{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := row.now.waits(names, row.constant, row.leaving); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestPodShare(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		now  podState
		want string
	}{
		{"as asked", podState{original: pods(3), canary: pods(1), weight: 25}, "by pod count: 1 canary, 3 original: 25%"},
		{"rounded", podState{original: pods(1), canary: pods(2), weight: 50}, "by pod count: 2 canary, 1 original: 67%"},
		{"not yet", podState{original: pods(3), canary: pending(1, 0), weight: 25}, "by pod count: 0 canary, 3 original: 0%"},
		{"no pod", podState{original: pending(3, 0), canary: pending(1, 0), weight: 25}, "by pod count: no pod is ready"},
		{"no canary", podState{original: pods(3)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := row.now.share(); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
